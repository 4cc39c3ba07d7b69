/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What detectors besides torchvision's choose at each arrow, in closed form: sizes, anchors, coders,
 * NMS, order of filters, levels; and the order of channels that files have.
 */
#include "core/detector.h"
#include "core/model/reorder.h"
#include "core/stages/anchors.h"
#include "core/stages/box_coder.h"
#include "core/stages/roi_levels.h"

#include <string.h>

static void
assert_box (FrcBox box, gfloat x1, gfloat y1, gfloat x2, gfloat y2, gdouble tolerance)
{
  g_assert_cmpfloat_with_epsilon (box.x1, x1, tolerance + 1e-30);
  g_assert_cmpfloat_with_epsilon (box.y1, y1, tolerance + 1e-30);
  g_assert_cmpfloat_with_epsilon (box.x2, x2, tolerance + 1e-30);
  g_assert_cmpfloat_with_epsilon (box.y2, y2, tolerance + 1e-30);
}

/* ---- input -------------------------------------------------------------------------------- */

static void
test_sizes (void)
{
  static const struct {
    FrcResizeRule rule;
    guint min, max, in_w, in_h, out_w, out_h;
    gdouble step_x, step_y;
  } cases[] = {
    { FRC_RESIZE_CAFFE, 600, 1000, 500, 375, 800, 600, 1 / 1.6, 1 / 1.6 },
    { FRC_RESIZE_CAFFE, 600, 1000, 2000, 500, 1000, 250, 2, 2 },
    { FRC_RESIZE_CAFFE, 600, 1000, 353, 500, 600, 850, 353 / 600.0, 353 / 600.0 }, /* 849.86 */
    { FRC_RESIZE_TENSORFLOW, 600, 1024, 640, 480, 800, 600, .8f, .8f },
    { FRC_RESIZE_TENSORFLOW, 600, 1024, 1920, 1080, 1024, 576, 1.875f, 1.875f },
    { FRC_RESIZE_TENSORFLOW, 600, 1024, 500, 334, 898, 600, 500 / 898.f, 334 / 600.f },
    { FRC_RESIZE_DETECTRON2, 800, 1333, 640, 480, 1067, 800, 640 / 1067.f, .6f }, /* 1066.67 */
    { FRC_RESIZE_DETECTRON2, 800, 1333, 1920, 1080, 1333, 750, 1920 / 1333.f, 1.44f }, /* 749.8 */
    { FRC_RESIZE_TORCHVISION, 800, 1333, 1920, 1080, 1333, 749, 1920 / 1333.f, 1080 / 749.f } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    FrcConfig config = { .resize = cases[i].rule, .min_size = cases[i].min,
      .max_size = cases[i].max, .size_divisor = i % 2 ? 32 : 1 };
    FrcInputSize size;
    frc_input_size (&config, cases[i].in_w, cases[i].in_h, &size);
    g_assert_cmpuint (size.resize.width, ==, cases[i].out_w);
    g_assert_cmpuint (size.resize.height, ==, cases[i].out_h);
    g_assert_cmpfloat_with_epsilon (size.resize.step_x, cases[i].step_x, 1e-12);
    g_assert_cmpfloat_with_epsilon (size.resize.step_y, cases[i].step_y, 1e-12);
    g_assert_cmpfloat_with_epsilon (size.to_frame_x, cases[i].step_x, 1e-6);
    g_assert_cmpfloat_with_epsilon (size.to_network_y, 1 / cases[i].step_y, 1e-6);
    g_assert_cmpuint (size.padded_h, ==,
        i % 2 ? (cases[i].out_h + 31) / 32 * 32 : cases[i].out_h);
  }
}

/* ---- proposals ---------------------------------------------------------------------------- */

