/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inception_v2_graph.h"
#include "core/mem.h"
#include "inception_v2.h"
#include "name.h"

#include <string.h>

typedef enum { LAYOUT_VECTOR, LAYOUT_CONV, LAYOUT_DEPTHWISE, LAYOUT_MATRIX } Layout;

/* The graph is walked twice: to count what is there, and to add it. */
typedef struct {
  const FrcGraphDef *graph;
  FrcWeights *weights;
  GError **error;
  gboolean adding;
  guint n_tensors;
  gsize text_bytes, data_bytes;
  gdouble epsilon; /* of all batch normalisations; below 0: none was seen yet */
  FrcInceptionNodes nodes;
} Match;

gboolean
frc_inception_v2_refuse (const FrcGraphDef *graph, guint node, GError **error, const char *expected,
    ...)
{
  char op[FRC_QUOTE_BYTES], name[FRC_QUOTE_BYTES];
  const char *found_op = frc_graphdef_op (graph, node), *found = frc_graphdef_name (graph, node);
  va_list arguments;

  va_start (arguments, expected);
  g_autofree char *text = g_strdup_vprintf (expected, arguments);
  va_end (arguments);
  if (node >= graph->n_nodes)
    return frc_weights_fail (graph->weights, error, FRC_ERROR_FORMAT,
        "expected the graph of Faster R-CNN Inception v2, there %s, found none", text);
  return frc_weights_fail (graph->weights, error, FRC_ERROR_FORMAT,
      "expected the graph of Faster R-CNN Inception v2, there %s, found the operation '%s' ('%s')",
      text, frc_quote (found_op, strlen (found_op), op), frc_quote (found, strlen (found), name));
}

/* ---- tensors -------------------------------------------------------------------------------- */

/* How a layout lies in the file: TensorFlow's [height, width, in, out] as [out, in, height, width]. */
static gboolean
set_shape (FrcTensor *out, const FrcTf__TensorShape *shape, Layout layout)
{
  static const guint n_dims[] = { 1, 4, 4, 2 };
  guint64 s[4] = { 1, 1, 1, 1 }, n = 1;

  if (!shape || shape->n_dim < 1 || shape->n_dim > 4 ||
      (layout != LAYOUT_VECTOR && shape->n_dim != n_dims[layout]))
    return FALSE;
  for (guint i = 0; i < shape->n_dim; i++) {
    s[i] = (guint64) shape->dim[i]->size;
    if (s[i] - 1 >= 1 << 16)
      return FALSE;
    n *= s[i];
  }
  out->dtype = FRC_DTYPE_F32;
  out->n_dims = n_dims[layout];
  switch (layout) {
    case LAYOUT_VECTOR:
      out->shape[0] = n;
      out->stride[0] = 1;
      break;
    case LAYOUT_MATRIX:
      memcpy (out->shape, (guint64[]){ s[1], s[0] }, 2 * sizeof (guint64));
      memcpy (out->stride, (guint64[]){ 1, s[1] }, 2 * sizeof (guint64));
      break;
    case LAYOUT_CONV:
      memcpy (out->shape, (guint64[]){ s[3], s[2], s[0], s[1] }, 4 * sizeof (guint64));
      memcpy (out->stride, (guint64[]){ 1, s[3], s[1] * s[2] * s[3], s[2] * s[3] },
          4 * sizeof (guint64));
      break;
    case LAYOUT_DEPTHWISE: /* [height, width, in, multiplier] */
      memcpy (out->shape, (guint64[]){ s[2] * s[3], 1, s[0], s[1] }, 4 * sizeof (guint64));
      memcpy (out->stride, (guint64[]){ 1, 1, s[1] * s[2] * s[3], s[2] * s[3] },
          4 * sizeof (guint64));
      break;
  }
  return TRUE;
}

/* All values, or all but the last ones, which are like the one before; FALSE when there are too many
 * or none. */
static gboolean
has_values (const FrcTf__Tensor *tensor, guint64 n)
{
  if (tensor->tensor_content.len > 0)
    return tensor->tensor_content.len == n * sizeof (gfloat);
  return tensor->n_float_val > 0 && tensor->n_float_val <= n;
}

static void
copy_values (const FrcTf__Tensor *tensor, guint64 n, guint8 *out)
{
  if (tensor->tensor_content.len > 0) {
    memcpy (out, tensor->tensor_content.data, n * sizeof (gfloat));
    return;
  }
  for (guint64 i = 0; i < n; i++)
    memcpy (out + i * sizeof (gfloat), &tensor->float_val[MIN (i, tensor->n_float_val - 1)],
        sizeof (gfloat));
}

