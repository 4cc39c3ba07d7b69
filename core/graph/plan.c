/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan.h"
#include "bands.h"
#include "../frcnn.h"
#include "../mem.h"
#include "narrow_nodes.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALIGNMENT 64
#define ALIGN(n) (((n) + ALIGNMENT - 1) & ~(gsize) (ALIGNMENT - 1))
/* What a kernel may read past a tensor's end. */
#define TAIL 256
/* Pixels this far apart fall into one set of an L1 cache, where those of one block of a convolution
 * would displace each other: they lie a line further apart. */
#define CONFLICT_BYTES 4096
#define LINE_FLOATS 16

/* Floats from a pixel of @node's f32 tensor to the next. Who reads results, and a fully connected
 * layer, which flattens its input, take channels without gaps. */
static gsize
pixel_step (const FrcGraph *graph, guint node)
{
  guint channels = graph->nodes[node].channels;
  gboolean convolved = FALSE;

  if (graph->narrow || graph->nodes[node].is_output ||
      channels * sizeof (gfloat) % CONFLICT_BYTES != 0)
    return channels;
  for (guint i = node + 1; i < graph->n_nodes; i++) {
    const FrcNode *reader = &graph->nodes[i];
    if (reader->in[0] == (gint) node && reader->op == FRC_OP_LINEAR)
      return channels;
    convolved |= reader->in[0] == (gint) node && reader->op == FRC_OP_CONV;
  }
  return convolved ? channels + LINE_FLOATS : channels;
}

FrcPlan *
frc_plan_new (const FrcGraph *graph, GError **error)
{
  FrcPlan *plan = g_new0 (FrcPlan, 1);
  guint n = graph->n_nodes;

  plan->graph = graph;
  plan->shapes = frc_alloc0 (n, sizeof (FrcShape), "the plan's shapes", error);
  plan->bytes = plan->shapes ? frc_alloc0 (n, sizeof (gsize), "the plan's sizes", error) : NULL;
  plan->offset = plan->bytes ? frc_alloc0 (n, sizeof (gsize), "the plan's offsets", error) : NULL;
  plan->ld = plan->offset ? frc_alloc (n, sizeof (gsize), "the plan's steps", error) : NULL;
  plan->order = plan->ld ? frc_alloc0 (n, sizeof (guint), "the plan's order", error) : NULL;
  plan->chain_last = plan->order ? frc_alloc (n, sizeof (guint), "the plan's chains", error) : NULL;
  if (!plan->chain_last) {
    frc_plan_free (plan);
    return NULL;
  }
  for (guint i = 0; i < n; i++) {
    plan->ld[i] = pixel_step (graph, i);
    plan->chain_last[i] = frc_bands_last (graph, i);
  }
  return plan;
}

void
frc_plan_free (FrcPlan *plan)
{
  if (!plan)
    return;
  frc_free (plan->shapes);
  frc_free (plan->bytes);
  frc_free (plan->offset);
  frc_free (plan->ld);
  frc_free (plan->order);
  frc_free (plan->chain_last);
  frc_free (plan->arena);
  g_free (plan);
}

static FrcView
view_of (const FrcPlan *plan, gint node)
{
  const FrcShape *s = &plan->shapes[node];
  const FrcNode *n = &plan->graph->nodes[node];
  guint home = n->part_of ? n->part_of : (guint) node;
  gfloat *data = plan->arena ? (gfloat *) (plan->arena + plan->offset[home]) : NULL;

  return (FrcView){ data ? data + n->first_channel : NULL, s->n, s->h, s->w, s->c,
    plan->ld[home] };
}

FrcView
frc_plan_view (const FrcPlan *plan, gint node)
{
  return view_of (plan, node);
}

FrcNarrowView
frc_plan_narrow_view (const FrcPlan *plan, gint node)
{
  const FrcShape *s = &plan->shapes[node];
  const FrcNode *n = &plan->graph->nodes[node];
  guint home = n->part_of ? n->part_of : (guint) node;
  guint16 *data = plan->arena ? (guint16 *) (plan->arena + plan->offset[home]) : NULL;

  return (FrcNarrowView){ data ? data + n->first_channel : NULL, s->n, s->h, s->w, s->c,
    frc_narrow_ld (plan->graph->nodes[home].channels) };
}

