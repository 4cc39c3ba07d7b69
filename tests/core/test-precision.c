/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which precision a detector gets, what `frcnn calibrate` writes into a file, and that results do not
 * depend on the number of threads. What this CPU does not run is skipped.
 */
#include "core/calibration.h"
#include "core/kernels/narrow_table.h"
#include "core/model/metadata.h"
#include "core/model/model.h"
#include "tests/support/synthetic.h"

#include <glib/gstdio.h>
#include <string.h>

#define FAMILY "fasterrcnn_efficientnet_lite0_fpn"
#define WIDTH 96
#define HEIGHT 64

static char *folder, *path, *calibrated;
static gboolean runs_narrow;
static const FrcNarrowKernels *narrow;

static FrcImage
image_of (guint8 *pixels)
{
  return (FrcImage){ { FRC_FORMAT_RGB, WIDTH, HEIGHT }, { pixels }, { WIDTH * 3 } };
}

static FrcModel *
load (const char *file)
{
  g_autoptr (GError) error = NULL;
  FrcModel *model = frc_model_load (file, NULL, &error);

  g_assert_no_error (error);
  return model;
}

/* A white and a black image: what the first layer takes in is known. */
static FrcCalibration *
calibrate (FrcModel *model)
{
  static guint8 pixels[HEIGHT * WIDTH * 3];
  FrcOptions options = { .threads = 2, .input_size = 64 };
  FrcCalibration *calibration = frc_calibration_new (model, &options, NULL);

  for (guint i = 0; i < 2; i++) {
    FrcImage image = image_of (pixels);
    memset (pixels, i ? 0 : 255, sizeof pixels);
    g_assert_true (frc_calibration_add (calibration, &image, NULL));
  }
  return calibration;
}

static void
test_names (void)
{
  FrcPrecision precision;
  g_autoptr (GError) error = NULL;

  for (guint p = 0; p < FRC_N_PRECISIONS; p++) {
    g_assert_true (frc_precision_parse (frc_precision_name ((FrcPrecision) p), &precision, NULL));
    g_assert_cmpint (precision, ==, p);
  }
  g_assert_false (frc_precision_parse ("f64", &precision, &error));
  g_assert_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT);
}

static void
test_bounds (void)
{
  FrcModel *model = load (path);
  g_autoptr (FrcCalibration) calibration = calibrate (model);

  g_assert_null (model->bounds);
  g_assert_true (frc_calibration_write (calibration, calibrated, NULL));
  FrcModel *after = load (calibrated);
  g_assert_nonnull (after->bounds);
  g_assert_cmpuint (g_hash_table_size (after->bounds), >, 40);
  const FrcBounds *first = g_hash_table_lookup (after->bounds, "backbone.body.stem.conv");
  g_assert_nonnull (first);
  /* With mean 127 and deviation 128 white is 1 and black −127 / 128; 0 always belongs to the bounds. */
  g_assert_cmpfloat_with_epsilon (first->max, (1 + 0) / 2.0f, 1e-4f);
  g_assert_cmpfloat_with_epsilon (first->min, (0 - 127 / 128.0f) / 2, 1e-4f);
  /* The numbers are the file's own: the weights did not change. */
  g_assert_cmpuint (frc_model_get_info (after)->n_parameters, ==,
      frc_model_get_info (model)->n_parameters);
  frc_model_unref (after);
  frc_model_unref (model);
}

static FrcPrecision
chosen (FrcModel *model, FrcPrecision wanted, GError **error)
{
  FrcOptions options = { .threads = 1, .input_size = 64, .precision = wanted };
  g_autoptr (FrcDetector) detector = frc_detector_new (model, &options, error);
  FrcDetectorInfo info = { .precision = FRC_PRECISION_AUTO };

  if (detector)
    frc_detector_get_info (detector, &info);
  return info.precision;
}

