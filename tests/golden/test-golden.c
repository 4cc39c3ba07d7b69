/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each stage against torchvision's own output (see generate.py).
 */
#include "golden.h"
#include "core/detector.h"
#include "core/stages/anchors.h"
#include "core/stages/box_coder.h"
#include "core/stages/roi_levels.h"

#include <string.h>

static const char *const variants[] = { "scalar", "avx2", "avx512" };

static FrcPool *
pool_new (guint n_threads)
{
  FrcPool *pool = frc_pool_new (n_threads, NULL);

  g_assert_nonnull (pool);
  return pool;
}

/* ---- RoI align ---------------------------------------------------------------------------- */

static void
check_roi_align (const char *what, const FrcView *maps, const gfloat *scales, const gfloat *boxes,
    const guint8 *level, const FrcView *want)
{
  guint n = want->n * want->h * want->w * want->c;
  g_autofree gfloat *memory = g_new (gfloat, n);
  FrcView out = *want;
  FrcPool *pool = pool_new (2);

  const FrcRois rois = { .maps = maps, .scales = scales, .boxes = boxes, .level = level,
    .sampling = 2 };

  out.data = memory;
  g_assert_true (frc_pool_reserve (pool, frc_rois_scratch_bytes (0, want->w, 2, 0, want->c), NULL));
  for (guint v = 0; v < G_N_ELEMENTS (variants); v++) {
    const FrcKernels *kernels = frc_kernels_get (variants[v], NULL);
    g_autofree char *name = g_strdup_printf ("%s, %s", what, variants[v]);

    if (!kernels)
      continue;
    memset (memory, 0xff, n * sizeof *memory);
    frc_roi_align_run (kernels, pool, &rois, &out);
    golden_assert_close (name, memory, want->data, n, 1e-5);
  }
  frc_pool_free (pool);
}

/* One map, boxes of every kind: outside of it, empty, thinner than a pixel. */
static void
test_roi_align_one_map (void)
{
  static const char *const cases[] = { "one", "wide" };
  g_autoptr (FrcWeights) golden = golden_open ("roi_align");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    FrcView map = golden_view (golden, cases[i], "map"), want = golden_view (golden, cases[i], "out");
    g_autofree gfloat *boxes = golden_read (golden, cases[i], "boxes", NULL);
    g_autofree gfloat *scale = golden_read (golden, cases[i], "args", NULL);
    g_autofree guint8 *level = g_new0 (guint8, want.n);

    check_roi_align (cases[i], &map, scale, boxes, level, &want);
    g_free (map.data);
    g_free (want.data);
  }
}

static FrcConfig
levels_config (guint n_levels, gfloat canonical_scale)
{
  FrcConfig config;

  frc_config_init (&config);
  config.n_roi_levels = n_levels;
  config.canonical_scale = (guint) canonical_scale;
  return config;
}

static void
test_roi_align_pyramids (void)
{
  static const char *const cases[] = { "r50", "lite0", "mobile" };
  g_autoptr (FrcWeights) golden = golden_open ("roi_align");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const char *name = cases[i];
    g_autofree gfloat *args = golden_read (golden, name, "args", NULL);
    g_autofree gfloat *wanted_scales = golden_read (golden, name, "scales", NULL);
    g_autofree gfloat *boxes = golden_read (golden, name, "boxes", NULL);
    FrcView maps[4] = { 0 }, want = golden_view (golden, name, "out");
    g_autofree guint8 *level = g_new0 (guint8, want.n);
    guint n_maps = args[0];
    gfloat scales[4];

    for (guint m = 0; m < n_maps; m++) {
      g_autofree char *map = g_strdup_printf ("map%u", m);
      maps[m] = golden_view (golden, name, map);
      scales[m] = frc_roi_scale (maps[m].h, (guint) args[2]);
    }
    golden_assert_near ("scales", scales, wanted_scales, n_maps, 0);
    FrcConfig config = levels_config (n_maps, args[1]);
    frc_roi_levels (&config, (FrcBox *) boxes, want.n, scales, level);
    check_roi_align (name, maps, scales, boxes, level, &want);
    for (guint m = 0; m < n_maps; m++)
      g_free (maps[m].data);
    g_free (want.data);
  }
}