static FrcView
flattened (FrcView v)
{
  return (FrcView){ v.data, v.n, 1, 1, v.h * v.w * v.c, (gsize) v.h * v.w * v.c };
}

void
frc_plan_grow (FrcPlan *plan, FrcShape input)
{
  frc_graph_infer (plan->graph, input, plan->shapes);
  for (guint i = 0; i < plan->graph->n_nodes; i++) {
    const FrcNode *node = &plan->graph->nodes[i];
    const FrcShape *s = &plan->shapes[i];
    gsize bytes = plan->graph->narrow
        ? frc_narrow_bytes (plan, i)
        : (gsize) s->n * s->h * s->w * plan->ld[i] * sizeof (gfloat);

    if (!node->part_of)
      plan->bytes[i] = MAX (plan->bytes[i], ALIGN (bytes));
    plan->scratch_bytes = MAX (plan->scratch_bytes, frc_narrow_scratch_bytes (plan, i));
    if (plan->chain_last[i] > i)
      plan->scratch_bytes = MAX (plan->scratch_bytes, frc_bands_scratch_bytes (plan, i));
    if (node->conv) {
      FrcView in = view_of (plan, node->in[0]), out = view_of (plan, i);
      if (node->op == FRC_OP_LINEAR)
        in = flattened (in);
      plan->scratch_bytes = MAX (plan->scratch_bytes, frc_conv_scratch_bytes (node->conv, &in, &out));
    }
  }
}

/* The first node that writes @node's tensor: of a concatenation, its first part. */
static guint
first_use (const FrcGraph *graph, guint node)
{
  if (graph->nodes[node].op == FRC_OP_CONCAT)
    for (guint i = 0; i < node; i++)
      if (graph->nodes[i].part_of == node)
        return i;
  return node;
}

/* The last node in whose time @node's tensor is read: a chain reads its first node's input to its
 * end. Outputs live to the end of the graph. */
static guint
last_use (const FrcPlan *plan, guint node)
{
  const FrcGraph *graph = plan->graph;
  guint last = node;

  if (graph->nodes[node].is_output)
    return graph->n_nodes;
  for (guint i = node + 1; i < graph->n_nodes; i++)
    if (graph->nodes[i].in[0] == (gint) node || graph->nodes[i].in[1] == (gint) node)
      last = MAX (last, plan->chain_last[i]);
  return last;
}

static int
by_size (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const gsize *bytes = user_data;
  guint i = *(const guint *) a, j = *(const guint *) b;

  if (bytes[i] != bytes[j])
    return bytes[i] > bytes[j] ? -1 : 1;
  return i < j ? -1 : i > j;
}

/* The lowest offset at which @node overlaps none of the @n tensors in order[] that are placed. */
static gsize
lowest_fit (const FrcPlan *plan, guint node, guint n)
{
  const FrcGraph *graph = plan->graph;
  guint born = first_use (graph, node), dies = last_use (plan, node);
  gsize offset = 0;

  for (gboolean moved = TRUE; moved;) {
    moved = FALSE;
    for (guint k = 0; k < n; k++) {
      guint other = plan->order[k];
      gsize start = plan->offset[other], end = start + plan->bytes[other];
      if (first_use (graph, other) <= dies && last_use (plan, other) >= born && offset < end &&
          offset + plan->bytes[node] > start) {
        offset = end;
        moved = TRUE;
      }
    }
  }
  return offset;
}

