/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rows.h"

static FrcView
wide_view (const FrcMap *map)
{
  return (FrcView){ (gfloat *) map->data, map->n, map->h, map->w, map->c, map->ld };
}

static FrcNarrowView
narrow_view (const FrcMap *map)
{
  return (FrcNarrowView){ (guint16 *) map->data, map->n, map->h, map->w, map->c, map->ld };
}

FrcMap
frc_map_of (const FrcPlan *plan, gint node)
{
  FrcMap map = { .is_narrow = plan->graph->narrow && !plan->graph->nodes[node].is_wide };
  FrcView wide = frc_plan_view (plan, node);
  FrcNarrowView narrow = frc_plan_narrow_view (plan, node);

  map.n = wide.n;
  map.h = wide.h;
  map.w = wide.w;
  map.c = wide.c;
  map.ld = map.is_narrow ? narrow.ld : wide.ld;
  map.data = map.is_narrow ? (guint8 *) narrow.data : (guint8 *) wide.data;
  map.row_bytes = map.w * map.ld * (map.is_narrow ? sizeof (guint16) : sizeof (gfloat));
  return map;
}

guint
frc_rows_step (const FrcGraph *graph, guint i)
{
  const FrcNode *node = &graph->nodes[i];

  switch (node->op) {
    case FRC_OP_CONV:
      return !graph->narrow ? frc_conv_row_step (node->conv) : node->conv ? 0 : 1;
    case FRC_OP_DEPTHWISE:
    case FRC_OP_MAX_POOL:
      return 1;
    default:
      return 0;
  }
}

/* A narrow convolution's tensors; the views that it points to are in @views. */
typedef struct {
  FrcNarrowView in, residual, out;
  FrcView wide_in, wide_out;
} IoViews;

static FrcNarrowConvIo
conv_io (const FrcMap *in, const FrcMap *residual, const FrcMap *out, IoViews *views)
{
  FrcNarrowConvIo io = { 0 };

  *views = (IoViews){ .in = narrow_view (in), .out = narrow_view (out), .wide_in = wide_view (in),
    .wide_out = wide_view (out) };
  if (in->is_narrow)
    io.in = &views->in;
  else
    io.wide_in = &views->wide_in;
  if (out->is_narrow)
    io.out = &views->out;
  else
    io.wide_out = &views->wide_out;
  if (residual) {
    views->residual = narrow_view (residual);
    io.residual = &views->residual;
  }
  return io;
}

gsize
frc_rows_scratch_bytes (const FrcNode *node, const FrcMap *in, const FrcMap *out)
{
  FrcView from = wide_view (in), to = wide_view (out);
  IoViews views;

  if (node->narrow_conv) {
    FrcNarrowConvIo io = conv_io (in, NULL, out, &views);
    return frc_narrow_conv_scratch_bytes (node->narrow_conv, &io);
  }
  return node->conv ? frc_conv_scratch_bytes (node->conv, &from, &to) : 0;
}

static void
run_narrow (const FrcGraph *graph, const FrcNode *node, gpointer scratch, const FrcMap *in,
    const FrcMap *residual, const FrcMap *out, guint first, guint end)
{
  FrcNarrowView from = narrow_view (in), to = narrow_view (out);
  IoViews views;

  if (node->narrow_conv) {
    FrcNarrowConvIo io = conv_io (in, residual, out, &views);
    frc_narrow_conv_run_rows (node->narrow_conv, scratch, &io, first, end);
  } else if (node->op == FRC_OP_DEPTHWISE)
    frc_narrow_depthwise_run_rows (node->narrow_depthwise, &from, &to, first, end);
  else
    frc_narrow_max_pool_run_rows (graph->narrow, &node->spec, &from, &to, first, end);
}

void
frc_rows_run (const FrcGraph *graph, const FrcNode *node, gpointer scratch, const FrcMap *in,
    const FrcMap *residual, const FrcMap *out, guint first, guint end)
{
  FrcView from = wide_view (in), to = wide_view (out), added;

  if (residual)
    added = wide_view (residual);
  if (graph->narrow)
    run_narrow (graph, node, scratch, in, residual, out, first, end);
  else if (node->conv)
    frc_conv_run_rows (node->conv, scratch, &from, residual ? &added : NULL, &to, first, end);
  else if (node->op == FRC_OP_DEPTHWISE)
    frc_depthwise_run_rows (node->depthwise, &from, &to, first, end);
  else
    frc_max_pool_run_rows (graph->kernels, &node->spec, &from, &to, first, end);
}
