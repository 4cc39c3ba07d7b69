/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The reader of Caffe nets: both kinds of layers, both kinds of shapes, what is damaged or of another
 * time. Small detectors of both families from file to boxes.
 */
#include "core/model/weights-private.h"
#include "tests/support/caffe.h"

#include <glib/gstdio.h>
#include <string.h>

static const guint shapes[][4] = { { 4, 3, 2, 2 }, { 4 } };
static const guint matrix[][4] = { { 3, 5 }, { 3 } };

static GByteArray *
new_net (CaffeStyle style)
{
  GByteArray *net = caffe_net_new ("a net");
  gfloat values[64];

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    values[i] = i / 4.0f;
  caffe_net_add (net, style, "relu", "ReLU", NULL, 0, NULL);
  caffe_net_add (net, style, "conv", "Convolution", shapes, 2, values);
  caffe_net_add (net, style, "fc/6", "InnerProduct", matrix, 2, values + 1);
  return net;
}

static FrcWeights *
open_net (const GByteArray *net, GError **error)
{
  return frc_weights_open_memory (net->data, net->len, "net.caffemodel", NULL, error);
}

static void
assert_tensor (const FrcWeights *weights, const char *name, guint n_dims, const guint *shape,
    gfloat first)
{
  const FrcTensor *tensor = frc_weights_find (weights, name);
  gfloat values[64];

  g_assert_nonnull (tensor);
  g_assert_cmpuint (tensor->n_dims, ==, n_dims);
  for (guint i = 0; i < n_dims; i++)
    g_assert_cmpuint (tensor->shape[i], ==, shape[i]);
  frc_tensor_read_f32 (tensor, values);
  for (guint i = 0; i < frc_tensor_elements (tensor); i++)
    g_assert_cmpfloat (values[i], ==, first + i / 4.0f);
}

static void
test_layers (void)
{
  for (guint style = CAFFE_V2; style <= CAFFE_V1_SHAPES; style++) {
    g_autoptr (GByteArray) net = new_net (style);
    g_autoptr (GError) error = NULL;
    g_autoptr (FrcWeights) weights = open_net (net, &error);

    g_assert_no_error (error);
    g_assert_cmpstr (frc_weights_format (weights), ==, "caffemodel");
    g_assert_cmpuint (frc_weights_count (weights), ==, 4);
    assert_tensor (weights, "conv.weight", 4, shapes[0], 0);
    assert_tensor (weights, "conv.bias", 1, shapes[1], 12);
    assert_tensor (weights, "fc/6.weight", 2, matrix[0], 0.25f);
    assert_tensor (weights, "fc/6.bias", 1, matrix[1], 4);
  }
}

/* Doubles, and a third blob, as batch norms have it. */
static void
test_doubles (void)
{
  g_autoptr (GByteArray) net = caffe_net_new ("n"), layer = g_byte_array_new ();
  const gdouble values[] = { 0.5, 0.75 };
  const guint two[] = { 2 };

  caffe_put_bytes (layer, 1, "bn", 2);
  for (guint b = 0; b < 3; b++) {
    g_autoptr (GByteArray) blob = g_byte_array_new ();
    caffe_put_bytes (blob, 8, values, sizeof values);
    caffe_put_bytes (blob, 7, "\x0a\x01\x02", 3); /* dim: 2 */
    caffe_put_bytes (layer, 7, blob->data, blob->len);
  }
  caffe_put_bytes (net, 100, layer->data, layer->len);
  g_autoptr (FrcWeights) weights = open_net (net, NULL);
  g_assert_nonnull (weights);
  assert_tensor (weights, "bn.weight", 1, two, 0.5f);
  assert_tensor (weights, "bn.2", 1, two, 0.5f);
}

static void
assert_refused (const GByteArray *net, gint code, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (open_net (net, &error));
  g_assert_error (error, FRC_ERROR, code);
  g_assert_nonnull (strstr (error->message, part));
  g_assert_nonnull (strstr (error->message, "net.caffemodel"));
}

static void
test_damaged (void)
{
  g_autoptr (GByteArray) net = new_net (CAFFE_V2), empty = caffe_net_new ("n");
  g_autoptr (GByteArray) short_blob = caffe_net_new ("n"), old = caffe_net_new ("n");
  g_autoptr (GByteArray) twice = new_net (CAFFE_V2);
  g_autoptr (GByteArray) layer = g_byte_array_new (), blob = g_byte_array_new ();
  const gfloat values[64] = { 0 };

  g_byte_array_set_size (net, net->len - 3);
  assert_refused (net, FRC_ERROR_FORMAT, "damaged");

  caffe_net_add (empty, CAFFE_V2, "relu", "ReLU", NULL, 0, NULL);
  assert_refused (empty, FRC_ERROR_FORMAT, "found 1 layers without any");

  caffe_put_bytes (blob, 5, values, 12);
  caffe_put_bytes (blob, 7, "\x0a\x01\x04", 3);
  caffe_put_bytes (layer, 1, "conv", 4);
  caffe_put_bytes (layer, 7, blob->data, blob->len);
  caffe_put_bytes (short_blob, 100, layer->data, layer->len);
  assert_refused (short_blob, FRC_ERROR_FORMAT, "'conv'");

  caffe_put_bytes (old, 2, "\x0a\x02\x0a\x00", 4); /* layers { layer { name: "" } } */
  assert_refused (old, FRC_ERROR_UNSUPPORTED, "upgrade_net_proto_binary");

  caffe_net_add (twice, CAFFE_V2, "conv", "Convolution", shapes, 2, values);
  assert_refused (twice, FRC_ERROR_FORMAT, "two tensors");
}

