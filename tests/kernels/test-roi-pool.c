/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * RoI max-pooling, crop and resize, aligned RoI align: closed forms on ramps (value 100 y + x), and the
 * originals' formulas as naive loops. Every kernel, one thread and two. FRC_TEST_SEED starts other
 * random cases.
 */
#include "check.h"

#include <math.h>
#include <string.h>

#define CASES 40
#define ROIS 30

typedef void (*Pooling) (const FrcKernels *kernels, FrcPool *pool, const FrcRois *rois,
    const FrcView *out);

static FrcPool *pools[2]; /* of one thread and of two */
static guint64 seed;

static void
check_all (Pooling pooling, const FrcRois *rois, CheckView *want, gdouble tolerance)
{
  const FrcView *w = &want->view;
  CheckView out = check_view_new_output (w->n, w->h, w->w, w->c, w->ld);
  guint side = MAX (rois->maps->w, rois->maps->h);

  for (const char *const *name = check_kernel_names (); *name != NULL; name++)
    for (guint i = 0; i < 2; i++) {
      check_view_reset (&out);
      g_assert_true (frc_pool_reserve (pools[i],
          frc_rois_scratch_bytes (side, w->w, rois->sampling, rois->crop, w->c), NULL));
      pooling (frc_kernels_get (*name, NULL), pools[i], rois, &out.view);
      char *problem = check_view_canaries (&out);
      if (problem == NULL)
        problem = check_view_compare (&out, want, NULL, tolerance);
      if (problem == NULL)
        continue;
      g_test_message ("%s, %u threads: %s; %u RoIs of %ux%ux%u, sampling %u, crop %u", *name, i + 1,
          problem, w->n, w->h, w->w, w->c, rois->sampling, rois->crop);
      g_test_fail ();
      g_free (problem);
    }
  check_view_clear (&out);
}

/* One RoI on a ramp of @width × @height; @expected: [pooled · pooled]. */
static void
check_ramp (Pooling pooling, guint width, guint height, const gfloat box[4], guint sampling,
    guint crop, guint pooled, const gfloat *expected)
{
  g_autofree gfloat *values = g_new (gfloat, width * height);
  const FrcView map = {values, 1, height, width, 1, 1};
  const gfloat scale = 1;
  const guint8 level = 0;
  const FrcRois rois = {.maps = &map, .scales = &scale, .boxes = box, .level = &level,
    .sampling = sampling, .crop = crop, .image_w = width, .image_h = height};
  CheckView want = check_view_new_output (1, pooled, pooled, 1, 1);

  for (guint i = 0; i < width * height; i++)
    values[i] = i / width * 100 + i % width;
  memcpy (want.view.data, expected, pooled * pooled * sizeof *expected);
  check_all (pooling, &rois, &want, 5e-4); /* of values up to 911 */
  check_view_clear (&want);
}

/* ---- max pooling -------------------------------------------------------------------------- */

static void
test_max_pool_closed_forms (void)
{
  const gfloat whole[4] = {0, 0, 6, 6}, point[4] = {3, 4, 3, 4}, two[4] = {0.5f, 1.49f, 4.4f, 4};
  const gfloat past[4] = {8, 8, 14, 14}, outside[4] = {-40, 30, -20, 50};
  const gfloat before[4] = {-3, -3, 3, 3};
  gfloat pixels[49], same[49], cut[49] = {0}, cut_before[49] = {0}, nothing[49] = {0};

  for (guint i = 0; i < 49; i++) {
    guint y = i / 7, x = i % 7;
    pixels[i] = y * 100 + x; /* seven pixels, seven sections */
    same[i] = 403;           /* one pixel: it is every section's */
    if (y < 2 && x < 4)      /* rows 8 and 9 of 10, columns 8 … 11 of 12: the others are empty */
      cut[i] = (y + 8) * 100 + x + 8;
    if (y >= 3 && x >= 3)
      cut_before[i] = (y - 3) * 100 + x - 3;
  }
  check_ramp (frc_roi_max_pool_run, 12, 10, whole, 0, 0, 7, pixels);
  check_ramp (frc_roi_max_pool_run, 12, 10, point, 0, 0, 7, same);
  check_ramp (frc_roi_max_pool_run, 12, 10, past, 0, 0, 7, cut);
  check_ramp (frc_roi_max_pool_run, 12, 10, before, 0, 0, 7, cut_before);
  check_ramp (frc_roi_max_pool_run, 12, 10, outside, 0, 0, 7, nothing);
  /* Columns 1 … 4 (½ rounds away from 0) and rows 1 … 4 in halves of two. */
  const gfloat halves[4] = {202, 204, 402, 404};
  check_ramp (frc_roi_max_pool_run, 12, 10, two, 0, 0, 2, halves);
  /* Three rows in two sections of 1½ overlap in the middle one. */
  const gfloat three[4] = {0, 0, 2, 2}, overlap[4] = {101, 102, 201, 202};
  check_ramp (frc_roi_max_pool_run, 12, 10, three, 0, 0, 2, overlap);
}