static void
test_levels (void)
{
  static const char *const cases[] = { "r50", "lite0", "mobile" };
  g_autoptr (FrcWeights) golden = golden_open ("levels");
  guint n;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree gfloat *boxes = golden_read (golden, cases[i], "boxes", &n);
    g_autofree gfloat *args = golden_read (golden, cases[i], "args", NULL);
    g_autofree gfloat *want = golden_read (golden, cases[i], "level", NULL);
    g_autofree guint8 *level = g_new0 (guint8, n / 4);
    gfloat scales[8];
    guint n_levels = 0;

    for (gfloat scale = args[0]; scale >= args[1]; scale /= 2)
      scales[n_levels++] = scale;
    FrcConfig config = levels_config (n_levels, args[2]);
    frc_roi_levels (&config, (FrcBox *) boxes, n / 4, scales, level);
    for (guint b = 0; b < n / 4; b++)
      g_assert_cmpuint (level[b], ==, (guint) want[b]);
  }
  g_autofree gfloat *row = golden_read (golden, "", "scale", &n);
  for (guint i = 0; i < n; i += 3)
    g_assert_cmpfloat (frc_roi_scale ((guint) row[i], (guint) row[i + 1]), ==, row[i + 2]);
}

/* ---- input -------------------------------------------------------------------------------- */

static void
check_resize (const FrcWeights *golden, const char *scope, const FrcKernels *kernels)
{
  g_autofree gfloat *mean = golden_read (golden, "", "mean", NULL);
  g_autofree gfloat *std = golden_read (golden, "", "std", NULL);
  g_autofree gfloat *args = golden_read (golden, scope, "args", NULL);
  FrcView want = golden_view (golden, scope, "out"), out = want;
  guint n = want.h * want.w * 3, width = args[0], height = args[1];
  g_autofree gfloat *memory = g_new (gfloat, n);
  const guint8 *pixels = golden_tensor (golden, scope, "pixels")->data;
  FrcImage image = { { FRC_FORMAT_RGB, width, height }, { pixels }, { (gint) width * 3 } };
  FrcRect rect = { 0, 0, width, height };
  FrcResize resize = { (guint) args[2], (guint) args[3], (gfloat) width / args[2],
    (gfloat) height / args[3], FRC_SAMPLING_HALF_PIXEL };
  FrcPool *pool = pool_new (2);
  FrcFrameReader *reader = frc_frame_reader_new (kernels, width, height, MAX (want.w, want.h), NULL);

  g_assert_nonnull (reader);
  g_assert_true (frc_pool_reserve (pool, frc_frame_scratch_bytes (width), NULL));
  out.data = memory;
  memset (memory, 0xff, n * sizeof *memory);
  frc_frame_read (reader, pool, &image, &rect, mean, std, &resize, &out);
  golden_assert_near (scope, memory, want.data, n, 2e-5);
  frc_frame_reader_free (reader);
  frc_pool_free (pool);
  g_free (want.data);
}

static void
test_resize (void)
{
  g_autoptr (FrcWeights) golden = golden_open ("resize");

  for (guint v = 0; v < G_N_ELEMENTS (variants); v++) {
    const FrcKernels *kernels = frc_kernels_get (variants[v], NULL);

    for (guint i = 0; kernels && i < 7; i++) {
      g_autofree char *scope = g_strdup_printf ("%u", i);
      check_resize (golden, scope, kernels);
    }
  }
}

/* Minimum, maximum, width, height → width, height of the network input without padding. */
static void
test_network_size (void)
{
  g_autoptr (FrcWeights) golden = golden_open ("resize");
  guint n;
  g_autofree gfloat *row = golden_read (golden, "", "sizes", &n);

  for (guint i = 0; i < n; i += 6) {
    FrcConfig config = { .min_size = row[i], .max_size = row[i + 1], .size_divisor = 32 };
    FrcInputSize size;

    frc_input_size (&config, (guint) row[i + 2], (guint) row[i + 3], &size);
    guint w = size.resize.width, h = size.resize.height;
    if (w != (guint) row[i + 4] || h != (guint) row[i + 5])
      g_error ("%g × %g becomes %u × %u, %g × %g expected", row[i + 2], row[i + 3], w, h, row[i + 4],
          row[i + 5]);
  }
}

/* ---- anchors and boxes -------------------------------------------------------------------- */

static void
anchors_of (const gfloat *sizes, guint n_sizes, FrcBox *out)
{
  FrcConfig config;

  frc_config_init (&config);
  config.n_sizes = n_sizes;
  memcpy (config.sizes[0], sizes, n_sizes * sizeof *sizes);
  frc_anchors_base (&config, 0, out);
}