static gboolean
take_tensor (Match *m, const char *name, guint node, Layout layout)
{
  const FrcTf__Tensor *tensor = frc_graphdef_tensor (m->graph, node);
  FrcTensor shaped = { 0 };

  if (!tensor || !set_shape (&shaped, tensor->tensor_shape, layout) ||
      !has_values (tensor, frc_tensor_elements (&shaped)))
    return frc_inception_v2_refuse (m->graph, frc_graphdef_behind_shape (m->graph, node), m->error,
        "a constant f32 tensor with all its values for '%s'", name);
  guint64 n = frc_tensor_elements (&shaped);
  if (m->adding) {
    FrcTensor *added = frc_weights_add (m->weights, name, strlen (name), m->error);
    if (!added)
      return FALSE;
    shaped.name = added->name;
    shaped.data = m->weights->storages + m->data_bytes;
    *added = shaped;
    copy_values (tensor, n, m->weights->storages + m->data_bytes);
  }
  m->n_tensors++;
  m->text_bytes += strlen (name);
  m->data_bytes += n * sizeof (gfloat);
  return TRUE;
}

/* ---- layers, from behind ---------------------------------------------------------------------- */

/* A node's list attribute is [1, @value, @value, 1], or absent where that is all ones. */
static gboolean
is_square (const FrcGraphDef *graph, guint node, const char *key, guint value)
{
  const FrcTf__AttrValue *attr = frc_graphdef_attr (graph, node, key);

  if (!attr || !attr->list || attr->list->n_i == 0)
    return value == 1;
  return attr->list->n_i == 4 && attr->list->i[0] == 1 && attr->list->i[1] == value &&
         attr->list->i[2] == value && attr->list->i[3] == 1;
}

static gboolean
is_text (const FrcGraphDef *graph, guint node, const char *key, const char *value)
{
  const FrcTf__AttrValue *attr = frc_graphdef_attr (graph, node, key);

  return attr && attr->s.len == strlen (value) && memcmp (attr->s.data, value, attr->s.len) == 0;
}

static gboolean
is_nhwc (const FrcGraphDef *graph, guint node)
{
  return !frc_graphdef_attr (graph, node, "data_format") ||
         is_text (graph, node, "data_format", "NHWC");
}

/* A window over @kernel² pixels (0: told by the weights) with SAME padding, or none if VALID is the
 * same or @valid is asked for. */
static gboolean
is_window (const FrcGraphDef *graph, guint node, guint kernel, guint stride, gboolean valid)
{
  gboolean padding = is_text (graph, node, "padding", valid ? "VALID" : "SAME") ||
                     (kernel == 1 && is_text (graph, node, "padding", "VALID"));

  return padding && is_nhwc (graph, node) && is_square (graph, node, "strides", stride) &&
         is_square (graph, node, "dilations", 1);
}

/* The convolution @node named @scope; returns what feeds it. */
static guint
take_conv (Match *m, const char *scope, const char *op, guint node, guint kernel, guint stride)
{
  const FrcGraphDef *graph = m->graph;
  Layout layout = g_str_equal (op, "Conv2D") ? LAYOUT_CONV : LAYOUT_DEPTHWISE;

  node = frc_graphdef_behind (graph, node);
  guint weights = frc_graphdef_input (graph, node, 1, NULL);
  const FrcTf__Tensor *tensor = frc_graphdef_tensor (graph, weights);
  if (!frc_graphdef_is (graph, node, op) || !is_window (graph, node, kernel, stride, FALSE) ||
      !tensor || !tensor->tensor_shape || tensor->tensor_shape->n_dim != 4 ||
      tensor->tensor_shape->dim[0]->size != kernel || tensor->tensor_shape->dim[1]->size != kernel) {
    frc_inception_v2_refuse (graph, node, m->error,
        "a %s of %u×%u constant weights, stride %u and SAME padding (%s)", op, kernel, kernel, stride,
        scope);
    return FRC_NO_TF_NODE;
  }
  if (!take_tensor (m, frc_name ("%s.weight", scope).s, weights, layout))
    return FRC_NO_TF_NODE;
  return frc_graphdef_input (graph, node, 0, NULL);
}

