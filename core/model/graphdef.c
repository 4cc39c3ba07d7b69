/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "graphdef.h"
#include "core/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DT_FLOAT 1
#define DT_INT32 3
#define MAX_DEPTH 64 /* of a chain that is followed: hostile ones may be circles */

#define MEMORY_LIMIT 48 /* times the file: what unpacking it may take */
#define NODE 1 /* the field of a GraphDef */
#define NAME 1 /* the field of a node */

/* ---- the file's outer layer ----------------------------------------------------------------- */

gboolean
frc_graphdef_matches (const guint8 *start, gsize n, guint64 size)
{
  FrcWire wire = { start, start + n };
  guint64 tag, node, name;

  if (!frc_wire_varint (&wire, &tag) || tag != (NODE << 3 | 2) || !frc_wire_varint (&wire, &node) ||
      node > size - (guint64) (wire.at - start) || !frc_wire_varint (&wire, &tag) ||
      tag != (NAME << 3 | 2) || !frc_wire_varint (&wire, &name) || name == 0 || name >= node)
    return FALSE;
  for (guint64 i = 0; i < name && wire.at + i < wire.end; i++)
    if (!g_ascii_isgraph (wire.at[i]))
      return FALSE;
  return TRUE;
}

static gsize
content_bytes (const FrcTf__Node *node)
{
  gsize bytes = 0;

  for (gsize i = 0; i < node->n_attr; i++)
    if (node->attr[i]->value && node->attr[i]->value->tensor)
      bytes += node->attr[i]->value->tensor->tensor_content.len;
  return bytes;
}

/* Counts the nodes (@graph without room) or unpacks them. */
static gboolean
walk_nodes (FrcGraphDef *graph, guint *count, GError **error)
{
  const FrcWeights *weights = graph->weights;
  FrcWire wire = { weights->file, weights->file + weights->size };
  FrcWireField field;

  *count = 0;
  while (frc_wire_next (&wire, &field)) {
    if (field.number != NODE || !field.is_bytes)
      continue;
    if (graph->nodes) {
      FrcTf__Node *node = frc_tf__node__unpack (&graph->memory.allocator, field.length, field.bytes);
      if (!node)
        return frc_weights_fail (weights, error, FRC_ERROR_FORMAT,
            "expected node %u of a TensorFlow graph at byte %" G_GSIZE_FORMAT
            ", found damaged data (or no memory for it)", *count,
            (gsize) (field.bytes - weights->file));
      graph->nodes[graph->n_nodes++] = node;
    }
    ++*count;
  }
  if (wire.at == wire.end)
    return TRUE;
  return frc_weights_fail (weights, error, FRC_ERROR_FORMAT,
      "expected a TensorFlow graph's fields up to the file's end, found a damaged one before byte %"
      G_GSIZE_FORMAT, (gsize) (wire.at - weights->file));
}

/* ---- names ---------------------------------------------------------------------------------- */

static int
compare_names (gconstpointer a, gconstpointer b, gpointer data)
{
  const FrcGraphDef *graph = data;

  return strcmp (graph->nodes[*(const guint32 *) a]->name, graph->nodes[*(const guint32 *) b]->name);
}

/* @reference: a name, perhaps with ":output" behind it. */
static guint
find_node (const FrcGraphDef *graph, const char *reference, guint *port)
{
  const char *colon = strrchr (reference, ':');
  gsize n = colon ? (gsize) (colon - reference) : strlen (reference);
  guint low = 0, high = graph->n_nodes;

  if (port)
    *port = colon ? (guint) CLAMP (atoi (colon + 1), 0, 65535) : 0;
  while (low < high) {
    guint middle = low + (high - low) / 2, node = graph->by_name[middle];
    const char *name = graph->nodes[node]->name;
    gint order = strncmp (reference, name, n);
    if (order == 0 && name[n] == '\0')
      return node;
    if (order > 0)
      low = middle + 1;
    else
      high = middle;
  }
  return FRC_NO_TF_NODE;
}

static gboolean
index_names (FrcGraphDef *graph, GError **error)
{
  const char *shown = graph->weights->shown;
  char quoted[FRC_QUOTE_BYTES];

  if (!(graph->by_name = frc_alloc (graph->n_nodes, sizeof *graph->by_name, shown, error)) ||
      !(graph->source = frc_alloc (graph->n_nodes, sizeof *graph->source, shown, error)))
    return FALSE;
  for (guint i = 0; i < graph->n_nodes; i++)
    graph->by_name[i] = i;
  g_qsort_with_data (graph->by_name, graph->n_nodes, sizeof *graph->by_name, compare_names, graph);
  for (guint i = 1; i < graph->n_nodes; i++) {
    const char *name = graph->nodes[graph->by_name[i]]->name;
    if (compare_names (&graph->by_name[i - 1], &graph->by_name[i], graph) == 0)
      return frc_weights_fail (graph->weights, error, FRC_ERROR_FORMAT,
          "expected each node of the graph once, found '%s' twice",
          frc_quote (name, strlen (name), quoted));
  }
  for (guint i = 0; i < graph->n_nodes; i++) {
    const FrcTf__Node *node = graph->nodes[i];
    gboolean has = node->n_input > 0 && node->input[0][0] != '^';
    graph->source[i] = has ? find_node (graph, node->input[0], NULL) : FRC_NO_TF_NODE;
  }
  return TRUE;
}