/* As Caffe's layer writes it. */
static gfloat
naive_max (const FrcView *map, const gfloat *box, gfloat scale, guint pooled, guint py, guint px,
    guint c)
{
  gint x1 = (gint) round (box[0] * scale), y1 = (gint) round (box[1] * scale);
  gint x2 = (gint) round (box[2] * scale), y2 = (gint) round (box[3] * scale);
  gfloat bin_h = (gfloat) MAX (y2 - y1 + 1, 1) / (gfloat) pooled;
  gfloat bin_w = (gfloat) MAX (x2 - x1 + 1, 1) / (gfloat) pooled;
  gint top = CLAMP ((gint) floorf (py * bin_h) + y1, 0, (gint) map->h);
  gint bottom = CLAMP ((gint) ceilf ((py + 1) * bin_h) + y1, 0, (gint) map->h);
  gint left = CLAMP ((gint) floorf (px * bin_w) + x1, 0, (gint) map->w);
  gint right = CLAMP ((gint) ceilf ((px + 1) * bin_w) + x1, 0, (gint) map->w);
  gfloat most = bottom <= top || right <= left ? 0 : -G_MAXFLOAT;

  for (gint y = top; y < bottom; y++)
    for (gint x = left; x < right; x++)
      most = MAX (most, map->data[((gsize) y * map->w + x) * map->ld + c]);
  return most;
}

/* ---- crop and resize ---------------------------------------------------------------------- */

/* The first sample is the first pixel's centre and the last one the last pixel's: on a ramp each
 * maximum of 2 × 2 samples is its lower right one. A box past the border has samples of 0 there. */
static void
test_crop_closed_forms (void)
{
  const gfloat whole[4] = {0, 0, 12, 10}, half_out[4] = {6, 0, 18, 10};
  gfloat expected[49], out[49];

  for (guint i = 0; i < 49; i++) {
    gfloat y = (2 * (i / 7) + 1) * 9 / 13.0f, x = (2 * (i % 7) + 1) * 11 / 13.0f;
    gfloat even = 5.5f + (2 * (i % 7)) * 11 / 13.0f;
    expected[i] = 100 * y + x;
    out[i] = even > 11 ? 0 : 100 * y + (x + 5.5f <= 11 ? x + 5.5f : even);
  }
  check_ramp (frc_crop_and_resize_run, 12, 10, whole, 0, 14, 7, expected);
  check_ramp (frc_crop_and_resize_run, 12, 10, half_out, 0, 14, 7, out);
}

/* ---- aligned RoI align -------------------------------------------------------------------- */

/* Pixel i covers i … i + 1, so a bin's mean on a ramp is its centre's coordinate − ½. */
static void
test_aligned_closed_forms (void)
{
  const gfloat box[4] = {2, 1, 6, 5}, expected[4] = {152.5f, 154.5f, 352.5f, 354.5f};
  const gfloat small[4] = {4.4f, 3, 4.6f, 3.5f}, empty[4] = {4, 4, 4, 6}, zeros[4] = {0};

  check_ramp (frc_roi_align_v2_run, 12, 10, box, 2, 0, 2, expected);
  check_ramp (frc_roi_align_v2_run, 12, 10, box, 0, 0, 2, expected); /* ⌈4 / 2⌉ is 2, too */
  check_ramp (frc_roi_align_v2_run, 12, 10, empty, 0, 0, 2, zeros);
  gfloat tiny[4];
  for (guint i = 0; i < 4; i++) /* no side grows to a pixel: bins of 0.1 × 0.25 */
    tiny[i] = 100 * (3.125f + (i / 2) * .25f - .5f) + 4.45f + (i % 2) * .1f - .5f;
  check_ramp (frc_roi_align_v2_run, 12, 10, small, 0, 0, 2, tiny);
}

