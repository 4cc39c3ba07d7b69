/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * RoI align: a ramp's bins in closed form, a naive sum over samples in double, boxes that are no
 * boxes. Every kernel, one thread and two. FRC_TEST_SEED starts other random cases.
 */
#include "check.h"

#include <math.h>
#include <string.h>

#define CASES 60

static FrcPool *pools[2]; /* of one thread and of two */

/* One sample of @map as torchvision defines it: nothing beyond a pixel outside, the border's value
 * up to there. */
static gdouble
sample (const FrcView *map, gdouble y, gdouble x, guint c)
{
  guint y0, x0, y1, x1;

  if (!(y >= -1 && y <= map->h && x >= -1 && x <= map->w))
    return 0;
  y = CLAMP (y, 0, map->h - 1);
  x = CLAMP (x, 0, map->w - 1);
  y0 = (guint) y;
  x0 = (guint) x;
  y1 = MIN (y0 + 1, map->h - 1);
  x1 = MIN (x0 + 1, map->w - 1);
  y -= y0;
  x -= x0;
#define PIXEL(py, px) map->data[((py) * map->w + (px)) * map->ld + c]
  return (1 - y) * ((1 - x) * PIXEL (y0, x0) + x * PIXEL (y0, x1)) +
      y * ((1 - x) * PIXEL (y1, x0) + x * PIXEL (y1, x1));
#undef PIXEL
}

/* The boxes are in f32 until a bin's size is known, as in the reference. */
static gdouble
naive_bin (const FrcView *map, gfloat scale, const gfloat *box, guint pooled, guint sampling,
    guint py, guint px, guint c)
{
  gfloat left = box[0] * scale, top = box[1] * scale;
  gfloat width = box[2] * scale - left, height = box[3] * scale - top;
  gdouble sum = 0;

  width = MAX (width, 1) / pooled;
  height = MAX (height, 1) / pooled;
  for (guint i = 0; i < sampling; i++)
    for (guint j = 0; j < sampling; j++) {
      gfloat y = top + py * height + (i + .5f) * height / sampling;
      gfloat x = left + px * width + (j + .5f) * width / sampling;
      sum += sample (map, y, x, c);
    }
  return sum / (sampling * sampling);
}

static void
reserve (FrcPool *pool, guint sampling, const FrcView *out)
{
  g_assert_true (frc_pool_reserve (pool, frc_rois_scratch_bytes (0, out->w, sampling, 0, out->c),
      NULL));
}

static void
check_all (const FrcView *maps, const gfloat *scales, const gfloat *boxes, const guint8 *level,
    guint sampling, CheckView *want)
{
  const FrcView *w = &want->view;
  CheckView out = check_view_new_output (w->n, w->h, w->w, w->c, w->ld);
  const FrcRois rois = {.maps = maps, .scales = scales, .boxes = boxes, .level = level,
    .sampling = sampling};

  for (const char *const *name = check_kernel_names (); *name != NULL; name++)
    for (guint i = 0; i < 2; i++) {
      check_view_reset (&out);
      reserve (pools[i], sampling, &out.view);
      frc_roi_align_run (frc_kernels_get (*name, NULL), pools[i], &rois, &out.view);
      char *problem = check_view_canaries (&out);
      if (problem == NULL) /* samples move by 1e-6 pixel with the rounding of their positions */
        problem = check_view_compare (&out, want, NULL, 2e-5);
      if (problem == NULL)
        continue;
      g_test_message ("%s, %u threads: %s; %u RoIs of %ux%ux%u, sampling %u", *name, i + 1, problem,
          w->n, w->h, w->w, w->c, sampling);
      g_test_fail ();
      g_free (problem);
    }
  check_view_clear (&out);
}

/* A 5 × 5 map whose value is 5 y + x: inside, a bin is the ramp at its centre. */
static void
test_ramp (void)
{
  gfloat map[25];
  const FrcView view = {map, 1, 5, 5, 1, 1};
  const gfloat scale = 1, box[4] = {.5f, .5f, 4.5f, 4.5f};
  const guint8 level = 0;
  CheckView want = check_view_new_output (1, 2, 2, 1, 1);

  for (guint i = 0; i < 25; i++)
    map[i] = i;
  /* Bins of 2 × 2 from ½: samples at 1, 2 and 3, 4. */
  const gfloat expected[4] = {5 * 1.5f + 1.5f, 5 * 1.5f + 3.5f, 5 * 3.5f + 1.5f, 5 * 3.5f + 3.5f};
  memcpy (want.view.data, expected, sizeof expected);
  check_all (&view, &scale, box, &level, 2, &want);

  /* A box without area is one map pixel wide: bins centred ¼ and ¾ from its corner. */
  const gfloat point[4] = {1, 2, 1, 2};
  const gfloat around[4] = {11.25f + 1.25f, 11.25f + 1.75f, 13.75f + 1.25f, 13.75f + 1.75f};
  memcpy (want.view.data, around, sizeof around);
  check_all (&view, &scale, point, &level, 2, &want);
  check_view_clear (&want);
}

