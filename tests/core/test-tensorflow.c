/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The reader of frozen TensorFlow graphs: numbers come from the graph's nodes, graphs in the
 * operations of 2018 are read like those of today, and other graphs are refused with what was found.
 * tests/golden compares what is detected.
 */
#include "core/frcnn.h"
#include "core/model/graphdef.h"

#include <glib/gstdio.h>
#include <string.h>

#define FILE_NAME "graph.pb"
#define NODE_FIELD 1

/* ---- graphs that are changed ------------------------------------------------------------------ */

static void
item_free (gpointer item)
{
  frc_tf__node__free_unpacked (item, NULL);
}

/* All nodes of the golden graph. */
static GPtrArray *
read_graph (void)
{
  GPtrArray *nodes = g_ptr_array_new_with_free_func (item_free);
  g_autofree char *bytes = NULL;
  gsize size;
  FrcWireField field;

  g_assert_true (g_file_get_contents (GRAPH, &bytes, &size, NULL));
  FrcWire wire = { (guint8 *) bytes, (guint8 *) bytes + size };
  while (frc_wire_next (&wire, &field))
    if (field.number == NODE_FIELD)
      g_ptr_array_add (nodes, frc_tf__node__unpack (NULL, field.length, field.bytes));
  return nodes;
}

static GByteArray *
pack_graph (const GPtrArray *nodes)
{
  GByteArray *out = g_byte_array_new ();

  for (guint i = 0; i < nodes->len; i++) {
    const FrcTf__Node *node = g_ptr_array_index (nodes, i);
    gsize size = frc_tf__node__get_packed_size (node);
    g_autofree guint8 *bytes = g_malloc (size + 1);
    frc_tf__node__pack (node, bytes);
    guint8 head[12] = { NODE_FIELD << 3 | 2 };
    guint n = 1;
    for (gsize rest = size; n == 1 || rest; rest >>= 7)
      head[n++] = (rest & 0x7f) | (rest > 0x7f ? 0x80 : 0);
    g_byte_array_append (out, head, n);
    g_byte_array_append (out, bytes, size);
  }
  return out;
}

static FrcWeights *
open_graph (const GPtrArray *nodes, GError **error)
{
  g_autoptr (GByteArray) bytes = pack_graph (nodes);

  return frc_weights_open_memory (bytes->data, bytes->len, FILE_NAME, NULL, error);
}

/* Node number @k of @op. */
static FrcTf__Node *
nth_of (const GPtrArray *nodes, const char *op, guint k)
{
  for (guint i = 0; i < nodes->len; i++) {
    FrcTf__Node *node = g_ptr_array_index (nodes, i);
    if (g_str_equal (node->op, op) && k-- == 0)
      return node;
  }
  g_assert_not_reached ();
}

static FrcTf__AttrValue *
attr_of (FrcTf__Node *node, const char *key)
{
  for (gsize i = 0; i < node->n_attr; i++)
    if (g_str_equal (node->attr[i]->key, key))
      return node->attr[i]->value;
  return NULL;
}

/* protobuf-c frees what a message holds by free (). */
static void
set_text (char **text, const char *to)
{
  if (*text != protobuf_c_empty_string)
    free (*text);
  *text = strdup (to);
}

static FrcTf__AttrValue *
add_attr (FrcTf__Node *node, const char *key)
{
  FrcTf__Attr *attr = malloc (sizeof *attr);

  frc_tf__attr__init (attr);
  attr->key = strdup (key);
  attr->value = malloc (sizeof *attr->value);
  frc_tf__attr_value__init (attr->value);
  node->attr = realloc (node->attr, (node->n_attr + 1) * sizeof *node->attr);
  node->attr[node->n_attr++] = attr;
  return attr->value;
}

static void
remove_attr (FrcTf__Node *node, const char *key)
{
  for (gsize i = 0; i < node->n_attr; i++)
    if (g_str_equal (node->attr[i]->key, key)) {
      frc_tf__attr__free_unpacked (node->attr[i], NULL);
      node->attr[i] = node->attr[--node->n_attr];
      return;
    }
}

static void
set_inputs (FrcTf__Node *node, guint n, const char *const *inputs)
{
  for (gsize i = 0; i < node->n_input; i++)
    free (node->input[i]);
  node->input = realloc (node->input, n * sizeof *node->input);
  node->n_input = n;
  for (guint i = 0; i < n; i++)
    node->input[i] = strdup (inputs[i]);
}