static void
test_what_the_model_lacks (void)
{
  FrcModel *model = load (path);
  g_autoptr (GError) error = NULL, other = NULL;

  chosen (model, FRC_PRECISION_INT8, &error);
  g_assert_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "calibrate"));
  chosen (model, (FrcPrecision) 77, &other);
  g_assert_error (other, FRC_ERROR, FRC_ERROR_ARGUMENT);
  g_assert_cmpint (chosen (model, FRC_PRECISION_AUTO, NULL), ==, FRC_PRECISION_F32);
  g_assert_cmpint (chosen (model, FRC_PRECISION_F32, NULL), ==, FRC_PRECISION_F32);
  frc_model_unref (model);
}

/* Scalar kernels are there to compare with, and bf16 without AMX is slower than f32. */
static gboolean
gains (FrcPrecision precision)
{
  if (!runs_narrow || precision == FRC_PRECISION_F32 || narrow == &frc_narrow_scalar)
    return FALSE;
  return precision == FRC_PRECISION_INT8 || narrow->begin != NULL;
}

/* Which narrow numbers are faster than f32 with which kernels; those that this CPU has. */
static void
test_gain (void)
{
  static const struct {
    const char *cpu;
    gboolean bf16, int8;
  } cases[] = { { "scalar", FALSE, FALSE }, { "avx512", FALSE, TRUE }, { "amx", TRUE, TRUE } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const FrcKernels *kernels = frc_kernels_get (cases[i].cpu, NULL);
    const FrcNarrowKernels *of = kernels ? frc_narrow_kernels (kernels, NULL) : NULL;
    if (!of || (g_str_equal (cases[i].cpu, "amx") && !of->begin))
      continue;
    g_assert_cmpint (frc_narrow_kernels_gain (of, FALSE), ==, cases[i].bf16);
    g_assert_cmpint (frc_narrow_kernels_gain (of, TRUE), ==, cases[i].int8);
  }
}

/* auto takes the fastest whose cost is known and at most half a point. */
static void
test_auto (void)
{
  static const struct {
    gdouble bf16, int8; /* < −9: unknown */
    FrcPrecision want;
  } cases[] = { { .2, .9, FRC_PRECISION_BF16 }, { .2, .5, FRC_PRECISION_INT8 },
    { .51, .6, FRC_PRECISION_F32 }, { -.3, -10, FRC_PRECISION_BF16 },
    { .4, .6, FRC_PRECISION_BF16 }, { .6, .4, FRC_PRECISION_INT8 },
    { -10, .1, FRC_PRECISION_INT8 }, { -10, -10, FRC_PRECISION_F32 } };
  FrcModel *model = load (path);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (FrcCalibration) calibration = calibrate (model);
    if (cases[i].bf16 > -9)
      frc_calibration_set_cost (calibration, FRC_PRECISION_BF16, cases[i].bf16, "mean AP on some");
    if (cases[i].int8 > -9)
      frc_calibration_set_cost (calibration, FRC_PRECISION_INT8, cases[i].int8, "mean AP on some");
    g_assert_true (frc_calibration_write (calibration, calibrated, NULL));
    FrcModel *after = load (calibrated);
    FrcPrecision want = gains (cases[i].want) ? cases[i].want : FRC_PRECISION_F32;
    g_assert_cmpint (chosen (after, FRC_PRECISION_AUTO, NULL), ==, want);
    g_assert_cmpint (chosen (after, FRC_PRECISION_F32, NULL), ==, FRC_PRECISION_F32);
    frc_model_unref (after);
  }
  frc_model_unref (model);
}

