/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A frozen graph of the TF Object Detection API → the tensors and constants of our family. Matched by
 * operations and what feeds them, not by names: those changed over the years, and so did the versions
 * of some operations.
 */
#ifndef FRC_INCEPTION_V2_GRAPH_H
#define FRC_INCEPTION_V2_GRAPH_H

#include "graphdef.h"

/* Nodes that numbers are looked for at. */
typedef struct {
  guint image;   /* the network's input, after preprocessing */
  guint crop;    /* CropAndResize */
  guint pool;    /* the max-pool behind it */
  guint classes; /* the BiasAdd of the class logits */
} FrcInceptionNodes;

/* Keys and values of metadata (see metadata.c), as strings that the array owns. */
gboolean frc_inception_v2_numbers (const FrcGraphDef *graph, const FrcInceptionNodes *nodes,
    GPtrArray *pairs, GError **error);

/* FORMAT: "'file': expected @expected, found …" with the node's operation and name; FALSE. */
gboolean frc_inception_v2_refuse (const FrcGraphDef *graph, guint node, GError **error,
    const char *expected, ...) G_GNUC_PRINTF (4, 5);

#endif
