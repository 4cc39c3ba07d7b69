/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef GST_FASTER_RCNN_OVERLAY_H
#define GST_FASTER_RCNN_OVERLAY_H

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_FASTER_RCNN_OVERLAY (gst_faster_rcnn_overlay_get_type ())
G_DECLARE_FINAL_TYPE (GstFasterRcnnOverlay, gst_faster_rcnn_overlay, GST, FASTER_RCNN_OVERLAY,
    GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (fasterrcnnoverlay)

G_END_DECLS

#endif
