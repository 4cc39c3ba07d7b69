/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ResNet-50. Source: torchvision.models.resnet50 (the stride is in the 3×3 convolution); He et al.
 * 2015.
 */
#include "family.h"

static gint
bottleneck (FrcBuilder *b, gint in, const char *prefix, guint stride)
{
  gint x, identity = in;

  if (frc_build_has (b, frc_name ("%s.downsample.0.weight", prefix).s))
    identity = frc_build_conv (b, in, frc_name ("%s.downsample.0", prefix).s,
        frc_name ("%s.downsample.1", prefix).s, (FrcWindow){ stride, 0, 0, FRC_ACT_NONE });
  x = frc_build_conv (b, in, frc_name ("%s.conv1", prefix).s, frc_name ("%s.bn1", prefix).s,
      (FrcWindow){ 1, 0, 0, FRC_ACT_RELU });
  x = frc_build_conv (b, x, frc_name ("%s.conv2", prefix).s, frc_name ("%s.bn2", prefix).s,
      (FrcWindow){ stride, 1, 1, FRC_ACT_RELU });
  x = frc_build_conv (b, x, frc_name ("%s.conv3", prefix).s, frc_name ("%s.bn3", prefix).s,
      (FrcWindow){ 1, 0, 0, FRC_ACT_NONE });
  return frc_graph_add (b->graph, prefix, x, identity, FRC_ACT_RELU);
}

guint
frc_resnet50_body (FrcBuilder *b, gint input, gint *maps)
{
  static const guint blocks[] = { 3, 4, 6, 3 };
  gint x = frc_build_conv (b, input, "backbone.body.conv1", "backbone.body.bn1",
      (FrcWindow){ 2, 3, 3, FRC_ACT_RELU });

  x = frc_graph_max_pool (b->graph, "backbone.body.maxpool", x, 3, 2, 1);
  for (guint layer = 0; layer < G_N_ELEMENTS (blocks); layer++) {
    for (guint i = 0; i < blocks[layer]; i++)
      x = bottleneck (b, x, frc_name ("backbone.body.layer%u.%u", layer + 1, i).s,
          layer > 0 && i == 0 ? 2 : 1);
    maps[layer] = x;
  }
  return G_N_ELEMENTS (blocks);
}