/* ---- detectors ---------------------------------------------------------------------------- */

#define CAPACITY 100

static guint
detect (const char *path, FrcDetection *out, FrcModelInfo *info, FrcDetectorInfo *run)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (FrcModel) model = frc_model_load (path, NULL, &error);
  g_assert_no_error (error);
  const FrcOptions options = { .threads = 2, .precision = FRC_PRECISION_F32 };
  g_autoptr (FrcDetector) detector = frc_detector_new (model, &options, &error);
  guint8 pixels[40 * 60 * 3];
  FrcImage image = { { FRC_FORMAT_RGB, 60, 40 }, { pixels }, { 180 } };
  FrcQuery query = FRC_QUERY_INIT;
  guint n, seed = 1;

  g_assert_no_error (error);
  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = (seed = seed * 1664525 + 1013904223) >> 24;
  query.score_threshold = 0.05f;
  g_assert_true (frc_detect (detector, &image, &query, out, CAPACITY, &n, &error));
  *info = *frc_model_get_info (model);
  frc_detector_get_info (detector, run);
  g_assert_cmpstr (frc_model_get_label (model, 14), ==, "person");
  return n;
}

/* Every style of file, and our own of the same weights, give the same bits. */
static void
check_family (const char *family, const char *folder)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.caffemodel", folder, family);
  g_autofree char *own = g_strdup_printf ("%s/%s.safetensors", folder, family);
  FrcDetection first[CAPACITY], found[CAPACITY];
  g_autoptr (GError) error = NULL;
  FrcModelInfo info;
  FrcDetectorInfo run;
  guint n = 0, n_own;

  for (guint style = CAFFE_V2; style <= CAFFE_V1_SHAPES; style++) {
    g_autoptr (GByteArray) net = caffe_small_net (family, style);
    g_file_set_contents (path, (char *) net->data, net->len, NULL);
    guint n_found = detect (path, style ? found : first, &info, &run);
    if (style)
      g_assert_cmpmem (found, n_found * sizeof *found, first, n * sizeof *found);
    n = n_found;
  }
  g_assert_cmpuint (n, >, 5);
  g_assert_cmpstr (info.family, ==, family);
  g_assert_cmpuint (info.n_labels, ==, 20);
  g_assert_cmpuint (run.input_width, ==, 900); /* 600 / 40 · 60, not padded */
  g_assert_cmpuint (run.n_proposals, >, 50);
  g_assert_cmpuint (run.n_proposals, <=, 300);
  g_assert_true (frc_model_convert (path, NULL, NULL, NULL, own, &error));
  g_assert_no_error (error);
  n_own = detect (own, found, &info, &run);
  g_assert_cmpmem (found, n_own * sizeof *found, first, n * sizeof *found);
  g_assert_cmpstr (info.family, ==, family);
  g_unlink (path);
  g_unlink (own);
}

static void
test_detectors (void)
{
  g_autofree char *folder = g_dir_make_tmp ("frc-caffe-XXXXXX", NULL);

  check_family ("fasterrcnn_vgg16", folder);
  check_family ("fasterrcnn_zf", folder);
  g_rmdir (folder);
}

/* Another network's file says what was found; a part that is missing is named. */
static void
test_other_networks (void)
{
  g_autofree char *folder = g_dir_make_tmp ("frc-caffe-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "net.caffemodel", NULL);
  g_autoptr (GByteArray) net = new_net (CAFFE_V2), zf = caffe_small_net ("fasterrcnn_zf", CAFFE_V2);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, (char *) net->data, net->len, NULL);
  g_assert_null (frc_model_load (path, NULL, &error));
  g_assert_error (error, FRC_ERROR, FRC_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "'conv.weight'"));
  g_clear_error (&error);

  for (guint i = 0; i + 5 < zf->len; i++) /* conv4 is conv9 in this one */
    if (memcmp (zf->data + i, "conv4", 5) == 0)
      zf->data[i + 4] = '9';
  g_file_set_contents (path, (char *) zf->data, zf->len, NULL);
  g_assert_null (frc_model_load (path, NULL, &error));
  g_assert_error (error, FRC_ERROR, FRC_ERROR_MISSING_TENSOR);
  g_assert_nonnull (strstr (error->message, "conv4.weight"));
  g_unlink (path);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/caffemodel/layers", test_layers);
  g_test_add_func ("/caffemodel/doubles", test_doubles);
  g_test_add_func ("/caffemodel/damaged", test_damaged);
  g_test_add_func ("/caffemodel/detectors", test_detectors);
  g_test_add_func ("/caffemodel/other-networks", test_other_networks);
  return g_test_run ();
}
