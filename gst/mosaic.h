/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Makes a part of a frame unrecognisable, in its own pixels.
 */
#ifndef FRC_GST_MOSAIC_H
#define FRC_GST_MOSAIC_H

#include "paint.h"

void frc_mosaic (GstVideoFrame *frame, const FrcArea *area);

#endif
