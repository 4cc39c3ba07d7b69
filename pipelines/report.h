/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a run saw: per label in how many frames, how many at once, how sure and where.
 */
#ifndef REPORT_H
#define REPORT_H

#include <gst/gst.h>
#include <json-glib/json-glib.h>

typedef struct _Report Report;

Report *report_new (void);
void report_free (Report *report);
void report_add_frame (Report *report, GstBuffer *buffer, guint width, guint height);
guint report_frames (const Report *report);
void report_print (const Report *report);
void report_add_labels (const Report *report, JsonBuilder *json);

#endif
