/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The two networks of py-faster-rcnn: VGG-16 (Simonyan and Zisserman 2014) and the smaller one of
 * Zeiler and Fergus (2013). One map of stride 16, RoI max-pooling, fully connected heads. Names are
 * the layers' in the Caffe nets. Source: py-faster-rcnn, models/pascal_voc, lib/fast_rcnn/config.py.
 */
#include "family.h"
#include "reorder.h"

#define LRN_SIZE 3
#define LRN_ALPHA 5e-5f

static gboolean
has_fc_head (const FrcWeights *weights)
{
  return frc_weights_find (weights, "rpn_cls_score.weight") &&
         frc_weights_find (weights, "fc7.weight");
}

gboolean
frc_vgg16_matches (const FrcWeights *weights)
{
  return has_fc_head (weights) && frc_weights_find (weights, "conv5_3.weight");
}

gboolean
frc_zf_matches (const FrcWeights *weights)
{
  return has_fc_head (weights) && frc_weights_find (weights, "conv5.weight");
}

/* ---- constants ---------------------------------------------------------------------------- */

void
frc_vgg16_configure (FrcConfig *config, const FrcWeights *weights)
{
  static const gfloat mean[3] = { 122.7717f, 115.9465f, 102.9801f };
  const FrcBoxCoder coder = { { 1, 1, 1, 1 }, FRC_NO_BBOX_CLIP };

  frc_config_init (config);
  config->resize = FRC_RESIZE_CAFFE;
  config->min_size = 600;
  config->max_size = 1000;
  config->size_divisor = 1;
  for (guint c = 0; c < 3; c++) {
    config->image_mean[c] = mean[c] / 255;
    config->image_std[c] = 1 / 255.0f;
  }
  config->pixel_extent = 1;
  config->nms = FRC_NMS_INCLUSIVE;
  config->anchors = FRC_ANCHORS_CAFFE;
  config->n_levels = config->n_roi_levels = 1;
  config->n_sizes = 3;
  for (guint s = 0; s < 3; s++)
    config->sizes[0][s] = 128 << s;
  config->strides[0] = 16;
  config->rpn_coder = config->box_coder = coder;
  config->rpn_pre_nms_top_n = 6000;
  config->rpn_post_nms_top_n = 300;
  config->rpn_min_size = 16;
  config->rpn_min_size_is_of_frame = config->rpn_filters_first = TRUE;
  config->pooling = FRC_POOLING_ROI_MAX_POOL;
  config->box_decodes_in_frame = TRUE;
  config->box_min_size = 0;
  config->box_nms_threshold = 0.3f;
}

void
frc_zf_configure (FrcConfig *config, const FrcWeights *weights)
{
  frc_vgg16_configure (config, weights);
  config->pooled_size = 6;
}

/* ---- graphs ------------------------------------------------------------------------------- */

static gint
add_conv (FrcBuilder *b, gint in, const char *name, guint stride, guint pad)
{
  return frc_build_conv (b, in, name, NULL, (FrcWindow){ stride, pad, pad, FRC_ACT_RELU });
}

/* The first layer takes B, G, R. */
static gint
add_first_conv (FrcBuilder *b, gint in, const char *name, guint stride, guint pad)
{
  FrcLayerWeights layer;

  frc_build_read (b, name, NULL, &layer);
  frc_reorder_bgr (&layer);
  return frc_build_add_conv (b, in, name, &layer, (FrcWindow){ stride, pad, pad, FRC_ACT_RELU });
}

static gint
vgg16_body (FrcBuilder *b, gint in)
{
  static const guint depth[] = { 2, 2, 3, 3, 3 };
  gint x = in;

  for (guint block = 1; block <= G_N_ELEMENTS (depth); block++) {
    for (guint i = 1; i <= depth[block - 1]; i++) {
      FrcName name = frc_name ("conv%u_%u", block, i);
      x = x == in ? add_first_conv (b, x, name.s, 1, 1) : add_conv (b, x, name.s, 1, 1);
    }
    if (block < G_N_ELEMENTS (depth))
      x = frc_graph_max_pool_ceil (b->graph, frc_name ("pool%u", block).s, x, 2, 2, 0);
  }
  return x;
}

static gint
zf_body (FrcBuilder *b, gint in)
{
  gint x = add_first_conv (b, in, "conv1", 2, 3);

  x = frc_graph_local_norm (b->graph, "norm1", x, LRN_SIZE, LRN_ALPHA);
  x = frc_graph_max_pool_ceil (b->graph, "pool1", x, 3, 2, 1);
  x = add_conv (b, x, "conv2", 2, 2);
  x = frc_graph_local_norm (b->graph, "norm2", x, LRN_SIZE, LRN_ALPHA);
  x = frc_graph_max_pool_ceil (b->graph, "pool2", x, 3, 2, 1);
  x = add_conv (b, x, "conv3", 1, 1);
  x = add_conv (b, x, "conv4", 1, 1);
  return add_conv (b, x, "conv5", 1, 1);
}

static void
build_rpn (FrcBuilder *b, FrcNetwork *network)
{
  const char *name = frc_build_has (b, "rpn_conv1.weight") ? "rpn_conv1" : "rpn_conv/3x3";
  gint x = add_conv (b, network->maps[0], name, 1, 1);
  FrcLayerWeights scores, deltas;

  frc_build_read (b, "rpn_cls_score", NULL, &scores);
  frc_reorder_two_scores (&scores);
  frc_build_read (b, "rpn_bbox_pred", NULL, &deltas);
  network->rpn[0] = frc_build_add_conv_pair (b, x, "rpn_cls_score", &scores, "rpn_bbox_pred",
      &deltas);
}

static void
build_head (FrcBuilder *b, FrcNetwork *network, guint channels, guint pooled)
{
  gint x = network->rois = frc_graph_input (b->graph, channels);

  x = frc_build_linear (b, x, pooled * pooled, "fc6", FRC_ACT_RELU);
  x = frc_build_linear (b, x, 1, "fc7", FRC_ACT_RELU);
  network->predictions = frc_build_linear_pair (b, x, "cls_score", "bbox_pred");
  const FrcTensor *classes = frc_build_find (b, "cls_score.weight");
  network->n_classes = classes ? classes->shape[0] : 0;
}

static void
build (FrcNetwork *network, FrcBuilder *trunk, FrcBuilder *head, gint map, const FrcConfig *config)
{
  network->maps[0] = map;
  network->map_names[0] = "0";
  network->n_maps = 1;
  build_rpn (trunk, network);
  if (!trunk->graph->error)
    build_head (head, network, trunk->graph->nodes[map].channels, config->pooled_size);
}

void
frc_vgg16_build (FrcNetwork *network, FrcBuilder *trunk, FrcBuilder *head, const FrcFamily *family,
    const FrcConfig *config)
{
  build (network, trunk, head, vgg16_body (trunk, network->input), config);
}

void
frc_zf_build (FrcNetwork *network, FrcBuilder *trunk, FrcBuilder *head, const FrcFamily *family,
    const FrcConfig *config)
{
  build (network, trunk, head, zf_body (trunk, network->input), config);
}
