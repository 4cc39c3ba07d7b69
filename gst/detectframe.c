/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What happens to a frame: it is looked at or gets the last result, it is described by metas and a
 * message. All of it is the streaming thread's.
 */
#include "detectframe.h"

#include "elementutil.h"
#include "frameinfo.h"

GST_DEBUG_CATEGORY_EXTERN (frc_detect_debug);
#define GST_CAT_DEFAULT frc_detect_debug

#define ANSWER_TIME (100 * G_TIME_SPAN_MILLISECOND) /* for a pipeline to redistribute latency */

typedef struct {
  GstBuffer *buffer;
  FrcDetectTuning tuning;
  FrcImageInfo info;
  FrcRect rect;    /* of the stored frame */
  gint64 time;     /* running time; FRC_NO_TIME */
  gboolean is_gap;
  gboolean is_new; /* the result is one that no frame had before */
} Frame;

/** frc_detect_reset: the frames to come have nothing to do with those before. */
void
frc_detect_reset (GstFasterRcnnDetect *self)
{
  self->result.valid = FALSE;
  self->since_inference = 0;
  if (self->worker)
    frc_worker_reset (self->worker);
  GST_OBJECT_LOCK (self);
  frc_qos_reset (&self->qos);
  GST_OBJECT_UNLOCK (self);
}

/* ---- time ---- */

/* The running time that it is now; FRC_NO_TIME unless the element is playing by a clock. */
static gint64
running_now (GstFasterRcnnDetect *self)
{
  GstClock *clock = NULL;
  GstClockTime base = 0;

  GST_OBJECT_LOCK (self);
  if (GST_STATE (self) == GST_STATE_PLAYING && GST_ELEMENT_CLOCK (self)) {
    clock = gst_object_ref (GST_ELEMENT_CLOCK (self));
    base = GST_ELEMENT_CAST (self)->base_time;
  }
  GST_OBJECT_UNLOCK (self);
  if (!clock)
    return FRC_NO_TIME;
  gint64 now = (gint64) gst_clock_get_time (clock) - (gint64) base;
  gst_object_unref (clock);
  return now;
}

/* Lets the pipeline ask for the latency again if what it knows is wrong. @wait: until it has, for a
 * moment: frames that go on before that would be late. */
static void
tell_latency (GstFasterRcnnDetect *self, gboolean wait)
{
  GST_OBJECT_LOCK (self);
  guint events = self->latency_events;
  gboolean is_waited_for = wait && self->asked_latency && self->qos.is_live;
  gboolean needed = frc_latency_needs_message (&self->latency, gst_util_get_timestamp ());
  GST_OBJECT_UNLOCK (self);
  if (!needed)
    return;
  gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
  if (!is_waited_for)
    return;

  gint64 until = g_get_monotonic_time () + ANSWER_TIME;
  GST_OBJECT_LOCK (self);
  while (self->latency_events == events && !g_atomic_int_get (&self->cancel) &&
         g_cond_wait_until (&self->latency_event, GST_OBJECT_GET_LOCK (self), until))
    ;
  GST_OBJECT_UNLOCK (self);
}

/* What was before anybody asked. */
static void
ask_upstream (GstFasterRcnnDetect *self)
{
  GstQuery *query = gst_query_new_latency ();
  gboolean live;
  GstClockTime min;

  if (gst_pad_peer_query (GST_BASE_TRANSFORM_SINK_PAD (self), query)) {
    gst_query_parse_latency (query, &live, &min, NULL);
    GST_OBJECT_LOCK (self);
    self->qos.is_live = live;
    self->qos.upstream = min;
    GST_OBJECT_UNLOCK (self);
  }
  gst_query_unref (query);
}

static void
warn_starved (GstFasterRcnnDetect *self, guint64 inference)
{
  if (self->warned_starved)
    return;
  self->warned_starved = TRUE;
  GST_ELEMENT_WARNING (self, CORE, CLOCK,
      ("No frame is looked at: an inference takes %" G_GUINT64_FORMAT " ms, and the pipeline leaves "
       "fasterrcnndetect less time. Put a queue behind it, or set mode=async or a smaller input-size.",
          inference / GST_MSECOND),
      ("An application calls gst_bin_recalculate_latency () on each latency message."));
}

/* An inference may take as long as 19 of 20 did; not longer than what the pipeline was told, so that
 * slow ones of long ago do not keep frames from being looked at. */
static gboolean
is_too_late (GstFasterRcnnDetect *self, const Frame *frame)
{
  if (!frame->tuning.qos)
    return FALSE;
  gint64 now = running_now (self);

  GST_OBJECT_LOCK (self);
  guint64 own = frc_latency_get (&self->latency), inference = own;
  if (self->stats.inferred)
    inference = MIN (inference, frc_stats_p95_latency (&self->stats));
  gboolean late = frc_qos_is_late (&self->qos, frame->time, now, inference, own);
  gboolean starved = late && frc_qos_is_starved (&self->qos, now, inference);
  if (!late)
    self->qos.last_chance = now;
  else
    self->stats.skipped_late++;
  GST_OBJECT_UNLOCK (self);
  if (starved)
    warn_starved (self, inference);
  return late;
}