static FrcTf__Node *
add_node (GPtrArray *nodes, const char *name, const char *op, guint n, const char *const *inputs)
{
  FrcTf__Node *node = malloc (sizeof *node);

  frc_tf__node__init (node);
  node->name = strdup (name);
  node->op = strdup (op);
  set_inputs (node, n, inputs);
  g_ptr_array_add (nodes, node);
  return node;
}

/* @from becomes @to wherever a constant holds it. */
static void
replace_number (const GPtrArray *nodes, gboolean is_float, gdouble from, gdouble to)
{
  guint n = 0;

  for (guint i = 0; i < nodes->len; i++) {
    FrcTf__Node *node = g_ptr_array_index (nodes, i);
    FrcTf__AttrValue *value = g_str_equal (node->op, "Const") ? attr_of (node, "value") : NULL;
    FrcTf__Tensor *tensor = value ? value->tensor : NULL;
    if (!tensor || (tensor->dtype != (is_float ? 1 : 3)))
      continue;
    for (gsize k = 0; k < tensor->tensor_content.len / 4; k++) {
      union { gfloat f; gint32 i; } v;
      memcpy (&v, tensor->tensor_content.data + 4 * k, 4);
      if (is_float ? v.f != (gfloat) from : v.i != (gint32) from)
        continue;
      if (is_float)
        v.f = (gfloat) to;
      else
        v.i = (gint32) to;
      memcpy (tensor->tensor_content.data + 4 * k, &v, 4);
      n++;
    }
    for (gsize k = 0; k < tensor->n_float_val; k++)
      if (is_float && tensor->float_val[k] == (gfloat) from && ++n)
        tensor->float_val[k] = (gfloat) to;
    for (gsize k = 0; k < tensor->n_int_val; k++)
      if (!is_float && tensor->int_val[k] == (gint32) from && ++n)
        tensor->int_val[k] = (gint32) to;
  }
  g_assert_cmpuint (n, >, 0);
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* Each number of the metadata is what the graph's constant says, now and when it is another. */
static void
test_numbers (void)
{
  static const struct {
    gboolean is_float;
    gdouble from, to;
    const char *key, *was, *becomes;
  } cases[] = {
    { FALSE, 96, 88, "min_size", "96", "88" },
    { FALSE, 160, 170, "max_size", "160", "170" },
    { TRUE, 2 / 255.0, 0.01, "image_std", "0.49999997,0.49999997,0.49999997",
        "0.392156872,0.392156872,0.392156872" },
    { TRUE, 0.25, 0.75, "anchor_sizes", "16,32,64,128", "16,32,192,128" },
    { TRUE, 2, 3, "anchor_aspect_ratios", "0.5,1,2", "0.5,1,3" },
    { FALSE, 16, 8, "anchor_strides", "16,0,0,0,0,0,0,0", "8,0,0,0,0,0,0,0" },
    { TRUE, 10, 20, "rpn_bbox_weights", "10,10,5,5", "20,20,5,5" },
    { TRUE, 5, 4, "box_bbox_weights", "10,10,5,5", "10,10,4,4" },
    { FALSE, 40, 33, "rpn_post_nms_top_n", "40", "33" },
    { TRUE, 0.65, 0.5, "rpn_nms_thresh", "0.649999976", "0.5" },
    { TRUE, 0.55, 0.25, "box_nms_thresh", "0.550000012", "0.25" },
    { TRUE, 0.02, 0.5, "box_score_thresh", "0.0199999996", "0.5" },
    { FALSE, 12, 9, "box_detections_per_class", "12", "9" },
    { FALSE, 25, 19, "box_detections_per_img", "25", "19" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GPtrArray) nodes = read_graph ();
    g_autoptr (GError) error = NULL;
    g_autoptr (FrcWeights) before = open_graph (nodes, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (frc_weights_format (before), ==, "TensorFlow graph");
    g_assert_cmpstr (frc_weights_metadata (before, cases[i].key), ==, cases[i].was);
    replace_number (nodes, cases[i].is_float, cases[i].from, cases[i].to);
    g_autoptr (FrcWeights) after = open_graph (nodes, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (frc_weights_metadata (after, cases[i].key), ==, cases[i].becomes);
  }
}

/* ---- other versions of operations --------------------------------------------------------------- */

static void
age_suppression (GPtrArray *nodes, FrcTf__Node *node, guint k)
{
  g_autofree char *above = g_strdup_printf ("above%u", k), *where = g_strdup_printf ("where%u", k);
  g_autofree char *boxes = g_strdup_printf ("boxes%u", k), *scores = g_strdup_printf ("scores%u", k);
  const FrcTf__Node *iou = NULL;

  for (guint i = 0; i < nodes->len && !iou; i++)
    if (g_str_equal (((FrcTf__Node *) g_ptr_array_index (nodes, i))->name, node->input[3]))
      iou = g_ptr_array_index (nodes, i);
  g_assert_nonnull (iou);
  add_node (nodes, above, "Greater", 2, (const char *[]){ node->input[1], node->input[4] });
  add_node (nodes, where, "Where", 1, (const char *[]){ above });
  add_node (nodes, boxes, "Gather", 2, (const char *[]){ node->input[0], where });
  add_node (nodes, scores, "Gather", 2, (const char *[]){ node->input[1], where });
  add_attr (node, "iou_threshold")->f = attr_of ((FrcTf__Node *) iou, "value")->tensor->float_val[0];
  g_autofree char *limit = g_strdup (node->input[2]);
  set_inputs (node, 3, (const char *[]){ boxes, scores, limit });
  set_text (&node->op, "NonMaxSuppression");
}

/* In the operations of 2018. */
static void
age (GPtrArray *nodes)
{
  for (guint i = 0, n = nodes->len; i < n; i++) {
    FrcTf__Node *node = g_ptr_array_index (nodes, i);
    remove_attr (node, "half_pixel_centers");
    remove_attr (node, "explicit_paddings");
    remove_attr (node, "exponential_avg_factor");
    if (g_str_equal (node->op, "AddV2"))
      set_text (&node->op, "Add");
    else if (g_str_equal (node->op, "FusedBatchNormV3"))
      set_text (&node->op, "FusedBatchNorm");
    else if (g_str_equal (node->op, "NonMaxSuppressionV5"))
      age_suppression (nodes, node, i);
  }
}

/* The first normalisations as an operation that was old in 2018. */
static void
age_more (GPtrArray *nodes)
{
  age (nodes);
  for (guint k = 0; k < 3; k++) {
    FrcTf__Node *node = nth_of (nodes, "FusedBatchNorm", 0);
    const char *const inputs[] = { node->input[0], node->input[3], node->input[4], node->input[2],
      node->input[1] };
    g_auto (GStrv) copies = g_new0 (char *, 6);
    for (guint i = 0; i < 5; i++)
      copies[i] = g_strdup (inputs[i]);
    set_inputs (node, 5, (const char *const *) copies);
    add_attr (node, "variance_epsilon")->f = attr_of (node, "epsilon")->f;
    add_attr (node, "scale_after_normalization")->b = TRUE;
    set_text (&node->op, "BatchNormWithGlobalNormalization");
  }
}

static guint
detect (const GPtrArray *nodes, FrcDetection *found, guint capacity)
{
  static guint8 pixels[90][3 * 120];
  g_autoptr (GByteArray) bytes = pack_graph (nodes);
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("frc-graph-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, FILE_NAME, NULL);
  FrcImage image = { { FRC_FORMAT_RGB, 120, 90 }, { pixels[0] }, { 3 * 120 } };
  FrcQuery query = FRC_QUERY_INIT;
  guint n = 0;

  for (guint y = 0; y < 90; y++)
    for (guint x = 0; x < 3 * 120; x++)
      pixels[y][x] = (guint8) (x * y / 9 + (x / 17 ^ y / 11) * 37);
  g_assert_true (g_file_set_contents (path, (char *) bytes->data, bytes->len, NULL));
  g_autoptr (FrcModel) model = frc_model_load (path, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (FrcDetector) detector = frc_detector_new (model, NULL, &error);
  query.score_threshold = 0.02f;
  g_assert_true (frc_detect (detector, &image, &query, found, capacity, &n, &error));
  g_unlink (path);
  g_rmdir (folder);
  return n;
}

static void
assert_same_weights (const FrcWeights *a, const FrcWeights *b)
{
  static const char *const keys[] = { "min_size", "max_size", "rpn_nms_thresh", "box_nms_thresh",
    "box_score_thresh", "rpn_score_thresh", "rpn_post_nms_top_n", "box_detections_per_class",
    "box_detections_per_img", "clips_after_nms", "batch_norm_eps", "anchor_strides", "image_std" };

  g_assert_cmpuint (frc_weights_count (a), ==, frc_weights_count (b));
  for (guint i = 0; i < frc_weights_count (a); i++) {
    const FrcTensor *x = frc_weights_nth (a, i), *y = frc_weights_find (b, x->name);
    g_assert_nonnull (y);
    guint64 n = frc_tensor_elements (x);
    g_autofree gfloat *xs = g_new (gfloat, n), *ys = g_new (gfloat, n);
    frc_tensor_read_f32 (x, xs);
    frc_tensor_read_f32 (y, ys);
    g_assert_cmpmem (xs, n * sizeof *xs, ys, frc_tensor_elements (y) * sizeof *ys);
  }
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    g_assert_cmpstr (frc_weights_metadata (a, keys[i]), ==, frc_weights_metadata (b, keys[i]));
}

static void
test_old_operations (void)
{
  static void (*const changes[]) (GPtrArray *nodes) = { age, age_more };
  g_autoptr (GPtrArray) nodes = read_graph ();
  FrcDetection found[2][100];
  guint n = detect (nodes, found[0], 100);

  g_assert_cmpuint (n, >, 3);
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++) {
    g_autoptr (GPtrArray) old = read_graph ();
    g_autoptr (GError) error = NULL;
    changes[i](old);
    g_autoptr (FrcWeights) before = open_graph (nodes, &error);
    g_autoptr (FrcWeights) after = open_graph (old, &error);
    g_assert_no_error (error);
    assert_same_weights (before, after);
    g_assert_cmpuint (detect (old, found[1], 100), ==, n);
    g_assert_cmpmem (found[0], n * sizeof **found, found[1], n * sizeof **found);
  }
}

/* Old graphs clip boxes to the image before suppression, not after it. */
static void
test_clipping_before (void)
{
  g_autoptr (GPtrArray) nodes = read_graph ();
  g_autoptr (GError) error = NULL;
  g_autoptr (FrcWeights) after = open_graph (nodes, &error);
  guint n = 0;

  g_assert_no_error (error);
  g_assert_cmpstr (frc_weights_metadata (after, "clips_after_nms"), ==, "1");
  for (guint i = 0, all = nodes->len; i < all; i++) {
    FrcTf__Node *node = g_ptr_array_index (nodes, i);
    if (!g_str_equal (node->op, "NonMaxSuppressionV5"))
      continue;
    g_autofree char *name = g_strdup_printf ("clipped%u", n++);
    add_node (nodes, name, "Maximum", 1, (const char *[]){ node->input[0] });
    free (node->input[0]);
    node->input[0] = strdup (name);
  }
  g_autoptr (FrcWeights) before = open_graph (nodes, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (frc_weights_metadata (before, "clips_after_nms"), ==, "0");
}

/* Normalisations that were folded into the weights leave a bias. */
static void
test_folded_norms (void)
{
  g_autoptr (GPtrArray) nodes = read_graph ();
  g_autoptr (GError) error = NULL;
  const char *scope = "SecondStageFeatureExtractor/InceptionV2/Mixed_5c/Branch_0/Conv2d_0a_1x1";
  FrcDetection found[100];

  for (guint i = 0; i < nodes->len; i++) {
    FrcTf__Node *node = g_ptr_array_index (nodes, i);
    if (!g_str_equal (node->op, "FusedBatchNormV3"))
      continue;
    g_auto (GStrv) inputs = g_new0 (char *, 3);
    inputs[0] = g_strdup (node->input[0]);
    inputs[1] = g_strdup (node->input[2]);
    set_inputs (node, 2, (const char *const *) inputs);
    set_text (&node->op, i % 2 ? "BiasAdd" : "Add");
  }
  g_autoptr (FrcWeights) weights = open_graph (nodes, &error);
  g_assert_no_error (error);
  g_autofree char *bias = g_strdup_printf ("%s.bias", scope);
  g_autofree char *norm = g_strdup_printf ("%s/BatchNorm.bias", scope);
  g_assert_nonnull (frc_weights_find (weights, bias));
  g_assert_null (frc_weights_find (weights, norm));
  detect (nodes, found, 100);
}

/* ---- what is refused -------------------------------------------------------------------------- */

static void
assert_refused (const GPtrArray *nodes, const char *says)
{
  g_autoptr (GError) error = NULL;
  FrcWeights *weights = open_graph (nodes, &error);

  g_assert_null (weights);
  g_assert_error (error, FRC_ERROR, FRC_ERROR_FORMAT);
  if (!strstr (error->message, says) || !strstr (error->message, "'" FILE_NAME "'"))
    g_error ("expected \"%s\" in: %s", says, error->message);
}

/* Another operation in a node's place: the message says what belongs there and what is there. */
static void
test_other_architectures (void)
{
  static const struct {
    const char *op;
    guint k;
    const char *becomes, *says;
  } cases[] = {
    { "CropAndResize", 0, "RoiAlign", "one operation CropAndResize, found 0 of them among" },
    { "Relu", 0, "Elu", "there a Relu at the end of" },
    { "Relu6", 0, "Relu", "a Conv2D, BiasAdd and Relu6 on the map" },
    { "AvgPool", 0, "MaxPool", "there a AvgPool of 3×3, stride 1 and SAME padding" },
    { "FusedBatchNormV3", 2, "LRN", "there a Conv2D of" },
    { "DepthwiseConv2dNative", 0, "Conv2D", "there a DepthwiseConv2dNative of 7×7" },
    { "Mean", 0, "Max", "there a Mean over height and width" },
    { "MatMul", 1, "Einsum", "there 2 MatMul at the end, not 1" },
    { "Softmax", 1, "Sigmoid", "the score converter SOFTMAX" },
    { "Sqrt", 0, "Rsqrt", "there a grid_anchor_generator" },
    { "ResizeBilinear", 0, "ResizeArea", "there ResizeBilinear with" },
    { "NonMaxSuppressionV5", 2, "CombinedNonMaxSuppression", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GPtrArray) nodes = read_graph ();
    if (!cases[i].says)
      continue;
    set_text (&nth_of (nodes, cases[i].op, cases[i].k)->op, cases[i].becomes);
    assert_refused (nodes, cases[i].says);
  }
  g_autoptr (GPtrArray) one = g_ptr_array_new_with_free_func (item_free);
  add_node (one, "image_tensor", "Placeholder", 0, NULL);
  assert_refused (one, "found 0 of them among 1 nodes, the first 'image_tensor'");
}

static void
test_other_attributes (void)
{
  g_autoptr (GPtrArray) nodes = read_graph ();
  FrcTf__AttrValue *value = attr_of (nth_of (nodes, "ResizeBilinear", 0), "half_pixel_centers");

  g_assert_nonnull (value);
  value->b = TRUE;
  assert_refused (nodes, "neither align_corners nor half_pixel_centers");
  value->b = FALSE;
  value = attr_of (nth_of (nodes, "Conv2D", 2), "strides");
  value->list->i[1] = value->list->i[2] = 2;
  assert_refused (nodes, "stride 1 and SAME padding");
  value->list->i[1] = value->list->i[2] = 1;
  value = attr_of (nth_of (nodes, "FusedBatchNormV3", 3), "epsilon");
  value->f = 0.5f;
  assert_refused (nodes, "one epsilon for all batch normalisations");
  value->f = attr_of (nth_of (nodes, "FusedBatchNormV3", 2), "epsilon")->f;
  value = attr_of (nth_of (nodes, "FusedBatchNormV3", 3), "is_training");
  value->b = TRUE;
  assert_refused (nodes, "there a Conv2D of");
}

static void
test_damaged (void)
{
  g_autoptr (GPtrArray) nodes = read_graph ();
  g_autoptr (GByteArray) bytes = pack_graph (nodes);

  for (guint cut = 1; cut < 40; cut += 7) {
    g_autoptr (GError) error = NULL;
    g_assert_null (frc_weights_open_memory (bytes->data, bytes->len - cut, FILE_NAME, NULL, &error));
    g_assert_error (error, FRC_ERROR, FRC_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, "damaged"));
  }
  set_text (&nth_of (nodes, "Const", 4)->name, nth_of (nodes, "Const", 5)->name);
  assert_refused (nodes, "each node of the graph once");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tensorflow/numbers", test_numbers);
  g_test_add_func ("/tensorflow/old-operations", test_old_operations);
  g_test_add_func ("/tensorflow/clipping-before", test_clipping_before);
  g_test_add_func ("/tensorflow/folded-norms", test_folded_norms);
  g_test_add_func ("/tensorflow/other-architectures", test_other_architectures);
  g_test_add_func ("/tensorflow/other-attributes", test_other_attributes);
  g_test_add_func ("/tensorflow/damaged", test_damaged);
  return g_test_run ();
}
