/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Layers as other frameworks order their channels → this library's one order, when a file is loaded:
 * the input is R, G, B; the RPN has one objectness logit an anchor; deltas are dx, dy, dw, dh;
 * background is class 0. Each works on a layer that frc_build_read () filled, and does nothing to an
 * empty one.
 */
#ifndef FRC_REORDER_H
#define FRC_REORDER_H

#include "builder.h"

/* A first layer that takes B, G, R. */
void frc_reorder_bgr (FrcLayerWeights *layer);

/* Two scores an anchor, background and foreground, behind which is a softmax: that of the foreground
 * is the sigmoid of their difference, which the layer then makes. Halves its outputs.
 * frc_reorder_two_scores (): all backgrounds come first (Caffe); _pairs (): each before its
 * foreground (TensorFlow). */
void frc_reorder_two_scores (FrcLayerWeights *layer);
void frc_reorder_score_pairs (FrcLayerWeights *layer);

/* Deltas dy, dx, dh, dw of each box (TensorFlow). */
void frc_reorder_deltas_yx (FrcLayerWeights *layer);

/* Class logits with background behind the others (Detectron2). */
void frc_reorder_background_last (FrcLayerWeights *layer);

#endif
