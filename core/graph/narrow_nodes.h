/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A graph of narrow numbers: what graph.c and plan.c do per node, for tensors of bf16. The pixels that
 * come in, and what convolutions and fully connected layers hand to the stages, stay f32 ("wide").
 */
#ifndef FRC_NARROW_NODES_H
#define FRC_NARROW_NODES_H

#include "plan.h"

/* Packs all nodes' weights. FALSE with graph->error: an operation without narrow kernels. */
gboolean frc_narrow_pack (FrcGraph *graph);

gsize frc_narrow_bytes (const FrcPlan *plan, guint node); /* of its tensor, for the current shapes */
gsize frc_narrow_scratch_bytes (const FrcPlan *plan, guint node);
void frc_narrow_run_node (const FrcPlan *plan, FrcPool *pool, guint node);

#endif