/* ---- inference ---- */

static void
count_inference (GstFasterRcnnDetect *self, guint64 took)
{
  GST_LOG_OBJECT (self, "%u objects in %" GST_TIME_FORMAT, self->result.n, GST_TIME_ARGS (took));
  GST_OBJECT_LOCK (self);
  frc_stats_add_inference (&self->stats, took, self->result.n);
  if (!self->worker)
    frc_latency_add (&self->latency, took);
  GST_OBJECT_UNLOCK (self);
  if (!self->worker)
    tell_latency (self, FALSE);
}

/**
 * frc_detect_warm_up:
 * @info: of the frames to come
 *
 * In sync mode: one inference on a black frame, to know how long one takes before the first frame
 * has to be in time.
 */
void
frc_detect_warm_up (GstFasterRcnnDetect *self, const FrcImageInfo *info)
{
  FrcRect rect = { 0, 0, info->width, info->height };
  g_autofree guint8 *row = g_try_malloc0 (4 * ((gsize) info->width + 1));
  FrcImage image = { .info = *info, .plane = { row, row, row } }; /* stride 0: all rows are one */
  FrcDetectTuning tuning;

  if (!row)
    return;
  GST_OBJECT_LOCK (self);
  frc_detect_tuning_copy (&tuning, &self->settings.tuning);
  GST_OBJECT_UNLOCK (self);
  frc_task_init (&self->task, &self->config, &tuning, frc_inference_get_labels (self->inference),
      NULL, &rect);

  guint64 begin = gst_util_get_timestamp ();
  gboolean done = frc_inference_run (self->inference, &image, &self->task, &tuning, &self->cancel,
      &self->result);
  guint64 took = gst_util_get_timestamp () - begin;
  self->result.valid = FALSE;
  frc_detect_tuning_clear (&tuning);
  if (!done)
    return;
  GST_INFO_OBJECT (self, "warm-up took %" GST_TIME_FORMAT, GST_TIME_ARGS (took));
  GST_OBJECT_LOCK (self);
  frc_latency_reset (&self->latency);
  frc_latency_add (&self->latency, took);
  GST_OBJECT_UNLOCK (self);
  ask_upstream (self);
  tell_latency (self, TRUE);
}

static GstFlowReturn
run_now (GstFasterRcnnDetect *self, Frame *frame, const FrcImage *image)
{
  guint64 begin = gst_util_get_timestamp ();

  if (!frc_inference_run (self->inference, image, &self->task, &frame->tuning, &self->cancel,
          &self->result)) {
    GST_DEBUG_OBJECT (self, "inference was cancelled");
    return GST_FLOW_FLUSHING;
  }
  self->result.running_time = frame->time;
  frame->is_new = TRUE;
  count_inference (self, gst_util_get_timestamp () - begin);
  return GST_FLOW_OK;
}

static GstFlowReturn
fail (GstFasterRcnnDetect *self, const GError *error)
{
  frc_post_error (GST_ELEMENT (self), error, "frame");
  return GST_FLOW_ERROR;
}

/* The frame's pixels go through the network now, or to the worker. */
static GstFlowReturn
look_at_pixels (GstFasterRcnnDetect *self, Frame *frame)
{
  g_autoptr (GError) error = NULL;
  GstFlowReturn flow = GST_FLOW_OK;
  GstVideoFrame pixels;
  FrcImage image;

  if (!self->worker && !frc_inference_prepare (self->inference, &frame->info, &error))
    return fail (self, error);
  if (!gst_video_frame_map (&pixels, &self->video, frame->buffer,
          GST_MAP_READ | GST_VIDEO_FRAME_MAP_FLAG_NO_REF)) {
    GST_ELEMENT_ERROR (self, RESOURCE, READ, ("A video frame cannot be read."),
        ("expected a %ux%u frame in system memory, found %" GST_PTR_FORMAT, frame->info.width,
            frame->info.height, frame->buffer));
    return GST_FLOW_ERROR;
  }
  frc_image_from_frame (&image, &frame->info, &pixels);
  if (!self->worker)
    flow = run_now (self, frame, &image);
  else if (!frc_worker_submit (self->worker, &image, &self->task, &frame->tuning, frame->time,
               &error))
    flow = fail (self, error);
  gst_video_frame_unmap (&pixels);
  return flow;
}

static GstFlowReturn
look (GstFasterRcnnDetect *self, Frame *frame)
{
  GstFlowReturn flow = GST_FLOW_OK;

  frc_task_init (&self->task, &self->config, &frame->tuning,
      frc_inference_get_labels (self->inference), frame->buffer, &frame->rect);
  if (self->task.n_regions > 0) {
    flow = look_at_pixels (self, frame);
  } else {
    self->result.valid = frame->is_new = TRUE;
    self->result.n = 0;
    self->result.rect = frame->rect;
    self->result.running_time = frame->time;
  }
  if (flow == GST_FLOW_OK)
    self->since_inference = 1;
  return flow;
}

