/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Detectron2's Faster R-CNN R50-FPN as its model zoo has it: ResNet-50 in the form of its first paper,
 * with the stride in the 1×1 convolution (STRIDE_IN_1X1), a feature pyramid, RoIAlignV2. Names are the
 * file's. Source: detectron2/config/defaults.py, configs/Base-RCNN-FPN.yaml, modeling/.
 */
#include "family.h"
#include "reorder.h"

#include <float.h>

#define MAPS 4

gboolean
frc_detectron2_matches (const FrcWeights *weights)
{
  return frc_weights_find (weights, "backbone.bottom_up.res2.0.conv1.weight") &&
         frc_weights_find (weights, "backbone.fpn_lateral2.weight") &&
         frc_weights_find (weights, "roi_heads.box_head.fc1.weight");
}

void
frc_detectron2_configure (FrcConfig *config, const FrcWeights *weights)
{
  static const gfloat mean[3] = { 123.675f, 116.28f, 103.53f };

  frc_config_init (config);
  config->resize = FRC_RESIZE_DETECTRON2;
  for (guint c = 0; c < 3; c++) {
    config->image_mean[c] = mean[c] / 255;
    config->image_std[c] = 1 / 255.0f;
  }
  config->anchors = FRC_ANCHORS_DETECTRON2;
  config->n_levels = MAPS + 1;
  config->n_sizes = 1;
  for (guint l = 0; l < config->n_levels; l++) {
    config->sizes[l][0] = 32 << l;
    config->strides[l] = 4 << l;
  }
  config->rpn_ranks_logits = TRUE;
  config->rpn_min_size = FLT_MIN; /* sides just have to be there */
  config->pooling = FRC_POOLING_ROI_ALIGN_V2;
  config->n_roi_levels = MAPS;
  config->roi_ratio_eps = 1e-8f;
  config->roi_level_eps = 0;
  config->sampling_ratio = 0;
  config->box_min_size = 0;
}

/* ---- trunk -------------------------------------------------------------------------------- */

static gint
add_conv (FrcBuilder *b, gint in, const char *name, guint stride, guint pad, FrcActivation activation)
{
  return frc_build_conv (b, in, name, frc_name ("%s.norm", name).s,
      (FrcWindow){ stride, pad, pad, activation });
}

static gint
bottleneck (FrcBuilder *b, gint in, const char *prefix, guint stride)
{
  gint x, identity = in;

  if (frc_build_has (b, frc_name ("%s.shortcut.weight", prefix).s))
    identity = add_conv (b, in, frc_name ("%s.shortcut", prefix).s, stride, 0, FRC_ACT_NONE);
  x = add_conv (b, in, frc_name ("%s.conv1", prefix).s, stride, 0, FRC_ACT_RELU);
  x = add_conv (b, x, frc_name ("%s.conv2", prefix).s, 1, 1, FRC_ACT_RELU);
  x = add_conv (b, x, frc_name ("%s.conv3", prefix).s, 1, 0, FRC_ACT_NONE);
  return frc_graph_add (b->graph, prefix, x, identity, FRC_ACT_RELU);
}

/* The stem takes B, G, R. */
static void
build_body (FrcBuilder *b, gint in, gint maps[MAPS])
{
  static const guint blocks[MAPS] = { 3, 4, 6, 3 };
  const char *stem = "backbone.bottom_up.stem.conv1";
  FrcLayerWeights layer;

  frc_build_read (b, stem, "backbone.bottom_up.stem.conv1.norm", &layer);
  frc_reorder_bgr (&layer);
  gint x = frc_build_add_conv (b, in, stem, &layer, (FrcWindow){ 2, 3, 3, FRC_ACT_RELU });
  x = frc_graph_max_pool (b->graph, "backbone.bottom_up.stem.pool", x, 3, 2, 1);
  for (guint stage = 0; stage < MAPS; stage++) {
    for (guint i = 0; i < blocks[stage]; i++)
      x = bottleneck (b, x, frc_name ("backbone.bottom_up.res%u.%u", stage + 2, i).s,
          stage > 0 && i == 0 ? 2 : 1);
    maps[stage] = x;
  }
}

/* Top down, so that each sum's coarser term is there before it. */
static void
build_fpn (FrcBuilder *b, FrcNetwork *network, const gint body[MAPS])
{
  static const char *const names[] = { "p2", "p3", "p4", "p5", "p6" };
  gint coarser = FRC_NO_NODE;

  for (guint i = MAPS; i-- > 0;) {
    FrcName lateral = frc_name ("backbone.fpn_lateral%u", i + 2);
    gint x = frc_build_conv (b, body[i], lateral.s, NULL, (FrcWindow){ 1, 0, 0, FRC_ACT_NONE });
    if (i + 1 < MAPS)
      x = frc_graph_add (b->graph, frc_name ("%s.top_down", lateral.s).s, x, coarser, FRC_ACT_NONE);
    coarser = x;
    network->maps[i] = frc_build_conv (b, x, frc_name ("backbone.fpn_output%u", i + 2).s, NULL,
        (FrcWindow){ 1, 1, 1, FRC_ACT_NONE });
  }
  network->maps[MAPS] = frc_graph_max_pool (b->graph, "backbone.top_block", network->maps[MAPS - 1],
      1, 2, 0);
  network->n_maps = MAPS + 1;
  for (guint i = 0; i < network->n_maps; i++)
    network->map_names[i] = names[i];
}

static void
build_rpn (FrcBuilder *b, FrcNetwork *network)
{
  gint conv = frc_build_conv (b, network->maps[0], "proposal_generator.rpn_head.conv", NULL,
      (FrcWindow){ 1, 1, 1, FRC_ACT_RELU });
  gint outputs = frc_build_conv_pair (b, conv, "proposal_generator.rpn_head.objectness_logits",
      "proposal_generator.rpn_head.anchor_deltas");

  if (b->graph->error)
    return;
  network->rpn[0] = outputs;
  for (guint l = 1; l < network->n_maps; l++)
    network->rpn[l] = frc_graph_reuse (b->graph, outputs,
        frc_graph_reuse (b->graph, conv, network->maps[l]));
}

/* ---- head --------------------------------------------------------------------------------- */

static void
build_head (FrcBuilder *b, FrcNetwork *network, guint channels, guint pooled)
{
  const char *scores = "roi_heads.box_predictor.cls_score";
  const char *deltas = "roi_heads.box_predictor.bbox_pred";
  gint x = network->rois = frc_graph_input (b->graph, channels);
  FrcLayerWeights logits, boxes;

  x = frc_build_linear (b, x, pooled * pooled, "roi_heads.box_head.fc1", FRC_ACT_RELU);
  x = frc_build_linear (b, x, 1, "roi_heads.box_head.fc2", FRC_ACT_RELU);
  frc_build_read (b, scores, NULL, &logits);
  frc_reorder_background_last (&logits);
  network->n_classes = logits.weight ? logits.out : 0;
  frc_build_read (b, deltas, NULL, &boxes);
  network->predictions = frc_build_add_linear_pair (b, x, scores, &logits, deltas, &boxes);
}

void
frc_detectron2_build (FrcNetwork *network, FrcBuilder *trunk, FrcBuilder *head,
    const FrcFamily *family, const FrcConfig *config)
{
  gint body[MAPS] = { 0 };

  build_body (trunk, network->input, body);
  build_fpn (trunk, network, body);
  build_rpn (trunk, network);
  if (!trunk->graph->error)
    build_head (head, network, trunk->graph->nodes[network->maps[0]].channels, config->pooled_size);
}
