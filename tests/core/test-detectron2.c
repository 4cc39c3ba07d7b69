/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pickles of NumPy arrays, Detectron2's antialiased resize against PIL's own bytes, and a small
 * detector from file to boxes.
 */
#include "core/image/antialias.h"
#include "core/image/frame.h"
#include "core/model/weights-private.h"
#include "tests/support/detectron2.h"

#include <glib/gstdio.h>
#include <string.h>

static FrcWeights *
open_pickle (const GByteArray *file, GError **error)
{
  return frc_weights_open_memory (file->data, file->len, "model.pkl", NULL, error);
}

/* ---- arrays ------------------------------------------------------------------------------- */

static void
assert_values (const FrcWeights *weights, const char *name, FrcDtype dtype, guint n_dims,
    const gfloat *expected, guint n)
{
  const FrcTensor *tensor = frc_weights_find (weights, name);
  gfloat values[16];

  g_assert_nonnull (tensor);
  g_assert_cmpint (tensor->dtype, ==, dtype);
  g_assert_cmpuint (tensor->n_dims, ==, n_dims);
  g_assert_cmpuint (frc_tensor_elements (tensor), ==, n);
  frc_tensor_read_f32 (tensor, values);
  g_assert_cmpmem (values, n * sizeof *values, expected, n * sizeof *expected);
}