/* The table at the head of py-faster-rcnn's generate_anchors.py counts pixels from 1. */
static void
test_caffe_anchors (void)
{
  static const gint table[9][4] = { { -83, -39, 100, 56 }, { -175, -87, 192, 104 },
    { -359, -183, 376, 200 }, { -55, -55, 72, 72 }, { -119, -119, 136, 136 },
    { -247, -247, 264, 264 }, { -35, -79, 52, 96 }, { -79, -167, 96, 184 },
    { -167, -343, 184, 360 } };
  FrcConfig config = { .anchors = FRC_ANCHORS_CAFFE, .n_sizes = 3, .n_ratios = 3,
    .sizes = { { 128, 256, 512 } }, .ratios = { 0.5f, 1, 2 } };
  FrcBox base[9];

  frc_anchors_base (&config, 0, base);
  for (guint i = 0; i < 9; i++)
    assert_box (base[i], table[i][0] - 1, table[i][1] - 1, table[i][2] - 1, table[i][3] - 1, 0);
}

static void
test_other_anchors (void)
{
  FrcConfig config = { .anchors = FRC_ANCHORS_DETECTRON2, .n_sizes = 1, .n_ratios = 1,
    .sizes = { { 32 } }, .ratios = { 0.5f } };
  FrcBox base;

  /* 32² / ½ is 2048: 45.25 × 22.63, and nothing is rounded. */
  frc_anchors_base (&config, 0, &base);
  assert_box (base, -22.627417, -11.313708, 22.627417, 11.313708, 1e-5);
  /* TensorFlow's ratio is width to height. */
  config.anchors = FRC_ANCHORS_TENSORFLOW;
  config.anchor_offset = 8;
  frc_anchors_base (&config, 0, &base);
  assert_box (base, 8 - 11.313708, 8 - 22.627417, 8 + 11.313708, 8 + 22.627417, 1e-5);
}

/* A box from 0 to 9 is ten pixels wide, and so much its centre moves for dx = 1; a side may grow
 * without a limit. */
static void
test_inclusive_coder (void)
{
  const FrcBoxCoder coder = { { 1, 1, 1, 1 }, FRC_NO_BBOX_CLIP };
  const gfloat deltas[4] = { 1, -0.5f, 0, logf (100) };

  assert_box (frc_box_decode ((FrcBox){ 0, 0, 9, 9 }, deltas, &coder, 1), 10, -500, 20, 500, 1e-3);
  assert_box (frc_box_clip ((FrcBox){ 10, -500, 20, 500 }, 15, 100, 1), 10, 0, 14, 99, 0);
  g_assert_true (frc_box_is_large ((FrcBox){ 0, 0, 15, 15 }, 16, 1));
  g_assert_false (frc_box_is_large ((FrcBox){ 0, 0, 15, 14.9f }, 16, 1));
}

/* A map of three cells at stride 16, one anchor of 8 × 8, @top_n of which reach NMS. The surest
 * cell's box shrinks to 4 × 4. */
static guint
propose (FrcConfig *config, FrcBox *out)
{
  gfloat cells[3 * 5] = { 3, 0, 0, 0, 0, /**/ 1, 0, 0, 0, 0, /**/ 2, 0, 0, 0, 0 };
  const FrcView map = { cells, 1, 1, 3, 5, 5 };
  const FrcInputSize input = { .resize = { .width = 48, .height = 16 }, .padded_w = 48,
    .padded_h = 16, .to_network_x = 2 };
  const guint max_cells = 3;
  FrcProposals proposals;

  cells[3] = cells[4] = logf (0.5f);
  g_assert_true (frc_proposals_init (&proposals, config, &max_cells, NULL));
  guint n = frc_proposals_run (&proposals, &map, &input, 3, NULL, out);
  frc_proposals_clear (&proposals);
  return n;
}

