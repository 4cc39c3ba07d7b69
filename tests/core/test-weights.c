/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Weight readers on files that PyTorch and safetensors wrote (fixtures/make_pth.py): every element
 * has a closed form. Conversions between float types, and what frc_weights_save () writes.
 */
#include "core/mem.h"
#include "core/model/weights-private.h"

#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

/* ---- what the fixtures hold --------------------------------------------------------------- */

typedef struct {
  const char *name;
  FrcDtype dtype;
  guint n_dims;
  guint64 shape[FRC_MAX_DIMS];
  gint start, step[FRC_MAX_DIMS]; /* element (i, j, …) is value (start + i·step₀ + j·step₁ + …) */
} Expected;

static const Expected mixed[] = {
  { "plain", FRC_DTYPE_F32, 3, { 2, 3, 4 }, 0, { 12, 4, 1 } },
  { "channels_last", FRC_DTYPE_F32, 4, { 4, 3, 2, 5 }, 0, { 30, 10, 5, 1 } },
  { "transposed", FRC_DTYPE_F32, 2, { 4, 3 }, 7, { 1, 4 } },
  { "every_second", FRC_DTYPE_F32, 1, { 20 }, 1, { 2 } },
  { "expanded", FRC_DTYPE_F32, 2, { 4, 3 }, 3, { 0, 1 } },
  { "parameter", FRC_DTYPE_F32, 2, { 2, 3 }, 5, { 3, 1 } },
  { "scalar", FRC_DTYPE_F32, 0, { 0 }, 3, { 0 } },
  { "none", FRC_DTYPE_F32, 2, { 0, 4 }, 0, { 0 } },
  { "half", FRC_DTYPE_F16, 2, { 5, 7 }, 0, { 7, 1 } },
  { "bfloat", FRC_DTYPE_BF16, 2, { 5, 7 }, 0, { 7, 1 } },
  { "double", FRC_DTYPE_F64, 2, { 3, 3 }, 0, { 3, 1 } },
  { "i64", FRC_DTYPE_I64, 1, { 9 }, 0, { 1 } },
  { "i32", FRC_DTYPE_I32, 1, { 9 }, 0, { 1 } },
  { "i16", FRC_DTYPE_I16, 1, { 9 }, 0, { 1 } },
  { "i8", FRC_DTYPE_I8, 1, { 9 }, 0, { 1 } },
  { "u8", FRC_DTYPE_U8, 1, { 9 }, 0, { 1 } },
  { "bool", FRC_DTYPE_BOOL, 1, { 3 }, 0, { 1 } },
};

static const Expected nested[] = {
  { "0.weight", FRC_DTYPE_F32, 4, { 3, 2, 1, 1 }, 0, { 2, 1, 0, 0 } },
  { "0.bias", FRC_DTYPE_F32, 1, { 3 }, 0, { 1 } },
  { "1.weight", FRC_DTYPE_F32, 1, { 3 }, 0, { 1 } },
  { "1.bias", FRC_DTYPE_F32, 1, { 3 }, 0, { 1 } },
  { "1.running_mean", FRC_DTYPE_F32, 1, { 3 }, 0, { 1 } },
  { "1.running_var", FRC_DTYPE_F32, 1, { 3 }, 0, { 1 } },
  { "1.num_batches_tracked", FRC_DTYPE_I64, 0, { 0 }, 0, { 0 } },
};

static gfloat
expected_value (const Expected *e, gint i)
{
  gint whole = i * 7 % 23;

  if (strcmp (e->name, "1.num_batches_tracked") == 0)
    return 0.0f;
  switch (e->dtype) {
  case FRC_DTYPE_BOOL: return i % 2 == 0;
  case FRC_DTYPE_U8: return whole;
  case FRC_DTYPE_I64:
  case FRC_DTYPE_I32:
  case FRC_DTYPE_I16:
  case FRC_DTYPE_I8: return whole - 11;
  default: return (whole - 11) / 4.0f;
  }
}

