/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * EfficientNet-Lite0: the trunk of the default model. Paddings are TensorFlow's SAME for even
 * inputs. Source: Tan and Le 2019; the Lite variant (no squeeze-and-excitation, ReLU6) by Google.
 */
#include "family.h"

typedef struct {
  guint repeats, kernel, stride;
  gboolean expand, is_map;
} Stage;

static const Stage stages[] = {
  { 1, 3, 1, FALSE, FALSE }, { 2, 3, 2, TRUE, FALSE }, { 2, 5, 2, TRUE, TRUE },
  { 3, 3, 2, TRUE, FALSE }, { 3, 5, 1, TRUE, TRUE }, { 4, 5, 2, TRUE, FALSE },
  { 1, 3, 1, TRUE, TRUE }
};

static FrcWindow
same (guint kernel, guint stride, FrcActivation activation)
{
  guint total = kernel - stride;

  return (FrcWindow){ stride, total / 2, total - total / 2, activation };
}

static gint
block (FrcBuilder *b, gint in, guint index, const Stage *stage, guint stride)
{
  FrcName prefix = frc_name ("backbone.body.blocks.%u.layers", index);
  gint x = in;

  if (stage->expand)
    x = frc_build_conv (b, x, frc_name ("%s.expand", prefix.s).s, frc_name ("%s.bn0", prefix.s).s,
        same (1, 1, FRC_ACT_RELU6));
  x = frc_build_conv (b, x, frc_name ("%s.depthwise", prefix.s).s,
      frc_name ("%s.bn1", prefix.s).s, same (stage->kernel, stride, FRC_ACT_RELU6));
  x = frc_build_conv (b, x, frc_name ("%s.project", prefix.s).s, frc_name ("%s.bn2", prefix.s).s,
      same (1, 1, FRC_ACT_NONE));
  if (b->graph->error || stride != 1 || b->graph->nodes[x].channels != b->graph->nodes[in].channels)
    return x;
  return frc_graph_add (b->graph, prefix.s, x, in, FRC_ACT_NONE);
}

guint
frc_efficientnet_lite0_body (FrcBuilder *b, gint input, gint *maps)
{
  guint index = 0, n = 0;
  gint x = frc_build_conv (b, input, "backbone.body.stem.conv", "backbone.body.stem.bn",
      same (3, 2, FRC_ACT_RELU6));

  for (guint s = 0; s < G_N_ELEMENTS (stages); s++) {
    for (guint i = 0; i < stages[s].repeats; i++)
      x = block (b, x, index++, &stages[s], i == 0 ? stages[s].stride : 1);
    if (stages[s].is_map)
      maps[n++] = x;
  }
  return n;
}
