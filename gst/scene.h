/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is known of a frame, and what of it is to be hidden.
 */
#ifndef FRC_GST_SCENE_H
#define FRC_GST_SCENE_H

#include "objects.h"

typedef struct {
  FrcRect visible;
  GArray *objects;     /* of FrcObject */
  gboolean has_result; /* some detector looked, or repeated what it saw */
  guint64 age;         /* of the result, ns; GST_CLOCK_TIME_NONE = not known */
} FrcScene;

/* What is made unrecognisable. */
typedef struct {
  GHashTable *labels; /* of frc_label_names_parse () */
  gboolean unknown;   /* the whole frame where there is no result */
} FrcBlur;

void frc_scene_read (FrcScene *scene, GstBuffer *buffer, const GstVideoInfo *info);
void frc_scene_clear (FrcScene *scene);
gboolean frc_scene_needs_blur (const FrcScene *scene, const FrcBlur *blur);
void frc_scene_blur (const FrcScene *scene, const FrcBlur *blur, GstVideoFrame *frame);

#endif
