/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The same operations on narrow numbers: bf16 between the layers, f32 inside of them.
 *
 * A narrow tensor is NHWC with whole groups of 64 bytes a pixel: 32 channels of bf16. Channels that
 * the network does not have are zeros, and every operation keeps them so: no kernel knows a tail.
 * Layers whose results leave the network for the stages write f32 instead.
 *
 * As in kernels.h, the table holds what an instruction set implements and the operations cut the
 * work; nothing here checks, fails or allocates, except the *_new functions.
 */
#ifndef FRC_NARROW_H
#define FRC_NARROW_H

#include "kernels.h"

#include <string.h>

#define FRC_NARROW_GROUP 32 /* channels: 64 bytes of bf16 */

typedef struct _FrcNarrowKernels FrcNarrowKernels; /* the table: narrow_table.h */

typedef struct {
  guint16 *data;
  guint n, h, w, c;
  gsize ld; /* elements from a pixel to the next: c rounded up to whole groups, or more */
} FrcNarrowView;

static inline guint
frc_narrow_groups (guint channels)
{
  return (channels + FRC_NARROW_GROUP - 1) / FRC_NARROW_GROUP;
}

static inline guint
frc_narrow_ld (guint channels)
{
  return frc_narrow_groups (channels) * FRC_NARROW_GROUP;
}

/* Rows [first, end) of a view of one image. */
static inline FrcNarrowView
frc_narrow_view_rows (const FrcNarrowView *view, guint first, guint end)
{
  FrcNarrowView rows = *view;

  rows.data += (gsize) first * view->w * view->ld;
  rows.h = end - first;
  return rows;
}

