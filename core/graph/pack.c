/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pack.h"
#include "../mem.h"

typedef struct {
  FrcGraph *graph;
  FrcPackNode pack;
  guint *order; /* the nodes with weights, those with most first: threads end together */
  GMutex lock;  /* of graph->error */
} PackRun;

gboolean
frc_pack_wide_node (const FrcGraph *graph, FrcNode *node, GError **error)
{
  if (node->op == FRC_OP_DEPTHWISE)
    node->depthwise = frc_depthwise_new (graph->kernels, &node->spec, node->weight, node->bias,
        error);
  else
    node->conv = frc_conv_new (graph->kernels, &node->spec, node->weight, node->bias, error);
  return node->conv || node->depthwise;
}

static gboolean
has_failed (PackRun *run)
{
  g_mutex_lock (&run->lock);
  gboolean failed = run->graph->error != NULL;
  g_mutex_unlock (&run->lock);
  return failed;
}

/* Takes @error; the first one stays. */
static void
fail (PackRun *run, const FrcNode *node, GError *error)
{
  g_prefix_error (&error, "'%s': ", node->name);
  g_mutex_lock (&run->lock);
  if (run->graph->error)
    g_error_free (error);
  else
    run->graph->error = error;
  g_mutex_unlock (&run->lock);
}

static void
pack_tile (gpointer data, guint tile, gpointer scratch)
{
  PackRun *run = data;
  FrcNode *node = &run->graph->nodes[run->order[tile]];
  GError *error = NULL;

  (void) scratch;
  if (!has_failed (run) && !run->pack (run->graph, node, &error))
    fail (run, node, error);
  frc_clear (&node->weight);
  frc_clear (&node->bias);
}

static void
pack_tiles (PackRun *run, guint n)
{
  FrcPool *pool = run->graph->pool;

  if (!pool) {
    for (guint i = 0; i < n; i++)
      pack_tile (run, i, NULL);
    return;
  }
  frc_pool_begin (pool, NULL);
  frc_pool_run (pool, pack_tile, run, n);
  frc_pool_end (pool);
}

static guint64
weights_of (const FrcConvSpec *spec)
{
  return (guint64) spec->kernel_h * spec->kernel_w * spec->in_channels * spec->out_channels;
}

static int
by_weights (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const FrcGraph *graph = user_data;
  guint i = *(const guint *) a, j = *(const guint *) b;
  guint64 x = weights_of (&graph->nodes[i].spec), y = weights_of (&graph->nodes[j].spec);

  if (x != y)
    return x > y ? -1 : 1;
  return i < j ? -1 : i > j;
}

gboolean
frc_pack_nodes (FrcGraph *graph, FrcPackNode pack)
{
  g_autofree guint *order = g_new (guint, graph->n_nodes);
  PackRun run = { .graph = graph, .pack = pack, .order = order };
  guint n = 0;

  for (guint i = 0; i < graph->n_nodes; i++)
    if (graph->nodes[i].weight)
      order[n++] = i;
  g_qsort_with_data (order, n, sizeof *order, by_weights, graph);
  g_mutex_init (&run.lock);
  pack_tiles (&run, n);
  g_mutex_clear (&run.lock);
  for (guint i = 0; i < graph->n_nodes; i++) {
    FrcNode *node = &graph->nodes[i];
    if (node->weights_of < 0)
      continue;
    const FrcNode *lender = &graph->nodes[node->weights_of];
    node->conv = lender->conv;
    node->depthwise = lender->depthwise;
    node->narrow_conv = lender->narrow_conv;
    node->narrow_depthwise = lender->narrow_depthwise;
  }
  return !graph->error;
}
