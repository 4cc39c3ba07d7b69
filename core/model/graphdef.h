/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A TensorFlow graph as a file holds it: nodes by name, what feeds them, their attributes, and
 * constants. Nothing here knows a network; inception_v2_graph.c does.
 *
 * Nodes are numbers in the file's order. A function that takes a node also takes FRC_NO_TF_NODE, and
 * answers as for a node that has nothing.
 */
#ifndef FRC_GRAPHDEF_H
#define FRC_GRAPHDEF_H

#include "weights-private.h"
#include "graphdef.pb-c.h"
#include "wire.h"

#define FRC_NO_TF_NODE G_MAXUINT
#define FRC_TF_MAX_NODES (1 << 20)
#define FRC_TF_MAX_VALUES 64

typedef struct {
  FrcWeights *weights; /* for messages */
  FrcWireMemory memory;
  FrcTf__Node **nodes; /* each unpacked by itself */
  guint n_nodes;
  guint32 *by_name; /* indices, sorted by name */
  guint32 *source;  /* the node that feeds a node's first input; names are looked up once */
} FrcGraphDef;

/* Is this the start of a GraphDef: a node with a name? @n bytes are there of a file of @size. */
gboolean frc_graphdef_matches (const guint8 *start, gsize n, guint64 size);

/* Unpacks all nodes of weights->file, which may be freed then. Sets weights->header_bytes: all of the
 * file but the constants' contents. */
gboolean frc_graphdef_read (FrcGraphDef *graph, FrcWeights *weights, GError **error);
void frc_graphdef_clear (FrcGraphDef *graph);

const char *frc_graphdef_name (const FrcGraphDef *graph, guint node); /* "" */
const char *frc_graphdef_op (const FrcGraphDef *graph, guint node);   /* "" */
gboolean frc_graphdef_is (const FrcGraphDef *graph, guint node, const char *op);

/* The node behind data input @k, and which of its outputs that is (@port: nullable). */
guint frc_graphdef_input (const FrcGraphDef *graph, guint node, guint k, guint *port);
guint frc_graphdef_n_inputs (const FrcGraphDef *graph, guint node); /* without control inputs */

/* @node, or what it only passes on: Identity, Enter and the like. */
guint frc_graphdef_behind (const FrcGraphDef *graph, guint node);
/* The same, also past what changes the shape alone: Reshape, Squeeze, … */
guint frc_graphdef_behind_shape (const FrcGraphDef *graph, guint node);

/* NULL when absent. */
const FrcTf__AttrValue *frc_graphdef_attr (const FrcGraphDef *graph, guint node, const char *key);

/* The numbers that constants make of @node: up to @max of them into @out; how many, 0 if they do not
 * follow from constants alone, or are more. */
guint frc_graphdef_numbers (const FrcGraphDef *graph, guint node, gdouble *out, guint max);
gboolean frc_graphdef_number (const FrcGraphDef *graph, guint node, gdouble *out);

/* The constant f32 tensor behind @node; NULL if there is none. */
const FrcTf__Tensor *frc_graphdef_tensor (const FrcGraphDef *graph, guint node);

#endif
