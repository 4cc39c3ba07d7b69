/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "graph.h"
#include "../frcnn.h"
#include "../mem.h"
#include "narrow_nodes.h"
#include "pack.h"

#include <string.h>

FrcGraph *
frc_graph_new (const FrcKernels *kernels)
{
  FrcGraph *graph = g_new0 (FrcGraph, 1);

  graph->kernels = kernels;
  return graph;
}

static void
node_clear (FrcNode *node)
{
  g_free (node->name);
  frc_free (node->weight);
  frc_free (node->bias);
  if (node->weights_of == FRC_NO_NODE) {
    frc_conv_free (node->conv);
    frc_depthwise_free (node->depthwise);
    frc_narrow_conv_free (node->narrow_conv);
    frc_narrow_depthwise_free (node->narrow_depthwise);
  }
}

void
frc_graph_free (FrcGraph *graph)
{
  if (!graph)
    return;
  for (guint i = 0; i < graph->n_nodes; i++)
    node_clear (&graph->nodes[i]);
  g_free (graph->nodes);
  g_clear_error (&graph->error);
  g_free (graph);
}

gint
frc_graph_append (FrcGraph *graph, FrcNode node)
{
  if (graph->error) {
    node_clear (&node);
    return FRC_NO_NODE;
  }
  if (graph->n_nodes == graph->room) {
    graph->room = graph->room ? 2 * graph->room : 64;
    graph->nodes = g_renew (FrcNode, graph->nodes, graph->room);
  }
  for (guint k = 0; k < 2; k++)
    if (node.in[k] != FRC_NO_NODE)
      graph->nodes[node.in[k]].users++;
  graph->nodes[graph->n_nodes] = node;
  return graph->n_nodes++;
}

gint
frc_graph_reuse (FrcGraph *graph, gint node, gint in)
{
  if (graph->error)
    return FRC_NO_NODE;
  FrcNode again = graph->nodes[node];
  if (graph->nodes[in].channels != again.spec.in_channels) {
    g_set_error (&graph->error, FRC_ERROR, FRC_ERROR_SHAPE,
        "'%s' takes %u channels, one of the maps it runs on has %u", again.name,
        again.spec.in_channels, graph->nodes[in].channels);
    return FRC_NO_NODE;
  }
  graph->nodes[node].lends_weights = TRUE;
  again.name = g_strdup (again.name);
  again.in[0] = in;
  again.users = again.part_of = again.first_channel = 0;
  again.is_output = again.is_wide = again.lends_weights = FALSE;
  again.weight = again.bias = NULL;
  again.weights_of = node;
  return frc_graph_append (graph, again);
}

gint
frc_graph_input (FrcGraph *graph, guint channels)
{
  return frc_graph_append (graph, (FrcNode){ .op = FRC_OP_INPUT, .name = g_strdup ("input"),
      .in = { FRC_NO_NODE, FRC_NO_NODE }, .channels = channels, .is_output = TRUE, .weights_of = FRC_NO_NODE });
}

/* A node without weights that keeps its input's channels. */
static gint
append_simple (FrcGraph *graph, FrcOp op, const char *name, gint a, gint b, FrcConvSpec spec)
{
  if (graph->error)
    return FRC_NO_NODE;
  return frc_graph_append (graph, (FrcNode){ .op = op, .name = g_strdup (name), .in = { a, b },
      .spec = spec, .pad_bottom = spec.pad_top, .pad_right = spec.pad_left,
      .channels = graph->nodes[a].channels, .weights_of = FRC_NO_NODE });
}

gint
frc_graph_add (FrcGraph *graph, const char *name, gint a, gint b, FrcActivation activation)
{
  if (!graph->error && graph->nodes[a].channels != graph->nodes[b].channels)
    g_set_error (&graph->error, FRC_ERROR, FRC_ERROR_SHAPE,
        "'%s' adds %u channels to %u: the weights do not belong together", name,
        graph->nodes[b].channels, graph->nodes[a].channels);
  return append_simple (graph, FRC_OP_ADD, name, a, b, (FrcConvSpec){ .activation = activation });
}

gint
frc_graph_max_pool (FrcGraph *graph, const char *name, gint in, guint size, guint stride, guint pad)
{
  return append_simple (graph, FRC_OP_MAX_POOL, name, in, FRC_NO_NODE,
      (FrcConvSpec){ .kernel_h = size, .kernel_w = size, .stride_h = stride, .stride_w = stride,
          .pad_top = pad, .pad_left = pad });
}

