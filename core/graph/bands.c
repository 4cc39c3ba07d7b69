/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bands.h"

#include <string.h>

#define WORTH_BYTES (21 << 19) /* between the nodes: with less, the rows done twice cost more */
#define BAND_BYTES (768 << 10) /* of that in scratch */
#define STRIP_ROWS 10          /* or more: a strip computes what its windows see around it, too */
#define MAX_STRIPS 16

typedef struct {
  const FrcNode *expand, *depthwise, *project; /* expand: NULL where missing */
  FrcConvSpec window;                          /* the depthwise convolution's */
  FrcView in;                                  /* what expand reads */
  FrcView wide, deep;                          /* depthwise's input and output: whole maps' shapes */
  FrcView residual, out;                       /* project's */
  guint rows, strips;                          /* of a band; of the map */
  gsize wide_floats, deep_floats;              /* of a band, in whole lines */
} BandRun;

/* ---- which nodes -------------------------------------------------------------------------- */

/* The node behind @i, which it alone reads; FRC_NO_NODE: there is none. */
static gint
only_reader (const FrcGraph *graph, guint i)
{
  const FrcNode *node = &graph->nodes[i];
  guint next = i + 1;

  if (node->users != 1 || node->is_output || node->part_of != 0)
    return FRC_NO_NODE;
  while (next < graph->n_nodes && graph->nodes[next].op == FRC_OP_NONE)
    next++;
  return next < graph->n_nodes && graph->nodes[next].in[0] == (gint) i &&
          graph->nodes[next].in[1] != (gint) i
      ? (gint) next
      : FRC_NO_NODE;
}

static gboolean
is_depthwise (const FrcGraph *graph, gint i)
{
  const FrcNode *node = &graph->nodes[MAX (i, 0)];

  return i >= 0 && node->op == FRC_OP_DEPTHWISE && node->depthwise != NULL &&
      node->spec.in_channels == node->spec.out_channels;
}

static gboolean
is_project (const FrcGraph *graph, gint i)
{
  const FrcNode *node = &graph->nodes[MAX (i, 0)];

  return i >= 0 && node->op == FRC_OP_CONV && node->conv != NULL &&
      frc_conv_has_rows (node->conv) && node->spec.kernel_h == 1 && node->spec.kernel_w == 1 &&
      node->spec.stride_h == 1 && node->spec.stride_w == 1 && node->spec.pad_top == 0 &&
      node->spec.pad_left == 0 && node->pad_bottom == 0 && node->pad_right == 0;
}

static gboolean
find_chain (const FrcGraph *graph, guint first, gint *expand, gint *depthwise, gint *project)
{
  const FrcNode *node = &graph->nodes[first];

  *expand = FRC_NO_NODE;
  *depthwise = first;
  if (node->op == FRC_OP_CONV && node->conv != NULL && node->in[1] < 0 &&
      frc_conv_has_rows (node->conv)) {
    *expand = first;
    *depthwise = only_reader (graph, first);
  }
  if (!is_depthwise (graph, *depthwise))
    return FALSE;
  *project = only_reader (graph, *depthwise);
  return is_project (graph, *project);
}

guint
frc_bands_last (const FrcGraph *graph, guint first)
{
  gint expand, depthwise, project;

  return find_chain (graph, first, &expand, &depthwise, &project) ? (guint) project : first;
}

/* ---- how much of it ----------------------------------------------------------------------- */

static gsize
row_floats (const FrcView *view)
{
  return (gsize) view->w * view->c;
}

/* A band of @rows rows of output. */
static void
set_rows (BandRun *run, guint rows)
{
  gsize wide = (rows - 1) * run->window.stride_h + run->window.kernel_h;

  run->rows = rows;
  run->wide_floats = run->expand ? (wide * row_floats (&run->wide) + 31) / 16 * 16 : 0;
  run->deep_floats = (rows * row_floats (&run->deep) + 31) / 16 * 16;
}

static gsize
band_bytes (const BandRun *run)
{
  return (run->wide_floats + run->deep_floats) * sizeof (gfloat);
}

/* FALSE: no chain begins at node @first. */
static gboolean
band_init (BandRun *run, const FrcPlan *plan, guint first)
{
  const FrcGraph *graph = plan->graph;
  gint expand, depthwise, project;

  if (!find_chain (graph, first, &expand, &depthwise, &project))
    return FALSE;
  *run = (BandRun){.depthwise = &graph->nodes[depthwise],
    .expand = expand >= 0 ? &graph->nodes[expand] : NULL,
    .project = &graph->nodes[project]};
  run->wide = frc_plan_view (plan, run->depthwise->in[0]);
  run->deep = frc_plan_view (plan, depthwise);
  run->out = frc_plan_view (plan, project);
  if (run->expand)
    run->in = frc_plan_view (plan, run->expand->in[0]);
  if (run->project->in[1] >= 0)
    run->residual = frc_plan_view (plan, run->project->in[1]);
  run->window = frc_spec_resolve (&run->depthwise->spec, &run->wide, &run->deep);
  set_rows (run, 1);
  while (run->rows < run->deep.h) {
    set_rows (run, run->rows + 1);
    if (band_bytes (run) > BAND_BYTES) {
      set_rows (run, run->rows - 1);
      break;
    }
  }
  run->strips = CLAMP (run->deep.h / STRIP_ROWS, 1, MAX_STRIPS);
  return TRUE;
}

