/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef GST_FASTER_RCNN_JSON_H
#define GST_FASTER_RCNN_JSON_H

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_FASTER_RCNN_JSON (gst_faster_rcnn_json_get_type ())
G_DECLARE_FINAL_TYPE (GstFasterRcnnJson, gst_faster_rcnn_json, GST, FASTER_RCNN_JSON,
    GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (fasterrcnnjson)

G_END_DECLS

#endif
