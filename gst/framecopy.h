/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A frame's pixels, kept.
 */
#ifndef FRC_GST_FRAME_COPY_H
#define FRC_GST_FRAME_COPY_H

#include "../core/frcnn.h"

typedef struct {
  FrcImage image; /* its planes are in pixels */
  gpointer pixels;
  gsize size;
} FrcFrameCopy;

gboolean frc_frame_copy_set (FrcFrameCopy *copy, const FrcImage *image, GError **error);
void frc_frame_copy_clear (FrcFrameCopy *copy);
const FrcImage *frc_frame_copy_get (const FrcFrameCopy *copy);

#endif