/* Rows are only added up to BAND_BYTES: more than that is one row of the widest map. */
gsize
frc_bands_scratch_bytes (const FrcPlan *plan, guint first)
{
  gsize bytes;
  BandRun run;

  if (!band_init (&run, plan, first))
    return 0;
  bytes = frc_conv_scratch_bytes (run.project->conv, &run.deep, &run.out);
  if (run.expand)
    bytes = MAX (bytes, frc_conv_scratch_bytes (run.expand->conv, &run.in, &run.wide));
  return bytes + MAX (band_bytes (&run), BAND_BYTES);
}

/* Large enough, one image, and a residual that needs no stretching. */
static gboolean
is_worth_it (const BandRun *run)
{
  gsize floats = (run->expand ? run->wide.h * row_floats (&run->wide) : 0) +
      run->deep.h * row_floats (&run->deep);

  return run->out.n == 1 && floats * sizeof (gfloat) >= WORTH_BYTES &&
      (run->residual.data == NULL ||
          (run->residual.h == run->out.h && run->residual.w == run->out.w));
}

/* ---- running ------------------------------------------------------------------------------ */

/* Rows [first, end) of a map. */
static FrcView
view_rows (const FrcView *view, guint first, guint end)
{
  FrcView rows = *view;

  rows.data += (gsize) first * view->w * view->ld;
  rows.h = end - first;
  return rows;
}

/* The input rows that output rows [y, end) see, cut to the map. */
static void
window_rows (const BandRun *run, guint y, guint end, guint *first, guint *last)
{
  gint top = (gint) (y * run->window.stride_h) - (gint) run->window.pad_top;
  gint bottom = (gint) ((end - 1) * run->window.stride_h + run->window.kernel_h) -
      (gint) run->window.pad_top;

  *first = CLAMP (top, 0, (gint) run->wide.h);
  *last = CLAMP (bottom, (gint) *first, (gint) run->wide.h);
}

/* Makes @wide hold rows [first, last), of which it has [*have, *have_end) already. */
static void
expand_rows (const BandRun *run, gpointer scratch, gfloat *wide, guint first, guint last,
    guint *have, guint *have_end)
{
  gsize step = row_floats (&run->wide);
  guint from = first;
  FrcView view = run->wide;

  if (*have_end > first) {
    memmove (wide, wide + (first - *have) * step, (*have_end - first) * step * sizeof (gfloat));
    from = *have_end;
  }
  view.data = wide + (from - first) * step;
  if (from < last)
    frc_conv_run_rows (run->expand->conv, scratch, &run->in, NULL, &view, from, last);
  *have = first;
  *have_end = MAX (from, last);
}

static void
project_rows (const BandRun *run, gpointer scratch, gfloat *deep, guint y, guint end)
{
  FrcView in = run->deep, out = view_rows (&run->out, y, end), residual = run->residual;

  in.data = deep;
  in.h = end - y;
  if (residual.data != NULL)
    residual = view_rows (&run->residual, y, end);
  frc_conv_run_rows (run->project->conv, scratch, &in, residual.data ? &residual : NULL, &out, 0,
      end - y);
}

static void
run_strip (gpointer data, guint strip, gpointer scratch)
{
  const BandRun *run = data;
  gfloat *wide = scratch, *deep = wide + run->wide_floats;
  gpointer rest = deep + run->deep_floats;
  guint end = (guint64) run->deep.h * (strip + 1) / run->strips;
  guint have = 0, have_end = 0;

  for (guint y = (guint64) run->deep.h * strip / run->strips, next; y < end; y = next) {
    FrcView in = run->wide, out = run->deep;
    guint first, last;
    next = MIN (y + run->rows, end);
    window_rows (run, y, next, &first, &last);
    if (run->expand) {
      expand_rows (run, rest, wide, first, last, &have, &have_end);
      in.data = wide;
    } else
      first = 0;
    out.data = deep;
    frc_depthwise_run_rows (run->depthwise->depthwise, &in, first, &out, y, next);
    project_rows (run, rest, deep, y, next);
  }
}

gboolean
frc_bands_run (const FrcPlan *plan, FrcPool *pool, guint first)
{
  BandRun run;

  if (!band_init (&run, plan, first) || !is_worth_it (&run))
    return FALSE;
  frc_pool_run (pool, run_strip, &run, run.strips);
  return TRUE;
}