static gdouble
sample (const FrcView *map, gdouble y, gdouble x, guint c)
{
  if (!(y >= -1 && y <= map->h && x >= -1 && x <= map->w))
    return 0;
  y = CLAMP (y, 0, map->h - 1);
  x = CLAMP (x, 0, map->w - 1);
  guint y0 = (guint) y, x0 = (guint) x;
  guint y1 = MIN (y0 + 1, map->h - 1), x1 = MIN (x0 + 1, map->w - 1);
  y -= y0;
  x -= x0;
#define PIXEL(py, px) map->data[((gsize) (py) * map->w + (px)) * map->ld + c]
  return (1 - y) * ((1 - x) * PIXEL (y0, x0) + x * PIXEL (y0, x1)) +
         y * ((1 - x) * PIXEL (y1, x0) + x * PIXEL (y1, x1));
#undef PIXEL
}

static gfloat
naive_aligned (const FrcView *map, const gfloat *box, gfloat scale, guint pooled, guint py, guint px,
    guint c)
{
  gfloat left = box[0] * scale - .5f, top = box[1] * scale - .5f;
  gfloat bin_w = (box[2] * scale - .5f - left) / pooled;
  gfloat bin_h = (box[3] * scale - .5f - top) / pooled;
  gint nx = (gint) ceilf (bin_w), ny = (gint) ceilf (bin_h);
  gdouble sum = 0;

  for (gint i = 0; i < ny; i++)
    for (gint j = 0; j < nx; j++)
      sum += sample (map, top + py * bin_h + (i + .5f) * bin_h / ny,
          left + px * bin_w + (j + .5f) * bin_w / nx, c);
  return (gfloat) (sum / MAX (nx * ny, 1));
}

static gfloat
naive_crop (const FrcView *map, const gfloat *box, gfloat scale, guint pooled, guint py, guint px,
    guint c)
{
  gdouble image_w = map->w / scale, image_h = map->h / scale, most = -G_MAXFLOAT;

  for (guint i = 2 * py; i < 2 * py + 2; i++)
    for (guint j = 2 * px; j < 2 * px + 2; j++) {
      gdouble y = (box[1] + i * (gdouble) (box[3] - box[1]) / (2 * pooled - 1)) / image_h;
      gdouble x = (box[0] + j * (gdouble) (box[2] - box[0]) / (2 * pooled - 1)) / image_w;
      y *= map->h - 1;
      x *= map->w - 1;
      gdouble v = y < 0 || x < 0 || y > map->h - 1 || x > map->w - 1 ? 0 : sample (map, y, x, c);
      most = MAX (most, v);
    }
  return (gfloat) most;
}

/* ---- random ------------------------------------------------------------------------------- */

typedef gfloat (*Naive) (const FrcView *map, const gfloat *box, gfloat scale, guint pooled, guint py,
    guint px, guint c);

/* Boxes of all sizes, some of them past the border. */
static void
random_boxes (guint64 *state, const FrcView *map, gfloat scale, gfloat *boxes, gboolean inside)
{
  for (guint i = 0; i < ROIS; i++, boxes += 4)
    for (guint k = 0; k < 2; k++) {
      gfloat size = (k ? map->h : map->w) / scale;
      gfloat from = (inside ? .49f : .8f) * size * (1 + check_random_float (state));
      gfloat length = .5f * size * (1 + check_random_float (state));
      boxes[k] = from;
      boxes[2 + k] = inside ? MIN (from + length, size * .999f) : from + length;
    }
}

static void
check_random_cases (Pooling pooling, Naive naive, guint crop_factor, gboolean inside,
    gdouble tolerance)
{
  static const guint pooled[] = {7, 6, 1, 3};
  static const gfloat scales[] = {1 / 16.0f, 1 / 4.0f, 1};
  static const guint8 level[ROIS] = {0};
  guint64 state = seed;
  gfloat boxes[ROIS * 4];

  for (guint k = 0; k < CASES; k++) {
    guint c = 1 + check_random_below (&state, 220), p = check_pick (&state, pooled);
    gfloat scale = check_pick (&state, scales);
    CheckView map = check_view_new_input (&state, 1, 1 + check_random_below (&state, 60),
        1 + check_random_below (&state, 60), c, c + check_random_below (&state, 5));
    CheckView want = check_view_new_output (ROIS, p, p, c, c + check_random_below (&state, 3));
    const FrcRois rois = {.maps = &map.view, .scales = &scale, .boxes = boxes, .level = level,
      .crop = crop_factor * p, .image_w = (guint) (map.view.w / scale),
      .image_h = (guint) (map.view.h / scale)};
    random_boxes (&state, &map.view, scale, boxes, inside);
    for (guint i = 0; i < ROIS * p * p; i++)
      for (guint j = 0; j < c; j++)
        want.view.data[i * want.view.ld + j] = naive (&map.view, boxes + i / (p * p) * 4, scale, p,
            i / p % p, i % p, j);
    check_all (pooling, &rois, &want, tolerance);
    check_view_clear (&want);
    check_view_clear (&map);
  }
}