static void
random_boxes (guint64 *state, gfloat *boxes, guint n)
{
  for (guint i = 0; i < n; i++, boxes += 4) {
    boxes[0] = 300 * check_random_float (state) + 100;
    boxes[1] = 300 * check_random_float (state) + 100;
    boxes[2] = boxes[0] + 150 * check_random_float (state) + 100;
    boxes[3] = boxes[1] + 150 * check_random_float (state) + 100;
  }
}

static void
test_random (void)
{
  static const gfloat scales[3] = {1 / 8.f, 1 / 16.f, 1 / 32.f};
  static const guint pooled[] = {7, 14, 1, 3}, samplings[] = {2, 2, 1, 3};
  const char *given = g_getenv ("FRC_TEST_SEED");
  guint64 state = given ? g_ascii_strtoull (given, NULL, 0) : 20240313;
  gfloat boxes[30 * 4];
  guint8 level[30];

  for (guint k = 0; k < CASES; k++) {
    guint c = 1 + check_random_below (&state, 220), p = check_pick (&state, pooled);
    guint sampling = check_pick (&state, samplings);
    gsize ld = c + check_random_below (&state, 3);
    CheckView maps[3], want = check_view_new_output (30, p, p, c, ld);
    FrcView views[3];
    for (guint i = 0; i < 3; i++) {
      maps[i] = check_view_new_input (&state, 1, 1 + check_random_below (&state, 40),
          1 + check_random_below (&state, 40), c, c + check_random_below (&state, 5));
      views[i] = maps[i].view;
    }
    random_boxes (&state, boxes, 30);
    for (guint i = 0; i < 30; i++) {
      level[i] = check_random_below (&state, 3);
      for (guint y = 0; y < p; y++)
        for (guint x = 0; x < p; x++)
          for (guint j = 0; j < c; j++)
            want.view.data[((i * p + y) * p + x) * want.view.ld + j] = (gfloat) naive_bin (
                &views[level[i]], scales[level[i]], boxes + 4 * i, p, sampling, y, x, j);
    }
    check_all (views, scales, boxes, level, sampling, &want);
    check_view_clear (&want);
    for (guint i = 0; i < 3; i++)
      check_view_clear (&maps[i]);
  }
}

/* Far outside, inverted, endless or not a number: finite values, and not a read outside the map
 * (whose surroundings are NaN here). The first four have no sample inside: 0. */
static void
test_no_boxes (void)
{
  static const gfloat boxes[][4] = {{1e6f, 1e6f, 2e6f, 2e6f}, {-1e6f, 0, -1e5f, 5},
    {NAN, NAN, NAN, NAN}, {0, NAN, 5, 5}, {9, 9, 3, 3}, {0, 0, INFINITY, INFINITY},
    {-INFINITY, 0, INFINITY, 9}, {INFINITY, INFINITY, INFINITY, INFINITY},
    {3e38f, -3e38f, -3e38f, 3e38f}, {0, 0, 1e9f, 1e9f}, {-1, -1, 0, 0}, {6, 5, 7, 6}};
  static const guint8 level[G_N_ELEMENTS (boxes)] = {0};
  const gfloat scale = 1;
  CheckView map = check_view_new_output (1, 5, 6, 20, 20);
  CheckView out = check_view_new_output (G_N_ELEMENTS (boxes), 7, 7, 20, 20);

  const FrcRois rois = {.maps = &map.view, .scales = &scale, .boxes = boxes[0], .level = level,
    .sampling = 2};

  for (guint i = 0; i < 5 * 6 * 20; i++)
    map.view.data[i] = 1;
  for (const char *const *name = check_kernel_names (); *name != NULL; name++) {
    check_view_reset (&out);
    reserve (pools[1], 2, &out.view);
    frc_roi_align_run (frc_kernels_get (*name, NULL), pools[1], &rois, &out.view);
    g_assert_null (check_view_canaries (&out));
    for (gsize i = 0; i < G_N_ELEMENTS (boxes) * 7 * 7 * 20; i++)
      if (i < 4 * 7 * 7 * 20)
        g_assert_cmpfloat (out.view.data[i], ==, 0);
      else
        g_assert_cmpfloat_with_epsilon (out.view.data[i], .5, .5 + 1e-6); /* 0 … 1, never NaN */
  }
  check_view_clear (&map);
  check_view_clear (&out);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pools[0] = frc_pool_new (1, NULL);
  pools[1] = frc_pool_new (2, NULL);
  g_test_add_func ("/roi-align/ramp", test_ramp);
  g_test_add_func ("/roi-align/no-boxes", test_no_boxes);
  g_test_add_func ("/roi-align/random", test_random);
  int result = g_test_run ();
  frc_pool_free (pools[0]);
  frc_pool_free (pools[1]);
  return result;
}
