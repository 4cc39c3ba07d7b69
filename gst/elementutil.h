/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the elements have in common as GstBaseTransforms.
 */
#ifndef FRC_GST_ELEMENT_UTIL_H
#define FRC_GST_ELEMENT_UTIL_H

#include <gst/base/gstbasetransform.h>

#include "latency.h" /* FRC_NO_TIME */

void frc_transform_init (GstBaseTransform *trans);
gboolean frc_caps_are_mono (const GstCaps *caps);
GstCaps *frc_transform_caps (GstBaseTransform *trans, GstPadDirection direction, GstCaps *caps,
    GstCaps *filter);
void frc_query_drop_crop (GstQuery *query);
void frc_post_error (GstElement *element, const GError *error, const char *doing);
gint64 frc_running_time (GstBaseTransform *trans, GstBuffer *buffer);

#endif