static gboolean
is_bias (const FrcGraphDef *graph, guint node)
{
  return (frc_graphdef_is (graph, node, "BiasAdd") || frc_graphdef_is (graph, node, "Add") ||
             frc_graphdef_is (graph, node, "AddV2")) &&
         frc_graphdef_tensor (graph, frc_graphdef_input (graph, node, 1, NULL));
}

/* A bias behind @node's layer, if there is one; @node becomes what it is added to. */
static gboolean
take_bias (Match *m, const char *scope, guint *node)
{
  *node = frc_graphdef_behind (m->graph, *node);
  if (!is_bias (m->graph, *node))
    return TRUE;
  guint bias = frc_graphdef_input (m->graph, *node, 1, NULL);
  *node = frc_graphdef_input (m->graph, *node, 0, NULL);
  return take_tensor (m, frc_name ("%s.bias", scope).s, bias, LAYOUT_VECTOR);
}

/* The inputs of a batch normalisation in the order scale, offset, mean, variance. */
static const guint8 *
norm_inputs (const FrcGraphDef *graph, guint node, const char **epsilon)
{
  static const guint8 fused[] = { 1, 2, 3, 4 }, global[] = { 4, 3, 1, 2 };
  const FrcTf__AttrValue *flag;

  if (g_str_has_prefix (frc_graphdef_op (graph, node), "FusedBatchNorm")) {
    flag = frc_graphdef_attr (graph, node, "is_training");
    *epsilon = "epsilon";
    return flag && !flag->b && is_nhwc (graph, node) ? fused : NULL;
  }
  if (frc_graphdef_is (graph, node, "BatchNormWithGlobalNormalization")) {
    flag = frc_graphdef_attr (graph, node, "scale_after_normalization");
    *epsilon = "variance_epsilon";
    return flag && flag->b ? global : NULL;
  }
  return NULL;
}

static gboolean
take_epsilon (Match *m, guint node, const char *key)
{
  const FrcTf__AttrValue *attr = frc_graphdef_attr (m->graph, node, key);
  gdouble epsilon = attr ? attr->f : 1e-4f;

  if (m->epsilon < 0)
    m->epsilon = epsilon;
  if (m->epsilon == epsilon)
    return TRUE;
  return frc_inception_v2_refuse (m->graph, node, m->error,
      "one epsilon for all batch normalisations, %g and not %g", m->epsilon, epsilon);
}

/* The batch normalisation behind @node's layer, unless it was folded into the weights. */
static gboolean
take_norm (Match *m, const char *scope, guint *node)
{
  static const char *const parts[] = { "weight", "bias", "running_mean", "running_var" };
  const char *epsilon;

  *node = frc_graphdef_behind (m->graph, *node);
  const guint8 *inputs = norm_inputs (m->graph, *node, &epsilon);
  if (!inputs)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (!take_tensor (m, frc_name ("%s/BatchNorm.%s", scope, parts[i]).s,
            frc_graphdef_input (m->graph, *node, inputs[i], NULL), LAYOUT_VECTOR))
      return FALSE;
  if (!take_epsilon (m, *node, epsilon))
    return FALSE;
  *node = frc_graphdef_input (m->graph, *node, 0, NULL);
  return TRUE;
}

static gboolean
take_relu (Match *m, const char *scope, const char *op, guint *node)
{
  *node = frc_graphdef_behind (m->graph, *node);
  if (!frc_graphdef_is (m->graph, *node, op))
    return frc_inception_v2_refuse (m->graph, *node, m->error, "a %s at the end of %s", op, scope);
  *node = frc_graphdef_input (m->graph, *node, 0, NULL);
  return TRUE;
}

static guint
take_pool (Match *m, const char *scope, FrcUnitKind kind, guint node, guint kernel, guint stride)
{
  const char *op = kind == FRC_UNIT_MAX_POOL ? "MaxPool" : "AvgPool";

  node = frc_graphdef_behind (m->graph, node);
  if (frc_graphdef_is (m->graph, node, op) && is_window (m->graph, node, 0, stride, FALSE) &&
      is_square (m->graph, node, "ksize", kernel))
    return frc_graphdef_input (m->graph, node, 0, NULL);
  frc_inception_v2_refuse (m->graph, node, m->error,
      "a %s of %u×%u, stride %u and SAME padding (%s)", op, kernel, kernel, stride, scope);
  return FRC_NO_TF_NODE;
}