gboolean
frc_graphdef_read (FrcGraphDef *graph, FrcWeights *weights, GError **error)
{
  guint count;

  *graph = (FrcGraphDef){ .weights = weights };
  weights->header_bytes = weights->size;
  frc_wire_memory_init (&graph->memory, MEMORY_LIMIT * weights->size);
  if (!walk_nodes (graph, &count, error))
    return FALSE;
  if (count > FRC_TF_MAX_NODES)
    return frc_weights_fail (weights, error, FRC_ERROR_TOO_LARGE,
        "a graph of %u nodes, at most %d are read", count, FRC_TF_MAX_NODES);
  if (!(graph->nodes = frc_alloc0 (count, sizeof *graph->nodes, weights->shown, error)) ||
      !walk_nodes (graph, &count, error) || !index_names (graph, error)) {
    frc_graphdef_clear (graph);
    return FALSE;
  }
  for (guint i = 0; i < graph->n_nodes; i++)
    weights->header_bytes -= content_bytes (graph->nodes[i]);
  return TRUE;
}

void
frc_graphdef_clear (FrcGraphDef *graph)
{
  for (guint i = 0; i < graph->n_nodes; i++)
    frc_tf__node__free_unpacked (graph->nodes[i], &graph->memory.allocator);
  graph->n_nodes = 0;
  frc_clear (&graph->nodes);
  frc_clear (&graph->by_name);
  frc_clear (&graph->source);
}

/* ---- looking at nodes ----------------------------------------------------------------------- */

const char *
frc_graphdef_name (const FrcGraphDef *graph, guint node)
{
  return node < graph->n_nodes ? graph->nodes[node]->name : "";
}

const char *
frc_graphdef_op (const FrcGraphDef *graph, guint node)
{
  return node < graph->n_nodes ? graph->nodes[node]->op : "";
}

gboolean
frc_graphdef_is (const FrcGraphDef *graph, guint node, const char *op)
{
  return g_str_equal (frc_graphdef_op (graph, node), op);
}

guint
frc_graphdef_n_inputs (const FrcGraphDef *graph, guint node)
{
  guint n = 0;

  if (node >= graph->n_nodes)
    return 0;
  while (n < graph->nodes[node]->n_input && graph->nodes[node]->input[n][0] != '^')
    n++; /* control inputs come last */
  return n;
}

guint
frc_graphdef_input (const FrcGraphDef *graph, guint node, guint k, guint *port)
{
  if (port)
    *port = 0;
  if (k >= frc_graphdef_n_inputs (graph, node))
    return FRC_NO_TF_NODE;
  if (k == 0 && !port)
    return graph->source[node];
  return find_node (graph, graph->nodes[node]->input[k], port);
}

static gboolean
is_one_of (const char *op, const char *const *ops)
{
  for (; *ops; ops++)
    if (g_str_equal (op, *ops))
      return TRUE;
  return FALSE;
}

guint
frc_graphdef_behind (const FrcGraphDef *graph, guint node)
{
  static const char *const passing[] = { "Identity", "Enter", "StopGradient", "CheckNumerics",
    "PlaceholderWithDefault", NULL };

  for (guint i = 0; i < MAX_DEPTH && is_one_of (frc_graphdef_op (graph, node), passing); i++)
    node = frc_graphdef_input (graph, node, 0, NULL);
  return node;
}

guint
frc_graphdef_behind_shape (const FrcGraphDef *graph, guint node)
{
  static const char *const shaping[] = { "Reshape", "Squeeze", "ExpandDims", NULL };

  node = frc_graphdef_behind (graph, node);
  for (guint i = 0; i < MAX_DEPTH && is_one_of (frc_graphdef_op (graph, node), shaping); i++)
    node = frc_graphdef_behind (graph, frc_graphdef_input (graph, node, 0, NULL));
  return node;
}

const FrcTf__AttrValue *
frc_graphdef_attr (const FrcGraphDef *graph, guint node, const char *key)
{
  if (node >= graph->n_nodes)
    return NULL;
  const FrcTf__Node *n = graph->nodes[node];
  for (gsize i = 0; i < n->n_attr; i++)
    if (g_str_equal (n->attr[i]->key, key))
      return n->attr[i]->value;
  return NULL;
}