static void
test_arrays (void)
{
  static const gfloat values[] = { 0, 1, 2, 3, 4, 5 }, columns[] = { 0, 2, 4, 1, 3, 5 };
  static const gfloat whole[] = { 7, -1 }, halves[] = { 1, -2 };
  static const gint64 integers[] = { 7, -1 };
  static const guint16 bits[] = { 0x3c00, 0xc000 };
  static const guint matrix[] = { 2, 3, 0 }, vector[] = { 2, 0 }, number[] = { 0 };

  for (guint style = PICKLE_NUMPY1; style <= PICKLE_NUMPY2; style++) {
    g_autoptr (GByteArray) file = pickle_begin (style);
    g_autoptr (GError) error = NULL;

    pickle_add_array (file, style, "rows", matrix, "f4", FALSE, values, sizeof values);
    pickle_add_array (file, style, "columns", matrix, "f4", TRUE, values, sizeof values);
    pickle_add_array (file, style, "integers", vector, "i8", FALSE, integers, sizeof integers);
    pickle_add_array (file, style, "halves", vector, "f2", FALSE, bits, sizeof bits);
    pickle_add_array (file, style, "number", number, "f4", FALSE, values + 3, sizeof *values);
    pickle_end (file);
    g_autoptr (FrcWeights) weights = open_pickle (file, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (frc_weights_format (weights), ==, "pickle");
    g_assert_cmpuint (frc_weights_count (weights), ==, 5);
    assert_values (weights, "rows", FRC_DTYPE_F32, 2, values, 6);
    assert_values (weights, "columns", FRC_DTYPE_F32, 2, columns, 6);
    assert_values (weights, "integers", FRC_DTYPE_I64, 1, whole, 2);
    assert_values (weights, "halves", FRC_DTYPE_F16, 1, halves, 2);
    assert_values (weights, "number", FRC_DTYPE_F32, 0, values + 3, 1);
  }
}

static void
assert_refused (const GByteArray *file, gint code, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (open_pickle (file, &error));
  g_assert_error (error, FRC_ERROR, code);
  g_assert_nonnull (strstr (error->message, part));
}

/* Fewer bytes than the shape says; a type that is no number; a function that would be called. */
static void
test_refused_arrays (void)
{
  static const gfloat values[6] = { 0 };
  static const guint matrix[] = { 2, 3, 0 };
  static const char system_call[] = "\x80\x03" "cos\nsystem\nX\4\0\0\0true\x85R.";
  g_autoptr (GByteArray) less = pickle_begin (PICKLE_NUMPY1);
  g_autoptr (GByteArray) objects = pickle_begin (PICKLE_NUMPY1);
  g_autoptr (GByteArray) big_endian = pickle_begin (PICKLE_NUMPY1);
  g_autoptr (GByteArray) call = g_byte_array_new ();

  pickle_add_array (less, PICKLE_NUMPY1, "a", matrix, "f4", FALSE, values, 20);
  pickle_end (less);
  assert_refused (less, FRC_ERROR_FORMAT, "'a': reaches outside");
  pickle_add_array (objects, PICKLE_NUMPY1, "a", matrix, "O8", FALSE, values, 24);
  pickle_end (objects);
  assert_refused (objects, FRC_ERROR_UNSUPPORTED, "'O8'");
  pickle_add_array (big_endian, PICKLE_NUMPY1, "a", matrix, "f4", FALSE, values, 24);
  pickle_end (big_endian);
  guint8 *order = memchr (big_endian->data, '<', big_endian->len);
  *order = '>';
  assert_refused (big_endian, FRC_ERROR_UNSUPPORTED, "low byte first");
  g_byte_array_append (call, (const guint8 *) system_call, sizeof system_call - 1);
  assert_refused (call, FRC_ERROR_UNSUPPORTED, "'os.system'; nothing in it was run");
}

/* ---- resize ------------------------------------------------------------------------------- */

/* Half the size: triangles over four pixels. */
static void
test_taps (void)
{
  guint32 first;
  gint32 weight[8];

  g_assert_cmpuint (frc_antialias_taps (1, 8, 4, &first, weight), ==, 4);
  g_assert_cmpuint (first, ==, 1);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpint (weight[i], ==, (i == 0 || i == 3 ? 1 : 3) << 19);
}

static void
check_resize (guint width, guint height, const guint8 *expected)
{
  const gfloat mean[3] = { 0 }, std[3] = { 1 / 255.0f, 1 / 255.0f, 1 / 255.0f };
  guint8 pixels[5 * 7 * 3];
  const FrcImage image = { { FRC_FORMAT_RGB, 7, 5 }, { pixels }, { 21 } };
  const FrcRect rect = { 0, 0, 7, 5 };
  const FrcResize resize = { width, height, 7.0 / width, 5.0 / height, FRC_SAMPLING_ANTIALIAS };
  gfloat values[16 * 16 * 3];
  const FrcView out = { values, 1, height, width, 3, 3 };
  FrcPool *pool = frc_pool_new (2, NULL);
  FrcFrameReader *reader = frc_frame_reader_new (frc_kernels_get (NULL, NULL), 7, 5, 16, NULL);

  for (guint y = 0; y < 5; y++)
    for (guint x = 0; x < 7; x++)
      for (guint c = 0; c < 3; c++)
        pixels[(y * 7 + x) * 3 + c] = (guint8) (x * 37 + y * 91 + c * 53 + x * y * 17);
  g_assert_true (frc_frame_reader_add_antialias (reader, NULL));
  g_assert_true (frc_pool_reserve (pool,
      frc_frame_scratch_bytes (7) + frc_frame_antialias_bytes (reader), NULL));
  frc_frame_read (reader, pool, &image, &rect, mean, std, &resize, &out);
  for (guint i = 0; i < width * height * 3; i++)
    g_assert_cmpfloat_with_epsilon (values[i], expected[i], 1e-3);
  frc_frame_reader_free (reader);
  frc_pool_free (pool);
}

/* What Pillow's Image.resize (BILINEAR) makes of pixels (37 x + 91 y + 53 c + 17 x y) mod 256. */
static void
test_resize (void)
{
  static const guint8 pil_3x2[] = { 113, 141, 149, 144, 137, 157, 133, 144, 120, 132, 125, 133,
    115, 141, 127, 119, 130, 134 };
  static const guint8 pil_10x9[] = { 0, 53, 106, 20, 73, 126, 46, 99, 152, 72, 125, 178, 98, 151,
    204, 124, 177, 230, 150, 203, 243, 176, 229, 90, 202, 139, 52, 222, 19, 72, 30, 83, 136, 54,
    107, 160, 84, 137, 168, 113, 166, 138, 143, 141, 164, 143, 141, 194, 118, 171, 215, 148, 201,
    126, 178, 153, 75, 201, 83, 51, 81, 134, 187, 110, 163, 216, 146, 199, 196, 182, 235, 72, 219,
    124, 97, 176, 81, 134, 65, 118, 169, 101, 154, 186, 137, 177, 112, 166, 191, 16, 131, 184,
    124, 165, 156, 158, 180, 148, 165, 143, 190, 108, 181, 141, 144, 174, 95, 148, 119, 64, 117,
    83, 107, 160, 97, 150, 139, 131, 184, 95, 182, 235, 32, 221, 133, 71, 207, 68, 121, 77, 117,
    170, 114, 167, 220, 164, 127, 180, 201, 11, 64, 71, 60, 113, 57, 110, 163, 96, 149, 202, 90,
    143, 83, 134, 125, 127, 163, 130, 148, 139, 186, 104, 97, 150, 153, 104, 117, 170, 154, 99,
    146, 131, 156, 102, 95, 148, 123, 61, 114, 167, 27, 80, 133, 76, 114, 167, 132, 164, 160, 176,
    227, 63, 89, 142, 97, 62, 115, 150, 106, 159, 202, 170, 223, 105, 130, 170, 99, 54, 79, 132,
    78, 131, 184, 132, 91, 144, 159, 84, 116, 110, 154, 126, 115, 168, 80, 95, 148, 90, 53, 106,
    155, 123, 176, 165, 154, 130, 136, 162, 44, 97, 108, 161, 214, 166, 78, 131, 175, 36, 89, 70,
    110, 163, 130, 183, 70, 114, 167, 54, 21, 74, 127, 95, 148, 201, 168, 106, 159, 226, 23, 76 };
  static const guint8 pil_7x5[] = { 0, 53, 106, 37, 90, 143, 74, 127, 180, 111, 164, 217, 148,
    201, 254, 185, 238, 35, 222, 19, 72, 91, 144, 197, 145, 198, 251, 199, 252, 49, 253, 50, 103,
    51, 104, 157, 105, 158, 211, 159, 212, 9, 182, 235, 32, 253, 50, 103, 68, 121, 174, 139, 192,
    245, 210, 7, 60, 25, 78, 131, 96, 149, 202, 17, 70, 123, 105, 158, 211, 193, 246, 43, 25, 78,
    131, 113, 166, 219, 201, 254, 51, 33, 86, 139, 108, 161, 214, 213, 10, 63, 62, 115, 168, 167,
    220, 17, 16, 69, 122, 121, 174, 227, 226, 23, 76 };
  static const guint8 pil_4x8[] = { 19, 72, 125, 77, 130, 183, 145, 198, 200, 203, 122, 65, 63,
    116, 164, 132, 154, 149, 133, 155, 179, 172, 149, 82, 125, 171, 204, 198, 181, 110, 120, 98,
    151, 127, 180, 107, 180, 157, 114, 149, 145, 157, 142, 81, 134, 90, 135, 146, 162, 139, 97,
    126, 144, 155, 138, 100, 137, 83, 128, 146, 72, 118, 152, 128, 178, 106, 109, 154, 159, 107,
    159, 109, 113, 104, 151, 125, 148, 103, 91, 144, 135, 144, 122, 126, 151, 94, 147, 122, 123,
    105, 79, 132, 114, 171, 90, 143 };

  check_resize (3, 2, pil_3x2);
  check_resize (10, 9, pil_10x9);
  check_resize (7, 5, pil_7x5);
  check_resize (4, 8, pil_4x8);
}

/* ---- the detector ------------------------------------------------------------------------- */

#define CAPACITY 100

static guint
detect (const char *path, FrcDetection *out, FrcModelInfo *info)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (FrcModel) model = frc_model_load (path, NULL, &error);
  g_assert_no_error (error);
  const FrcOptions options = { .threads = 2, .precision = FRC_PRECISION_F32, .input_size = 160 };
  g_autoptr (FrcDetector) detector = frc_detector_new (model, &options, &error);
  guint8 pixels[40 * 60 * 3], mask[90] = { 0 };
  FrcImage image = { { FRC_FORMAT_RGB, 60, 40 }, { pixels }, { 180 } };
  FrcQuery query = FRC_QUERY_INIT;
  FrcDetection masked[CAPACITY];
  guint n, n_masked, seed = 1;

  g_assert_no_error (error);
  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = (seed = seed * 1664525 + 1013904223) >> 24;
  query.score_threshold = 0.05f;
  g_assert_true (frc_detect (detector, &image, &query, out, CAPACITY, &n, &error));
  *info = *frc_model_get_info (model);
  g_assert_cmpuint (info->n_labels, ==, 90);
  g_assert_cmpstr (frc_model_get_label (model, 12), ==, "stop sign");
  g_assert_cmpstr (frc_model_get_label (model, 89), ==, "toothbrush");
  /* Ids are those of labels, and so is the mask. */
  g_assert_cmpuint (n, >, 5);
  for (guint i = 0; i < n; i++)
    g_assert_cmpstr (frc_model_get_label (model, out[i].label_id), !=, "N/A");
  mask[out[0].label_id] = 1;
  query.class_mask = mask;
  g_assert_true (frc_detect (detector, &image, &query, masked, CAPACITY, &n_masked, &error));
  g_assert_cmpuint (n_masked, >, 0);
  for (guint i = 0; i < n_masked; i++)
    g_assert_cmpint (masked[i].label_id, ==, out[0].label_id);
  return n;
}

