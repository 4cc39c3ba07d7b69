/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Chains of nodes that run by bands of rows, each node the only reader of the one before: what lies
 * between them stays in a thread's scratch, where whole tensors would leave the caches. These are
 *
 *   [convolution →] depthwise → 1×1     an inverted residual
 *   convolution → depthwise             the same, where a squeeze follows
 *   convolution [→ convolution] → max-pool
 *   1×1 → convolution → 1×1             a bottleneck of narrow numbers
 *
 * The results are the same bits as those of one node after the other.
 */
#ifndef FRC_BANDS_H
#define FRC_BANDS_H

#include "plan.h"

/* The last node of the chain that @first begins; @first: none begins there. */
guint frc_bands_last (const FrcGraph *graph, guint first);

/* Of a thread, for the current shapes and every smaller one; 0: no chain. */
gsize frc_bands_scratch_bytes (const FrcPlan *plan, guint first);

/* FALSE, and nothing is done: at this size the nodes are faster one by one. */
gboolean frc_bands_run (const FrcPlan *plan, FrcPool *pool, guint first);

#endif
