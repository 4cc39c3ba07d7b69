/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a convolution's work is cut: internal to conv*.c and gemm_openblas.c.
 */
#ifndef FRC_CONV_H
#define FRC_CONV_H

#include "gemm.h"

struct _FrcConv {
  const FrcGemmKernels *gemm;
  const FrcWinogradKernels *winograd; /* NULL: direct */
  FrcConvSpec spec;
  guint k; /* in_channels times kernel_h · kernel_w, or times Winograd's rows */
  gfloat *weights;
  gfloat *bias; /* out_channels, filled with zeros up to a whole panel; within weights' memory */
  gsize bytes;
};

/* A tile is `images` × `rows` × `columns` output pixels of `channels` channels. A convolution that
 * is the same for every pixel whatever its place (1×1, stride 1) is one image of one row. */
typedef struct {
  FrcView in, out;
  guint images, rows, columns, channels;         /* of the largest tile */
  guint image_tiles, row_tiles, column_tiles, channel_tiles;
  guint n_tiles;
  guint first_row; /* of the map: row 0 of out */
  guint k_step; /* steps of K before c is stored and the next panel's turn comes */
  /* TRUE: all of the tile's weights stay in L2, and the output is written pixel after pixel. FALSE:
   * one panel stays in L1 or L2 over all of the tile's pixels. */
  gboolean panels_inside;
  /* TRUE: the tile's input is copied to scratch first, with its padding; in_step: floats from a
   * pixel to the next there, or in the input itself. */
  gboolean copy;
  gsize in_step;
  guint copy_rows, copy_columns; /* of the largest tile, for one image */
  gsize row_bytes, table_bytes;  /* scratch: the copy, then residual pointers and taps */
} FrcConvPlan;

void frc_conv_plan (const FrcConv *conv, const FrcView *in, const FrcView *out,
    FrcConvPlan *plan);
/* The same for one thread and for rows from @first on, as many as @out has. */
void frc_conv_plan_rows (const FrcConv *conv, const FrcView *in, const FrcView *out, guint first,
    FrcConvPlan *plan);

gsize frc_conv_scratch_bound (const FrcConv *conv, const FrcView *in);

/* Channels from @c on of a matrix of @depth rows that begins at @weights, from row @k on. */
void frc_conv_set_panel (const FrcConv *conv, const gfloat *weights, guint depth, guint c, guint k,
    FrcGemmBlock *block);

/* The first of @length · i / n cut evenly; the part is [i, i + 1). */
static inline guint
frc_part_start (guint length, guint n, guint i)
{
  return (guint) ((guint64) length * i / n);
}

gsize frc_conv_blas_scratch_bytes (const FrcConv *conv, const FrcView *in, const FrcView *out);
void frc_conv_run_blas (const FrcConv *conv, FrcPool *pool, const FrcView *in,
    const FrcView *residual, const FrcView *out);

/* The residual's pixel for flat output pixel @index of @out; see frc_conv_run (). */
static inline const gfloat *
frc_residual_pixel (const FrcView *residual, const FrcView *out, gsize index)
{
  if (residual->h == out->h && residual->w == out->w)
    return residual->data + index * residual->ld;
  gsize x = index % out->w, y = index / out->w % out->h, n = index / out->w / out->h;
  gsize sx = x * residual->w / out->w, sy = y * residual->h / out->h;
  return residual->data + ((n * residual->h + sy) * residual->w + sx) * residual->ld;
}

#endif
