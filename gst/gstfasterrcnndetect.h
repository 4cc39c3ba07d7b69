/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef GST_FASTER_RCNN_DETECT_H
#define GST_FASTER_RCNN_DETECT_H

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_FASTER_RCNN_DETECT (gst_faster_rcnn_detect_get_type ())
G_DECLARE_FINAL_TYPE (GstFasterRcnnDetect, gst_faster_rcnn_detect, GST, FASTER_RCNN_DETECT,
    GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (fasterrcnndetect)

G_END_DECLS

#endif