static void
test_detector (void)
{
  g_autofree char *folder = g_dir_make_tmp ("frc-detectron2-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "model.pkl", NULL);
  g_autofree char *own = g_build_filename (folder, "model.safetensors", NULL);
  FrcDetection first[CAPACITY], found[CAPACITY];
  g_autoptr (GError) error = NULL;
  FrcModelInfo info;
  guint n = 0;

  for (guint style = PICKLE_NUMPY1; style <= PICKLE_NUMPY2; style++) {
    g_autoptr (GByteArray) file = detectron2_small_model (style, DETECTRON2_R50);
    g_file_set_contents (path, (char *) file->data, file->len, NULL);
    guint n_found = detect (path, style ? found : first, &info);
    if (style)
      g_assert_cmpmem (found, n_found * sizeof *found, first, n * sizeof *found);
    n = n_found;
  }
  g_assert_true (frc_model_convert (path, NULL, NULL, NULL, own, &error));
  g_assert_no_error (error);
  guint n_own = detect (own, found, &info);
  g_assert_cmpmem (found, n_own * sizeof *found, first, n * sizeof *found);
  g_assert_cmpstr (info.family, ==, "detectron2_faster_rcnn_r50_fpn");
  g_unlink (path);
  g_unlink (own);
  g_rmdir (folder);
}

/* ResNet-101 has every tensor of ResNet-50, and 17 more blocks; a RetinaNet has no RoI heads. */
static void
test_other_networks (void)
{
  g_autofree char *folder = g_dir_make_tmp ("frc-detectron2-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "model.pkl", NULL);
  g_autoptr (GByteArray) deeper = detectron2_small_model (PICKLE_NUMPY2, DETECTRON2_R101);
  g_autoptr (GByteArray) retinanet = detectron2_small_model (PICKLE_NUMPY2, DETECTRON2_R50);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, (char *) deeper->data, deeper->len, NULL);
  g_assert_null (frc_model_load (path, NULL, &error));
  g_assert_error (error, FRC_ERROR, FRC_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "'backbone.bottom_up.res4.6.conv1.weight'"));
  g_clear_error (&error);

  for (guint i = 0; i + 9 < retinanet->len; i++)
    if (memcmp (retinanet->data + i, "roi_heads", 9) == 0)
      memcpy (retinanet->data + i, "headheads", 9);
  g_file_set_contents (path, (char *) retinanet->data, retinanet->len, NULL);
  g_assert_null (frc_model_load (path, NULL, &error));
  g_assert_error (error, FRC_ERROR, FRC_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "'backbone.bottom_up.stem.conv1.weight'"));
  g_unlink (path);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/detectron2/arrays", test_arrays);
  g_test_add_func ("/detectron2/refused-arrays", test_refused_arrays);
  g_test_add_func ("/detectron2/taps", test_taps);
  g_test_add_func ("/detectron2/resize", test_resize);
  g_test_add_func ("/detectron2/detector", test_detector);
  g_test_add_func ("/detectron2/other-networks", test_other_networks);
  return g_test_run ();
}
