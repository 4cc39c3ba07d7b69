/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading frames: colours and resizing in closed form, orderings of RGB bit for bit, crops, odd
 * sizes against unreadable pages, every kernel against scalar. FRC_TEST_SEED starts other random
 * cases. (test-frame-oracle.c compares with videoconvert, tests/golden with torch.)
 */
#include "frames.h"

#include <math.h>
#include <string.h>

static FrcPool *pools[2]; /* of one thread and of two */
static guint64 seed;

static void
fail (const TestFrame *frame, const char *kernels, const FrcRect *rect, const CheckView *out,
    char *problem)
{
  const FrcImageInfo *info = &frame->image.info;

  if (problem == NULL)
    return;
  g_test_message ("%s: %s; %s %ux%u stride %d, matrix %d, range %d, rectangle %u,%u %ux%u, out "
      "%ux%u", kernels, problem, frame_format_names[info->format], info->width, info->height,
      frame->image.stride[0], info->matrix, info->range, rect ? rect->x : 0, rect ? rect->y : 0,
      rect ? rect->width : info->width, rect ? rect->height : info->height, out->view.w,
      out->view.h);
  g_test_fail ();
  g_free (problem);
}

/* ---- colours ------------------------------------------------------------------------------ */

/* The standards' own definition, in reals. */
static void
exact_rgb (FrcMatrix matrix, FrcRange range, const guint8 yuv[3], gdouble rgb[3])
{
  static const gdouble k[][2] = {{.299, .114}, {.2126, .0722}, {.3, .11}, {.212, .087},
    {.2627, .0593}};
  gboolean full = range == FRC_RANGE_FULL;
  gdouble kr = k[matrix][0], kb = k[matrix][1];
  gdouble y = full ? yuv[0] : (yuv[0] - 16) * 255. / 219;
  gdouble u = (yuv[1] - 128) * 255. / (full ? 255 : 224);
  gdouble v = (yuv[2] - 128) * 255. / (full ? 255 : 224);

  rgb[0] = y + 2 * (1 - kr) * v;
  rgb[2] = y + 2 * (1 - kb) * u;
  rgb[1] = (y - kr * rgb[0] - kb * rgb[2]) / (1 - kr - kb);
  for (guint i = 0; i < 3; i++)
    rgb[i] = CLAMP (rgb[i], 0, 255);
}

/* videoconvert's arithmetic keeps Y = 128 at 128, where limited range means 130.4: everything comes
 * out 2.4 levels too dark. Each of up to three products loses less than 1 more by rounding down. */
static void
test_colours (void)
{
  static const guint8 colours[][3] = {{16, 128, 128}, {235, 128, 128}, {128, 128, 128},
    {81, 90, 240}, {145, 54, 34}, {41, 240, 110}, {180, 100, 160}, {60, 150, 90}};
  CheckView out = check_view_new_output (1, 4, 5, 3, 3);
  CheckView want = check_view_new_output (1, 4, 5, 3, 3);

  for (guint format = FRC_FORMAT_GRAY8; format < FRC_N_FORMATS; format++)
    for (guint k = 0; k < 2 * 5 * G_N_ELEMENTS (colours); k++) {
      const guint8 *colour = colours[k / 10];
      const guint8 grey[3] = {colour[0], 128, 128};
      gdouble rgb[3];
      TestFrame frame = test_frame_new (format, 5, 4, 3, FALSE);
      frame.image.info.matrix = k % 5;
      frame.image.info.range = k / 5 % 2;
      test_frame_fill (&frame, colour);
      exact_rgb (k % 5, k / 5 % 2, format == FRC_FORMAT_GRAY8 ? grey : colour, rgb);
      for (guint i = 0; i < 5 * 4 * 3; i++)
        want.view.data[i] = (gfloat) rgb[i % 3];
      for (const char *const *name = check_kernel_names (); *name != NULL; name++) {
        test_frame_read (&frame, *name, pools[0], NULL, 5, 4, &out);
        fail (&frame, *name, NULL, &out,
            check_view_compare (&out, &want, NULL, k / 5 % 2 == FRC_RANGE_FULL ? 3 : 5.5));
      }
      test_frame_clear (&frame);
    }
  check_view_clear (&out);
  check_view_clear (&want);
}

/* ---- resizing ----------------------------------------------------------------------------- */

static gdouble
source_position (guint i, guint in, guint out)
{
  gdouble at = (i + .5) * in / out - .5;

  return CLAMP (at, 0, in - 1);
}

