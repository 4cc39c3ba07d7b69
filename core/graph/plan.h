/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A graph laid out in memory: which tensor lies where, for every input shape up to the largest.
 *
 * Offsets are chosen once, from each tensor's largest size over all shapes that were announced with
 * frc_plan_grow (). A smaller input shape reuses the same offsets, so re-planning is nothing but
 * shape inference. Tensors whose lives do not overlap share memory.
 */
#ifndef FRC_PLAN_H
#define FRC_PLAN_H

#include "graph.h"

typedef struct _FrcPlan {
  const FrcGraph *graph;
  FrcShape *shapes;   /* [n_nodes], of the current input */
  gsize *bytes;       /* [n_nodes], the largest */
  gsize *offset;      /* [n_nodes], into the arena */
  gsize *ld;          /* [n_nodes], floats from a pixel of an f32 tensor to the next */
  guint *order;       /* [n_nodes], scratch of frc_plan_place () */
  guint *chain_last;  /* [n_nodes], the last node of the chain that begins there, see bands.h */
  gsize arena_bytes;
  gsize scratch_bytes; /* of one thread */
  guint8 *arena;
  /* (nullable): called before each node, when its inputs are there. */
  void (*watch) (const struct _FrcPlan *plan, guint node, gpointer user_data);
  gpointer watch_data;
} FrcPlan;

FrcPlan *frc_plan_new (const FrcGraph *graph, GError **error);
void frc_plan_free (FrcPlan *plan);

void frc_plan_grow (FrcPlan *plan, FrcShape input); /* announces an input shape */
gboolean frc_plan_place (FrcPlan *plan, GError **error); /* chooses offsets, takes the arena */

void frc_plan_set_input (FrcPlan *plan, FrcShape input); /* ≤ what was announced */
FrcView frc_plan_view (const FrcPlan *plan, gint node); /* of a wide node in a narrow graph */
FrcNarrowView frc_plan_narrow_view (const FrcPlan *plan, gint node);
/* FALSE: cancelled. */
gboolean frc_plan_run (FrcPlan *plan, FrcPool *pool);
gdouble frc_plan_flops (const FrcPlan *plan);

#endif
