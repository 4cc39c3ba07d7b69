/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tests of the overlay share.
 */
#ifndef FRC_TEST_OVERLAY_COMMON_H
#define FRC_TEST_OVERLAY_COMMON_H

#include "common.h"

#define COMPOSITION "video/x-raw(memory:SystemMemory,meta:GstVideoOverlayComposition)"

GstElement *make_overlay (gboolean labels, gboolean confidence, guint thickness);
GstBuffer *solid (const GstVideoInfo *info, guint32 rgb); /* as GStreamer converts it */
GstVideoRegionOfInterestMeta *add_roi (GstBuffer *buffer, const char *label, guint x, guint y,
    guint w, guint h);
GstStructure *confidence (gdouble value);
guint32 rgb_pixel (GstBuffer *buffer, guint width, guint x, guint y); /* of an RGB frame */

#endif