static void
test_order_of_filters (void)
{
  FrcConfig config = { .anchors = FRC_ANCHORS_DETECTRON2, .n_levels = 1, .n_sizes = 1,
    .n_ratios = 1, .sizes = { { 8 } }, .ratios = { 1 }, .strides = { 16 }, .anchor_offset = 8,
    .rpn_coder = { { 1, 1, 1, 1 }, FRC_NO_BBOX_CLIP }, .rpn_pre_nms_top_n = 1,
    .rpn_post_nms_top_n = 3, .rpn_nms_threshold = 0.5f, .rpn_min_size = 3,
    .rpn_min_size_is_of_frame = TRUE };
  FrcBox out[3];

  /* 3 pixels of the frame are 6 of the network: the surest box is too small. */
  g_assert_cmpuint (propose (&config, out), ==, 0);
  config.rpn_filters_first = TRUE;
  g_assert_cmpuint (propose (&config, out), ==, 1);
  assert_box (out[0], 36, 4, 44, 12, 1e-4);
  config.rpn_min_size_is_of_frame = FALSE;
  g_assert_cmpuint (propose (&config, out), ==, 1);
  assert_box (out[0], 6, 6, 10, 10, 1e-4);
  config.rpn_pre_nms_top_n = 0; /* all */
  g_assert_cmpuint (propose (&config, out), ==, 3);
}

/* ---- NMS ---------------------------------------------------------------------------------- */

static guint
run_nms (FrcNmsRule rule, guint max_per_group, gfloat threshold)
{
  static const FrcBox boxes[] = { { 0, 0, 9, 9 }, { 0, 0, 9, 4 }, { 50, 0, 60, 9 },
    { 70, 0, 80, 9 } };
  static const gfloat scores[] = { 0.9f, 0.8f, 0.7f, 0.6f };
  static const guint16 group[] = { 0, 0, 0, 1 };
  FrcNms nms;
  guint keep[4];

  g_assert_true (frc_nms_init (&nms, 4, 2, rule, NULL));
  nms.max_per_group = max_per_group;
  guint n = frc_nms_run (&nms, boxes, scores, group, 4, threshold, 4, NULL, keep);
  frc_nms_clear (&nms);
  return n;
}

/* The first two overlap by 50 of 100 pixels, or by 36 of 81. */
static void
test_nms (void)
{
  g_assert_cmpuint (run_nms (FRC_NMS_INCLUSIVE, G_MAXUINT, 0.47f), ==, 3);
  g_assert_cmpuint (run_nms (FRC_NMS_INCLUSIVE, G_MAXUINT, 0.51f), ==, 4);
  g_assert_cmpuint (run_nms (FRC_NMS_SEPARATE, G_MAXUINT, 0.47f), ==, 4);
  g_assert_cmpuint (run_nms (FRC_NMS_SEPARATE, G_MAXUINT, 0.43f), ==, 3);
  g_assert_cmpuint (run_nms (FRC_NMS_SEPARATE, 2, 0.47f), ==, 3);
  g_assert_cmpuint (run_nms (FRC_NMS_SEPARATE, 1, 0.47f), ==, 2);
}

/* ---- pooling and head --------------------------------------------------------------------- */

/* A side of 223.9999 is 6e-7 below level 4: torchvision's ε lifts it, Detectron2's does not. */
static void
test_levels (void)
{
  const gfloat scales[] = { 1 / 4.0f, 1 / 8.0f, 1 / 16.0f, 1 / 32.0f };
  const FrcBox box = { 0, 0, 223.9999f, 223.9999f };
  guint8 level;
  FrcConfig config;

  frc_config_init (&config);
  config.n_roi_levels = 4;
  frc_roi_levels (&config, &box, 1, scales, &level);
  g_assert_cmpuint (level, ==, 2);
  config.roi_ratio_eps = 1e-8f;
  config.roi_level_eps = 0;
  frc_roi_levels (&config, &box, 1, scales, &level);
  g_assert_cmpuint (level, ==, 1);
}

