/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "narrow_nodes.h"
#include "pack.h"
#include "../frcnn.h"
#include "../mem.h"

#include <string.h>

/* More channels than this are a tensor of the network, not pixels. */
#define MAX_PIXEL_CHANNELS 4

/* ---- packing ------------------------------------------------------------------------------- */

/* Rounding the input to int8 takes time of its own: there must be enough multiplications with each of
 * its numbers. What the stages read stays exact. */
static gboolean
gains_by_int8 (const FrcGraph *graph, const FrcNode *node)
{
  const FrcConvSpec *spec = &node->spec;

  if (node->is_wide || graph->nodes[node->in[0]].is_wide || spec->out_channels < 64)
    return FALSE;
  if (node->op == FRC_OP_LINEAR)
    return TRUE;
  if (spec->kernel_h * spec->kernel_w > 1)
    return spec->in_channels >= 64;
  return spec->in_channels >= 128 && spec->out_channels >= 256;
}

/* Without tile registers, f32's Winograd computes a 3×3 convolution in less time than bf16's products:
 * on a Xeon, whose vector units have half of f32's speed in bf16, at 440–570 GFLOP/s a core in place
 * of 100–113; where they have twice f32's, their peak is still below. The input is widened, the output
 * rounded; what int8 multiplies is faster yet. */
static gboolean
gains_by_winograd (const FrcGraph *graph, const FrcNode *node)
{
  const FrcConvSpec *spec = &node->spec;

  return node->op == FRC_OP_CONV && !frc_narrow_kernels_have_tiles (graph->narrow) &&
      !node->is_wide && !graph->nodes[node->in[0]].is_wide && node->in[1] < 0 && !node->part_of &&
      spec->stride_h == 1 && spec->in_channels % FRC_NARROW_GROUP == 0 &&
      spec->out_channels % FRC_NARROW_GROUP == 0 && frc_conv_takes_winograd (graph->kernels, spec);
}

/* Objectness, deltas and logits have f32's weights: little to compute, and what the stages compare,
 * rank and threshold. */
static gboolean
is_result (const FrcGraph *graph, const FrcNode *node)
{
  const FrcNode *in = &graph->nodes[node->in[0]];
  const FrcConvSpec *spec = &node->spec;

  return node->is_wide && !in->is_wide && node->in[1] < 0 && in->channels == spec->in_channels &&
      spec->kernel_h * spec->kernel_w == 1 && spec->stride_h * spec->stride_w == 1 &&
      spec->pad_top + spec->pad_left + node->pad_bottom + node->pad_right == 0;
}

/* A depthwise convolution of pixels, or to several channels a channel: few weights, so it is made a
 * convolution whose other weights are zeros. */
static FrcNarrowConv *
dense_conv (const FrcGraph *graph, const FrcNode *node, gboolean wide_in, GError **error)
{
  const FrcConvSpec *spec = &node->spec;
  gsize taps = (gsize) spec->kernel_h * spec->kernel_w;
  guint out = spec->out_channels, in = spec->in_channels;
  gfloat *dense = frc_alloc0 ((gsize) out * in, taps * sizeof (gfloat), node->name, error);
  FrcNarrowConv *conv = NULL;

  if (dense) {
    for (guint o = 0; o < out; o++)
      memcpy (dense + ((gsize) o * in + o / (out / in)) * taps, node->weight + o * taps,
          taps * sizeof (gfloat));
    conv = frc_narrow_conv_new (graph->narrow, spec, 0, wide_in, dense, node->bias, error);
  }
  frc_free (dense);
  return conv;
}