static guint
take_unit (Match *m, const char *scope, const FrcInceptionUnit *unit, guint node)
{
  if (unit->kind != FRC_UNIT_CONV)
    return take_pool (m, scope, unit->kind, node, unit->kernel, unit->stride);
  if (!take_relu (m, scope, "Relu", &node) || !take_norm (m, scope, &node) ||
      !take_bias (m, scope, &node))
    return FRC_NO_TF_NODE;
  return take_conv (m, scope, "Conv2D", node, unit->kernel, unit->stride);
}

/* Units one behind the other. An unknown node stays one: the first problem is the one that is told. */
static guint
take_units (Match *m, const char *scope, const FrcInceptionUnit *units, guint node)
{
  guint n = 0;

  while (units[n].name)
    n++;
  while (n-- > 0 && !*m->error)
    node = take_unit (m, frc_name ("%s/%s", scope, units[n].name).s, &units[n], node);
  return node;
}

static guint
take_module (Match *m, const char *prefix, const FrcInceptionModule *module, guint node)
{
  guint input = FRC_NO_TF_NODE;
  gdouble axis;

  node = frc_graphdef_behind (m->graph, node);
  if (!frc_graphdef_is (m->graph, node, "ConcatV2") ||
      frc_graphdef_n_inputs (m->graph, node) != module->n_branches + 1 ||
      !frc_graphdef_number (m->graph,
          frc_graphdef_input (m->graph, node, module->n_branches, NULL), &axis) ||
      (axis != 3 && axis != -1)) {
    frc_inception_v2_refuse (m->graph, node, m->error, "a ConcatV2 of %u branches' channels (%s)",
        module->n_branches, module->name);
    return FRC_NO_TF_NODE;
  }
  for (guint b = 0; b < module->n_branches && !*m->error; b++) {
    guint from = take_units (m, frc_name ("%s/%s/Branch_%u", prefix, module->name, b).s,
        module->branches[b], frc_graphdef_input (m->graph, node, b, NULL));
    from = frc_graphdef_behind (m->graph, from);
    if (!*m->error && b > 0 && from != input)
      frc_inception_v2_refuse (m->graph, from, m->error,
          "one input for all branches of %s, '%s'", module->name,
          frc_graphdef_name (m->graph, input));
    input = from;
  }
  return input;
}

static guint
take_modules (Match *m, const char *prefix, const FrcInceptionModule *modules, guint n, guint node)
{
  while (n-- > 0 && !*m->error)
    node = take_module (m, prefix, &modules[n], node);
  return node;
}

/* ---- the parts of the detector ---------------------------------------------------------------- */

/* The only node of @op; FRC_NO_TF_NODE and the error if there is none or another. */
static guint
find_only (Match *m, const char *op)
{
  guint found = FRC_NO_TF_NODE, n = 0;

  for (guint i = 0; i < m->graph->n_nodes; i++)
    if (frc_graphdef_is (m->graph, i, op)) {
      found = i;
      n++;
    }
  if (n == 1)
    return found;
  char name[FRC_QUOTE_BYTES] = "";
  const char *first = frc_graphdef_name (m->graph, 0);
  frc_weights_fail (m->weights, m->error, FRC_ERROR_FORMAT,
      "expected the graph of Faster R-CNN Inception v2 with one operation %s, found %u of them among "
      "%u nodes, the first '%s'", op, n, m->graph->n_nodes,
      frc_quote (first, strlen (first), name));
  return FRC_NO_TF_NODE;
}

/* The node of @op that @node feeds, from number @from on. */
static guint
find_reader (const FrcGraphDef *graph, guint node, const char *op, guint from)
{
  for (guint i = node < graph->n_nodes ? from : graph->n_nodes; i < graph->n_nodes; i++)
    if (frc_graphdef_is (graph, i, op) && frc_graphdef_behind (graph, graph->source[i]) == node)
      return i;
  return FRC_NO_TF_NODE;
}

static void
take_trunk (Match *m, guint map)
{
  guint node = take_modules (m, FRC_INCEPTION_TRUNK, frc_inception_trunk, frc_inception_n_trunk, map);

  node = take_units (m, FRC_INCEPTION_TRUNK, frc_inception_stem, node);
  if (*m->error || !take_relu (m, FRC_INCEPTION_SEPARABLE, "Relu", &node) ||
      !take_norm (m, FRC_INCEPTION_SEPARABLE, &node) ||
      !take_bias (m, FRC_INCEPTION_SEPARABLE "/pointwise", &node))
    return;
  node = take_conv (m, FRC_INCEPTION_SEPARABLE "/pointwise", "Conv2D", node, 1, 1);
  if (!*m->error)
    node = take_conv (m, FRC_INCEPTION_SEPARABLE "/depthwise", "DepthwiseConv2dNative", node, 7, 2);
  m->nodes.image = frc_graphdef_behind (m->graph, node);
}

