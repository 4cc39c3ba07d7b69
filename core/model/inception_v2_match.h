/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Layers of a TensorFlow graph, taken from behind: each function expects one kind of node, adds its
 * tensors and goes on to what feeds it. The first problem stays in the match's error, and a node that
 * is not known stays one.
 */
#ifndef FRC_INCEPTION_V2_MATCH_H
#define FRC_INCEPTION_V2_MATCH_H

#include "inception_v2.h"
#include "inception_v2_graph.h"

typedef enum {
  FRC_LAYOUT_VECTOR, FRC_LAYOUT_CONV, FRC_LAYOUT_DEPTHWISE, FRC_LAYOUT_MATRIX
} FrcLayout;

/* The graph is walked twice: to count what is there, and to add it. */
typedef struct {
  const FrcGraphDef *graph;
  FrcWeights *weights;
  GError **error; /* never NULL */
  gboolean adding;
  guint n_tensors;
  gsize text_bytes, data_bytes;
  gdouble epsilon; /* of all batch normalisations; below 0: none was seen yet */
  FrcInceptionNodes nodes;
} FrcMatch;

/* A constant of f32 at @node. */
gboolean frc_match_tensor (FrcMatch *m, const char *name, guint node, FrcLayout layout);

/* These move @node on to what feeds the layer; a bias and a batch normalisation may be absent. */
gboolean frc_match_relu (FrcMatch *m, const char *scope, const char *op, guint *node);
gboolean frc_match_norm (FrcMatch *m, const char *scope, guint *node);
gboolean frc_match_bias (FrcMatch *m, const char *scope, guint *node);

/* These return what feeds the layer, or FRC_NO_TF_NODE with the error set. */
guint frc_match_conv (FrcMatch *m, const char *scope, const char *op, guint node, guint kernel,
    guint stride);
guint frc_match_units (FrcMatch *m, const char *scope, const FrcInceptionUnit *units, guint node);
guint frc_match_modules (FrcMatch *m, const char *prefix, const FrcInceptionModule *modules, guint n,
    guint node);

#endif
