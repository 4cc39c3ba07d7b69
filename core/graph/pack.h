/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A graph's weights, from torch's layout into that of the kernels.
 */
#ifndef FRC_GRAPH_PACK_H
#define FRC_GRAPH_PACK_H

#include "graph.h"

/* Packs the weights that @node has; on any thread, so it only writes @node. FALSE with @error. */
typedef gboolean (*FrcPackNode) (const FrcGraph *graph, FrcNode *node, GError **error);

/* Calls @pack for every node with weights of its own, on the threads of graph->pool, frees the
 * originals, and gives those that borrow weights their lender's. FALSE with graph->error, which
 * begins with the node's name; the other nodes may be packed then or not. */
gboolean frc_pack_nodes (FrcGraph *graph, FrcPackNode pack);

/* A FrcPackNode of f32. */
gboolean frc_pack_wide_node (const FrcGraph *graph, FrcNode *node, GError **error);

#endif