static void
assert_tensor (const FrcTensor *tensor, const Expected *e)
{
  guint64 n = frc_tensor_elements (tensor), count = 1;

  g_assert_cmpstr (tensor->name, ==, e->name);
  g_assert_cmpint (tensor->dtype, ==, e->dtype);
  g_assert_cmpuint (tensor->n_dims, ==, e->n_dims);
  for (guint d = 0; d < e->n_dims; d++) {
    g_assert_cmpuint (tensor->shape[d], ==, e->shape[d]);
    count *= e->shape[d];
  }
  g_assert_cmpuint (n, ==, count);

  g_autofree gfloat *values = g_new (gfloat, n + 1);
  values[n] = 1234.5f; /* must stay: nothing is written behind the end */
  frc_tensor_read_f32 (tensor, values);
  for (guint64 i = 0; i < n; i++) {
    gint at = e->start;
    guint64 rest = i;
    for (guint d = e->n_dims; d-- > 0; rest /= e->shape[d])
      at += (gint) (rest % e->shape[d]) * e->step[d];
    g_assert_cmpfloat (values[i], ==, expected_value (e, at));
  }
  g_assert_cmpfloat (values[n], ==, 1234.5f);
}

static FrcWeights *
open_fixture (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (FIXTURES, name, NULL);
  FrcWeights *weights = frc_weights_open (path, &error);

  g_assert_no_error (error);
  g_assert_nonnull (weights);
  g_assert_cmpstr (frc_weights_path (weights), ==, path);
  return weights;
}

static void
check_fixture (const char *name, const char *format, const Expected *expected, guint n)
{
  g_autoptr (FrcWeights) weights = open_fixture (name);

  g_assert_cmpstr (frc_weights_format (weights), ==, format);
  g_assert_cmpuint (frc_weights_count (weights), ==, n);
  for (guint i = 0; i < n; i++) {
    const FrcTensor *tensor = frc_weights_find (weights, expected[i].name);
    g_assert_nonnull (tensor);
    assert_tensor (tensor, &expected[i]);
    if (!strstr (name, "safetensors")) /* whose writer sorts */
      g_assert_true (frc_weights_nth (weights, i) == tensor);
  }
  g_assert_null (frc_weights_nth (weights, n));
  g_assert_null (frc_weights_find (weights, "absent"));
  g_assert_null (frc_weights_find (weights, ""));
}

static void
test_zip (void)
{
  check_fixture ("mixed-zip.pth", "pth (zip)", mixed, G_N_ELEMENTS (mixed));
  check_fixture ("nested-zip.pth", "pth (zip)", nested, G_N_ELEMENTS (nested));
  check_fixture ("protocol4-zip.pth", "pth (zip)", mixed, G_N_ELEMENTS (mixed));
}

static void
test_legacy (void)
{
  check_fixture ("mixed-legacy.pth", "pth (legacy)", mixed, G_N_ELEMENTS (mixed));
  check_fixture ("nested-legacy.pth", "pth (legacy)", nested, G_N_ELEMENTS (nested));
  check_fixture ("protocol4-legacy.pth", "pth (legacy)", mixed, G_N_ELEMENTS (mixed));
}

static void
test_safetensors (void)
{
  g_autoptr (FrcWeights) weights = open_fixture ("mixed.safetensors");

  check_fixture ("mixed.safetensors", "safetensors", mixed, G_N_ELEMENTS (mixed));
  g_assert_cmpstr (frc_weights_metadata (weights, "made-by"), ==, "make_pth.py");
  g_assert_cmpstr (frc_weights_metadata (weights, "note"), ==, "a \"quoted\" é");
  g_assert_null (frc_weights_metadata (weights, "absent"));
}

/* ---- float types -------------------------------------------------------------------------- */