gboolean
frc_plan_place (FrcPlan *plan, GError **error)
{
  const FrcGraph *graph = plan->graph;
  gsize end = 0, memory = (gsize) sysconf (_SC_PHYS_PAGES) * (gsize) sysconf (_SC_PAGESIZE);

  for (guint i = 0; i < graph->n_nodes; i++)
    plan->order[i] = i;
  g_qsort_with_data (plan->order, graph->n_nodes, sizeof (guint), by_size, plan->bytes);
  for (guint k = 0; k < graph->n_nodes; k++) {
    guint node = plan->order[k];
    if (!plan->bytes[node])
      break;
    plan->offset[node] = lowest_fit (plan, node, k);
    end = MAX (end, plan->offset[node] + plan->bytes[node]);
  }
  plan->arena_bytes = end + TAIL;
  if (plan->arena_bytes > memory) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_TOO_LARGE,
        "the network needs %" G_GSIZE_FORMAT " MiB for its tensors at this input size, the machine "
        "has %" G_GSIZE_FORMAT " MiB: choose a smaller input size",
        plan->arena_bytes >> 20, memory >> 20);
    return FALSE;
  }
  frc_clear (&plan->arena);
  plan->arena = frc_alloc (plan->arena_bytes, 1, "the network's tensors", error);
  return plan->arena != NULL;
}

void
frc_plan_set_input (FrcPlan *plan, FrcShape input)
{
  frc_graph_infer (plan->graph, input, plan->shapes);
}

static void
run_node (const FrcPlan *plan, FrcPool *pool, guint i)
{
  const FrcNode *node = &plan->graph->nodes[i];
  const FrcKernels *kernels = plan->graph->kernels;
  FrcView out = view_of (plan, i), a = { 0 }, b = { 0 };

  if (node->in[0] >= 0)
    a = view_of (plan, node->in[0]);
  if (node->in[1] >= 0)
    b = view_of (plan, node->in[1]);
  switch (node->op) {
    case FRC_OP_NONE:
    case FRC_OP_INPUT:
    case FRC_OP_CONCAT:
      break;
    case FRC_OP_LINEAR:
      /* A fully connected layer is a 1×1 convolution of the flattened input. */
      a = flattened (a);
      frc_conv_run (node->conv, pool, &a, NULL, &out);
      break;
    case FRC_OP_CONV:
      frc_conv_run (node->conv, pool, &a, b.data ? &b : NULL, &out);
      break;
    case FRC_OP_DEPTHWISE:
      frc_depthwise_run (node->depthwise, pool, &a, &out);
      break;
    case FRC_OP_MAX_POOL:
      frc_max_pool_run (kernels, pool, &node->spec, &a, &out);
      break;
    case FRC_OP_AVERAGE_POOL:
      frc_average_pool_run (kernels, pool, &node->spec, &a, &out);
      break;
    case FRC_OP_LOCAL_NORM:
      frc_local_norm_run (kernels, pool, &node->spec, &a, &out);
      break;
    case FRC_OP_GLOBAL_MEAN:
      frc_global_mean_run (kernels, pool, &a, &out);
      break;
    case FRC_OP_SCALE:
      frc_scale_channels_run (kernels, pool, &a, &b, &out);
      break;
    case FRC_OP_ADD:
      frc_add_run (kernels, pool, &a, &b, node->spec.activation, &out);
      break;
  }
}

/* Runs node @i, or the chain that begins there; returns the last node that ran. Who watches wants to
 * see each node's inputs. */
static guint
run_from (const FrcPlan *plan, FrcPool *pool, guint i)
{
  if (plan->watch && plan->shapes[i].n)
    plan->watch (plan, i, plan->watch_data);
  else if (plan->chain_last[i] > i && frc_bands_run (plan, pool, i))
    return plan->chain_last[i];
  if (plan->shapes[i].n && plan->graph->narrow)
    frc_narrow_run_node (plan, pool, i);
  else if (plan->shapes[i].n)
    run_node (plan, pool, i);
  return i;
}

gboolean
frc_plan_run (FrcPlan *plan, FrcPool *pool)
{
  for (guint i = 0; i < plan->graph->n_nodes; i++) {
    i = run_from (plan, pool, i);
    if (frc_pool_is_cancelled (pool))
      return FALSE;
  }
  return TRUE;
}

gdouble
frc_plan_flops (const FrcPlan *plan)
{
  gdouble flops = 0;

  for (guint i = 0; i < plan->graph->n_nodes; i++)
    flops += frc_node_flops (plan->graph, i, plan->shapes);
  return flops;
}
