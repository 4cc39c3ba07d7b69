/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bands.h"
#include "rows.h"

#include <string.h>

#define MAX_NODES 3
#define WORTH_BYTES (2 << 20) /* between the nodes: less stays in the caches anyway */
#define BAND_BYTES (768 << 10) /* of that in scratch */
#define STRIP_ROWS 10        /* or more: a strip computes what its windows see around it, too */
#define STRIPS_A_THREAD 2
#define STRIP_FLOPS 2.5e9    /* or less, so that a cancelled run ends soon */
#define SLACK 256            /* what a kernel may read past a buffer's end */

/* Operations for a byte between the nodes, at most: a band is a short run of pixels for weights that
 * come from far, and with much to compute that costs more than moving the tensors. As measured. */
typedef struct {
  guint depthwise, pool, two_and_pool;
} MostFlops;
static const MostFlops most_flops = { 50, 1250, 200 }, most_narrow_flops = { 80, 400, 500 };

typedef struct {
  const FrcNode *node;
  FrcConvSpec window; /* the padding known */
  FrcMap in, out;     /* what lies in scratch has no data here */
  guint step;         /* rows come in multiples of it */
  gsize offset;       /* of the buffer for a band of out in scratch */
} Stage;

typedef struct {
  const FrcGraph *graph;
  Stage stages[MAX_NODES];
  guint n;
  FrcMap residual;      /* of the last stage; no data: none */
  guint rows, strips;   /* of a band; of the map */
  guint grain;          /* strips begin at multiples of it */
  gsize bytes, between; /* of the buffers; of the whole tensors that they stand for */
  gdouble flops;
} BandRun;

/* ---- which nodes -------------------------------------------------------------------------- */

/* The node behind @i, which it alone reads; FRC_NO_NODE: there is none. */
static gint
only_reader (const FrcGraph *graph, gint i)
{
  const FrcNode *node = &graph->nodes[MAX (i, 0)];
  guint next = (guint) i + 1;

  if (i < 0 || node->users != 1 || node->is_output || node->part_of != 0)
    return FRC_NO_NODE;
  while (next < graph->n_nodes && graph->nodes[next].op == FRC_OP_NONE)
    next++;
  return next < graph->n_nodes && graph->nodes[next].in[0] == i && graph->nodes[next].in[1] != i
      ? (gint) next
      : FRC_NO_NODE;
}

typedef enum { NOTHING, CONV, POINT, DEPTHWISE, POOL } Kind; /* POINT: a 1×1 CONV */

static Kind
kind_of (const FrcGraph *graph, gint i)
{
  const FrcNode *node = &graph->nodes[MAX (i, 0)];
  const FrcConvSpec *spec = &node->spec;

  if (i < 0 || frc_rows_step (graph, i) == 0)
    return NOTHING;
  if (node->op == FRC_OP_MAX_POOL)
    return POOL;
  if (node->op == FRC_OP_DEPTHWISE && spec->in_channels == spec->out_channels && !node->narrow_conv)
    return DEPTHWISE;
  return spec->kernel_h == 1 && spec->kernel_w == 1 && spec->stride_h == 1 && spec->stride_w == 1 &&
          spec->pad_top == 0 && spec->pad_left == 0 && node->pad_bottom == 0 && node->pad_right == 0
      ? POINT
      : CONV;
}

static gboolean
is_conv (Kind kind)
{
  return kind == CONV || kind == POINT;
}

/* How many nodes from @first on make a chain; 0: none does. */
static guint
find_chain (const FrcGraph *graph, guint first, gint nodes[MAX_NODES])
{
  Kind kinds[MAX_NODES];

  nodes[0] = (gint) first;
  nodes[1] = only_reader (graph, nodes[0]);
  nodes[2] = only_reader (graph, nodes[1]);
  for (guint k = 0; k < MAX_NODES; k++)
    kinds[k] = kind_of (graph, nodes[k]);
  if (kinds[1] != NOTHING && graph->nodes[first].in[1] >= 0)
    return 0;
  if (kinds[2] != NOTHING && graph->nodes[nodes[1]].in[1] >= 0)
    kinds[2] = NOTHING;
  if (is_conv (kinds[0]) && is_conv (kinds[1]) && kinds[2] == POOL)
    return 3;
  if (is_conv (kinds[0]) && kinds[1] == DEPTHWISE && kinds[2] == POINT)
    return 3;
  if (is_conv (kinds[0]) && kinds[1] == POOL)
    return 2;
  return kinds[0] == DEPTHWISE && kinds[1] == POINT ? 2 : 0;
}