/* ---- constants ------------------------------------------------------------------------------ */

static const FrcTf__Tensor *
tensor_of (const FrcGraphDef *graph, guint node)
{
  const FrcTf__AttrValue *value = NULL;

  if (frc_graphdef_is (graph, node, "Const"))
    value = frc_graphdef_attr (graph, node, "value");
  return value ? value->tensor : NULL;
}

const FrcTf__Tensor *
frc_graphdef_tensor (const FrcGraphDef *graph, guint node)
{
  const FrcTf__Tensor *tensor = tensor_of (graph, frc_graphdef_behind_shape (graph, node));

  return tensor && tensor->dtype == DT_FLOAT ? tensor : NULL;
}

/* A constant of few numbers; the last one stands for those that are left out. */
static guint
constant_numbers (const FrcTf__Tensor *tensor, gdouble *out, guint max)
{
  guint64 n = 1;
  gboolean is_float = tensor->dtype == DT_FLOAT;
  gsize given = is_float ? tensor->n_float_val : tensor->n_int_val;
  gsize in_content = tensor->tensor_content.len / 4;

  if (!is_float && tensor->dtype != DT_INT32)
    return 0;
  for (gsize i = 0; tensor->tensor_shape && i < tensor->tensor_shape->n_dim; i++) {
    gint64 size = tensor->tensor_shape->dim[i]->size;
    if (size < 1 || size > max || (n *= size) > max)
      return 0;
  }
  for (guint i = 0; i < n; i++) {
    if (i < in_content) {
      union { gfloat f; gint32 i; } v;
      memcpy (&v, tensor->tensor_content.data + 4 * i, 4);
      out[i] = is_float ? v.f : v.i;
    } else if (in_content == 0 && given > 0) {
      gsize k = MIN (i, given - 1);
      out[i] = is_float ? tensor->float_val[k] : tensor->int_val[k];
    } else if (in_content == 0) {
      out[i] = 0;
    } else {
      return 0;
    }
  }
  return n;
}

static guint numbers_at (const FrcGraphDef *graph, guint node, gdouble *out, guint max, guint depth);

/* One element of a constant vector, as strided_slice with one index takes it. */
static guint
slice_number (const FrcGraphDef *graph, guint node, gdouble *out, guint depth)
{
  gdouble all[FRC_TF_MAX_VALUES], begin, end;
  guint n = numbers_at (graph, frc_graphdef_input (graph, node, 0, NULL), all, FRC_TF_MAX_VALUES,
      depth);

  if (n == 0 ||
      numbers_at (graph, frc_graphdef_input (graph, node, 1, NULL), &begin, 1, depth) != 1 ||
      numbers_at (graph, frc_graphdef_input (graph, node, 2, NULL), &end, 1, depth) != 1 ||
      !(begin >= 0 && begin < n && end == begin + 1))
    return 0;
  *out = all[(guint) begin];
  return 1;
}

static guint
pack_numbers (const FrcGraphDef *graph, guint node, gdouble *out, guint max, guint depth)
{
  guint n = frc_graphdef_n_inputs (graph, node);

  if (n > max)
    return 0;
  for (guint i = 0; i < n; i++)
    if (numbers_at (graph, frc_graphdef_input (graph, node, i, NULL), out + i, 1, depth) != 1)
      return 0;
  return n;
}

static guint
numbers_at (const FrcGraphDef *graph, guint node, gdouble *out, guint max, guint depth)
{
  /* Tile repeats numbers: they are what matters here, not how often. */
  static const char *const passing[] = { "Identity", "Enter", "StopGradient", "Cast", "ToFloat",
    "ToInt32", "Reshape", "Squeeze", "ExpandDims", "Tile", NULL };
  const FrcTf__Tensor *tensor = tensor_of (graph, node);

  if (tensor)
    return constant_numbers (tensor, out, max);
  if (depth == 0)
    return 0;
  if (is_one_of (frc_graphdef_op (graph, node), passing))
    return numbers_at (graph, frc_graphdef_input (graph, node, 0, NULL), out, max, depth - 1);
  if (frc_graphdef_is (graph, node, "StridedSlice"))
    return slice_number (graph, node, out, depth - 1);
  if (frc_graphdef_is (graph, node, "Pack"))
    return pack_numbers (graph, node, out, max, MIN (depth - 1, 4));
  return 0;
}

guint
frc_graphdef_numbers (const FrcGraphDef *graph, guint node, gdouble *out, guint max)
{
  return numbers_at (graph, node, out, max, 8);
}

gboolean
frc_graphdef_number (const FrcGraphDef *graph, guint node, gdouble *out)
{
  return frc_graphdef_numbers (graph, node, out, 1) == 1;
}
