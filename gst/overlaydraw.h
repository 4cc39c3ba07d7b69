/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the overlay draws, on a frame or for somebody downstream.
 */
#ifndef FRC_GST_OVERLAY_DRAW_H
#define FRC_GST_OVERLAY_DRAW_H

#include "compose.h"
#include "labelimage.h"
#include "objects.h"

typedef struct {
  gboolean labels, confidences;
  guint thickness;    /* of a box's lines, pixels */
  GHashTable *colors; /* of frc_label_colors_parse () */
} FrcDrawStyle;

/* One of @frame and @canvas is set. */
typedef struct {
  GstVideoFrame *frame; /* mapped for writing */
  FrcCanvas *canvas;
  FrcRect visible; /* of the frame or canvas: objects are relative to it, texts stay inside */
  FrcLabelImages *images;
} FrcDrawTarget;

FrcArea frc_object_area (const FrcObject *object, const FrcRect *visible);
void frc_draw_objects (const FrcDrawTarget *to, const GArray *objects, const FrcDrawStyle *style);
char *frc_stats_line (gdouble fps, guint n_objects, gboolean has_result, guint64 age);
void frc_draw_stats_line (const FrcDrawTarget *to, const char *line);

#endif