/* Sign, exponent and fraction by their definition in IEEE 754. */
static double
half_value (guint16 bits)
{
  gint exponent = bits >> 10 & 31, fraction = bits & 1023;
  double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
      : exponent == 0 ? ldexp (fraction, -24) : ldexp (1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

static void
test_half_to_float (void)
{
  for (guint bits = 0; bits < 65536; bits++) {
    gfloat value = frc_f32_from_f16 (bits);
    if (isnan (half_value (bits)))
      g_assert_true (isnan (value));
    else
      g_assert_cmpfloat (value, ==, half_value (bits));
    g_assert_cmpint (!!signbit (value), ==, bits >> 15);
    if (!isnan (value))
      g_assert_cmpuint (frc_f16_from_f32 (value), ==, bits);
    else
      g_assert_true (isnan (half_value (frc_f16_from_f32 (value))));
  }
}

/* Between each two neighbours: below, at and above the middle. */
static void
test_float_to_half (void)
{
  for (guint bits = 0; bits < 0x7c00; bits++) {
    double low = half_value (bits);
    double high = bits + 1 == 0x7c00 ? 65536.0 : half_value (bits + 1);
    gfloat middle = (low + high) / 2; /* exact */
    guint even = bits % 2 ? bits + 1 : bits;
    g_assert_cmpuint (frc_f16_from_f32 (middle), ==, even);
    g_assert_cmpuint (frc_f16_from_f32 (nextafterf (middle, 0)), ==, bits);
    g_assert_cmpuint (frc_f16_from_f32 (nextafterf (middle, INFINITY)), ==, bits + 1);
    g_assert_cmpuint (frc_f16_from_f32 (-middle), ==, even | 0x8000);
  }
  g_assert_cmpuint (frc_f16_from_f32 (1e30f), ==, 0x7c00);
  g_assert_cmpuint (frc_f16_from_f32 (-INFINITY), ==, 0xfc00);
  g_assert_cmpuint (frc_f16_from_f32 (1e-30f), ==, 0);
}

static void
test_float_to_bfloat (void)
{
  static const struct { guint32 in; guint16 out; } cases[] = {
    { 0x3f800000, 0x3f80 }, { 0x3f808000, 0x3f80 }, { 0x3f808001, 0x3f81 },
    { 0x3f818000, 0x3f82 }, { 0x3f817fff, 0x3f81 }, { 0x7f7fffff, 0x7f80 },
    { 0x7f800000, 0x7f80 }, { 0x80000000, 0x8000 }, { 0x00008001, 0x0001 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gfloat value;
    memcpy (&value, &cases[i].in, 4);
    g_assert_cmphex (frc_bf16_from_f32 (value), ==, cases[i].out);
  }
  g_assert_cmphex (frc_bf16_from_f32 (NAN) & 0x7fff, >, 0x7f80);
  guint32 signalling = 0x7f800001;
  gfloat nan_value;
  memcpy (&nan_value, &signalling, 4);
  g_assert_cmphex (frc_bf16_from_f32 (nan_value), >, 0x7f80);
}

/* ---- saving ------------------------------------------------------------------------------- */

static void
check_saved (const FrcWeights *in, FrcDtype dtype, const char *path)
{
  static const char *const keys[] = { "labels", "b\"\\\n", NULL }, *const values[] = { "a,b", "é" };
  g_autoptr (GError) error = NULL;

  g_assert_true (frc_weights_save (in, keys, values, dtype, path, &error));
  g_assert_no_error (error);
  g_autoptr (FrcWeights) out = frc_weights_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (out->header_bytes % 8, ==, 0);
  g_assert_cmpstr (frc_weights_metadata (out, "labels"), ==, "a,b");
  g_assert_cmpstr (frc_weights_metadata (out, "b\"\\\n"), ==, "é");

  guint at = 0;
  for (guint i = 0; i < G_N_ELEMENTS (mixed); i++) {
    if (mixed[i].dtype > FRC_DTYPE_F64) { /* integers are left out */
      g_assert_null (frc_weights_find (out, mixed[i].name));
      continue;
    }
    Expected written = mixed[i]; /* all values are exact in each float type */
    written.dtype = mixed[i].n_dims < 2 ? FRC_DTYPE_F32 : dtype;
    const FrcTensor *tensor = frc_weights_nth (out, at++);
    assert_tensor (tensor, &written);
    g_assert_cmpuint ((gsize) tensor->data % frc_dtype_size (tensor->dtype), ==, 0);
  }
  g_assert_cmpuint (frc_weights_count (out), ==, at);
}

static void
test_save (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("frc-weights-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "out.safetensors", NULL);
  g_autofree char *missing = g_build_filename (folder, "missing", "out.safetensors", NULL);
  g_autoptr (FrcWeights) in = open_fixture ("mixed-zip.pth");

  check_saved (in, FRC_DTYPE_F32, path);
  check_saved (in, FRC_DTYPE_F16, path);
  check_saved (in, FRC_DTYPE_BF16, path);

  g_assert_false (frc_weights_save (in, NULL, NULL, FRC_DTYPE_F32, missing, &error));
  g_assert_error (error, FRC_ERROR, FRC_ERROR_WRITE);
  g_assert_nonnull (strstr (error->message, missing));
  g_clear_error (&error);
  g_assert_false (frc_weights_save (in, NULL, NULL, FRC_DTYPE_F32, folder, &error));
  g_assert_error (error, FRC_ERROR, FRC_ERROR_WRITE);
  g_clear_error (&error);
  g_assert_false (frc_weights_save (in, NULL, NULL, FRC_DTYPE_I8, path, &error));
  g_assert_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT);

  g_assert_cmpint (g_remove (path), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0); /* fails when a temporary file was left */
}

/* A disk that fills up, by a limit on the size of files: only the older file stays. */
static void
check_save_full (const FrcWeights *in)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("frc-weights-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "out.safetensors", NULL);
  g_autofree char *content = NULL;
  struct rlimit before, tiny;

  g_assert_true (g_file_set_contents (path, "older", -1, NULL));
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  tiny = (struct rlimit) { 100, before.rlim_max };
  void (*handler) (int) = signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &tiny), ==, 0);
  gboolean ok = frc_weights_save (in, NULL, NULL, FRC_DTYPE_F32, path, &error);
  setrlimit (RLIMIT_FSIZE, &before);
  signal (SIGXFSZ, handler);

  g_assert_false (ok);
  g_assert_error (error, FRC_ERROR, FRC_ERROR_WRITE);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, "older");
  g_assert_cmpint (g_remove (path), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
test_save_full (void)
{
  static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[99,99],"
      "\"data_offsets\":[0,39204]}}";
  const guint64 n = GUINT64_TO_LE ((guint64) strlen (header));
  g_autofree guint8 *file = g_malloc0 (8 + strlen (header) + 39204);
  g_autoptr (FrcWeights) small = open_fixture ("mixed-zip.pth"); /* fails when it is closed */

  memcpy (file, &n, 8);
  memcpy (file + 8, header, strlen (header));
  g_autoptr (FrcWeights) large = /* fails before */
      frc_weights_open_memory (file, 8 + strlen (header) + 39204, "large", NULL, NULL);
  check_save_full (small);
  check_save_full (large);
}

/* ---- memory that runs out ----------------------------------------------------------------- */

#ifdef FRC_TEST_HOOKS
static void
test_no_memory (void)
{
  static const char *const names[] = { "mixed-zip.pth", "nested-legacy.pth", "mixed.safetensors" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (FIXTURES, names[i], NULL);
    FrcWeights *weights = NULL;
    guint64 k = 0;
    while (!weights) {
      g_autoptr (GError) error = NULL;
      frc_alloc_fail_at (++k);
      weights = frc_weights_open (path, &error);
      frc_alloc_fail_at (0);
      if (weights)
        break;
      g_assert_error (error, FRC_ERROR, FRC_ERROR_NO_MEMORY);
    }
    g_test_message ("%s: %" G_GUINT64_FORMAT " allocations", names[i], k - 1);
    g_assert_cmpuint (k, >, 4);
    frc_weights_free (weights);
  }
}
#endif

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weights/zip", test_zip);
  g_test_add_func ("/weights/legacy", test_legacy);
  g_test_add_func ("/weights/safetensors", test_safetensors);
  g_test_add_func ("/weights/half-to-float", test_half_to_float);
  g_test_add_func ("/weights/float-to-half", test_float_to_half);
  g_test_add_func ("/weights/float-to-bfloat", test_float_to_bfloat);
  g_test_add_func ("/weights/save", test_save);
  g_test_add_func ("/weights/save-full", test_save_full);
#ifdef FRC_TEST_HOOKS
  g_test_add_func ("/weights/no-memory", test_no_memory);
#endif
  return g_test_run ();
}
