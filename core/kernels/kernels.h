/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The operations a network is made of. Everything here is NHWC f32: a view's element (n, y, x, c) is
 * data[((n·h + y)·w + x)·ld + c].
 *
 * Two layers. The *table* (FrcKernels) holds what each instruction set implements: one tile of work
 * on one thread. The *operations* below cut their work into tiles for the pool and call the table.
 * Shapes were proven when the plan was made: nothing here checks, fails or allocates, except the
 * *_init functions, which pack weights once at load.
 */
#ifndef FRC_KERNELS_H
#define FRC_KERNELS_H

#include <glib.h>
#include "../pool.h"

typedef struct {
  gfloat *data;
  guint n, h, w, c;
  gsize ld; /* floats from one pixel to the next, ≥ c */
} FrcView;

/* Rows [first, end) of a view of one image. */
static inline FrcView
frc_view_rows (const FrcView *view, guint first, guint end)
{
  FrcView rows = *view;

  rows.data += (gsize) first * view->w * view->ld;
  rows.h = end - first;
  return rows;
}

typedef enum {
  FRC_ACT_NONE,
  FRC_ACT_RELU,
  FRC_ACT_RELU6,
  FRC_ACT_HARDSWISH,  /* x · relu6 (x + 3) / 6 */
  FRC_ACT_HARDSIGMOID /* relu6 (x + 3) / 6 */
} FrcActivation;

typedef struct _FrcKernels FrcKernels; /* the table: kernels/table.h */

/* @name: "scalar", "avx2", "avx512", or NULL for FRC_CPU from the environment, else the best that
 * this CPU runs. NULL with FRC_ERROR_ARGUMENT if unknown or not runnable here. */
const FrcKernels *frc_kernels_get (const char *name, GError **error);
const char *frc_kernels_name (const FrcKernels *kernels);

/* ---- convolution and fully connected layers: GEMM ----------------------------------------- */

typedef struct {
  guint kernel_h, kernel_w, stride_h, stride_w;
  guint pad_top, pad_left; /* bottom and right follow from the output's shape */
  guint in_channels, out_channels;
  FrcActivation activation;
  gfloat alpha; /* of a local normalisation */
  gboolean same; /* TensorFlow's SAME: the padding follows from the sizes, see frc_spec_resolve () */
} FrcConvSpec;

/* SAME padding makes ⌈size / stride⌉ outputs: what the windows need beyond the input lies half
 * before and half behind it, an odd pixel behind. */
static inline guint
frc_same_pad_before (guint in, guint out, guint kernel, guint stride)
{
  guint reach = (out - 1) * stride + kernel;

  return reach > in ? (reach - in) / 2 : 0;
}

/* @spec with its padding known. */
static inline FrcConvSpec
frc_spec_resolve (const FrcConvSpec *spec, const FrcView *in, const FrcView *out)
{
  FrcConvSpec resolved = *spec;

  if (spec->same && out->h && out->w) {
    resolved.pad_top = frc_same_pad_before (in->h, out->h, spec->kernel_h, spec->stride_h);
    resolved.pad_left = frc_same_pad_before (in->w, out->w, spec->kernel_w, spec->stride_w);
    resolved.same = FALSE;
  }
  return resolved;
}

typedef struct _FrcConv FrcConv; /* immutable after frc_conv_new () */

/* @weight: [out, in, kernel_h, kernel_w] as torch stores it; @bias: [out] or NULL. Both are copied
 * (packed for @kernels). A fully connected layer is a 1×1 convolution. */
FrcConv *frc_conv_new (const FrcKernels *kernels, const FrcConvSpec *spec, const gfloat *weight,
    const gfloat *bias, GError **error);
/* Whether that takes Winograd's algorithm: several times as fast as the multiplications it saves. */
gboolean frc_conv_takes_winograd (const FrcKernels *kernels, const FrcConvSpec *spec);
void frc_conv_free (FrcConv *conv);
gsize frc_conv_weight_bytes (const FrcConv *conv);
const char *frc_conv_kernel_name (const FrcConv *conv); /* "gemm avx512", "gemm openblas", … */

/* Bytes of a thread's scratch for this input and for every one that is smaller. */
gsize frc_conv_scratch_bytes (const FrcConv *conv, const FrcView *in, const FrcView *out);

/* out = activation (conv (in) + bias + residual). @residual: NULL, or same c as out and either out's
 * h × w or a smaller map that is read by nearest-neighbour upsampling (source row = floor (y · rh /
 * h), torch's "nearest"): the FPN's top-down sum. @out may alias neither input. */
void frc_conv_run (const FrcConv *conv, FrcPool *pool, const FrcView *in, const FrcView *residual,
    const FrcView *out);

/* Rows [first, end) of the output alone, on the calling thread with @scratch. One image; the views
 * are whole maps, of which the rows that are neither read nor written need not be there. @first and,
 * but for the map's last row, @end are multiples of the conv's row step; 0: it has no rows. */