static void
test_anchors (void)
{
  static const char *const cases[] = { "resnet", "mobile", "lite0" };
  g_autoptr (FrcWeights) golden = golden_open ("anchors");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const FrcTensor *shape = golden_tensor (golden, cases[i], "sizes");
    g_autofree gfloat *sizes = golden_read (golden, cases[i], "sizes", NULL);
    g_autofree gfloat *base = golden_read (golden, cases[i], "base", NULL);
    guint n_sizes = shape->shape[1];
    FrcBox ours[FRC_MAX_CELL_ANCHORS];

    for (guint l = 0; l < shape->shape[0]; l++) {
      anchors_of (sizes + l * n_sizes, n_sizes, ours);
      golden_assert_near (cases[i], &ours[0].x1, base + l * n_sizes * 12, n_sizes * 12, 0);
    }
  }
}

/* R50 at 800 × 1088: strides are padded size // grid, 61 × 64 on the pool level. */
static void
test_anchor_grid (void)
{
  g_autoptr (FrcWeights) golden = golden_open ("anchors");
  guint n;
  g_autofree gfloat *picks = golden_read (golden, "grid", "picks", &n);
  g_autofree gfloat *want = golden_read (golden, "grid", "anchors", NULL);
  g_autofree gfloat *args = golden_read (golden, "grid", "args", NULL);
  g_autofree gfloat *grids = golden_read (golden, "grid", "grids", NULL);
  g_autofree gfloat *sizes = golden_read (golden, "resnet", "sizes", NULL);

  for (guint i = 0; i < n; i++) {
    guint index = picks[i], level = 0;
    FrcBox base[3], ours;

    while (index >= grids[level * 2] * grids[level * 2 + 1] * 3) {
      index -= grids[level * 2] * grids[level * 2 + 1] * 3;
      level++;
    }
    guint h = grids[level * 2], w = grids[level * 2 + 1], cell = index / 3;
    anchors_of (sizes + level, 1, base);
    ours = frc_anchor_at (base[index % 3], cell % w, cell / w, (guint) args[1] / w,
        (guint) args[0] / h);
    golden_assert_near ("anchor", &ours.x1, want + i * 4, 4, 0);
  }
}

static void
test_box_coder (void)
{
  g_autoptr (FrcWeights) golden = golden_open ("box_coder");
  guint n;

  for (guint i = 0; i < 2; i++) {
    g_autofree char *scope = g_strdup_printf ("%u", i);
    g_autofree gfloat *boxes = golden_read (golden, scope, "boxes", &n);
    g_autofree gfloat *deltas = golden_read (golden, scope, "deltas", NULL);
    g_autofree gfloat *weights = golden_read (golden, scope, "weights", NULL);
    g_autofree gfloat *want = golden_read (golden, scope, "out", NULL);

    FrcBoxCoder coder = { { weights[0], weights[1], weights[2], weights[3] }, FRC_BBOX_XFORM_CLIP };
    for (guint b = 0; b < n; b += 4) {
      FrcBox ours = frc_box_decode (*(FrcBox *) (boxes + b), deltas + b, &coder, 0);
      golden_assert_close (scope, &ours.x1, want + b, 4, 3e-6);
    }
  }
}

/* ---- NMS, proposals, post-processing ------------------------------------------------------ */

static void
test_nms (void)
{
  static const char *const cases[] = { "plain", "ties", "same", "three", "ninety", "many",
    "border", "border_many" };
  g_autoptr (FrcWeights) golden = golden_open ("nms");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint n, n_want, n_keep;
    g_autofree gfloat *boxes = golden_read (golden, cases[i], "boxes", NULL);
    g_autofree gfloat *scores = golden_read (golden, cases[i], "scores", &n);
    g_autofree gfloat *numbers = golden_read (golden, cases[i], "group", NULL);
    g_autofree gfloat *want = golden_read (golden, cases[i], "keep", &n_want);
    g_autofree gfloat *args = golden_read (golden, cases[i], "args", NULL);
    g_autofree guint16 *group = g_new (guint16, n);
    g_autofree guint *keep = g_new (guint, n);
    FrcNms nms;

    for (guint k = 0; k < n; k++)
      group[k] = numbers[k];
    g_assert_true (frc_nms_init (&nms, n, (guint) args[1], FRC_NMS_BATCHED, NULL));
    n_keep = frc_nms_run (&nms, (FrcBox *) boxes, scores, group, n, args[0], n, NULL, keep);
    g_assert_cmpuint (n_keep, ==, n_want);
    for (guint k = 0; k < n_keep; k++)
      g_assert_cmpuint (keep[k], ==, (guint) want[k]);
    n_keep = frc_nms_run (&nms, (FrcBox *) boxes, scores, group, n, args[0], 3, NULL, keep);
    g_assert_cmpuint (n_keep, ==, MIN (3, n_want));
    frc_nms_clear (&nms);
  }
}

