/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inception_v2_match.h"
#include "name.h"

#include <string.h>

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
set_shape (FrcTensor *out, const FrcTf__TensorShape *shape, FrcLayout layout)
{
  static const guint n_dims[] = { 1, 4, 4, 2 };
  guint64 s[4] = { 1, 1, 1, 1 }, n = 1;

  if (!shape || shape->n_dim < 1 || shape->n_dim > 4 ||
      (layout != FRC_LAYOUT_VECTOR && shape->n_dim != n_dims[layout]))
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
    case FRC_LAYOUT_VECTOR:
      out->shape[0] = n;
      out->stride[0] = 1;
      break;
    case FRC_LAYOUT_MATRIX:
      memcpy (out->shape, (guint64[]){ s[1], s[0] }, 2 * sizeof (guint64));
      memcpy (out->stride, (guint64[]){ 1, s[1] }, 2 * sizeof (guint64));
      break;
    case FRC_LAYOUT_CONV:
      memcpy (out->shape, (guint64[]){ s[3], s[2], s[0], s[1] }, 4 * sizeof (guint64));
      memcpy (out->stride, (guint64[]){ 1, s[3], s[1] * s[2] * s[3], s[2] * s[3] },
          4 * sizeof (guint64));
      break;
    case FRC_LAYOUT_DEPTHWISE: /* [height, width, in, multiplier] */
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

gboolean
frc_match_tensor (FrcMatch *m, const char *name, guint node, FrcLayout layout)
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
guint
frc_match_conv (FrcMatch *m, const char *scope, const char *op, guint node, guint kernel,
    guint stride)
{
  const FrcGraphDef *graph = m->graph;
  FrcLayout layout = g_str_equal (op, "Conv2D") ? FRC_LAYOUT_CONV : FRC_LAYOUT_DEPTHWISE;

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
  if (!frc_match_tensor (m, frc_name ("%s.weight", scope).s, weights, layout))
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
gboolean
frc_match_bias (FrcMatch *m, const char *scope, guint *node)
{
  *node = frc_graphdef_behind (m->graph, *node);
  if (!is_bias (m->graph, *node))
    return TRUE;
  guint bias = frc_graphdef_input (m->graph, *node, 1, NULL);
  *node = frc_graphdef_input (m->graph, *node, 0, NULL);
  return frc_match_tensor (m, frc_name ("%s.bias", scope).s, bias, FRC_LAYOUT_VECTOR);
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
take_epsilon (FrcMatch *m, guint node, const char *key)
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
gboolean
frc_match_norm (FrcMatch *m, const char *scope, guint *node)
{
  static const char *const parts[] = { "weight", "bias", "running_mean", "running_var" };
  const char *epsilon;

  *node = frc_graphdef_behind (m->graph, *node);
  const guint8 *inputs = norm_inputs (m->graph, *node, &epsilon);
  if (!inputs)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (!frc_match_tensor (m, frc_name ("%s/BatchNorm.%s", scope, parts[i]).s,
            frc_graphdef_input (m->graph, *node, inputs[i], NULL), FRC_LAYOUT_VECTOR))
      return FALSE;
  if (!take_epsilon (m, *node, epsilon))
    return FALSE;
  *node = frc_graphdef_input (m->graph, *node, 0, NULL);
  return TRUE;
}

gboolean
frc_match_relu (FrcMatch *m, const char *scope, const char *op, guint *node)
{
  *node = frc_graphdef_behind (m->graph, *node);
  if (!frc_graphdef_is (m->graph, *node, op))
    return frc_inception_v2_refuse (m->graph, *node, m->error, "a %s at the end of %s", op, scope);
  *node = frc_graphdef_input (m->graph, *node, 0, NULL);
  return TRUE;
}

static guint
take_pool (FrcMatch *m, const char *scope, FrcUnitKind kind, guint node, guint kernel, guint stride)
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
take_unit (FrcMatch *m, const char *scope, const FrcInceptionUnit *unit, guint node)
{
  if (unit->kind != FRC_UNIT_CONV)
    return take_pool (m, scope, unit->kind, node, unit->kernel, unit->stride);
  if (!frc_match_relu (m, scope, "Relu", &node) || !frc_match_norm (m, scope, &node) ||
      !frc_match_bias (m, scope, &node))
    return FRC_NO_TF_NODE;
  return frc_match_conv (m, scope, "Conv2D", node, unit->kernel, unit->stride);
}

/* Units one behind the other. An unknown node stays one: the first problem is the one that is told. */
guint
frc_match_units (FrcMatch *m, const char *scope, const FrcInceptionUnit *units, guint node)
{
  guint n = 0;

  while (units[n].name)
    n++;
  while (n-- > 0 && !*m->error)
    node = take_unit (m, frc_name ("%s/%s", scope, units[n].name).s, &units[n], node);
  return node;
}

static guint
take_module (FrcMatch *m, const char *prefix, const FrcInceptionModule *module, guint node)
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
    guint from = frc_match_units (m, frc_name ("%s/%s/Branch_%u", prefix, module->name, b).s,
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

guint
frc_match_modules (FrcMatch *m, const char *prefix, const FrcInceptionModule *modules, guint n,
    guint node)
{
  while (n-- > 0 && !*m->error)
    node = take_module (m, prefix, &modules[n], node);
  return node;
}
