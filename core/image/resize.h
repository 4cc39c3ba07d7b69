/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How large a network's input is for a rectangle of the frame, and where its pixels are sampled.
 */
#ifndef FRC_RESIZE_H
#define FRC_RESIZE_H

#include "../model/config.h"
#include "frame.h"

typedef struct {
  FrcResize resize;               /* the input without padding */
  guint padded_w, padded_h;       /* with padding, as the trunk takes it */
  gfloat to_frame_x, to_frame_y;  /* frame pixels per network pixel, for boxes */
  gfloat to_network_x, to_network_y;
} FrcInputSize;

/* The input for a rectangle of @width × @height pixels, by the config's rule; sides are at least 1,
 * the shorter at most min_size, the longer at most max_size.
 *
 * torchvision: s = min (min_size / short, max_size / long); sides truncated; half-pixel bilinear, the
 *   steps in / out an axis. Source: GeneralizedRCNNTransform.
 * Detectron2: the same s, sides rounded half up; antialiased bilinear in 8 bits. Source:
 *   ResizeShortestEdge; PIL's Image.resize ().
 * Caffe: s = min_size / short, or max_size / long if the long side would exceed it; sides rounded;
 *   half-pixel bilinear with the step 1 / s on both axes. Source: py-faster-rcnn's
 *   _get_image_blob (); cv2.resize ().
 * TensorFlow: the sides of min_size / short, rounded, or of max_size / long if one exceeds it;
 *   bilinear without half-pixel centres. Source: keep_aspect_ratio_resizer. */
void frc_input_size (const FrcConfig *config, guint width, guint height, FrcInputSize *size);

/* The reader then needs frc_frame_reader_add_antialias (). */
static inline gboolean
frc_resize_is_antialiased (const FrcConfig *config)
{
  return config->resize == FRC_RESIZE_DETECTRON2;
}

static inline guint
frc_padded (const FrcConfig *config, guint side)
{
  return (side + config->size_divisor - 1) / config->size_divisor * config->size_divisor;
}

#endif
