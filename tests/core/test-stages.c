/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Closed forms and properties of the stages between the graphs.
 */
#include "core/detector.h"
#include "core/stages/anchors.h"
#include "core/stages/box_coder.h"
#include "core/stages/rank.h"
#include "core/stages/roi_levels.h"

#include <string.h>

#define assert_near(a, b, tolerance) \
  g_assert_cmpfloat (fabs ((gdouble) (a) - (gdouble) (b)), <=, tolerance)

static void
assert_box (FrcBox box, gfloat x1, gfloat y1, gfloat x2, gfloat y2, gdouble tolerance)
{
  assert_near (box.x1, x1, tolerance);
  assert_near (box.y1, y1, tolerance);
  assert_near (box.x2, x2, tolerance);
  assert_near (box.y2, y2, tolerance);
}

/* Size 32: ratio ½ is 45.25 × 22.63, halves 22.63 → 23 and 11.31 → 11; ratio 2 is its transpose. */
static void
test_anchors (void)
{
  FrcConfig config;
  FrcBox base[6];

  frc_config_init (&config);
  config.n_sizes = 2;
  config.sizes[1][0] = 32;
  config.sizes[1][1] = 64;
  frc_anchors_base (&config, 1, base);
  assert_box (base[0], -23, -11, 23, 11, 0);
  assert_box (base[1], -45, -23, 45, 23, 0);
  assert_box (base[2], -16, -16, 16, 16, 0);
  assert_box (base[3], -32, -32, 32, 32, 0);
  assert_box (base[4], -11, -23, 11, 23, 0);
  assert_box (base[5], -23, -45, 23, 45, 0);
  assert_box (frc_anchor_at (base[2], 3, 2, 8, 16), 8, 16, 40, 48, 0);
}

/* A side of 2.5 or 3.5 after halving rounds to the even neighbour: 2 and 4. */
static void
test_anchors_round_half_even (void)
{
  FrcConfig config = { .n_sizes = 2, .n_ratios = 1, .sizes = { { 5, 7 } }, .ratios = { 1 } };
  FrcBox base[2];

  frc_anchors_base (&config, 0, base);
  assert_box (base[0], -2, -2, 2, 2, 0);
  assert_box (base[1], -4, -4, 4, 4, 0);
}

static void
encode (FrcBox from, FrcBox to, const gfloat weights[4], gfloat deltas[4])
{
  gfloat w = from.x2 - from.x1, h = from.y2 - from.y1;

  deltas[0] = weights[0] * ((to.x1 + to.x2) / 2 - (from.x1 + from.x2) / 2) / w;
  deltas[1] = weights[1] * ((to.y1 + to.y2) / 2 - (from.y1 + from.y2) / 2) / h;
  deltas[2] = weights[2] * logf ((to.x2 - to.x1) / w);
  deltas[3] = weights[3] * logf ((to.y2 - to.y1) / h);
}

static void
test_box_coder_round_trip (void)
{
  const FrcBoxCoder coder = { { 10, 10, 5, 5 }, FRC_BBOX_XFORM_CLIP };

  for (guint i = 0; i < 1000; i++) {
    gfloat v[8], deltas[4];
    for (guint k = 0; k < 8; k++)
      v[k] = g_test_rand_double_range (10, 200); /* sides grow less than 62.5 times */
    FrcBox from = { v[0], v[1], v[0] + v[2], v[1] + v[3] };
    FrcBox to = { v[4], v[5], v[4] + v[6], v[5] + v[7] };
    encode (from, to, coder.weights, deltas);
    assert_box (frc_box_decode (from, deltas, &coder, 0), to.x1, to.y1, to.x2, to.y2, 2e-3);
  }
}

/* exp (log (1000 / 16)) = 62.5 is the most that a side may grow. */
static void
test_box_coder_clamps (void)
{
  const FrcBoxCoder coder = { { 1, 1, 1, 1 }, FRC_BBOX_XFORM_CLIP };
  const gfloat deltas[4] = { 0, 0, 100, G_MAXFLOAT };

  assert_box (frc_box_decode ((FrcBox){ -1, -1, 1, 1 }, deltas, &coder, 0), -62.5, -62.5, 62.5,
      62.5, 1e-3);
  assert_box (frc_box_clip ((FrcBox){ -5, 3, 50, 9 }, 20, 8, 0), 0, 3, 20, 8, 0);
}

