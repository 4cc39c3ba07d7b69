/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FRC_FRAME_ROWS_H
#define FRC_FRAME_ROWS_H

#include "../frcnn.h"
#include "frame_kernels.h"

/* Bytes of scratch that frc_frame_row () needs for frames of @width pixels. */
gsize frc_frame_row_bytes (guint width);

void frc_yuv_matrix_init (FrcYuvMatrix *matrix, FrcMatrix primaries, FrcRange range);

/* Pixels [first, end) of row @y of @image as R, G, B, x; @first is even. Writes up to
 * FRC_FRAME_SLACK bytes more. Pixels outside of [first, end) still influence the chroma inside, as
 * if the whole row had been converted. */
void frc_frame_row (const FrcFrameKernels *kernels, const FrcImage *image,
    const FrcYuvMatrix *matrix, guint y, guint first, guint end, guint8 *rgbx, guint8 *scratch);

#endif
