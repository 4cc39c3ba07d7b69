/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Short texts as masks, drawn once and kept.
 */
#ifndef FRC_GST_LABEL_IMAGE_H
#define FRC_GST_LABEL_IMAGE_H

#include "paint.h"

typedef struct _FrcLabelImages FrcLabelImages;

FrcLabelImages *frc_label_images_new (void);
void frc_label_images_free (FrcLabelImages *images);
void frc_label_images_set_font (FrcLabelImages *images, const char *font);
const FrcMask *frc_label_images_get (FrcLabelImages *images, const char *text);

#endif
