/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One output row of an operation that slides a window over its input a channel at a time: depthwise
 * convolution and max pooling.
 */
#ifndef FRC_WINDOW_H
#define FRC_WINDOW_H

#include "kernels.h"

typedef struct {
  const gfloat *in; /* the first input row inside the map that the window touches, at x = 0 */
  gsize row_step;   /* floats from an input row to the next */
  gsize ld, out_ld; /* floats from a pixel to the next */
  gfloat *out;
  guint in_w, out_w, c;
  guint kernel_w, stride_w, pad_left;
  guint first_row, n_rows; /* the window's rows inside the map: [first_row, first_row + n_rows) */

  /* Depthwise convolution alone: [kernel_h][kernel_w][c] and [c], c rounded up to whole blocks. */
  const gfloat *weights, *bias;
  gsize weight_step; /* floats from a tap to the next */
  guint multiplier;  /* output channels of each input channel */
  FrcActivation activation;

  gfloat alpha; /* local normalisation alone */
} FrcWindowRow;

/* Fills in what the views and the spec say about row @y of image @n. */
static inline void
frc_window_row_init (FrcWindowRow *row, const FrcConvSpec *spec, const FrcView *in,
    const FrcView *out, guint n, guint y)
{
  gint top = (gint) (y * spec->stride_h) - (gint) spec->pad_top;
  gint first = MAX (-top, 0);
  gint last = MIN ((gint) in->h - top, (gint) spec->kernel_h);

  first = MIN (first, last < 0 ? 0 : last);
  row->first_row = first;
  row->n_rows = MAX (last - first, 0);
  row->row_step = in->w * in->ld;
  row->in = in->data + (gsize) n * in->h * row->row_step;
  if (row->n_rows > 0)
    row->in += (gsize) (top + first) * row->row_step;
  row->out = out->data + ((gsize) n * out->h + y) * out->w * out->ld;
  row->ld = in->ld;
  row->out_ld = out->ld;
  row->in_w = in->w;
  row->out_w = out->w;
  row->c = out->c;
  row->kernel_w = spec->kernel_w;
  row->stride_w = spec->stride_w;
  row->pad_left = spec->pad_left;
  row->activation = spec->activation;
  row->alpha = spec->alpha;
}

/* The window's columns inside the map for output pixel @x: taps [first, end) of kernel_w. */
static inline void
frc_window_columns (const FrcWindowRow *row, guint x, guint *first, guint *end)
{
  gint left = (gint) (x * row->stride_w) - (gint) row->pad_left;
  gint last = MIN ((gint) row->in_w - left, (gint) row->kernel_w);

  *first = MAX (-left, 0);
  *end = MAX (last, (gint) *first);
}

/* The output pixels whose window lies inside the map: [first, end), end ≥ first. */
static inline void
frc_window_interior (const FrcWindowRow *row, guint *first, guint *end)
{
  guint start = (row->pad_left + row->stride_w - 1) / row->stride_w;
  guint room = row->in_w + row->pad_left;
  guint stop = room < row->kernel_w ? 0 : (room - row->kernel_w) / row->stride_w + 1;

  *first = MIN (start, row->out_w);
  *end = CLAMP (stop, *first, row->out_w);
}

/* How many output rows a tile gets, so that a tile is worth @target steps of @cost a row and there
 * are tiles enough. Depends on the shape alone. */
static inline guint
frc_window_tile_rows (guint rows, gsize cost, gsize target)
{
  gsize tile_rows = cost == 0 ? rows : target / cost;

  return CLAMP (tile_rows, 1, MAX (rows, 1));
}

#endif
