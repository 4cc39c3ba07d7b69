/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MobileNetV3-Large. Source: torchvision.models.mobilenet_v3_large; Howard et al. 2019.
 */
#include "family.h"

typedef struct {
  guint kernel, stride;
  gboolean squeeze;
  FrcActivation activation;
} Block;

#define RE FRC_ACT_RELU
#define HS FRC_ACT_HARDSWISH

static const Block blocks[] = {
  { 3, 1, FALSE, RE }, { 3, 2, FALSE, RE }, { 3, 1, FALSE, RE },                      /* 1 … 3 */
  { 5, 2, TRUE, RE }, { 5, 1, TRUE, RE }, { 5, 1, TRUE, RE },                         /* 4 … 6 */
  { 3, 2, FALSE, HS }, { 3, 1, FALSE, HS }, { 3, 1, FALSE, HS }, { 3, 1, FALSE, HS }, /* 7 … 10 */
  { 3, 1, TRUE, HS }, { 3, 1, TRUE, HS },                                             /* 11, 12 */
  { 5, 2, TRUE, HS }, { 5, 1, TRUE, HS }, { 5, 1, TRUE, HS }                          /* 13 … 15 */
};

/* Convolution @part of the block and its batch normalisation. */
static gint
unit (FrcBuilder *b, gint in, const char *prefix, guint part, FrcWindow window)
{
  return frc_build_conv (b, in, frc_name ("%s.block.%u.0", prefix, part).s,
      frc_name ("%s.block.%u.1", prefix, part).s, window);
}

static gint
squeeze_excitation (FrcBuilder *b, gint in, const char *prefix, guint part)
{
  FrcName name = frc_name ("%s.block.%u", prefix, part);
  gint x = frc_graph_global_mean (b->graph, frc_name ("%s.avgpool", name.s).s, in);

  x = frc_build_conv (b, x, frc_name ("%s.fc1", name.s).s, NULL,
      (FrcWindow){ 1, 0, 0, FRC_ACT_RELU });
  x = frc_build_conv (b, x, frc_name ("%s.fc2", name.s).s, NULL,
      (FrcWindow){ 1, 0, 0, FRC_ACT_HARDSIGMOID });
  return frc_graph_scale (b->graph, name.s, in, x);
}

static gint
inverted_residual (FrcBuilder *b, gint in, const char *prefix, const Block *block, gboolean expand)
{
  guint part = 0, pad = (block->kernel - 1) / 2;
  gint x = in;

  if (expand)
    x = unit (b, x, prefix, part++, (FrcWindow){ 1, 0, 0, block->activation });
  x = unit (b, x, prefix, part++, (FrcWindow){ block->stride, pad, pad, block->activation });
  if (block->squeeze)
    x = squeeze_excitation (b, x, prefix, part++);
  x = unit (b, x, prefix, part, (FrcWindow){ 1, 0, 0, FRC_ACT_NONE });
  if (b->graph->error || block->stride != 1 ||
      b->graph->nodes[x].channels != b->graph->nodes[in].channels)
    return x;
  return frc_graph_add (b->graph, prefix, x, in, FRC_ACT_NONE);
}

guint
frc_mobilenet_v3_large_body (FrcBuilder *b, gint input, gint *maps)
{
  gint x = frc_build_conv (b, input, "backbone.body.0.0", "backbone.body.0.1",
      (FrcWindow){ 2, 1, 1, HS });

  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++) {
    x = inverted_residual (b, x, frc_name ("backbone.body.%u", i + 1).s, &blocks[i], i > 0);
    if (i + 1 == 13)
      maps[0] = x;
  }
  maps[1] = frc_build_conv (b, x, "backbone.body.16.0", "backbone.body.16.1",
      (FrcWindow){ 1, 0, 0, HS });
  return 2;
}
