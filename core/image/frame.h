/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pixels of a frame → the network's input, in one pass: colour conversion, bilinear resize and
 * normalisation.
 */
#ifndef FRC_FRAME_H
#define FRC_FRAME_H

#include "../frcnn.h"
#include "../kernels/kernels.h"

typedef struct _FrcFrameReader FrcFrameReader;

/* Where output pixel i looks, with f pixels of the rectangle a step. */
typedef enum {
  FRC_SAMPLING_HALF_PIXEL, /* f · (i + ½) − ½ */
  FRC_SAMPLING_CORNER,     /* f · i */
  FRC_SAMPLING_ANTIALIAS   /* around f · (i + ½), wider where the image shrinks, in 8 bits */
} FrcSampling;

typedef struct {
  guint width, height;     /* of the result */
  gdouble step_x, step_y;  /* pixels of the rectangle a pixel of the result */
  FrcSampling sampling;
} FrcResize;

/* Room for frames up to @max_width × @max_height and inputs up to @max_side either way; the only
 * call here that allocates. */
FrcFrameReader *frc_frame_reader_new (const FrcKernels *kernels, guint max_width,
    guint max_height, guint max_side, GError **error);
void frc_frame_reader_free (FrcFrameReader *reader);
/* A thread's scratch for frames of @width pixels. */
gsize frc_frame_scratch_bytes (guint width);

/* What FRC_SAMPLING_ANTIALIAS needs besides: allocates, and adds to the scratch. */
gboolean frc_frame_reader_add_antialias (FrcFrameReader *reader, GError **error);
gsize frc_frame_antialias_bytes (const FrcFrameReader *reader);

/* @rect: inside the image. Writes @out, a [1, padded h, padded w, 3] view (ld = 3): the top left
 * @resize->height × width pixels are the rectangle in R, G, B, resized as @resize says and normalised
 * as (v / 255 − mean) / std; the rest is 0.
 *
 * FRC_SAMPLING_HALF_PIXEL is torch.nn.functional.interpolate (mode="bilinear", align_corners=False,
 * antialias=False) and cv2.resize (); FRC_SAMPLING_CORNER is TensorFlow's ResizeBilinear without
 * half-pixel centres; FRC_SAMPLING_ANTIALIAS is PIL's Image.resize (BILINEAR).
 *
 * YUV becomes 8-bit R'G'B' as GStreamer's videoconvert (dither none) makes it, within rounding. */
void frc_frame_read (FrcFrameReader *reader, FrcPool *pool, const FrcImage *image,
    const FrcRect *rect, const gfloat mean[3], const gfloat std[3], const FrcResize *resize,
    const FrcView *out);

#endif