gint
frc_graph_max_pool_ceil (FrcGraph *graph, const char *name, gint in, guint size, guint stride,
    guint pad)
{
  gint node = frc_graph_max_pool (graph, name, in, size, stride, pad);

  if (node != FRC_NO_NODE)
    graph->nodes[node].pad_bottom = graph->nodes[node].pad_right = pad + stride - 1;
  return node;
}

gint
frc_graph_local_norm (FrcGraph *graph, const char *name, gint in, guint size, gfloat alpha)
{
  return frc_graph_pool (graph, FRC_OP_LOCAL_NORM, name, in,
      (FrcConvSpec){ .kernel_h = size, .kernel_w = size, .stride_h = 1, .stride_w = 1,
          .pad_top = size / 2, .pad_left = size / 2, .alpha = alpha });
}

gint
frc_graph_pool (FrcGraph *graph, FrcOp op, const char *name, gint in, FrcConvSpec window)
{
  return append_simple (graph, op, name, in, FRC_NO_NODE, window);
}

gint
frc_graph_concat (FrcGraph *graph, const char *name, const gint *in, guint n)
{
  guint channels = 0;

  if (graph->error)
    return FRC_NO_NODE;
  gint concat = append_simple (graph, FRC_OP_CONCAT, name, in[0], FRC_NO_NODE, (FrcConvSpec){ 0 });
  for (guint i = 0; i < n; i++) {
    FrcNode *part = &graph->nodes[in[i]];
    part->users = 1;
    part->part_of = concat;
    part->first_channel = channels;
    channels += part->channels;
  }
  graph->nodes[concat].channels = channels;
  return concat;
}

gint
frc_graph_global_mean (FrcGraph *graph, const char *name, gint in)
{
  return append_simple (graph, FRC_OP_GLOBAL_MEAN, name, in, FRC_NO_NODE, (FrcConvSpec){ 0 });
}

gint
frc_graph_scale (FrcGraph *graph, const char *name, gint in, gint scale)
{
  if (!graph->error && graph->nodes[in].channels != graph->nodes[scale].channels)
    g_set_error (&graph->error, FRC_ERROR, FRC_ERROR_SHAPE,
        "'%s' scales %u channels by %u: the weights do not belong together", name,
        graph->nodes[in].channels, graph->nodes[scale].channels);
  return append_simple (graph, FRC_OP_SCALE, name, in, scale, (FrcConvSpec){ 0 });
}

void
frc_graph_set_output (FrcGraph *graph, gint node)
{
  if (node != FRC_NO_NODE)
    graph->nodes[node].is_output = TRUE;
}

void
frc_graph_set_result (FrcGraph *graph, gint node)
{
  frc_graph_set_output (graph, node);
  if (node != FRC_NO_NODE)
    graph->nodes[node].is_wide = TRUE;
}

/* ---- finishing ---------------------------------------------------------------------------- */

/* A sum whose first term is a convolution that nobody else reads becomes that convolution, with the
 * second term as its residual: it takes the sum's place, so the sum's readers need no change. */
static void
fuse_add (FrcGraph *graph, FrcNode *sum)
{
  FrcNode *conv = &graph->nodes[sum->in[0]];
  FrcNode fused = *conv;

  if (conv->op != FRC_OP_CONV || conv->lends_weights || conv->weights_of >= 0 || conv->users != 1 ||
      conv->is_output || conv->in[1] >= 0 || conv->spec.activation != FRC_ACT_NONE)
    return;
  fused.in[1] = sum->in[1];
  fused.spec.activation = sum->spec.activation;
  fused.users = sum->users;
  fused.is_output = sum->is_output;
  fused.is_wide = sum->is_wide;
  fused.part_of = sum->part_of;
  fused.first_channel = sum->first_channel;
  *conv = (FrcNode){ .op = FRC_OP_NONE, .name = sum->name, .in = { FRC_NO_NODE, FRC_NO_NODE },
    .weights_of = FRC_NO_NODE };
  *sum = fused;
}

gboolean
frc_graph_finish (FrcGraph *graph, GError **error)
{
  if (!graph->error) {
    for (guint i = 0; i < graph->n_nodes; i++)
      if (graph->nodes[i].op == FRC_OP_ADD)
        fuse_add (graph, &graph->nodes[i]);
    if (graph->narrow)
      frc_narrow_pack (graph);
    else
      frc_pack_nodes (graph, frc_pack_wide_node);
  }
  if (graph->error) {
    g_propagate_error (error, g_steal_pointer (&graph->error));
    return FALSE;
  }
  return TRUE;
}