static void
test_box_coder_nan (void)
{
  const FrcBoxCoder coder = { { 1, 1, 1, 1 }, FRC_BBOX_XFORM_CLIP };
  const gfloat deltas[4] = { NAN, 0, 0, 0 };
  FrcBox box = frc_box_decode ((FrcBox){ 0, 0, 10, 10 }, deltas, &coder, 0);

  g_assert_false (frc_box_is_large (frc_box_clip (box, 100, 100, 0), 1e-3f, 0));
}

static void
test_rank_order (void)
{
  const gfloat scores[] = { 0.5f, NAN, 1.0f, 0.5f, -0.0f, 0.0f, -3.0f, INFINITY };
  const guint expected[] = { 7, 2, 0, 3, 4, 5, 6, 1 };
  guint64 keys[G_N_ELEMENTS (scores)], spare[G_N_ELEMENTS (scores)];

  for (guint i = 0; i < G_N_ELEMENTS (scores); i++)
    keys[i] = frc_rank_key (scores[i], i);
  frc_rank_sort (keys, spare, G_N_ELEMENTS (scores));
  for (guint i = 0; i < G_N_ELEMENTS (scores); i++)
    g_assert_cmpuint (frc_rank_index (keys[i]), ==, expected[i]);
}

static int
descending (gconstpointer a, gconstpointer b)
{
  guint64 x = *(const guint64 *) a, y = *(const guint64 *) b;

  return x > y ? -1 : x < y;
}

/* Selecting and sorting against the C library's sort: scores of every sign and size, many equal, so
 * many that every way of sorting is taken; sorted already, or the other way round. */
static void
test_rank_top (void)
{
  for (guint round = 0; round < 400; round++) {
    guint n = g_test_rand_int_range (1, round % 4 ? 300 : 6000);
    guint k = g_test_rand_int_range (0, n + 1), order = g_test_rand_int_range (0, 4);
    gfloat unit = ldexpf (1, g_test_rand_int_range (-20, 20));
    g_autofree guint64 *all = g_new (guint64, n), *keys = g_new (guint64, n);
    g_autofree guint64 *spare = g_new (guint64, n);
    for (guint i = 0; i < n; i++) {
      gint score = g_test_rand_int_range (-20, 20) * (round % 3 ? 1 : 977);
      if (order == 1 || order == 2)
        score = order == 1 ? (gint) i : -(gint) i;
      all[i] = keys[i] = frc_rank_key (score * unit, i);
    }
    qsort (all, n, sizeof *all, descending);
    guint64 last = frc_rank_select (keys, n, k);
    g_assert_cmpuint (last, ==, k ? all[k - 1] : G_MAXUINT64);
    frc_rank_sort (keys, spare, k);
    g_assert_cmpmem (keys, k * sizeof *keys, all, k * sizeof *all);
    frc_rank_sort (keys, spare, n); /* none was lost */
    g_assert_cmpmem (keys, n * sizeof *keys, all, n * sizeof *all);
  }
}

static guint
nms (const FrcBox *boxes, const gfloat *scores, const guint16 *group, guint n, gfloat threshold,
    guint max, guint *keep)
{
  FrcNms state;

  g_assert_true (frc_nms_init (&state, MAX (n, 1), 16, FRC_NMS_BATCHED, NULL));
  guint kept = frc_nms_run (&state, boxes, scores, group, n, threshold, max, NULL, keep);
  frc_nms_clear (&state);
  return kept;
}

/* IoU of the first two is 8 · 10 / (100 + 100 − 80) = ⅔; the third stands alone. */
static void
test_nms_closed_form (void)
{
  const FrcBox boxes[] = { { 0, 0, 10, 10 }, { 2, 0, 12, 10 }, { 50, 50, 60, 60 } };
  const gfloat scores[] = { 0.8f, 0.9f, 0.1f };
  guint16 group[] = { 0, 0, 0 };
  guint keep[3];

  g_assert_cmpuint (nms (boxes, scores, group, 3, 0.66f, 3, keep), ==, 2);
  g_assert_cmpuint (keep[0], ==, 1);
  g_assert_cmpuint (keep[1], ==, 2);
  g_assert_cmpuint (nms (boxes, scores, group, 3, 0.67f, 3, keep), ==, 3);
  g_assert_cmpuint (nms (boxes, scores, group, 3, 0.67f, 1, keep), ==, 1);
  group[0] = 5; /* another class overlaps freely */
  g_assert_cmpuint (nms (boxes, scores, group, 3, 0.1f, 3, keep), ==, 3);
  g_assert_cmpuint (nms (boxes, scores, group, 0, 0.5f, 3, keep), ==, 0);
}

