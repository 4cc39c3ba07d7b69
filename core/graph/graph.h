/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A network as a list of nodes in execution order. A node is an operation and the one tensor it
 * makes; nodes are named by their index. A graph is built once at load, fused, packed and immutable
 * from then on: models share it, and each detector lays its own plan (plan.h) over it.
 */
#ifndef FRC_GRAPH_H
#define FRC_GRAPH_H

#include <glib.h>
#include "../kernels/kernels.h"
#include "../kernels/narrow.h"

typedef enum {
  FRC_OP_NONE,         /* fused into another node */
  FRC_OP_INPUT,
  FRC_OP_CONV,         /* in[0] (∗ weights) + in[1] if there is a residual */
  FRC_OP_LINEAR,       /* in[0] flattened to [n, 1, 1, h·w·c] */
  FRC_OP_DEPTHWISE,
  FRC_OP_MAX_POOL,
  FRC_OP_AVERAGE_POOL,
  FRC_OP_LOCAL_NORM,
  FRC_OP_GLOBAL_MEAN,
  FRC_OP_SCALE,        /* in[0] · in[1] a channel */
  FRC_OP_ADD,          /* in[0] + in[1], in[1] upsampled to in[0]'s size if smaller */
  FRC_OP_CONCAT        /* its parts wrote themselves side by side into its channels: nothing to do */
} FrcOp;

#define FRC_NO_NODE (-1)

typedef struct { guint n, h, w, c; } FrcShape;

typedef struct {
  FrcOp op;
  char *name; /* the weights' prefix, or what the node is for */
  gint in[2]; /* FRC_NO_NODE where unused */
  guint users;
  gboolean is_output;
  FrcConvSpec spec;              /* of convolutions and windows; activation of any node */
  guint pad_bottom, pad_right;
  guint channels;                /* of the output */
  guint part_of;                 /* a concatenation that this node writes into; 0: none */
  guint first_channel;           /* there */
  gfloat *weight, *bias;         /* torch's layout, until frc_graph_finish () packs them */
  FrcConv *conv;
  FrcDepthwise *depthwise;
  FrcNarrowConv *narrow_conv; /* of a narrow graph, see narrow_nodes.h */
  FrcNarrowDepthwise *narrow_depthwise;
  gboolean is_wide; /* the tensor is f32 in a narrow graph, too */
  gint weights_of; /* the node whose weights this one borrows, FRC_NO_NODE: its own */
  gboolean lends_weights;
} FrcNode;

typedef struct {
  const FrcKernels *kernels;
  /* Set before frc_graph_finish (). Tensors are bf16; NULL: f32. */
  const FrcNarrowKernels *narrow;
  GHashTable *bounds; /* (nullable), borrowed: layer → FrcBounds of its input: int8 where it pays */
  FrcPool *pool;      /* (nullable), borrowed until the graph is finished: whose threads pack */
  FrcNode *nodes;
  guint n_nodes, room;
  GError *error; /* the first one; every later call does nothing and returns FRC_NO_NODE */
} FrcGraph;

FrcGraph *frc_graph_new (const FrcKernels *kernels);
void frc_graph_free (FrcGraph *graph);

/* Each returns the new node, and FRC_NO_NODE once the graph has an error. @node's strings and
 * weights become the graph's, also on error. */
gint frc_graph_append (FrcGraph *graph, FrcNode node);
/* The convolution @node once more, on another input of as many channels. */
gint frc_graph_reuse (FrcGraph *graph, gint node, gint in);
gint frc_graph_input (FrcGraph *graph, guint channels);
gint frc_graph_add (FrcGraph *graph, const char *name, gint a, gint b, FrcActivation activation);
gint frc_graph_max_pool (FrcGraph *graph, const char *name, gint in, guint size, guint stride,
    guint pad);
/* Caffe's: windows go on until all of the map is covered. */
gint frc_graph_max_pool_ceil (FrcGraph *graph, const char *name, gint in, guint size, guint stride,
    guint pad);
gint frc_graph_local_norm (FrcGraph *graph, const char *name, gint in, guint size, gfloat alpha);
gint frc_graph_pool (FrcGraph *graph, FrcOp op, const char *name, gint in, FrcConvSpec window);
/* The channels of @n maps of one size side by side. Nobody else may read those maps. */
gint frc_graph_concat (FrcGraph *graph, const char *name, const gint *in, guint n);
gint frc_graph_global_mean (FrcGraph *graph, const char *name, gint in);
gint frc_graph_scale (FrcGraph *graph, const char *name, gint in, gint scale);
void frc_graph_set_output (FrcGraph *graph, gint node); /* its tensor outlives the run */
void frc_graph_set_result (FrcGraph *graph, gint node); /* the same, and it is f32 in any graph */

/* Fuses, packs the weights for the graph's kernels and frees the originals. FALSE with the graph's
 * error moved to @error. */
gboolean frc_graph_finish (FrcGraph *graph, GError **error);
/* FALSE if a fully connected layer does not fit what @input becomes on its way there. */
gboolean frc_graph_check (const FrcGraph *graph, FrcShape input, GError **error);
gsize frc_node_weight_bytes (const FrcNode *node);
gsize frc_graph_weight_bytes (const FrcGraph *graph);

/* Shapes of all nodes for one input shape into @shapes [n_nodes]. Allocates nothing. A map is never
 * smaller than 1×1. */
void frc_graph_infer (const FrcGraph *graph, FrcShape input, FrcShape *shapes);

/* 2 × multiply-accumulates of node @i. */
gdouble frc_node_flops (const FrcGraph *graph, guint i, const FrcShape *shapes);

#endif
