/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A node's tensor row by row, whatever its numbers: what a chain of nodes needs to run by bands.
 */
#ifndef FRC_ROWS_H
#define FRC_ROWS_H

#include "plan.h"

/* A whole map's shape; its data are where row 0 lies, or would lie if it were there. */
typedef struct {
  guint8 *data;
  guint n, h, w, c;
  gsize ld;        /* elements from a pixel to the next */
  gsize row_bytes;
  gboolean is_narrow;
} FrcMap;

FrcMap frc_map_of (const FrcPlan *plan, gint node);

/* The node's rows can be computed in multiples of so many; 0: they cannot. */
guint frc_rows_step (const FrcGraph *graph, guint node);
/* Of a thread's scratch, for these maps and every smaller one. */
gsize frc_rows_scratch_bytes (const FrcNode *node, const FrcMap *in, const FrcMap *out);
/* Rows [first, end) of @out, on the calling thread. @residual (nullable) is as large as @out. */
void frc_rows_run (const FrcGraph *graph, const FrcNode *node, gpointer scratch, const FrcMap *in,
    const FrcMap *residual, const FrcMap *out, guint first, guint end);

#endif