/* Equal boxes, equal scores: the lower index stays. IoU equal to the threshold is no reason to go. */
static void
test_nms_ties (void)
{
  const FrcBox boxes[] = { { 0, 0, 4, 4 }, { 0, 0, 4, 4 }, { 0, 0, 4, 2 } };
  const gfloat scores[] = { 1, 1, 0.5f };
  const guint16 group[] = { 0, 0, 0 };
  guint keep[3];

  g_assert_cmpuint (nms (boxes, scores, group, 3, 0.5f, 3, keep), ==, 2);
  g_assert_cmpuint (keep[0], ==, 0);
  g_assert_cmpuint (keep[1], ==, 2);
}

static gfloat
iou (FrcBox a, FrcBox b)
{
  gfloat w = MIN (a.x2, b.x2) - MAX (a.x1, b.x1), h = MIN (a.y2, b.y2) - MAX (a.y1, b.y1);
  gfloat inter = MAX (w, 0) * MAX (h, 0);

  return inter / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - inter);
}

/* Kept boxes are sorted and do not overlap; each box that went overlaps a better one that stayed.
 * More than 1000 boxes as well: there is no coordinate trick then. */
static void
test_nms_properties (void)
{
  for (guint round = 0; round < 30; round++) {
    guint n = round < 25 ? g_test_rand_int_range (1, 300) : 1500;
    g_autofree FrcBox *boxes = g_new (FrcBox, n);
    g_autofree gfloat *scores = g_new (gfloat, n);
    g_autofree guint16 *group = g_new (guint16, n);
    g_autofree guint *keep = g_new (guint, n);
    g_autofree guint8 *kept = g_new0 (guint8, n);
    for (guint i = 0; i < n; i++) {
      gfloat x = g_test_rand_int_range (0, 60), y = g_test_rand_int_range (0, 60);
      boxes[i] = (FrcBox){ x, y, x + g_test_rand_int_range (4, 30), y + g_test_rand_int_range (4, 30) };
      scores[i] = g_test_rand_int_range (0, 50) / 50.0f;
      group[i] = g_test_rand_int_range (0, 4);
    }
    guint n_keep = nms (boxes, scores, group, n, 0.51f, n, keep);
    for (guint k = 0; k < n_keep; k++) {
      kept[keep[k]] = 1;
      if (k)
        g_assert_true (scores[keep[k - 1]] > scores[keep[k]] ||
                       (scores[keep[k - 1]] == scores[keep[k]] && keep[k - 1] < keep[k]));
      for (guint j = 0; j < k; j++)
        g_assert_true (group[keep[j]] != group[keep[k]] ||
                       iou (boxes[keep[j]], boxes[keep[k]]) <= 0.511f);
    }
    for (guint i = 0; i < n; i++) {
      gboolean explained = kept[i];
      for (guint k = 0; k < n_keep && !explained; k++)
        explained = group[keep[k]] == group[i] && scores[keep[k]] >= scores[i] &&
                    iou (boxes[keep[k]], boxes[i]) > 0.509f;
      g_assert_true (explained);
    }
  }
}

static void
test_roi_levels (void)
{
  const gfloat scales[] = { 1 / 4.0f, 1 / 8.0f, 1 / 16.0f, 1 / 32.0f };
  const FrcBox boxes[] = { { 0, 0, 10, 10 }, { 0, 0, 111, 111 }, { 0, 0, 112, 112 },
    { 0, 0, 223, 223 }, { 0, 0, 224, 224 }, { 0, 0, 448, 448 }, { 0, 0, 2000, 2000 },
    { 5, 5, 5, 5 } };
  const guint8 expected[] = { 0, 0, 1, 1, 2, 3, 3, 0 };
  guint8 level[8];
  FrcConfig config;

  frc_config_init (&config);
  config.n_roi_levels = 4;
  frc_roi_levels (&config, boxes, 8, scales, level);
  g_assert_cmpmem (level, 8, expected, 8);
  assert_near (frc_roi_scale (50, 800), 1 / 16.0f, 0);
  assert_near (frc_roi_scale (40, 319), 1 / 8.0f, 0);
  assert_near (frc_roi_scale (4, 5), 1, 0); /* log2 (0.8) rounds to 0 */
}