guint
frc_bands_last (const FrcGraph *graph, guint first)
{
  gint nodes[MAX_NODES];
  guint n = find_chain (graph, first, nodes);

  return n ? (guint) nodes[n - 1] : first;
}

/* ---- how much of it ----------------------------------------------------------------------- */

static guint
round_up (guint n, guint to)
{
  return (n + to - 1) / to * to;
}

/* The rows of @stage's input that @rows of its output see. */
static guint
seen_rows (const Stage *stage, guint rows)
{
  return (rows - 1) * stage->window.stride_h + stage->window.kernel_h;
}

/* A band of @rows rows of the last stage's output. */
static void
set_rows (BandRun *run, guint rows)
{
  run->rows = rows;
  run->bytes = 0;
  for (guint s = run->n - 1; s > 0; s--) {
    Stage *stage = &run->stages[s - 1];
    rows = seen_rows (&run->stages[s], rows);
    if (stage->step > 1) /* to whole steps on either side */
      rows = round_up (rows, stage->step) + stage->step;
    rows = MIN (rows, round_up (stage->out.h, stage->step));
    stage->offset = run->bytes;
    run->bytes += (rows * stage->out.row_bytes + SLACK + 63) & ~(gsize) 63;
  }
}

static void
set_strips (BandRun *run, guint threads)
{
  guint height = run->stages[run->n - 1].out.h, rows = 1;
  guint wanted = threads > 1 ? STRIPS_A_THREAD * threads : 1;

  for (guint s = run->n - 1; s > 0; s--)
    rows = seen_rows (&run->stages[s], rows);
  wanted = MAX (wanted, (guint) (run->flops / STRIP_FLOPS));
  run->strips = CLAMP (height / MAX (STRIP_ROWS, rows), 1, MAX (wanted, 1));
}

/* FALSE: no chain begins at node @first. */
static gboolean
band_init (BandRun *run, const FrcPlan *plan, guint first)
{
  const FrcGraph *graph = plan->graph;
  gint nodes[MAX_NODES];

  *run = (BandRun){ .graph = graph, .n = find_chain (graph, first, nodes), .grain = 1 };
  if (run->n == 0)
    return FALSE;
  for (guint s = 0; s < run->n; s++) {
    Stage *stage = &run->stages[s];
    const FrcNode *node = stage->node = &graph->nodes[nodes[s]];
    stage->in = frc_map_of (plan, node->in[0]);
    stage->out = frc_map_of (plan, nodes[s]);
    stage->step = frc_rows_step (graph, nodes[s]);
    FrcView in = { .h = stage->in.h, .w = stage->in.w };
    FrcView out = { .h = stage->out.h, .w = stage->out.w };
    stage->window = frc_spec_resolve (&node->spec, &in, &out);
    if (s + 1 < run->n) {
      run->between += stage->out.h * stage->out.row_bytes;
      run->grain = MAX (run->grain, stage->step);
    }
    if (s + 1 == run->n && node->in[1] >= 0)
      run->residual = frc_map_of (plan, node->in[1]);
    run->flops += frc_node_flops (graph, nodes[s], plan->shapes);
  }
  set_rows (run, 1);
  while (run->rows < run->stages[run->n - 1].out.h) {
    set_rows (run, run->rows + 1);
    if (run->bytes > BAND_BYTES) {
      set_rows (run, run->rows - 1);
      break;
    }
  }
  return TRUE;
}

/* Rows are only added up to BAND_BYTES: more than that is one row of the widest map. */
gsize
frc_bands_scratch_bytes (const FrcPlan *plan, guint first)
{
  gsize bytes = 0;
  BandRun run;

  if (!band_init (&run, plan, first))
    return 0;
  for (guint s = 0; s < run.n; s++) {
    const Stage *stage = &run.stages[s];
    bytes = MAX (bytes, frc_rows_scratch_bytes (stage->node, &stage->in, &stage->out));
  }
  return bytes + MAX (run.bytes, BAND_BYTES);
}