/* Of an earlier frame; a failure ends the stream as it would in sync mode. */
static GstFlowReturn
take_result (GstFasterRcnnDetect *self, Frame *frame)
{
  g_autoptr (GError) error = NULL;
  guint64 took;

  switch (frc_worker_take (self->worker, &self->result, &took, &error)) {
    case FRC_WORKER_RESULT:
      frame->is_new = TRUE;
      count_inference (self, took);
      return GST_FLOW_OK;
    case FRC_WORKER_FAILED:
      return fail (self, error);
    default:
      return GST_FLOW_OK;
  }
}

/* ---- the result on the frame ---- */

/* GST_CLOCK_TIME_NONE where it is not known. */
static guint64
result_age (const FrcResult *result, const Frame *frame)
{
  if (result->running_time == FRC_NO_TIME || frame->time == FRC_NO_TIME)
    return GST_CLOCK_TIME_NONE;
  return ABS (frame->time - result->running_time);
}

static gboolean
may_be_shown (const FrcResult *result, const Frame *frame, guint64 age)
{
  if (!result->valid || (!frame->is_new && !frame->tuning.hold))
    return FALSE;
  return age == 0 || age == GST_CLOCK_TIME_NONE || age <= frame->tuning.max_age;
}

static void
post_message (GstFasterRcnnDetect *self, const Frame *frame, const FrcResult *shown,
    const FrcMetaContext *context)
{
  FrcPostMessages when = frame->tuning.post_messages;

  if (when == FRC_POST_EVERY_FRAME ||
      (when == FRC_POST_ON_CHANGE && shown && frc_seen_update (&self->seen, shown, context)))
    gst_element_post_message (GST_ELEMENT (self),
        frc_detect_message_new (GST_OBJECT (self), frame->buffer,
            &GST_BASE_TRANSFORM (self)->segment, shown, context));
}

/* @inferred: on this very frame. */
static void
show (GstFasterRcnnDetect *self, const Frame *frame, gboolean inferred)
{
  guint64 age = inferred ? 0 : result_age (&self->result, frame);
  gboolean shown = may_be_shown (&self->result, frame, age);
  FrcMetaContext context = {
    .labels = frc_inference_get_labels (self->inference),
    .model_name = frc_inference_get_model_info (self->inference)->name,
    .rect = frame->rect,
    .age = age,
    .meta_type = self->config.meta_type,
  };

  if (shown)
    frc_result_attach (&self->result, &context, frame->buffer);
  if (frame->is_gap)
    return;
  if (shown && !inferred) {
    GST_OBJECT_LOCK (self);
    self->stats.held++;
    GST_OBJECT_UNLOCK (self);
  }
  post_message (self, frame, shown ? &self->result : NULL, &context);
}

static GstFlowReturn
analyse (GstFasterRcnnDetect *self, Frame *frame)
{
  GstFlowReturn flow = GST_FLOW_OK;

  if (self->config.region == FRC_REGION_ROI_LIST)
    frc_rois_ensure_ids (frame->buffer);
  if (self->worker && (flow = take_result (self, frame)) != GST_FLOW_OK)
    return flow;

  gboolean due = !frame->is_gap &&
      (self->since_inference == 0 || self->since_inference >= frame->tuning.interval);
  gboolean looks = due && (self->worker ? frc_worker_is_free (self->worker)
                                        : !is_too_late (self, frame));
  if (looks)
    flow = look (self, frame);
  else if (!frame->is_gap && self->since_inference > 0)
    self->since_inference++;
  if (flow == GST_FLOW_OK)
    show (self, frame, looks && !self->worker);
  return flow;
}

/** frc_detect_frame: @buffer: writable; its metas are added. */
GstFlowReturn
frc_detect_frame (GstFasterRcnnDetect *self, GstBuffer *buffer)
{
  Frame frame = {
    .buffer = buffer,
    .is_gap = GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP),
    .time = frc_running_time (GST_BASE_TRANSFORM (self), buffer),
  };

  if (!frc_image_info_from_buffer (&frame.info, &self->video, buffer)) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT,
        ("A video frame is of a format that is not supported."), ("%" GST_PTR_FORMAT, buffer));
    return GST_FLOW_ERROR;
  }
  frame.rect = frc_rect_from_buffer (buffer, &frame.info);

  GST_OBJECT_LOCK (self);
  frc_detect_tuning_copy (&frame.tuning, &self->settings.tuning);
  if (!frame.is_gap)
    frc_stats_add_frame (&self->stats, gst_util_get_timestamp ());
  GST_OBJECT_UNLOCK (self);
  GstFlowReturn flow = analyse (self, &frame);
  frc_detect_tuning_clear (&frame.tuning);
  return flow;
}