static void
test_network_size (void)
{
  static const guint cases[][6] = { /* min, max, in w, h, out w, h */
    { 320, 544, 500, 375, 426, 320 }, { 800, 1333, 640, 480, 1066, 800 },
    { 320, 544, 77, 100, 319, 415 }, { 320, 544, 1, 1, 320, 320 },
    { 320, 544, 2000, 20, 544, 5 }, { 320, 544, 8192, 1, 544, 1 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    FrcConfig config = { .min_size = cases[i][0], .max_size = cases[i][1], .size_divisor = 32 };
    FrcInputSize size;
    frc_input_size (&config, cases[i][2], cases[i][3], &size);
    g_assert_cmpuint (size.resize.width, ==, cases[i][4]);
    g_assert_cmpuint (size.resize.height, ==, cases[i][5]);
    g_assert_cmpuint (size.padded_w, ==, (cases[i][4] + 31) / 32 * 32);
  }
}

/* One level, one anchor a cell, no deltas: proposals are the anchors that survive, best first. */
static void
test_proposals (void)
{
  FrcConfig config = { .n_levels = 1, .n_sizes = 1, .n_ratios = 1, .sizes = { { 16 } },
    .ratios = { 1 }, .rpn_coder = { { 1, 1, 1, 1 }, FRC_BBOX_XFORM_CLIP }, .rpn_pre_nms_top_n = 3,
    .rpn_post_nms_top_n = 3, .rpn_nms_threshold = 0.5f, .rpn_min_size = 1e-3f };
  const FrcInputSize input = { .resize = { .width = 90, .height = 60 }, .padded_w = 96,
    .padded_h = 64 };
  const guint max_cells = 6;
  gfloat cells[2 * 3 * 5] = { 0 };
  FrcView map = { cells, 1, 2, 3, 5, 5 };
  FrcProposals proposals;
  FrcBox out[3];

  for (guint i = 0; i < 6; i++)
    cells[5 * i] = i == 4 ? NAN : (gfloat) i; /* cells 5, 3 and 2 are the best three */
  g_assert_true (frc_proposals_init (&proposals, &config, &max_cells, NULL));
  g_assert_cmpuint (frc_proposals_run (&proposals, &map, &input, 3, NULL, out), ==, 3);
  assert_box (out[0], 56, 24, 72, 40, 0); /* cell (2, 1), stride 32 */
  assert_box (out[1], 0, 24, 8, 40, 0);
  assert_box (out[2], 56, 0, 72, 8, 0);
  frc_proposals_clear (&proposals);
}

/* The list's first @top_n, sorted, decoded and suppressed one by one: looking at the surest first must
 * not change that. Anchors of 24 pixels on a grid of 8 overlap with IoU 1/2 and less. */
static guint
propose_plainly (const FrcView *map, guint top_n, guint max, const FrcInputSize *input, FrcBox *out)
{
  guint cells = map->h * map->w, n = 0;
  g_autofree guint64 *keys = g_new (guint64, cells);

  for (guint i = 0; i < cells; i++)
    keys[i] = frc_rank_key (map->data[i * map->ld], i);
  qsort (keys, cells, sizeof *keys, descending);
  for (guint k = 0; k < top_n && n < max; k++) {
    guint i = frc_rank_index (keys[k]);
    gfloat cx = 8 * (i % map->w), cy = 8 * (i / map->w);
    FrcBox box = frc_box_clip ((FrcBox){ cx - 12, cy - 12, cx + 12, cy + 12 }, input->resize.width,
        input->resize.height, 0);
    gboolean stays = TRUE;
    for (guint j = 0; j < n && stays; j++)
      stays = iou (box, out[j]) <= 0.3f;
    if (stays)
      out[n++] = box;
  }
  return n;
}

/* Thousands of candidates, of which few stay: all of them, the best 3000 and the best 40; scores that
 * rise, fall, are equal, or are in no order. */
static void
test_many_proposals (void)
{
  const guint w = 90, h = 70, n = w * h;
  const FrcInputSize input = { .resize = { .width = 8 * w, .height = 8 * h }, .padded_w = 8 * w,
    .padded_h = 8 * h };
  g_autofree gfloat *cells = g_new0 (gfloat, 5 * n);
  g_autofree FrcBox *want = g_new (FrcBox, n), *got = g_new (FrcBox, n);
  FrcView map = { cells, 1, h, w, 5, 5 };

  for (guint c = 0; c < 24; c++) {
    guint top_n = c % 3 == 0 ? 0 : c % 3 == 1 ? 3000 : 40, order = c / 3 % 4;
    FrcConfig config = { .n_levels = 1, .n_sizes = 1, .n_ratios = 1, .sizes = { { 24 } },
      .ratios = { 1 }, .strides = { 8 }, .rpn_coder = { { 1, 1, 1, 1 }, FRC_BBOX_XFORM_CLIP },
      .rpn_pre_nms_top_n = top_n, .rpn_post_nms_top_n = c % 2 ? 2000 : 100,
      .rpn_nms_threshold = 0.3f, .rpn_filters_first = c >= 12, .rpn_ranks_logits = TRUE,
      .nms = FRC_NMS_SEPARATE };
    FrcProposals proposals;
    for (guint i = 0; i < n; i++)
      cells[5 * i] = order == 0 ? g_test_rand_int_range (-999, 999) / 99.0f
          : order == 1 ? i * 1e-3f : order == 2 ? i * -1e-3f : g_test_rand_int_range (0, 3);
    g_assert_true (frc_proposals_init (&proposals, &config, &n, NULL));
    guint n_got = frc_proposals_run (&proposals, &map, &input, n, NULL, got);
    guint n_want = propose_plainly (&map, top_n ? top_n : n, config.rpn_post_nms_top_n, &input,
        want);
    g_assert_cmpmem (got, n_got * sizeof *got, want, n_want * sizeof *want);
    frc_proposals_clear (&proposals);
  }
}

/* Two classes besides background; logits ln 4 against 0 and 0 give ⅔, ⅙ and ⅙. */
static void
test_postprocess (void)
{
  gfloat rows[2][15] = { { 0, logf (4), 0 }, { 0, 0, logf (4) } };
  FrcView head = { rows[0], 2, 1, 1, 15, 15 };
  const FrcBox proposals[] = { { 10, 10, 30, 40 }, { 10, 10, 30, 40 } };
  const guint8 mask[] = { 0, 1 };
  FrcQuery query = { .score_threshold = 0.5f, .nms_threshold = 0.5f };
  const FrcBoxSpace space = { 45, 100, 1, 1, 45, 100, 1, 1 };
  FrcPostprocess post;
  FrcDetection out[4];
  FrcConfig config;

  frc_config_init (&config);
  g_assert_true (frc_postprocess_init (&post, &config, 2, 3, NULL));
  rows[1][3 + 4 * 2] = 10; /* dx of class 2: moves by one width, weights are 10 */
  g_assert_cmpuint (
      frc_postprocess_run (&post, &head, proposals, &space, &query, 4, NULL, out), ==, 2);
  g_assert_cmpint (out[0].label_id, ==, 0);
  assert_near (out[0].score, 2 / 3.0, 1e-6);
  assert_box (out[0].box, 10, 10, 30, 40, 1e-4);
  g_assert_cmpint (out[1].label_id, ==, 1);
  assert_box (out[1].box, 30, 10, 45, 40, 1e-4); /* clipped */
  query.class_mask = mask;
  g_assert_cmpuint (
      frc_postprocess_run (&post, &head, proposals, &space, &query, 4, NULL, out), ==, 1);
  g_assert_cmpint (out[0].label_id, ==, 1);
  query = (FrcQuery){ .score_threshold = 0.1f, .nms_threshold = 0.5f };
  g_assert_cmpuint (
      frc_postprocess_run (&post, &head, proposals, &space, &query, 3, NULL, out), ==, 3);
  frc_postprocess_clear (&post);
}

static void
assert_labels (FrcPostprocess *post, const FrcView *head, const FrcBox *proposals,
    const FrcQuery *query, guint max, gint first, gint second)
{
  const FrcBoxSpace space = { 100, 100, 1, 1, 200, 400, 2, 4 };
  FrcDetection out[4];
  guint n = frc_postprocess_run (post, head, proposals, &space, query, max, NULL, out);

  g_assert_cmpuint (n, ==, (first >= 0) + (second >= 0));
  if (n > 0)
    g_assert_cmpint (out[0].label_id, ==, first);
  if (n > 1)
    g_assert_cmpint (out[1].label_id, ==, second);
}

/* Three RoIs for three classes with scores ½, ⅔ and ¾; the network sees 200 × 400 pixels as
 * 100 × 100, so the boxes are 40 × 120, 20 × 40 and 60 × 80 pixels. */
static void
test_postprocess_filters (void)
{
  gfloat rows[3][20] = { { 0, logf (3), 0, 0 }, { 0, 0, logf (6), 0 }, { 0, 0, 0, logf (9) } };
  FrcView head = { rows[0], 3, 1, 1, 20, 20 };
  const FrcBox proposals[] = { { 0, 0, 20, 30 }, { 40, 0, 50, 10 }, { 0, 50, 30, 70 } };
  const gfloat lower[] = { -1, 0.7f, 0.74f }, raise[] = { 0.4f, -1, -1 };
  FrcQuery query = { .score_threshold = 0.45f, .nms_threshold = 0.5f };
  FrcPostprocess post;
  FrcConfig config;

  frc_config_init (&config);
  g_assert_true (frc_postprocess_init (&post, &config, 3, 4, NULL));
  assert_labels (&post, &head, proposals, &query, 2, 2, 1);
  query.class_thresholds = lower; /* ⅔ is not above 0.7; room for class 0 */
  assert_labels (&post, &head, proposals, &query, 2, 2, 0);
  query.class_thresholds = raise; /* ½ is above 0.4, the others are not above 0.8 */
  query.score_threshold = 0.8f;
  assert_labels (&post, &head, proposals, &query, 2, 0, -1);
  query = (FrcQuery){ .score_threshold = 0.45f, .nms_threshold = 0.5f, .min_side = 21 };
  assert_labels (&post, &head, proposals, &query, 2, 2, 0);
  query.min_side = 40; /* exactly as short as it may be */
  assert_labels (&post, &head, proposals, &query, 2, 2, 0);
  query.min_side = 41;
  assert_labels (&post, &head, proposals, &query, 2, 2, -1);
  query.min_side = 0;
  query.max_side = 80;
  assert_labels (&post, &head, proposals, &query, 2, 2, 1);
  query.max_side = 79;
  assert_labels (&post, &head, proposals, &query, 2, 1, -1);
  query.max_side = 1;
  assert_labels (&post, &head, proposals, &query, 2, -1, -1);
  frc_postprocess_clear (&post);
}

/* A large box of an unwanted size suppresses the part of it that would be small enough. */
static void
test_postprocess_size_after_nms (void)
{
  gfloat rows[2][10] = { { 0, 3 }, { 0, 2 } };
  FrcView head = { rows[0], 2, 1, 1, 10, 10 };
  const FrcBox proposals[] = { { 0, 0, 20, 20 }, { 0, 0, 16, 16 } };
  FrcQuery query = { .score_threshold = 0.5f, .nms_threshold = 0.5f, .max_side = 18 };
  const FrcBoxSpace space = { 99, 99, 1, 1, 99, 99, 1, 1 };
  FrcPostprocess post;
  FrcDetection out[2];
  FrcConfig config;

  frc_config_init (&config);
  g_assert_true (frc_postprocess_init (&post, &config, 2, 2, NULL));
  g_assert_cmpuint (
      frc_postprocess_run (&post, &head, proposals, &space, &query, 2, NULL, out), ==, 0);
  query.nms_threshold = 0.7f;
  g_assert_cmpuint (
      frc_postprocess_run (&post, &head, proposals, &space, &query, 2, NULL, out), ==, 1);
  frc_postprocess_clear (&post);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stages/anchors", test_anchors);
  g_test_add_func ("/stages/anchors-round-half-even", test_anchors_round_half_even);
  g_test_add_func ("/stages/box-coder-round-trip", test_box_coder_round_trip);
  g_test_add_func ("/stages/box-coder-clamps", test_box_coder_clamps);
  g_test_add_func ("/stages/box-coder-nan", test_box_coder_nan);
  g_test_add_func ("/stages/rank-order", test_rank_order);
  g_test_add_func ("/stages/rank-top", test_rank_top);
  g_test_add_func ("/stages/nms-closed-form", test_nms_closed_form);
  g_test_add_func ("/stages/nms-ties", test_nms_ties);
  g_test_add_func ("/stages/nms-properties", test_nms_properties);
  g_test_add_func ("/stages/roi-levels", test_roi_levels);
  g_test_add_func ("/stages/network-size", test_network_size);
  g_test_add_func ("/stages/proposals", test_proposals);
  g_test_add_func ("/stages/many-proposals", test_many_proposals);
  g_test_add_func ("/stages/postprocess", test_postprocess);
  g_test_add_func ("/stages/postprocess-filters", test_postprocess_filters);
  g_test_add_func ("/stages/postprocess-size-after-nms", test_postprocess_size_after_nms);
  return g_test_run ();
}