static void
test_max_pool_random (void)
{
  check_random_cases (frc_roi_max_pool_run, naive_max, 0, FALSE, 0);
}

/* Samples move by 1e-5 pixels with the rounding of their positions. */
static void
test_crop_random (void)
{
  check_random_cases (frc_crop_and_resize_run, naive_crop, 2, TRUE, 2e-4);
}

static void
test_aligned_random (void)
{
  check_random_cases (frc_roi_align_v2_run, naive_aligned, 0, TRUE, 2e-4);
}

/* Not a number, endless: finite values, and not a read outside the map, whose surroundings are NaN. */
static void
test_no_boxes (void)
{
  static const gfloat boxes[][4] = {{NAN, NAN, NAN, NAN}, {0, NAN, 5, 5}, {9, 9, 3, 3},
    {0, 0, INFINITY, INFINITY}, {-INFINITY, 0, INFINITY, 9}, {3e38f, -3e38f, -3e38f, 3e38f},
    {INFINITY, INFINITY, INFINITY, INFINITY}, {1e6f, 1e6f, 2e6f, 2e6f}};
  static const guint8 level[G_N_ELEMENTS (boxes)] = {0};
  const gfloat scale = 1;
  CheckView map = check_view_new_output (1, 5, 6, 20, 20);
  CheckView out = check_view_new_output (G_N_ELEMENTS (boxes), 7, 7, 20, 20);
  const Pooling poolings[] = {frc_roi_max_pool_run, frc_crop_and_resize_run, frc_roi_align_v2_run};
  const FrcRois rois = {.maps = &map.view, .scales = &scale, .boxes = boxes[0], .level = level,
    .crop = 14, .image_w = 6, .image_h = 5};

  for (guint i = 0; i < 5 * 6 * 20; i++)
    map.view.data[i] = 1;
  g_assert_true (frc_pool_reserve (pools[1], frc_rois_scratch_bytes (6, 7, 0, 14, 20), NULL));
  for (guint k = 0; k < G_N_ELEMENTS (poolings); k++)
    for (const char *const *name = check_kernel_names (); *name != NULL; name++) {
      check_view_reset (&out);
      poolings[k] (frc_kernels_get (*name, NULL), pools[1], &rois, &out.view);
      g_assert_null (check_view_canaries (&out));
      for (gsize i = 0; i < G_N_ELEMENTS (boxes) * 7 * 7 * 20; i++)
        g_assert_cmpfloat_with_epsilon (out.view.data[i], .5, .5 + 1e-6);
    }
  check_view_clear (&map);
  check_view_clear (&out);
}

int
main (int argc, char **argv)
{
  const char *given = g_getenv ("FRC_TEST_SEED");

  g_test_init (&argc, &argv, NULL);
  seed = given ? g_ascii_strtoull (given, NULL, 0) : 20241124;
  pools[0] = frc_pool_new (1, NULL);
  pools[1] = frc_pool_new (2, NULL);
  g_test_add_func ("/roi-pool/max-pool", test_max_pool_closed_forms);
  g_test_add_func ("/roi-pool/max-pool-random", test_max_pool_random);
  g_test_add_func ("/roi-pool/crop", test_crop_closed_forms);
  g_test_add_func ("/roi-pool/crop-random", test_crop_random);
  g_test_add_func ("/roi-pool/aligned", test_aligned_closed_forms);
  g_test_add_func ("/roi-pool/aligned-random", test_aligned_random);
  g_test_add_func ("/roi-pool/no-boxes", test_no_boxes);
  int result = g_test_run ();
  frc_pool_free (pools[0]);
  frc_pool_free (pools[1]);
  return result;
}
