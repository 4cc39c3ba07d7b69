/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the readers of a graph's constants share.
 */
#ifndef FRC_INCEPTION_V2_NUMBERS_H
#define FRC_INCEPTION_V2_NUMBERS_H

#include "inception_v2_graph.h"

typedef struct {
  const FrcGraphDef *graph;
  const FrcInceptionNodes *nodes;
  GPtrArray *pairs;
  GError **error;
  guint8 *seen;   /* [n_nodes] */
  guint32 *stack; /* [n_nodes] */
} FrcNumbers;

void frc_numbers_add (FrcNumbers *m, const char *key, gdouble value);

gboolean frc_is_any_op (const FrcGraphDef *graph, guint node, const char *const *ops);
/* The number that is one operand of @node; the other operand goes to @other. */
gboolean frc_constant_operand (const FrcGraphDef *graph, guint node, gdouble *number, guint *other);

typedef gboolean (*FrcVisitFunc) (const FrcGraphDef *graph, guint node, gpointer data);

/* Calls @visit for @start and all that feeds it, once each; FALSE from it: not for what feeds that. */
void frc_walk_back (FrcNumbers *m, guint start, FrcVisitFunc visit, gpointer data);

/* Both stages' suppressions. FALSE with the error set. */
gboolean frc_read_suppressions (FrcNumbers *m);

#endif