static inline gfloat
frc_bf16_widen (guint16 half)
{
  guint32 bits = (guint32) half << 16;
  gfloat value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

/* To nearest, ties to even, a denormal to zero, as vcvtneps2bf16 does; NaN stays NaN. */
static inline guint16
frc_bf16_narrow (gfloat value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return (bits >> 16) | 0x40;
  if ((bits & 0x7f800000) == 0)
    return (bits >> 16) & 0x8000;
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

/* The narrow table that goes with @kernels. NULL with FRC_ERROR_UNSUPPORTED that says what this CPU
 * lacks. Tile registers (AMX) are asked for from the system here, once a process; where it refuses,
 * the vector kernels serve. */
const FrcNarrowKernels *frc_narrow_kernels (const FrcKernels *kernels, GError **error);
const char *frc_narrow_kernels_name (const FrcNarrowKernels *kernels);
/* Whether a whole network of bf16, or of int8, runs faster with these than in f32 on the same CPU: as
 * measured once on all families, not on this machine. */
gboolean frc_narrow_kernels_gain (const FrcNarrowKernels *kernels, gboolean int8);

/* ---- convolution and fully connected layers ------------------------------------------------ */

typedef struct _FrcNarrowConv FrcNarrowConv;
typedef struct { gfloat min, max; } FrcBounds;

/* @weight: [out, in, kernel_h, kernel_w], @bias as for frc_conv_new (). @pixels: 0, or a fully
 * connected layer on so many pixels, whose weight is [out, pixels, in / pixels]. @wide_in: the
 * network's first layer, on one f32 image of few channels (ld = c). */
FrcNarrowConv *frc_narrow_conv_new (const FrcNarrowKernels *kernels, const FrcConvSpec *spec,
    guint pixels, gboolean wide_in, const gfloat *weight, const gfloat *bias, GError **error);
/* A 1×1 convolution at stride 1 with f32's weights: as sums of bf16 ones, so at three times the cost. */
FrcNarrowConv *frc_narrow_conv_new_f32 (const FrcNarrowKernels *kernels, const FrcConvSpec *spec,
    const gfloat *weight, const gfloat *bias, GError **error);
/* With int8 multiplications: the input, of values in min … max mostly, is rounded to 256
 * steps on the way in, each filter's weights to 255; sums are exact. */
FrcNarrowConv *frc_narrow_conv_new_int8 (const FrcNarrowKernels *kernels, const FrcConvSpec *spec,
    guint pixels, FrcBounds bounds, const gfloat *weight, const gfloat *bias, GError **error);
const char *frc_narrow_conv_kernel_name (const FrcNarrowConv *conv);
void frc_narrow_conv_free (FrcNarrowConv *conv);
gsize frc_narrow_conv_weight_bytes (const FrcNarrowConv *conv);

/* One of the two inputs and one of the two outputs is there. A fully connected layer takes its
 * input as [n, h, w, c]. */
typedef struct {
  const FrcNarrowView *in;
  const FrcView *wide_in;
  const FrcNarrowView *residual; /* (nullable), as frc_conv_run ()'s */
  const FrcNarrowView *out;
  const FrcView *wide_out;
  gpointer shared; /* fully connected: memory for all threads, 64-byte aligned */
} FrcNarrowConvIo;

void frc_narrow_conv_run (const FrcNarrowConv *conv, FrcPool *pool, const FrcNarrowConvIo *io);
/* As frc_conv_run_rows (), from any row to any; not of a fully connected layer. */
void frc_narrow_conv_run_rows (const FrcNarrowConv *conv, gpointer scratch,
    const FrcNarrowConvIo *io, guint first, guint end);
/* Of a thread's scratch for these shapes and for every smaller one. */
gsize frc_narrow_conv_scratch_bytes (const FrcNarrowConv *conv, const FrcNarrowConvIo *io);
gsize frc_narrow_conv_shared_bytes (const FrcNarrowConv *conv, const FrcNarrowConvIo *io);

/* ---- the others, as in kernels.h ----------------------------------------------------------- */

typedef struct _FrcNarrowDepthwise FrcNarrowDepthwise;

FrcNarrowDepthwise *frc_narrow_depthwise_new (const FrcNarrowKernels *kernels,
    const FrcConvSpec *spec, const gfloat *weight, const gfloat *bias, GError **error);
void frc_narrow_depthwise_free (FrcNarrowDepthwise *depthwise);
gsize frc_narrow_depthwise_weight_bytes (const FrcNarrowDepthwise *depthwise);
void frc_narrow_depthwise_run (const FrcNarrowDepthwise *depthwise, FrcPool *pool,
    const FrcNarrowView *in, const FrcNarrowView *out);
void frc_narrow_depthwise_run_rows (const FrcNarrowDepthwise *depthwise, const FrcNarrowView *in,
    const FrcNarrowView *out, guint first, guint end);

void frc_narrow_max_pool_run (const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcConvSpec *window, const FrcNarrowView *in, const FrcNarrowView *out);
void frc_narrow_max_pool_run_rows (const FrcNarrowKernels *kernels, const FrcConvSpec *window,
    const FrcNarrowView *in, const FrcNarrowView *out, guint first, guint end);
void frc_narrow_average_pool_run (const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcConvSpec *window, const FrcNarrowView *in, const FrcNarrowView *out);
void frc_narrow_global_mean_run (const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *in, const FrcNarrowView *out);
void frc_narrow_scale_channels_run (const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *in, const FrcNarrowView *scale, const FrcNarrowView *out);
void frc_narrow_add_run (const FrcNarrowKernels *kernels, FrcPool *pool, const FrcNarrowView *a,
    const FrcNarrowView *b, FrcActivation activation, const FrcNarrowView *out);
/* @rois: its maps' shapes are read, not their data; @aligned: as frc_roi_align_v2_run (). */
void frc_narrow_roi_align_run (const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *maps, const FrcRois *rois, gboolean aligned, const FrcNarrowView *out);
void frc_narrow_roi_max_pool_run (const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *maps, const FrcRois *rois, const FrcNarrowView *out);
void frc_narrow_crop_and_resize_run (const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *maps, const FrcRois *rois, const FrcNarrowView *out);

/* Whole tensors between f32 and bf16, pixel by pixel with all of their groups: the f32 ones have the
 * same ld. */
void frc_narrow_widen_run (const FrcNarrowKernels *kernels, FrcPool *pool, const FrcNarrowView *in,
    gfloat *out);
void frc_narrow_convert_run (const FrcNarrowKernels *kernels, FrcPool *pool, const gfloat *in,
    const FrcNarrowView *out);
/* FALSE: bf16 is multiplied by the vector units, not faster than f32 by much, or even slower. */
gboolean frc_narrow_kernels_have_tiles (const FrcNarrowKernels *kernels);

/* @view's numbers as f32, ld = c, into @out. For looking inside. */
void frc_narrow_widen (const FrcNarrowView *view, gfloat *out);

#endif
