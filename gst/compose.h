/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rectangles and text for somebody downstream to draw.
 */
#ifndef FRC_GST_COMPOSE_H
#define FRC_GST_COMPOSE_H

#include "paint.h"

/* A frame that is drawn on later, by its size. */
typedef struct {
  GstVideoOverlayComposition *composition; /* writable */
  gint width, height;
} FrcCanvas;

void frc_compose_box (FrcCanvas *canvas, const FrcArea *area, guint thickness, guint32 rgba);
void frc_compose_mask (FrcCanvas *canvas, gint64 x, gint64 y, const FrcMask *mask,
    guint32 paper, guint32 ink);
void frc_compose_attach (FrcCanvas *canvas, GstBuffer *buffer);

#endif