guint frc_conv_row_step (const FrcConv *conv);
void frc_conv_run_rows (const FrcConv *conv, gpointer scratch, const FrcView *in,
    const FrcView *residual, const FrcView *out, guint first, guint end);

/* ---- depthwise convolution ---------------------------------------------------------------- */

typedef struct _FrcDepthwise FrcDepthwise;

/* @weight: [out_channels, 1, kernel_h, kernel_w]; spec's out_channels = m · in_channels, and output
 * channel c · m + i comes from input channel c. */
FrcDepthwise *frc_depthwise_new (const FrcKernels *kernels, const FrcConvSpec *spec,
    const gfloat *weight, const gfloat *bias, GError **error);
void frc_depthwise_free (FrcDepthwise *depthwise);
gsize frc_depthwise_weight_bytes (const FrcDepthwise *depthwise);
void frc_depthwise_run (const FrcDepthwise *depthwise, FrcPool *pool, const FrcView *in,
    const FrcView *out);
/* As frc_conv_run_rows (). */
void frc_depthwise_run_rows (const FrcDepthwise *depthwise, const FrcView *in, const FrcView *out,
    guint first, guint end);

/* ---- pooling and elementwise -------------------------------------------------------------- */

/* Windows are clipped to the input (padding never wins a maximum). */
void frc_max_pool_run (const FrcKernels *kernels, FrcPool *pool, const FrcConvSpec *window,
    const FrcView *in, const FrcView *out);
/* As frc_conv_run_rows (). */
void frc_max_pool_run_rows (const FrcKernels *kernels, const FrcConvSpec *window, const FrcView *in,
    const FrcView *out, guint first, guint end);
/* The mean of the window's part inside the input, then the spec's activation. */
void frc_average_pool_run (const FrcKernels *kernels, FrcPool *pool, const FrcConvSpec *window,
    const FrcView *in, const FrcView *out);
/* Local response normalisation within a channel: out = in · (1 + alpha · mean of in² over the window)
 * to the power of −¾, what is outside counting as 0. The window is square, odd, at stride 1. Source:
 * Caffe's LRN with norm_region WITHIN_CHANNEL. */
void frc_local_norm_run (const FrcKernels *kernels, FrcPool *pool, const FrcConvSpec *window,
    const FrcView *in, const FrcView *out);
/* Mean over h × w of each n: out is [n, 1, 1, c]. */
void frc_global_mean_run (const FrcKernels *kernels, FrcPool *pool, const FrcView *in,
    const FrcView *out);
/* out = in · scale[n, 1, 1, c]; out may be in. */
void frc_scale_channels_run (const FrcKernels *kernels, FrcPool *pool, const FrcView *in,
    const FrcView *scale, const FrcView *out);
/* out = activation (a + b); b as frc_conv_run ()'s residual. */
void frc_add_run (const FrcKernels *kernels, FrcPool *pool, const FrcView *a, const FrcView *b,
    FrcActivation activation, const FrcView *out);

/* ---- RoI pooling -------------------------------------------------------------------------- */

/* RoI i reads maps[level[i]], of which a network pixel has scales[level[i]] pixels an axis. */
typedef struct {
  const FrcView *maps;
  const gfloat *scales;
  const gfloat *boxes;     /* n × (x1, y1, x2, y2) in network pixels */
  const guint8 *level;     /* [n] */
  guint sampling;          /* RoIAlign: samples a bin and axis, 0: ⌈side / bins⌉ of each RoI */
  guint crop;              /* crop and resize: its side, a multiple of the output's */
  guint image_w, image_h;  /* crop and resize: network pixels without padding */
} FrcRois;

/* @out: [n, pooled, pooled, c] of each of these.
 *
 * Align: torchvision.ops.roi_align with aligned=False: RoI sides ≥ 1 in map pixels, sampling² samples
 *   a bin, bilinear.
 * Align v2: with aligned=True: map pixel i covers i … i + 1, so that samples lie half a pixel lower,
 *   and small RoIs stay small.
 * Max pool: a RoI's corners rounded to map pixels, both inside it, divided into fixed sections; the
 *   maximum of each, 0 of one that has no pixel. Source: Girshick 2015, section 2.1; Caffe's
 *   roi_pooling_layer.
 * Crop and resize: TensorFlow's CropAndResize of crop² samples from corner to corner (bilinear, 0
 *   outside), then the maximum of each (crop / pooled)². */
void frc_roi_align_run (const FrcKernels *kernels, FrcPool *pool, const FrcRois *rois,
    const FrcView *out);
void frc_roi_align_v2_run (const FrcKernels *kernels, FrcPool *pool, const FrcRois *rois,
    const FrcView *out);
void frc_roi_max_pool_run (const FrcKernels *kernels, FrcPool *pool, const FrcRois *rois,
    const FrcView *out);
void frc_crop_and_resize_run (const FrcKernels *kernels, FrcPool *pool, const FrcRois *rois,
    const FrcView *out);
/* Bytes of a thread's scratch for each of them; @max_side: of the maps. */
gsize frc_rois_scratch_bytes (guint max_side, guint pooled, guint sampling, guint crop, guint c);

#endif