/* A horizontal and a vertical ramp in two colours: linear interpolation gives the position back. */
static void
test_ramps (void)
{
  static const guint sizes[][4] = {{200, 100, 100, 50}, {100, 90, 200, 180}, {255, 1, 320, 3},
    {1, 255, 1, 100}, {251, 255, 427, 320}, {240, 130, 77, 33}, {2, 2, 640, 480}};

  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++) {
    guint w = sizes[k][0], h = sizes[k][1], out_w = sizes[k][2], out_h = sizes[k][3];
    TestFrame frame = test_frame_new (FRC_FORMAT_RGB, w, h, k, FALSE);
    guint8 *rgb = g_new (guint8, 3 * w * h);
    CheckView out = check_view_new_output (1, out_h, out_w, 3, 3);
    CheckView want = check_view_new_output (1, out_h, out_w, 3, 3);
    for (guint i = 0; i < w * h; i++) {
      rgb[3 * i] = i % w;
      rgb[3 * i + 1] = i / w;
      rgb[3 * i + 2] = 200;
    }
    for (guint i = 0; i < out_w * out_h; i++) {
      want.view.data[3 * i] = (gfloat) source_position (i % out_w, w, out_w);
      want.view.data[3 * i + 1] = (gfloat) source_position (i / out_w, h, out_h);
      want.view.data[3 * i + 2] = 200;
    }
    test_frame_fill_rgb (&frame, rgb);
    for (const char *const *name = check_kernel_names (); *name != NULL; name++) {
      test_frame_read (&frame, *name, pools[1], NULL, out_w, out_h, &out);
      fail (&frame, *name, NULL, &out, check_view_compare (&out, &want, NULL, 1e-4));
      fail (&frame, *name, NULL, &out, check_view_canaries (&out));
    }
    check_view_clear (&out);
    check_view_clear (&want);
    test_frame_clear (&frame);
    g_free (rgb);
  }
}

/* Mean, standard deviation and the zeros around the image. */
static void
test_normalise (void)
{
  const gfloat mean[3] = {.1f, .2f, .3f}, std[3] = {.5f, .25f, 2};
  const guint8 colour[3] = {51, 102, 255}; /* .2, .4, 1 */
  const FrcRect rect = {0, 0, 9, 7};
  const FrcResize resize = {39, 29, 9 / 39.f, 7 / 29.f, FRC_SAMPLING_HALF_PIXEL};
  TestFrame frame = test_frame_new (FRC_FORMAT_BGR, 9, 7, 0, FALSE);
  guint8 rgb[9 * 7 * 3];

  for (guint i = 0; i < sizeof rgb; i++)
    rgb[i] = colour[i % 3];
  test_frame_fill_rgb (&frame, rgb);
  for (const char *const *name = check_kernel_names (); *name != NULL; name++) {
    CheckView out = check_view_new_output (1, 32, 64, 3, 3);
    FrcFrameReader *reader = frc_frame_reader_new (frc_kernels_get (*name, NULL), 9, 7, 64, NULL);
    frc_frame_read (reader, pools[1], &frame.image, &rect, mean, std, &resize, &out.view);
    for (guint y = 0; y < 32; y++)
      for (guint x = 0; x < 64; x++)
        for (guint c = 0; c < 3; c++) {
          gdouble value = (colour[c] / 255. - mean[c]) / std[c];
          gfloat got = out.view.data[(y * 64 + x) * 3 + c];
          if (y < 29 && x < 39)
            g_assert_cmpfloat_with_epsilon (got, value, 1e-6);
          else
            g_assert_cmpfloat (got, ==, 0);
        }
    fail (&frame, *name, &rect, &out, check_view_canaries (&out));
    frc_frame_reader_free (reader);
    check_view_clear (&out);
  }
  test_frame_clear (&frame);
}

/* ---- orderings, crops, odd sizes ---------------------------------------------------------- */

/* The same picture in every ordering of R, G, B is the same input, bit for bit. */
static void
test_orderings (void)
{
  guint64 state = seed;

  for (guint k = 0; k < 40; k++) {
    guint w = 1 + check_random_below (&state, 90), h = 1 + check_random_below (&state, 40);
    guint out_w = 1 + check_random_below (&state, 70), out_h = 1 + check_random_below (&state, 50);
    guint8 *rgb = g_new (guint8, 3 * w * h);
    CheckView out[2] = {check_view_new_output (1, out_h, out_w, 3, 3),
      check_view_new_output (1, out_h, out_w, 3, 3)};
    for (guint i = 0; i < 3 * w * h; i++)
      rgb[i] = check_random (&state) >> 24;
    for (const char *const *name = check_kernel_names (); *name != NULL; name++)
      for (guint format = 0; format < FRC_FORMAT_GRAY8; format++) {
        TestFrame frame = test_frame_new (format, w, h, k % 3, k % 2);
        test_frame_fill_rgb (&frame, rgb);
        test_frame_read (&frame, *name, pools[k % 2], NULL, out_w, out_h, &out[format > 0]);
        if (format > 0 && memcmp (out[0].memory, out[1].memory, out[0].floats * 4) != 0)
          fail (&frame, *name, NULL, &out[1], g_strdup ("differs from RGB"));
        test_frame_clear (&frame);
      }
    check_view_clear (&out[0]);
    check_view_clear (&out[1]);
    g_free (rgb);
  }
}