static void
check_proposals (const FrcWeights *golden, const char *name)
{
  g_autofree gfloat *args = golden_read (golden, name, "args", NULL);
  g_autofree gfloat *sizes = golden_read (golden, "", "sizes", NULL);
  guint n_want, n;
  g_autofree gfloat *want = golden_read (golden, name, "out", &n_want);
  FrcInputSize input = { .resize = { .width = args[4], .height = args[5] }, .padded_w = args[2],
    .padded_h = args[3] };
  guint max_cells[3];
  FrcConfig config;
  frc_config_init (&config);
  config.n_levels = 3;
  config.n_sizes = 2;
  config.rpn_pre_nms_top_n = args[0];
  config.rpn_post_nms_top_n = args[1];
  g_autofree FrcBox *out = g_new (FrcBox, config.rpn_post_nms_top_n);
  FrcProposals proposals;
  FrcView levels[3];

  for (guint l = 0; l < 3; l++) {
    g_autofree char *level = g_strdup_printf ("level%u", l);
    levels[l] = golden_view (golden, name, level);
    memcpy (config.sizes[l], sizes + l * 2, 2 * sizeof (gfloat));
    max_cells[l] = levels[l].h * levels[l].w;
  }
  g_assert_true (frc_proposals_init (&proposals, &config, max_cells, NULL));
  n = frc_proposals_run (&proposals, levels, &input, config.rpn_post_nms_top_n, NULL, out);
  g_assert_cmpuint (n, ==, n_want / 4);
  golden_assert_near (name, &out[0].x1, want, n_want, 1e-3);
  frc_proposals_clear (&proposals);
  for (guint l = 0; l < 3; l++)
    g_free (levels[l].data);
}

/* In "saturated" the scores of many are exactly 1: level and rank within it decide. */
static void
test_proposals (void)
{
  g_autoptr (FrcWeights) golden = golden_open ("proposals");

  check_proposals (golden, "plain");
  check_proposals (golden, "saturated");
  check_proposals (golden, "few");
}

static void
check_postprocess (const FrcWeights *golden, const char *name)
{
  g_autofree gfloat *args = golden_read (golden, name, "args", NULL);
  g_autofree gfloat *proposals = golden_read (golden, name, "proposals", NULL);
  guint n, n_want, n_classes = args[0], n_head;
  g_autofree gfloat *head = golden_read (golden, name, "head", &n_head);
  g_autofree gfloat *boxes = golden_read (golden, name, "boxes", NULL);
  g_autofree gfloat *scores = golden_read (golden, name, "scores", &n_want);
  g_autofree gfloat *labels = golden_read (golden, name, "labels", NULL);
  guint n_rois = n_head / (n_classes * 5);
  FrcView view = { head, n_rois, 1, 1, n_classes * 5, n_classes * 5 };
  FrcQuery query = FRC_QUERY_INIT;
  FrcBoxSpace space = { args[2], args[3], 1, 1, args[2], args[3], 1, 1 };
  FrcDetection found[100];
  FrcPostprocess post;
  FrcConfig config;

  query.score_threshold = args[1];
  query.nms_threshold = 0.5f;
  frc_config_init (&config);
  g_assert_true (frc_postprocess_init (&post, &config, n_rois, n_classes, NULL));
  n = frc_postprocess_run (&post, &view, (FrcBox *) proposals, &space, &query, 100, NULL, found);
  g_assert_cmpuint (n, ==, n_want);
  for (guint i = 0; i < n; i++) {
    g_assert_cmpint (found[i].label_id, ==, (gint) labels[i]);
    golden_assert_near ("score", &found[i].score, scores + i, 1, 1e-6);
    golden_assert_near ("box", &found[i].box.x1, boxes + i * 4, 4, 1e-3);
  }
  frc_postprocess_clear (&post);
}

static void
test_postprocess (void)
{
  g_autoptr (FrcWeights) golden = golden_open ("postprocess");

  check_postprocess (golden, "small");
  check_postprocess (golden, "many");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/golden/roi-align/one-map", test_roi_align_one_map);
  g_test_add_func ("/golden/roi-align/pyramids", test_roi_align_pyramids);
  g_test_add_func ("/golden/levels", test_levels);
  g_test_add_func ("/golden/resize", test_resize);
  g_test_add_func ("/golden/network-size", test_network_size);
  g_test_add_func ("/golden/anchors", test_anchors);
  g_test_add_func ("/golden/anchor-grid", test_anchor_grid);
  g_test_add_func ("/golden/box-coder", test_box_coder);
  g_test_add_func ("/golden/nms", test_nms);
  g_test_add_func ("/golden/proposals", test_proposals);
  g_test_add_func ("/golden/postprocess", test_postprocess);
  return g_test_run ();
}
