/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Weights → graph nodes, with the vocabulary that network families are written in. The first
 * problem is kept in the graph's error; every later call is then harmless.
 */
#ifndef FRC_BUILDER_H
#define FRC_BUILDER_H

#include "../graph/graph.h"
#include "name.h"
#include "weights.h"

typedef struct {
  const FrcWeights *weights;
  FrcGraph *graph;
  gdouble batch_norm_eps;
  GHashTable *taken; /* the FrcTensors that frc_build_find () gave */
} FrcBuilder;

typedef struct {
  guint stride;
  guint pad_before, pad_after; /* each axis */
  FrcActivation activation;
  gboolean same; /* TensorFlow's SAME padding instead */
} FrcWindow;

/* The tensor, or NULL with MISSING_TENSOR. */
const FrcTensor *frc_build_find (FrcBuilder *builder, const char *name);
gboolean frc_build_has (const FrcBuilder *builder, const char *name);

/* A convolution with the tensors @conv.weight [out, in, kh, kw] and, if present, @conv.bias; @norm
 * (nullable): a batch normalisation that is folded into it. A weight [m · c, 1, kh, kw] on
 * c > 1 channels is depthwise. */
gint frc_build_conv (FrcBuilder *builder, gint in, const char *conv, const char *norm,
    FrcWindow window);

/* One layer's numbers: [out, in, kh, kw] and [out]. */
typedef struct {
  guint out, in, kh, kw;
  gfloat *weight, *bias;
} FrcLayerWeights;

/* For layers that a file has in another order than this library: read, reorder (reorder.h), then
 * add. frc_build_read () fails harmlessly as everything here: @layer is then empty. The functions
 * that add own @layer's memory from then on; a fully connected layer is a convolution of 1×1. */
gboolean frc_build_read (FrcBuilder *builder, const char *name, const char *norm,
    FrcLayerWeights *layer);
gint frc_build_add_conv (FrcBuilder *builder, gint in, const char *name, FrcLayerWeights *layer,
    FrcWindow window);
gint frc_build_add_conv_pair (FrcBuilder *builder, gint in, const char *first_name,
    FrcLayerWeights *first, const char *second_name, FrcLayerWeights *second);
gint frc_build_add_linear_pair (FrcBuilder *builder, gint in, const char *first_name,
    FrcLayerWeights *first, const char *second_name, FrcLayerWeights *second);

/* Two layers on the same input as one, their outputs one behind the other in the channels. */
gint frc_build_conv_pair (FrcBuilder *builder, gint in, const char *first, const char *second);
gint frc_build_linear_pair (FrcBuilder *builder, gint in, const char *first, const char *second);

/* A fully connected layer on @in flattened as torch flattens [c, pixels]: @pixels = h · w. */
gint frc_build_linear (FrcBuilder *builder, gint in, guint pixels, const char *linear,
    FrcActivation activation);

#endif