/* A rectangle is the same part of the whole frame's conversion: chroma beyond its edges counts. */
static void
test_crops (void)
{
  guint64 state = seed;

  for (guint k = 0; k < 20 * FRC_N_FORMATS; k++) {
    guint w = 1 + check_random_below (&state, 150), h = 1 + check_random_below (&state, 30);
    TestFrame frame = test_frame_new (k % FRC_N_FORMATS, w, h, k % 5, k % 2);
    FrcRect rect = {check_random_below (&state, w), check_random_below (&state, h), 0, 0};
    rect.width = 1 + check_random_below (&state, w - rect.x);
    rect.height = 1 + check_random_below (&state, h - rect.y);
    CheckView all = check_view_new_output (1, h, w, 3, 3);
    CheckView part = check_view_new_output (1, rect.height, rect.width, 3, 3);
    CheckView want = check_view_new_output (1, rect.height, rect.width, 3, 3);
    test_frame_fill_random (&frame, &state);
    frame.image.info.matrix = k % 5;
    frame.image.info.range = k % 2;
    for (const char *const *name = check_kernel_names (); *name != NULL; name++) {
      test_frame_read (&frame, *name, pools[0], NULL, w, h, &all);
      test_frame_read (&frame, *name, pools[1], &rect, rect.width, rect.height, &part);
      for (guint y = 0; y < rect.height; y++)
        memcpy (want.view.data + 3 * y * rect.width,
            all.view.data + 3 * ((y + rect.y) * w + rect.x), 3 * rect.width * sizeof (gfloat));
      fail (&frame, *name, &rect, &part, check_view_compare (&part, &want, NULL, 0));
      fail (&frame, *name, &rect, &part, check_view_canaries (&part));
    }
    check_view_clear (&all);
    check_view_clear (&part);
    check_view_clear (&want);
    test_frame_clear (&frame);
  }
}

/* Every kernel against scalar, resized, with one thread and with two. */
static void
test_kernels (void)
{
  guint64 state = seed;

  for (guint k = 0; k < 15 * FRC_N_FORMATS; k++) {
    guint w = 1 + check_random_below (&state, 200), h = 1 + check_random_below (&state, 40);
    guint out_w = 1 + check_random_below (&state, 90), out_h = 1 + check_random_below (&state, 50);
    TestFrame frame = test_frame_new (k % FRC_N_FORMATS, w, h, k % 7, k % 2);
    CheckView out[3];
    for (guint i = 0; i < 3; i++)
      out[i] = check_view_new_output (1, out_h + 3, out_w + k % 4, 3, 3);
    test_frame_fill_random (&frame, &state);
    test_frame_read (&frame, "scalar", pools[0], NULL, out_w, out_h, &out[0]);
    for (const char *const *name = check_kernel_names (); *name != NULL; name++) {
      test_frame_read (&frame, *name, pools[0], NULL, out_w, out_h, &out[1]);
      test_frame_read (&frame, *name, pools[1], NULL, out_w, out_h, &out[2]);
      fail (&frame, *name, NULL, &out[1], check_view_compare (&out[1], &out[0], NULL, 1e-4));
      if (memcmp (out[1].memory, out[2].memory, out[1].floats * sizeof (gfloat)) != 0)
        fail (&frame, *name, NULL, &out[2], g_strdup ("one thread and two differ"));
    }
    for (guint i = 0; i < 3; i++)
      check_view_clear (&out[i]);
    test_frame_clear (&frame);
  }
}

int
main (int argc, char **argv)
{
  const char *given = g_getenv ("FRC_TEST_SEED");

  g_test_init (&argc, &argv, NULL);
  seed = given ? g_ascii_strtoull (given, NULL, 0) : 20240314;
  pools[0] = frc_pool_new (1, NULL);
  pools[1] = frc_pool_new (2, NULL);
  g_test_add_func ("/frame/colours", test_colours);
  g_test_add_func ("/frame/ramps", test_ramps);
  g_test_add_func ("/frame/normalise", test_normalise);
  g_test_add_func ("/frame/orderings", test_orderings);
  g_test_add_func ("/frame/crops", test_crops);
  g_test_add_func ("/frame/kernels", test_kernels);
  int result = g_test_run ();
  frc_pool_free (pools[0]);
  frc_pool_free (pools[1]);
  return result;
}
