/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Faster R-CNN with Inception v2, as the TF Object Detection API builds it: RoIs are cropped from
 * Mixed_4e's map, and Mixed_5a … 5c run on each of them.
 * Source: faster_rcnn_inception_v2_feature_extractor.py; slim/nets/inception_v2.py.
 */
#include "inception_v2.h"
#include "family.h"
#include "reorder.h"

gboolean
frc_inception_v2_matches (const FrcWeights *weights)
{
  return frc_weights_find (weights, FRC_INCEPTION_SEPARABLE "/depthwise.weight") != NULL;
}

/* The sample configuration's numbers; a frozen graph has its own. */
void
frc_inception_v2_configure (FrcConfig *config, const FrcWeights *weights)
{
  frc_config_init (config);
  config->resize = FRC_RESIZE_TENSORFLOW;
  config->min_size = 600;
  config->max_size = 1024;
  config->size_divisor = 1;
  for (guint c = 0; c < 3; c++)
    config->image_mean[c] = config->image_std[c] = 0.5f;
  config->batch_norm_eps = 1e-3f;
  config->nms = FRC_NMS_SEPARATE;
  config->clips_after_nms = TRUE;
  config->anchors = FRC_ANCHORS_TENSORFLOW;
  config->n_levels = config->n_roi_levels = 1;
  config->n_sizes = 4;
  for (guint s = 0; s < config->n_sizes; s++)
    config->sizes[0][s] = 64 << s;
  config->strides[0] = 16;
  config->clips_anchors = TRUE;
  config->rpn_coder = config->box_coder = (FrcBoxCoder){ { 10, 10, 5, 5 }, FRC_NO_BBOX_CLIP };
  config->rpn_pre_nms_top_n = 0;
  config->rpn_post_nms_top_n = 300;
  config->rpn_min_size = config->box_min_size = 0;
  config->pooling = FRC_POOLING_CROP_AND_RESIZE;
  config->box_score_threshold = 0;
  config->box_nms_threshold = 0.6f;
  config->box_detections_per_class = 100;
  config->box_detections_per_image = 300;
}

static gint
build_conv (FrcBuilder *b, gint in, const char *scope, const char *conv, guint stride,
    FrcActivation activation)
{
  FrcName norm = frc_name ("%s/BatchNorm", scope);
  gboolean has_norm = frc_build_has (b, frc_name ("%s.running_var", norm.s).s);

  return frc_build_conv (b, in, conv, has_norm ? norm.s : NULL,
      (FrcWindow){ .stride = stride, .activation = activation, .same = TRUE });
}

static gint
build_pool (FrcBuilder *b, gint in, const char *scope, const FrcInceptionUnit *unit,
    FrcActivation activation)
{
  FrcOp op = unit->kind == FRC_UNIT_MAX_POOL ? FRC_OP_MAX_POOL : FRC_OP_AVERAGE_POOL;

  return frc_graph_pool (b->graph, op, scope, in,
      (FrcConvSpec){ .kernel_h = unit->kernel, .kernel_w = unit->kernel, .stride_h = unit->stride,
          .stride_w = unit->stride, .activation = activation, .same = TRUE });
}

static gint
build_units (FrcBuilder *b, gint x, const char *prefix, const FrcInceptionUnit *units)
{
  for (; units->name; units++) {
    FrcName scope = frc_name ("%s/%s", prefix, units->name);
    if (units->kind == FRC_UNIT_AVERAGE_POOL && units[1].name) {
      /* A 1×1 convolution of averages is the average of the convolution, which has less channels. */
      FrcName next = frc_name ("%s/%s", prefix, units[1].name);
      x = build_conv (b, x, next.s, next.s, 1, FRC_ACT_NONE);
      x = build_pool (b, x, scope.s, units++, FRC_ACT_RELU);
    } else if (units->kind == FRC_UNIT_CONV) {
      x = build_conv (b, x, scope.s, scope.s, units->stride, FRC_ACT_RELU);
    } else {
      x = build_pool (b, x, scope.s, units, FRC_ACT_NONE);
    }
  }
  return x;
}

static gint
build_modules (FrcBuilder *b, gint x, const char *prefix, const FrcInceptionModule *modules, guint n)
{
  for (guint i = 0; i < n; i++) {
    const FrcInceptionModule *module = &modules[i];
    gint branches[FRC_INCEPTION_MAX_BRANCHES];
    for (guint k = 0; k < module->n_branches; k++)
      branches[k] = build_units (b, x, frc_name ("%s/%s/Branch_%u", prefix, module->name, k).s,
          module->branches[k]);
    x = frc_graph_concat (b->graph, frc_name ("%s/%s", prefix, module->name).s, branches,
        module->n_branches);
  }
  return x;
}

static gint
build_rpn (FrcBuilder *b, gint x)
{
  FrcLayerWeights scores, deltas;

  x = build_conv (b, x, FRC_INCEPTION_RPN, FRC_INCEPTION_RPN, 1, FRC_ACT_RELU6);
  frc_build_read (b, FRC_INCEPTION_RPN_CLASSES, NULL, &scores);
  frc_build_read (b, FRC_INCEPTION_RPN_BOXES, NULL, &deltas);
  frc_reorder_score_pairs (&scores);
  frc_reorder_deltas_yx (&deltas);
  return frc_build_add_conv_pair (b, x, FRC_INCEPTION_RPN_CLASSES, &scores, FRC_INCEPTION_RPN_BOXES,
      &deltas);
}

static void
build_head (FrcBuilder *b, FrcNetwork *network, guint channels)
{
  FrcLayerWeights scores, deltas;
  gint x = network->rois = frc_graph_input (b->graph, channels);

  x = build_modules (b, x, FRC_INCEPTION_HEAD, frc_inception_head, frc_inception_n_head);
  x = frc_graph_global_mean (b->graph, "SecondStageBoxPredictor/AvgPool", x);
  frc_build_read (b, FRC_INCEPTION_CLASSES, NULL, &scores);
  frc_build_read (b, FRC_INCEPTION_BOXES, NULL, &deltas);
  frc_reorder_deltas_yx (&deltas);
  network->n_classes = scores.out;
  network->predictions = frc_build_add_linear_pair (b, x, FRC_INCEPTION_CLASSES, &scores,
      FRC_INCEPTION_BOXES, &deltas);
}

void
frc_inception_v2_build (FrcNetwork *network, FrcBuilder *trunk, FrcBuilder *head,
    const FrcFamily *family, const FrcConfig *config)
{
  gint x = build_conv (trunk, network->input, FRC_INCEPTION_SEPARABLE "/depthwise",
      FRC_INCEPTION_SEPARABLE "/depthwise", 2, FRC_ACT_NONE);

  x = build_conv (trunk, x, FRC_INCEPTION_SEPARABLE, FRC_INCEPTION_SEPARABLE "/pointwise", 1,
      FRC_ACT_RELU);
  x = build_units (trunk, x, FRC_INCEPTION_TRUNK, frc_inception_stem);
  x = build_modules (trunk, x, FRC_INCEPTION_TRUNK, frc_inception_trunk, frc_inception_n_trunk);
  network->n_maps = 1;
  network->maps[0] = x;
  network->map_names[0] = "0";
  network->rpn[0] = build_rpn (trunk, x);
  if (!trunk->graph->error)
    build_head (head, network, trunk->graph->nodes[x].channels);
}