static void
check_converted (const char *dtype, const char *family, gboolean kept)
{
  g_autofree char *out = g_build_filename (folder, "converted.safetensors", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (frc_model_convert (calibrated, family, NULL, dtype, out, &error));
  g_assert_no_error (error);
  g_autoptr (FrcModel) before = load (calibrated);
  g_autoptr (FrcModel) after = load (out);
  const FrcModelInfo *info = frc_model_get_info (after);
  g_assert_cmpint (info->has_int8_bounds, ==, kept);
  g_assert_cmpstr (info->bf16_cost, ==, kept ? "-0.310 points of mean AP on some" : NULL);
  g_assert_cmpstr (info->int8_cost, ==, NULL);
  if (kept)
    g_assert_cmpuint (g_hash_table_size (after->bounds), ==, g_hash_table_size (before->bounds));
  g_unlink (out);
}

/* A calibration goes on with the numbers it was measured on: f32 are all they can be, f16 are f32
 * too, but f32 become others as f16. The same tensors of another family are another network. */
static void
test_converted (void)
{
  g_autofree char *half = g_build_filename (folder, "half.safetensors", NULL);
  FrcModel *model = load (path);
  g_autoptr (FrcCalibration) calibration = calibrate (model);

  frc_calibration_set_cost (calibration, FRC_PRECISION_BF16, -.31, "mean AP on some");
  g_assert_true (frc_calibration_write (calibration, calibrated, NULL));
  frc_model_unref (model);
  check_converted ("f32", NULL, TRUE);
  check_converted (NULL, FAMILY, TRUE);
  check_converted ("f16", NULL, FALSE);
  check_converted ("bf16", NULL, FALSE);
  g_assert_true (frc_model_convert (path, NULL, NULL, "f16", half, NULL));
  model = load (half);
  g_autoptr (FrcCalibration) of_half = calibrate (model);
  frc_calibration_set_cost (of_half, FRC_PRECISION_BF16, -.31, "mean AP on some");
  g_assert_true (frc_calibration_write (of_half, calibrated, NULL));
  frc_model_unref (model);
  check_converted ("f16", NULL, TRUE);
  check_converted ("f32", NULL, TRUE);
  check_converted ("bf16", NULL, FALSE);
  g_unlink (half);
}

static void
test_converted_family (void)
{
  g_autofree char *mobile = g_build_filename (folder, "mobile.safetensors", NULL);
  FrcModel *model;

  frc_test_write_model ("fasterrcnn_mobilenet_v3_large_320_fpn", mobile);
  model = load (mobile);
  g_autoptr (FrcCalibration) calibration = calibrate (model);
  frc_calibration_set_cost (calibration, FRC_PRECISION_BF16, -.31, "mean AP on some");
  g_assert_true (frc_calibration_write (calibration, calibrated, NULL));
  frc_model_unref (model);
  check_converted ("f32", "fasterrcnn_mobilenet_v3_large_320_fpn", TRUE);
  check_converted ("f32", "fasterrcnn_mobilenet_v3_large_fpn", FALSE);
  g_unlink (mobile);
}

static void
test_damaged_bounds (void)
{
  static const char *const texts[] = { "layer 1", "layer x 2", "layer 3 2", " 1 2", "layer 1 nan",
    "layer 1 2\n" };
  const char *const keys[] = { FRC_METADATA_BOUNDS, NULL };
  FrcModel *model = load (path);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    const char *const values[] = { texts[i], NULL };
    g_autoptr (GError) error = NULL;
    g_assert_true (frc_model_annotate (model, keys, values, calibrated, NULL));
    g_assert_null (frc_model_load (calibrated, NULL, &error));
    g_assert_error (error, FRC_ERROR, FRC_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, calibrated));
  }
  frc_model_unref (model);
}

static guint
detect (FrcModel *model, FrcPrecision precision, guint threads, FrcDetection *found)
{
  static guint8 pixels[HEIGHT * WIDTH * 3];
  FrcOptions options = { .threads = threads, .input_size = 64, .precision = precision };
  g_autoptr (GError) error = NULL;
  g_autoptr (FrcDetector) detector = frc_detector_new (model, &options, &error);
  FrcImage image = image_of (pixels);
  FrcQuery query = FRC_QUERY_INIT;
  guint n;

  g_assert_no_error (error);
  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = (guint8) (i * i / 7 + 3 * i);
  query.score_threshold = 0.02f;
  g_assert_true (frc_detect (detector, &image, &query, found, 100, &n, &error));
  return n;
}

