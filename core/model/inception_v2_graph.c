/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inception_v2_match.h"
#include "core/mem.h"
#include "name.h"

#include <string.h>

/* ---- the parts of the detector ---------------------------------------------------------------- */

/* The only node of @op; FRC_NO_TF_NODE and the error if there is none or another. */
static guint
find_only (FrcMatch *m, const char *op)
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
take_trunk (FrcMatch *m, guint map)
{
  guint node = frc_match_modules (m, FRC_INCEPTION_TRUNK, frc_inception_trunk,
      frc_inception_n_trunk, map);

  node = frc_match_units (m, FRC_INCEPTION_TRUNK, frc_inception_stem, node);
  if (*m->error || !frc_match_relu (m, FRC_INCEPTION_SEPARABLE, "Relu", &node) ||
      !frc_match_norm (m, FRC_INCEPTION_SEPARABLE, &node) ||
      !frc_match_bias (m, FRC_INCEPTION_SEPARABLE "/pointwise", &node))
    return;
  node = frc_match_conv (m, FRC_INCEPTION_SEPARABLE "/pointwise", "Conv2D", node, 1, 1);
  if (!*m->error)
    node = frc_match_conv (m, FRC_INCEPTION_SEPARABLE "/depthwise", "DepthwiseConv2dNative", node, 7,
        2);
  m->nodes.image = frc_graphdef_behind (m->graph, node);
}

/* A 1×1 convolution on the RPN's map, with @outputs channels. */
static gboolean
take_rpn_output (FrcMatch *m, guint conv, const char *scope)
{
  guint bias = find_reader (m->graph, conv, "BiasAdd", 0);

  return bias != FRC_NO_TF_NODE
             ? frc_match_bias (m, scope, &bias) &&
                   frc_match_conv (m, scope, "Conv2D", conv, 1, 1) != FRC_NO_TF_NODE
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
take_rpn (FrcMatch *m, guint map)
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
  if (frc_match_bias (m, FRC_INCEPTION_RPN, &input) &&
      frc_match_conv (m, FRC_INCEPTION_RPN, "Conv2D", input, 3, 1) != FRC_NO_TF_NODE &&
      take_rpn_output (m, boxes_first ? first : second, FRC_INCEPTION_RPN_BOXES))
    take_rpn_output (m, boxes_first ? second : first, FRC_INCEPTION_RPN_CLASSES);
}

/* One of the two fully connected layers; returns the map that its input is the mean of. */
static guint
take_output (FrcMatch *m, guint matmul, const char *scope)
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
  if (!frc_match_bias (m, scope, &input) ||
      !frc_match_tensor (m, frc_name ("%s.weight", scope).s,
          frc_graphdef_input (graph, matmul, 1, NULL), FRC_LAYOUT_MATRIX))
    return FRC_NO_TF_NODE;
  if (g_str_equal (scope, FRC_INCEPTION_CLASSES))
    m->nodes.classes = bias;
  return frc_graphdef_behind (graph, graph->source[mean]);
}

static void
take_head (FrcMatch *m)
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
  guint pool = frc_match_modules (m, FRC_INCEPTION_HEAD, frc_inception_head, frc_inception_n_head,
      map);
  guint crop = frc_graphdef_behind_shape (graph, frc_graphdef_input (graph, pool, 0, NULL));
  if (!*m->error && (!frc_graphdef_is (graph, pool, "MaxPool") || crop != m->nodes.crop))
    frc_inception_v2_refuse (graph, pool, m->error, "a MaxPool of the CropAndResize before %s",
        frc_inception_head[0].name);
  m->nodes.pool = pool;
}

static gboolean
take_all (FrcMatch *m)
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
reserve (FrcMatch *m, const GPtrArray *pairs)
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
add_all (FrcMatch *m, const GPtrArray *pairs)
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
add_epsilon (const FrcMatch *m, GPtrArray *pairs)
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
  FrcMatch m = { .graph = &graph, .weights = weights, .error = &problem, .epsilon = -1 };

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