/* A 1×1 convolution on the RPN's map, with @outputs channels. */
static gboolean
take_rpn_output (Match *m, guint conv, const char *scope)
{
  guint bias = find_reader (m->graph, conv, "BiasAdd", 0);

  return bias != FRC_NO_TF_NODE
             ? take_bias (m, scope, &bias) &&
                   take_conv (m, scope, "Conv2D", conv, 1, 1) != FRC_NO_TF_NODE
             : frc_inception_v2_refuse (m->graph, bias, m->error, "a BiasAdd behind %s", scope);
}

static guint64
outputs_of (const FrcGraphDef *graph, guint node)
{
  const FrcTf__Tensor *tensor = frc_graphdef_tensor (graph,
      frc_graphdef_input (graph, node, 1, NULL));
  const FrcTf__TensorShape *shape = tensor ? tensor->tensor_shape : NULL;

  return shape && shape->n_dim ? (guint64) shape->dim[shape->n_dim - 1]->size : 0;
}

/* The convolution that reads the map and is no module's, and the two that read that. */
static void
take_rpn (Match *m, guint map)
{
  const FrcGraphDef *graph = m->graph;
  guint conv = find_reader (graph, map, "Conv2D", 0);
  guint bias = find_reader (graph, conv, "BiasAdd", 0);
  guint relu = find_reader (graph, bias, "Relu6", 0);
  guint first = find_reader (graph, relu, "Conv2D", 0);
  guint second = first < graph->n_nodes ? find_reader (graph, relu, "Conv2D", first + 1)
                                        : FRC_NO_TF_NODE;

  if (second == FRC_NO_TF_NODE) {
    frc_inception_v2_refuse (graph, relu < graph->n_nodes ? relu : conv, m->error,
        "a Conv2D, BiasAdd and Relu6 on the map '%s' and two Conv2D that read them (RPN)",
        frc_graphdef_name (graph, map));
    return;
  }
  gboolean boxes_first = outputs_of (graph, first) > outputs_of (graph, second);
  guint input = bias;
  if (take_bias (m, FRC_INCEPTION_RPN, &input) &&
      take_conv (m, FRC_INCEPTION_RPN, "Conv2D", input, 3, 1) != FRC_NO_TF_NODE &&
      take_rpn_output (m, boxes_first ? first : second, FRC_INCEPTION_RPN_BOXES))
    take_rpn_output (m, boxes_first ? second : first, FRC_INCEPTION_RPN_CLASSES);
}

/* One of the two fully connected layers; returns the map that its input is the mean of. */
static guint
take_output (Match *m, guint matmul, const char *scope)
{
  const FrcGraphDef *graph = m->graph;
  guint bias = find_reader (graph, matmul, "BiasAdd", 0), input = bias;
  guint mean = frc_graphdef_behind_shape (graph, graph->source[matmul]);
  gdouble axes[2];

  if (bias == FRC_NO_TF_NODE || !frc_graphdef_is (graph, mean, "Mean") ||
      frc_graphdef_numbers (graph, frc_graphdef_input (graph, mean, 1, NULL), axes, 2) != 2 ||
      axes[0] != 1 || axes[1] != 2) {
    frc_inception_v2_refuse (graph, bias == FRC_NO_TF_NODE ? matmul : mean, m->error,
        "a Mean over height and width, a MatMul and a BiasAdd (%s)", scope);
    return FRC_NO_TF_NODE;
  }
  if (!take_bias (m, scope, &input) ||
      !take_tensor (m, frc_name ("%s.weight", scope).s,
          frc_graphdef_input (graph, matmul, 1, NULL), LAYOUT_MATRIX))
    return FRC_NO_TF_NODE;
  if (g_str_equal (scope, FRC_INCEPTION_CLASSES))
    m->nodes.classes = bias;
  return frc_graphdef_behind (graph, graph->source[mean]);
}