/* With a model of its own: the threads pack, too. */
static guint
detect_anew (FrcPrecision precision, guint threads, FrcDetection *found)
{
  FrcModel *model = load (calibrated);
  guint n = detect (model, precision, threads, found);

  frc_model_unref (model);
  return n;
}

static void
test_threads (void)
{
  FrcDetection one[100], two[100];

  if (!runs_narrow) {
    g_test_skip ("this CPU has no AVX512-BF16");
    return;
  }
  FrcModel *model = load (path);
  g_autoptr (FrcCalibration) calibration = calibrate (model);
  g_assert_true (frc_calibration_write (calibration, calibrated, NULL));
  frc_model_unref (model);
  for (FrcPrecision p = FRC_PRECISION_BF16; p <= FRC_PRECISION_INT8; p++) {
    memset (one, 0, sizeof one);
    memset (two, 0, sizeof two);
    guint n = detect_anew (p, 1, one);
    g_assert_cmpuint (n, >, 0);
    g_assert_cmpuint (detect_anew (p, 2, two), ==, n);
    g_assert_cmpmem (one, sizeof one, two, sizeof two);
  }
}

/* Weights are packed for what computes with them, and for nothing else; the file serves the first
 * detector, and only another precision needs it again. */
static void
test_packs_what_is_used (void)
{
  g_autofree char *away = g_strconcat (path, ".away", NULL);
  FrcPrecision used = runs_narrow ? FRC_PRECISION_BF16 : FRC_PRECISION_F32;
  FrcPrecision other = runs_narrow ? FRC_PRECISION_F32 : FRC_PRECISION_BF16;
  g_autoptr (GError) error = NULL;
  FrcModel *model = load (path);

  g_assert_nonnull (model->unpacked.trunk);
  g_assert_cmpint (g_rename (path, away), ==, 0);
  for (guint i = 0; i < 2; i++) {
    g_assert_cmpint (chosen (model, used, NULL), ==, used);
    g_assert_null (model->unpacked.trunk);
    for (guint p = 0; p < FRC_N_PRECISIONS; p++)
      g_assert_true ((model->packed[p].trunk != NULL) == (p == used));
  }
  g_assert_cmpint (chosen (model, other, &error), ==, FRC_PRECISION_AUTO);
  g_assert_nonnull (error);
  g_assert_cmpint (g_rename (away, path), ==, 0);
  if (runs_narrow) {
    g_assert_nonnull (strstr (error->message, "the file has changed"));
    g_assert_cmpint (chosen (model, other, NULL), ==, other);
    g_assert_cmpuint (frc_graph_weight_bytes (model->packed[used].trunk), <,
        frc_graph_weight_bytes (model->packed[other].trunk) * 3 / 4);
  }
  frc_model_unref (model);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("frcnn-precision-XXXXXX", NULL);
  path = g_build_filename (folder, "model.safetensors", NULL);
  calibrated = g_build_filename (folder, "calibrated.safetensors", NULL);
  frc_test_write_model (FAMILY, path);
  narrow = frc_narrow_kernels (frc_kernels_get (NULL, NULL), NULL);
  runs_narrow = narrow != NULL;
  g_test_add_func ("/precision/names", test_names);
  g_test_add_func ("/precision/bounds", test_bounds);
  g_test_add_func ("/precision/what-the-model-lacks", test_what_the_model_lacks);
  g_test_add_func ("/precision/gain", test_gain);
  g_test_add_func ("/precision/auto", test_auto);
  g_test_add_func ("/precision/converted", test_converted);
  g_test_add_func ("/precision/converted-family", test_converted_family);
  g_test_add_func ("/precision/damaged-bounds", test_damaged_bounds);
  g_test_add_func ("/precision/threads", test_threads);
  g_test_add_func ("/precision/packs-what-is-used", test_packs_what_is_used);
  int result = g_test_run ();
  g_unlink (path);
  g_unlink (calibrated);
  g_rmdir (folder);
  g_free (path);
  g_free (calibrated);
  g_free (folder);
  return result;
}
