/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The parts of a fasterrcnndetect, for the two files that work with them: gstfasterrcnndetect.c is
 * the element as a pipeline sees it, detectframe.c is what happens to a frame.
 */
#ifndef FRC_GST_DETECT_FRAME_H
#define FRC_GST_DETECT_FRAME_H

#include "detectmessage.h"
#include "gstfasterrcnndetect.h"
#include "inference.h"
#include "latency.h"
#include "stats.h"
#include "worker.h"

struct _GstFasterRcnnDetect
{
  GstBaseTransform parent;

  /* guarded by the object lock */
  FrcDetectSettings settings;
  FrcLabelSet *labels; /* of the running model; NULL when stopped */
  FrcStats stats;
  FrcLatency latency;
  FrcQos qos;
  gboolean asked_latency; /* by a query since start () */
  guint latency_events;   /* that came so far */
  GCond latency_event;

  /* atomic: ends an inference of the streaming thread early */
  gint cancel;

  /* of the streaming thread, and of start () and stop (); other threads interrupt the worker under
   * the object lock */
  FrcDetectConfig config;
  FrcInference *inference; /* the worker's thread uses its detector where there is a worker */
  FrcWorker *worker;       /* NULL = sync */
  GstVideoInfo video;
  gboolean have_video;
  GstSegment segment; /* as the last event had it */
  guint64 since_inference; /* frames, the inferred one included; 0 = infer on the next */
  FrcTask task;            /* of the frame that is looked at */
  FrcResult result;
  FrcSeen seen;
  gboolean warned_orientation, warned_starved;
};

void frc_detect_reset (GstFasterRcnnDetect *self);
void frc_detect_warm_up (GstFasterRcnnDetect *self, const FrcImageInfo *info);
GstFlowReturn frc_detect_frame (GstFasterRcnnDetect *self, GstBuffer *buffer);

#endif