gsize
frc_node_weight_bytes (const FrcNode *node)
{
  return (node->conv ? frc_conv_weight_bytes (node->conv) : 0) +
      (node->depthwise ? frc_depthwise_weight_bytes (node->depthwise) : 0) +
      (node->narrow_conv ? frc_narrow_conv_weight_bytes (node->narrow_conv) : 0) +
      (node->narrow_depthwise ? frc_narrow_depthwise_weight_bytes (node->narrow_depthwise) : 0);
}

gsize
frc_graph_weight_bytes (const FrcGraph *graph)
{
  gsize bytes = 0;

  for (guint i = 0; i < graph->n_nodes; i++) {
    const FrcNode *node = &graph->nodes[i];
    if (node->weights_of >= 0)
      continue;
    bytes += frc_node_weight_bytes (node);
  }
  return bytes;
}

/* ---- shapes ------------------------------------------------------------------------------- */

static guint
window_steps (guint size, guint pad, guint kernel, guint stride)
{
  return size + pad > kernel ? (size + pad - kernel) / stride + 1 : 1;
}

void
frc_graph_infer (const FrcGraph *graph, FrcShape input, FrcShape *shapes)
{
  for (guint i = 0; i < graph->n_nodes; i++) {
    const FrcNode *node = &graph->nodes[i];
    const FrcConvSpec *spec = &node->spec;
    FrcShape s = node->in[0] >= 0 ? shapes[node->in[0]] : input;

    switch (node->op) {
      case FRC_OP_CONV:
      case FRC_OP_DEPTHWISE:
      case FRC_OP_MAX_POOL:
      case FRC_OP_AVERAGE_POOL:
        if (spec->same) {
          s.h = (s.h + spec->stride_h - 1) / spec->stride_h;
          s.w = (s.w + spec->stride_w - 1) / spec->stride_w;
          break;
        }
        s.h = window_steps (s.h, spec->pad_top + node->pad_bottom, spec->kernel_h, spec->stride_h);
        s.w = window_steps (s.w, spec->pad_left + node->pad_right, spec->kernel_w, spec->stride_w);
        break;
      case FRC_OP_LINEAR:
      case FRC_OP_GLOBAL_MEAN:
        s.h = s.w = 1;
        break;
      case FRC_OP_NONE:
        s.n = s.h = s.w = 0;
        break;
      case FRC_OP_INPUT:
      case FRC_OP_SCALE:
      case FRC_OP_ADD:
      case FRC_OP_CONCAT:
      case FRC_OP_LOCAL_NORM:
        break;
    }
    s.c = node->channels;
    shapes[i] = s;
  }
}

gboolean
frc_graph_check (const FrcGraph *graph, FrcShape input, GError **error)
{
  g_autofree FrcShape *shapes = g_new (FrcShape, graph->n_nodes);

  frc_graph_infer (graph, input, shapes);
  for (guint i = 0; i < graph->n_nodes; i++) {
    const FrcNode *node = &graph->nodes[i];
    if (node->op != FRC_OP_LINEAR)
      continue;
    const FrcShape *in = &shapes[node->in[0]];
    if ((guint64) in->h * in->w * in->c != node->spec.in_channels) {
      g_set_error (error, FRC_ERROR, FRC_ERROR_SHAPE,
          "'%s' takes %u inputs, the layers before it make %u×%u×%u", node->name,
          node->spec.in_channels, in->h, in->w, in->c);
      return FALSE;
    }
  }
  return TRUE;
}

gdouble
frc_node_flops (const FrcGraph *graph, guint i, const FrcShape *shapes)
{
  const FrcNode *node = &graph->nodes[i];
  const FrcShape *s = &shapes[i];
  gdouble outputs = (gdouble) s->n * s->h * s->w * s->c;
  gdouble taps = (gdouble) node->spec.kernel_h * node->spec.kernel_w;

  switch (node->op) {
    case FRC_OP_CONV:
    case FRC_OP_LINEAR:
      return 2 * outputs * taps * node->spec.in_channels;
    case FRC_OP_DEPTHWISE:
      return 2 * outputs * taps;
    default:
      return 0;
  }
}