static void
take_head (Match *m)
{
  const FrcGraphDef *graph = m->graph;
  guint found[2] = { FRC_NO_TF_NODE, FRC_NO_TF_NODE }, n = 0;

  for (guint i = 0; i < graph->n_nodes; i++)
    if (frc_graphdef_is (graph, i, "MatMul") && n++ < 2)
      found[n - 1] = i;
  if (n != 2) {
    frc_inception_v2_refuse (graph, found[0], m->error, "2 MatMul at the end, not %u", n);
    return;
  }
  gboolean boxes_first = outputs_of (graph, found[0]) > outputs_of (graph, found[1]);
  guint map = take_output (m, found[boxes_first ? 0 : 1], FRC_INCEPTION_BOXES);
  guint same = *m->error ? map : take_output (m, found[boxes_first ? 1 : 0], FRC_INCEPTION_CLASSES);
  if (*m->error)
    return;
  if (map != same) {
    frc_inception_v2_refuse (graph, same, m->error, "one map for boxes and classes, '%s'",
        frc_graphdef_name (graph, map));
    return;
  }
  guint pool = take_modules (m, FRC_INCEPTION_HEAD, frc_inception_head, frc_inception_n_head, map);
  guint crop = frc_graphdef_behind_shape (graph, frc_graphdef_input (graph, pool, 0, NULL));
  if (!*m->error && (!frc_graphdef_is (graph, pool, "MaxPool") || crop != m->nodes.crop))
    frc_inception_v2_refuse (graph, pool, m->error, "a MaxPool of the CropAndResize before %s",
        frc_inception_head[0].name);
  m->nodes.pool = pool;
}

/* @error: never NULL here. */
static gboolean
take_all (Match *m)
{
  m->nodes.crop = find_only (m, "CropAndResize");
  if (*m->error)
    return FALSE;
  guint map = frc_graphdef_behind (m->graph, m->graph->source[m->nodes.crop]);
  take_trunk (m, map);
  if (!*m->error)
    take_rpn (m, map);
  if (!*m->error)
    take_head (m);
  return *m->error == NULL;
}

/* ---- reading -------------------------------------------------------------------------------- */

static gboolean
reserve (Match *m, const GPtrArray *pairs)
{
  gsize text = m->text_bytes;

  for (guint i = 0; i < pairs->len; i++)
    text += strlen (g_ptr_array_index (pairs, i));
  if (m->data_bytes > 2 * (guint64) m->weights->size)
    return frc_weights_fail (m->weights, m->error, FRC_ERROR_TOO_LARGE,
        "its constants unfold to %" G_GSIZE_FORMAT " bytes, at most twice the file's %"
        G_GSIZE_FORMAT " are read", m->data_bytes, m->weights->size);
  frc_clear (&m->weights->file); /* the nodes hold all there is to know */
  m->weights->storages = frc_alloc (m->data_bytes, 1, m->weights->shown, m->error);
  return m->weights->storages &&
         frc_weights_reserve (m->weights, m->n_tensors, pairs->len / 2, text, m->error);
}

static gboolean
add_all (Match *m, const GPtrArray *pairs)
{
  m->adding = TRUE;
  m->data_bytes = 0;
  if (!take_all (m))
    return FALSE;
  for (guint i = 0; i + 1 < pairs->len; i += 2)
    if (!frc_weights_add_pair (m->weights, g_ptr_array_index (pairs, i),
            g_ptr_array_index (pairs, i + 1), m->error))
      return FALSE;
  return frc_weights_index (m->weights, m->error);
}

static void
add_epsilon (const Match *m, GPtrArray *pairs)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_ptr_array_add (pairs, g_strdup ("batch_norm_eps"));
  g_ptr_array_add (pairs, g_strdup (g_ascii_dtostr (text, sizeof text, MAX (m->epsilon, 0))));
}

/* See weights-private.h. */
gboolean
frc_tensorflow_read (FrcWeights *weights, GError **error)
{
  FrcGraphDef graph;
  GError *problem = NULL;
  Match m = { .graph = &graph, .weights = weights, .error = &problem, .epsilon = -1 };

  if (!frc_graphdef_read (&graph, weights, error))
    return FALSE;
  g_autoptr (GPtrArray) pairs = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (pairs, g_strdup ("family"));
  g_ptr_array_add (pairs, g_strdup (FRC_INCEPTION_V2_FAMILY));
  gboolean ok = take_all (&m) && frc_inception_v2_numbers (&graph, &m.nodes, pairs, &problem);
  if (ok) {
    add_epsilon (&m, pairs);
    ok = reserve (&m, pairs) && add_all (&m, pairs);
  }
  frc_graphdef_clear (&graph);
  if (problem)
    g_propagate_error (error, problem);
  return ok;
}