static guint
most_flops_of (const BandRun *run)
{
  const MostFlops *most = run->graph->narrow ? &most_narrow_flops : &most_flops;

  if (run->stages[run->n - 1].node->op != FRC_OP_MAX_POOL)
    return most->depthwise;
  return run->n > 2 ? most->two_and_pool : most->pool;
}

/* Large enough, little enough to compute, one image, and a residual that needs no stretching. */
static gboolean
is_worth_it (const BandRun *run)
{
  const FrcMap *out = &run->stages[run->n - 1].out;

  return out->n == 1 && run->between >= WORTH_BYTES &&
      run->flops <= (gdouble) most_flops_of (run) * (gdouble) run->between &&
      (run->residual.data == NULL || (run->residual.h == out->h && run->residual.w == out->w));
}

/* ---- running ------------------------------------------------------------------------------ */

/* A thread's buffers: stage s has rows [first[s], end[s]) of its output. */
typedef struct {
  guint8 *memory;
  gpointer rest;
  guint first[MAX_NODES], end[MAX_NODES];
} Strip;

/* The input rows that output rows [y, end) see, cut to the map. */
static void
window_rows (const Stage *stage, guint y, guint end, guint *first, guint *last)
{
  gint top = (gint) (y * stage->window.stride_h) - (gint) stage->window.pad_top;
  gint bottom = top + (gint) seen_rows (stage, end - y);

  *first = CLAMP (top, 0, (gint) stage->in.h);
  *last = CLAMP (bottom, (gint) *first, (gint) stage->in.h);
}

/* Where row 0 of stage @s's output would lie. */
static guint8 *
row_zero (const BandRun *run, const Strip *strip, guint s)
{
  const Stage *stage = &run->stages[s];

  return strip->memory + stage->offset - strip->first[s] * stage->out.row_bytes;
}

/* Makes @first the first row that stage @s's buffer holds; returns the first that is missing. */
static guint
slide (const BandRun *run, Strip *strip, guint s, guint first)
{
  const Stage *stage = &run->stages[s];
  guint8 *buffer = strip->memory + stage->offset;
  guint have = strip->first[s], end = strip->end[s];

  strip->first[s] = first;
  if (end <= first)
    return first;
  if (have < first)
    memmove (buffer, buffer + (first - have) * stage->out.row_bytes,
        (end - first) * stage->out.row_bytes);
  return end;
}

/* Makes rows [first, end) of stage @s's output be where they belong. */
static void
make_rows (const BandRun *run, Strip *strip, guint s, guint first, guint end)
{
  const Stage *stage = &run->stages[s];
  gboolean is_last = s + 1 == run->n;
  FrcMap in = stage->in, out = stage->out;
  guint top, bottom;

  if (!is_last) {
    first = slide (run, strip, s, first - first % stage->step);
    end = MIN (round_up (end, stage->step), out.h);
    out.data = row_zero (run, strip, s);
  }
  if (first >= end)
    return;
  if (s > 0) {
    window_rows (stage, first, end, &top, &bottom);
    make_rows (run, strip, s - 1, top, bottom);
    in.data = row_zero (run, strip, s - 1);
  }
  frc_rows_run (run->graph, stage->node, strip->rest, &in,
      is_last && run->residual.data ? &run->residual : NULL, &out, first, end);
  strip->end[s] = end;
}

static guint
strip_start (const BandRun *run, guint strip)
{
  guint height = run->stages[run->n - 1].out.h;
  guint start = (guint) ((guint64) height * strip / run->strips);

  return strip < run->strips ? start - start % run->grain : height;
}

static void
run_strip (gpointer data, guint index, gpointer scratch)
{
  const BandRun *run = data;
  guint end = strip_start (run, index + 1);
  Strip strip = { .memory = scratch, .rest = (guint8 *) scratch + run->bytes };

  for (guint y = strip_start (run, index); y < end; y += run->rows)
    make_rows (run, &strip, run->n - 1, y, MIN (y + run->rows, end));
}

gboolean
frc_bands_run (const FrcPlan *plan, FrcPool *pool, guint first)
{
  BandRun run;

  if (!band_init (&run, plan, first) || !is_worth_it (&run))
    return FALSE;
  set_strips (&run, frc_pool_get_threads (pool));
  frc_pool_run (pool, run_strip, &run, run.strips);
  return TRUE;
}
