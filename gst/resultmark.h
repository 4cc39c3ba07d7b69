/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "This frame has a result": what tells a frame without objects from one that nobody looked at.
 */
#ifndef FRC_GST_RESULT_MARK_H
#define FRC_GST_RESULT_MARK_H

#include <gst/gst.h>

void frc_result_mark_add (GstBuffer *buffer, guint64 age);
gboolean frc_result_mark_get (GstBuffer *buffer, guint64 *age);

#endif