static gboolean
pack_node (const FrcGraph *graph, FrcNode *node, GError **error)
{
  const FrcNode *in = &graph->nodes[node->in[0]];
  const FrcBounds *bounds = graph->bounds ? g_hash_table_lookup (graph->bounds, node->name) : NULL;
  guint pixels = node->op == FRC_OP_LINEAR ? node->spec.in_channels / in->channels : 0;
  if (node->op == FRC_OP_DEPTHWISE &&
      (in->is_wide || node->spec.out_channels != node->spec.in_channels))
    node->narrow_conv = dense_conv (graph, node, in->is_wide, error);
  else if (node->op == FRC_OP_DEPTHWISE)
    node->narrow_depthwise = frc_narrow_depthwise_new (graph->narrow, &node->spec, node->weight,
        node->bias, error);
  else if (bounds && gains_by_int8 (graph, node))
    node->narrow_conv = frc_narrow_conv_new_int8 (graph->narrow, &node->spec, pixels, *bounds,
        node->weight, node->bias, error);
  else if (is_result (graph, node))
    node->narrow_conv = frc_narrow_conv_new_f32 (graph->narrow, &node->spec, node->weight, node->bias,
        error);
  else if (gains_by_winograd (graph, node))
    node->conv = frc_conv_new (graph->kernels, &node->spec, node->weight, node->bias, error);
  else
    node->narrow_conv = frc_narrow_conv_new (graph->narrow, &node->spec, pixels, in->is_wide,
        node->weight, node->bias, error);
  return node->conv || node->narrow_conv || node->narrow_depthwise;
}

static gboolean
is_wide (const FrcGraph *graph, gint node)
{
  return node >= 0 && graph->nodes[node].is_wide;
}

/* Whether there is a kernel for the node with its neighbours as they are. */
static gboolean
is_supported (const FrcGraph *graph, const FrcNode *node)
{
  gboolean has_sums = node->op == FRC_OP_CONV || node->op == FRC_OP_LINEAR;

  if (node->op == FRC_OP_LOCAL_NORM || node->first_channel % FRC_NARROW_GROUP)
    return FALSE;
  if (node->is_wide && !has_sums && node->op != FRC_OP_INPUT)
    return FALSE;
  return !is_wide (graph, node->in[1]) &&
      (!is_wide (graph, node->in[0]) || node->op == FRC_OP_CONV || node->op == FRC_OP_DEPTHWISE);
}

gboolean
frc_narrow_pack (FrcGraph *graph)
{
  for (guint i = 0; i < graph->n_nodes; i++) {
    FrcNode *node = &graph->nodes[i];
    if (node->op == FRC_OP_INPUT && node->channels <= MAX_PIXEL_CHANNELS)
      node->is_wide = TRUE;
    if (!is_supported (graph, node)) {
      g_set_error (&graph->error, FRC_ERROR, FRC_ERROR_UNSUPPORTED,
          "'%s' has no bf16 kernel: choose auto or f32", node->name);
      return FALSE;
    }
  }
  return frc_pack_nodes (graph, pack_node);
}

/* ---- running ------------------------------------------------------------------------------- */

/* Of the tensor alone, in whole lines. */
static gsize
tensor_bytes (const FrcPlan *plan, guint i)
{
  const FrcShape *s = &plan->shapes[i];
  gsize pixels = (gsize) s->n * s->h * s->w;
  gsize bytes = plan->graph->nodes[i].is_wide ? pixels * s->c * sizeof (gfloat)
                                              : pixels * frc_narrow_ld (s->c) * sizeof (guint16);

  return (bytes + 63) & ~(gsize) 63;
}

/* A convolution's tensors; the views that @io points to are in @views. */
typedef struct {
  FrcNarrowView in, residual, out;
  FrcView wide_in, wide_out;
} IoViews;

static FrcNarrowConvIo
conv_io (const FrcPlan *plan, guint i, IoViews *views)
{
  const FrcNode *node = &plan->graph->nodes[i];
  FrcNarrowConvIo io = { 0 };

  if (plan->graph->nodes[node->in[0]].is_wide) {
    views->wide_in = frc_plan_view (plan, node->in[0]);
    io.wide_in = &views->wide_in;
  } else {
    views->in = frc_plan_narrow_view (plan, node->in[0]);
    io.in = &views->in;
  }
  if (node->in[1] >= 0) {
    views->residual = frc_plan_narrow_view (plan, node->in[1]);
    io.residual = &views->residual;
  }
  if (node->is_wide) {
    views->wide_out = frc_plan_view (plan, i);
    io.wide_out = &views->wide_out;
  } else {
    views->out = frc_plan_narrow_view (plan, i);
    io.out = &views->out;
  }
  if (node->op == FRC_OP_LINEAR && plan->arena)
    io.shared = plan->arena + plan->offset[i] + tensor_bytes (plan, i);
  return io;
}