/* Decoded in the frame, twice as large as the network's input; no deltas of background. */
static void
test_postprocess (void)
{
  gfloat row[3 + 8] = { 0, logf (4), 0, /**/ 1, 0, 0, 0, /**/ 0 };
  const FrcView head = { row, 1, 1, 1, 11, 11 };
  const FrcBox proposal = { 5, 5, 9.5f, 9.5f }; /* 10 … 19 in the frame: ten pixels */
  const FrcBoxSpace frame = { 100, 100, 2, 2, 100, 100, 1, 1 };
  FrcQuery query = { .score_threshold = 0.5f, .nms_threshold = 0.5f };
  FrcPostprocess post;
  FrcDetection out;
  FrcConfig config;

  frc_config_init (&config);
  config.box_coder = (FrcBoxCoder){ { 1, 1, 1, 1 }, FRC_NO_BBOX_CLIP };
  config.pixel_extent = 1;
  config.nms = FRC_NMS_INCLUSIVE;
  g_assert_true (frc_postprocess_init (&post, &config, 1, 3, NULL));
  g_assert_cmpuint (
      frc_postprocess_run (&post, &head, &proposal, &frame, &query, 1, NULL, &out), ==, 1);
  g_assert_cmpint (out.label_id, ==, 0);
  assert_box (out.box, 20, 10, 31, 21, 1e-4); /* x2 = centre + half, and half-open: one more */
  frc_postprocess_clear (&post);
}

/* ---- files' orders ------------------------------------------------------------------------ */

static void
test_reorder (void)
{
  gfloat weight[24], bias[8];
  FrcLayerWeights layer = { 1, 3, 2, 1, weight, bias };

#define FILL \
  for (guint i = 0; i < 24; i++) \
    weight[i] = i * i; \
  for (guint i = 0; i < 8; i++) \
    bias[i] = i * i
  FILL;
  frc_reorder_bgr (&layer);
  const gfloat rgb[] = { 16, 25, 4, 9, 0, 1 };
  g_assert_cmpmem (weight, sizeof rgb, rgb, sizeof rgb);

  FILL;
  layer = (FrcLayerWeights){ 4, 1, 1, 1, weight, bias };
  frc_reorder_two_scores (&layer);
  const gfloat halves[] = { 4 - 0, 9 - 1 };
  g_assert_cmpuint (layer.out, ==, 2);
  g_assert_cmpmem (weight, sizeof halves, halves, sizeof halves);
  g_assert_cmpmem (bias, sizeof halves, halves, sizeof halves);

  FILL;
  layer = (FrcLayerWeights){ 4, 1, 1, 1, weight, bias };
  frc_reorder_score_pairs (&layer);
  const gfloat pairs[] = { 1 - 0, 9 - 4 };
  g_assert_cmpmem (weight, sizeof pairs, pairs, sizeof pairs);
  g_assert_cmpmem (bias, sizeof pairs, pairs, sizeof pairs);

  FILL;
  layer = (FrcLayerWeights){ 8, 1, 1, 1, weight, bias };
  frc_reorder_deltas_yx (&layer);
  const gfloat xy[] = { 1, 0, 9, 4, 25, 16, 49, 36 };
  g_assert_cmpmem (weight, sizeof xy, xy, sizeof xy);
  g_assert_cmpmem (bias, sizeof xy, xy, sizeof xy);

  FILL;
  layer = (FrcLayerWeights){ 3, 2, 1, 1, weight, bias };
  frc_reorder_background_last (&layer);
  const gfloat first[] = { 16, 25, 0, 1, 4, 9 }, first_bias[] = { 4, 0, 1 };
  g_assert_cmpmem (weight, sizeof first, first, sizeof first);
  g_assert_cmpmem (bias, sizeof first_bias, first_bias, sizeof first_bias);
#undef FILL
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/choices/sizes", test_sizes);
  g_test_add_func ("/choices/caffe-anchors", test_caffe_anchors);
  g_test_add_func ("/choices/other-anchors", test_other_anchors);
  g_test_add_func ("/choices/inclusive-coder", test_inclusive_coder);
  g_test_add_func ("/choices/order-of-filters", test_order_of_filters);
  g_test_add_func ("/choices/nms", test_nms);
  g_test_add_func ("/choices/levels", test_levels);
  g_test_add_func ("/choices/postprocess", test_postprocess);
  g_test_add_func ("/choices/reorder", test_reorder);
  return g_test_run ();
}