static gsize
elements (const FrcNarrowView *view)
{
  return (gsize) view->n * view->h * view->w * view->ld;
}

/* Behind a tensor lies what its node needs while it runs. */
gsize
frc_narrow_bytes (const FrcPlan *plan, guint i)
{
  const FrcNode *node = &plan->graph->nodes[i];
  IoViews views;

  if (node->conv) {
    FrcNarrowView in = frc_plan_narrow_view (plan, node->in[0]);
    FrcNarrowView out = frc_plan_narrow_view (plan, i);
    return tensor_bytes (plan, i) + (elements (&in) + elements (&out)) * sizeof (gfloat);
  }
  if (!node->narrow_conv)
    return tensor_bytes (plan, i);
  FrcNarrowConvIo io = conv_io (plan, i, &views);
  return tensor_bytes (plan, i) + frc_narrow_conv_shared_bytes (node->narrow_conv, &io);
}

gsize
frc_narrow_scratch_bytes (const FrcPlan *plan, guint i)
{
  const FrcNode *node = &plan->graph->nodes[i];
  IoViews views;

  if (!node->narrow_conv)
    return 0;
  FrcNarrowConvIo io = conv_io (plan, i, &views);
  return frc_narrow_conv_scratch_bytes (node->narrow_conv, &io);
}

/* An f32 convolution of a narrow tensor into another one. */
static void
run_wide_conv (const FrcPlan *plan, FrcPool *pool, guint i)
{
  const FrcNode *node = &plan->graph->nodes[i];
  FrcNarrowView in = frc_plan_narrow_view (plan, node->in[0]), out = frc_plan_narrow_view (plan, i);
  gfloat *wide = (gfloat *) (plan->arena + plan->offset[i] + tensor_bytes (plan, i));
  FrcView from = { wide, in.n, in.h, in.w, in.c, in.ld };
  FrcView to = { wide + elements (&in), out.n, out.h, out.w, out.c, out.ld };

  frc_narrow_widen_run (plan->graph->narrow, pool, &in, from.data);
  frc_conv_run (node->conv, pool, &from, NULL, &to);
  frc_narrow_convert_run (plan->graph->narrow, pool, to.data, &out);
}

void
frc_narrow_run_node (const FrcPlan *plan, FrcPool *pool, guint i)
{
  const FrcNode *node = &plan->graph->nodes[i];
  const FrcNarrowKernels *kernels = plan->graph->narrow;

  if (node->conv) {
    run_wide_conv (plan, pool, i);
    return;
  }
  if (node->narrow_conv) {
    IoViews views;
    FrcNarrowConvIo io = conv_io (plan, i, &views);
    frc_narrow_conv_run (node->narrow_conv, pool, &io);
    return;
  }
  if (node->in[0] < 0 || node->op == FRC_OP_CONCAT)
    return;
  FrcNarrowView a = frc_plan_narrow_view (plan, node->in[0]), out = frc_plan_narrow_view (plan, i);
  FrcNarrowView b = node->in[1] >= 0 ? frc_plan_narrow_view (plan, node->in[1]) : a;
  switch (node->op) {
    case FRC_OP_DEPTHWISE:
      frc_narrow_depthwise_run (node->narrow_depthwise, pool, &a, &out);
      break;
    case FRC_OP_MAX_POOL:
      frc_narrow_max_pool_run (kernels, pool, &node->spec, &a, &out);
      break;
    case FRC_OP_AVERAGE_POOL:
      frc_narrow_average_pool_run (kernels, pool, &node->spec, &a, &out);
      break;
    case FRC_OP_GLOBAL_MEAN:
      frc_narrow_global_mean_run (kernels, pool, &a, &out);
      break;
    case FRC_OP_SCALE:
      frc_narrow_scale_channels_run (kernels, pool, &a, &b, &out);
      break;
    case FRC_OP_ADD:
      frc_narrow_add_run (kernels, pool, &a, &b, node->spec.activation, &out);
      break;
    case FRC_OP_NONE:
    case FRC_OP_INPUT:
    case FRC_OP_CONCAT:
    case FRC_OP_LOCAL_NORM:
    case FRC_OP_CONV:
    case FRC_OP_LINEAR:
      break;
  }
}
