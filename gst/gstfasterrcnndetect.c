/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-fasterrcnndetect
 * @title: fasterrcnndetect
 * @short_description: finds objects in video with Faster R-CNN, on the CPU
 *
 * Looks for objects in every frame and adds a #GstVideoRegionOfInterestMeta an object. Pixels are
 * only read: behind a tee nothing is copied.
 *
 * The roi_type of a meta is the label; x, y, w and h are whole pixels inside the frame. Its param
 * `detection` has label_id (int: the model's class number − 1), confidence (double), x_min, x_max,
 * y_min and y_max (double, shares of the frame), model_name, layer_name, and age (uint64, ns: 0
 * when the object was found in this very frame, else how old the result is, or
 * GST_CLOCK_TIME_NONE where buffers have no timestamps). Metas are in descending confidence.
 *
 * Each has an id that nothing else on the frame has. One that was found inside an upstream ROI meta
 * (region=roi-list) has that meta's id as its parent_id. Where the plugin is built with
 * gstreamer-analytics 1.24 or later, each object is object-detection metadata of
 * GstAnalyticsRelationMeta, too, of the same id, and the relations IS_PART_OF and CONTAIN tie it to
 * its parent; `meta-type` chooses.
 *
 * Pixels are read from system memory. For DMABuf, VA or GL memory put `vapostproc`, `gldownload` or
 * whatever the source's documentation names in front, with a plain `video/x-raw` capsfilter behind
 * it. Streams that carry an orientation tag need `videoflip video-direction=auto` in front.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=clip.webm ! decodebin ! videoconvert ! fasterrcnndetect !
 *     fasterrcnnoverlay ! videoconvert ! autovideosink
 * ]|
 * A window shows the clip with a coloured, labelled box around each person, car, dog, ... that the
 * default model knows (the 20 classes of PASCAL VOC).
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! fasterrcnndetect classes=person interval=5 ! queue !
 *     fasterrcnnoverlay ! videoconvert ! autovideosink
 * ]|
 * Boxes around persons only; every fifth frame is looked at, the frames between repeat its boxes.
 *
 * ## Cameras that must not stall
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! fasterrcnndetect mode=async ! fasterrcnnoverlay !
 *     videoconvert ! autovideosink
 * ]|
 * The picture is as smooth as without the detector, however slow the model is: a thread of its own
 * looks at the newest frame whenever it is free, and every frame goes on at once with the latest
 * result. Boxes trail behind by up to twice the time of an inference and a frame; `age` tells by how
 * much.
 *
 * In sync mode, the default, each frame waits for its own result. A live pipeline is told how long
 * that takes (LATENCY query and message: applications call gst_bin_recalculate_latency () when a
 * latency message comes, gst-launch-1.0 does). Where the model is too slow for every frame, those
 * that would come too late are not looked at and repeat the last result; no frame is ever dropped
 * here. Put a `queue` behind the element: without one it can work only while the sink is not
 * waiting; when every frame is late, none is looked at and a warning says so.
 * `qos=false` looks at every frame at any price. How long an inference takes is known from the
 * last 32 of them, and before the first frame from a warm-up when its size and format are known.
 *
 * ## Fewer bits
 * `precision=auto`, the default, computes with int8 or bfloat16 where this CPU is faster with them
 * and the model's file tells that they cost at most half a point of mean average precision, and
 * with f32 elsewhere. The default model's file tells so of both (`frcnn info default`); of other
 * models `frcnn calibrate --eval` makes one that does. Scores of f32 are the same on every CPU but
 * for the last digits, nine in ten of the others are within 0.02 of them: ask for `precision=f32`
 * where that matters.
 *
 * ## Only what matters
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! fasterrcnndetect threshold=0.5
 *     class-thresholds="person:0.8,dog:0.3" min-size=0.05 max-size=0.9 ! queue !
 *     fasterrcnnoverlay ! videoconvert ! autovideosink
 * ]|
 * Persons have to be certain, dogs need not; boxes whose shorter side is below 5 % of the frame's
 * shorter side or whose longer side is above 90 % of its longer side are left out. All of it counts
 * before max-detections.
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! fasterrcnndetect region=zones
 *     zones="0,0,50%,100%;50%,25%,50%,50%" mode=async ! fasterrcnnoverlay ! videoconvert !
 *     autovideosink
 * ]|
 * Boxes in the left half and in the middle of the right one, nowhere else. Each zone takes an
 * inference of its own and is scaled to the network's input, so small zones show small objects
 * large. What two zones both see is put out once.
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! fasterrcnndetect classes=person !
 *     fasterrcnndetect region=roi-list region-classes=person classes=bottle !
 *     queue ! fasterrcnnoverlay ! videoconvert ! autovideosink
 * ]|
 * The first one finds persons, the second one looks for bottles inside each of them, at most
 * max-regions a frame, the largest first. A bottle's meta has the person's id as its parent_id.
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! fasterrcnndetect interval=10 !
 *     fasterrcnndetect proposals=roi-meta ! queue ! fasterrcnnoverlay ! videoconvert ! autovideosink
 * ]|
 * The second one proposes no boxes itself: it classifies and refines those that came with the frame
 * (Fast R-CNN), here those of up to nine frames ago, and moves them to where the objects are now.
 * They may come from any element that attaches #GstVideoRegionOfInterestMeta, such as a tracker.
 *
 * ## Figures and messages
 * |[
 * gst-launch-1.0 -m v4l2src ! videoconvert ! fasterrcnndetect post-messages=on-change ! fakesink
 * ]|
 * Prints a message whenever other objects are seen than before, or another number of them: a
 * structure `fasterrcnndetect` with timestamp, stream-time, running-time and duration (uint64, ns)
 * and objects, a list of structures `object` with x, y, width and height (uint, pixels), label
 * (string), label-id (int) and confidence (double). With post-messages=every-frame there is one a
 * frame, also without objects. The property `stats` tells frames, inferred, held, skipped-late,
 * detections, latencies and the frame rate.
 *
 * All properties that may change while playing act from the next inference on; a list that cannot
 * be parsed, or with a label that the model lacks, then is an element warning and the old value
 * stays. In start () it is an error that names the nearest label.
 */
#include "gstfasterrcnndetect.h"

#include "detectframe.h"
#include "elementutil.h"
#include "frameinfo.h"

GST_DEBUG_CATEGORY (frc_detect_debug);
#define GST_CAT_DEFAULT frc_detect_debug

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
        GST_STATIC_CAPS (FRC_VIDEO_CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (FRC_VIDEO_CAPS));

G_DEFINE_TYPE (GstFasterRcnnDetect, gst_faster_rcnn_detect, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (fasterrcnndetect, "fasterrcnndetect", GST_RANK_NONE,
    GST_TYPE_FASTER_RCNN_DETECT)

/* ---- properties ---- */

/* While a model is loaded, a list that means nothing for it changes nothing. */
static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (object);
  g_autoptr (GError) error = NULL;

  GST_OBJECT_LOCK (self);
  frc_detect_settings_set (&self->settings, id, value, self->labels, &error);
  GST_OBJECT_UNLOCK (self);
  if (error)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("%s", error->message),
        ("The old value stays."));
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (object);

  GST_OBJECT_LOCK (self);
  gboolean known = TRUE;
  if (id == FRC_PROP_STATS)
    g_value_take_boxed (value, frc_stats_to_structure (&self->stats, gst_util_get_timestamp ()));
  else
    known = frc_detect_settings_get (&self->settings, id, value);
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

/* ---- life ---- */

/* Ends what is under way; nothing new begins before a flush has ended or start (). */
static void
interrupt (GstFasterRcnnDetect *self)
{
  g_atomic_int_set (&self->cancel, 1);
  GST_OBJECT_LOCK (self);
  if (self->worker)
    frc_worker_interrupt (self->worker);
  g_cond_broadcast (&self->latency_event);
  GST_OBJECT_UNLOCK (self);
}

/* From here on live changes of lists are checked against the model. */
static gboolean
publish (GstFasterRcnnDetect *self, FrcInference *inference, FrcWorker *worker, GError **error)
{
  FrcLabelSet *labels = frc_inference_get_labels (inference);

  GST_OBJECT_LOCK (self);
  gboolean parsed = frc_detect_settings_parse (&self->settings, labels, error);
  if (parsed) {
    self->labels = frc_label_set_ref (labels);
    self->worker = worker;
    self->stats = (FrcStats){ 0 };
    self->latency = (FrcLatency){ 0 };
    frc_qos_init (&self->qos);
    self->asked_latency = FALSE;
  }
  GST_OBJECT_UNLOCK (self);
  return parsed;
}

static void
log_model (GstFasterRcnnDetect *self, const FrcModelInfo *info)
{
  if (info->family_guessed)
    GST_WARNING_OBJECT (self, "%s does not tell its family, %s is a guess: set the property family",
        info->path, info->family);
  GST_INFO_OBJECT (self, "model %s, family %s, %u labels", info->path, info->family,
      info->n_labels);
}

static gboolean
open_model (GstFasterRcnnDetect *self, GError **error)
{
  g_autoptr (FrcInference) inference = frc_inference_new (&self->config, error);
  FrcWorker *worker = NULL;

  if (!inference)
    return FALSE;
  frc_inference_set_hooks (inference, g_object_get_data (G_OBJECT (self), FRC_TEST_HOOKS_KEY));
  if (self->config.mode == FRC_MODE_ASYNC && !(worker = frc_worker_new (inference, error)))
    return FALSE;
  if (!publish (self, inference, worker, error)) {
    frc_worker_free (worker);
    return FALSE;
  }
  self->inference = g_steal_pointer (&inference);
  log_model (self, frc_inference_get_model_info (self->inference));
  return TRUE;
}

static gboolean
start (GstBaseTransform *trans)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (trans);
  g_autoptr (GError) error = NULL;

  GST_OBJECT_LOCK (self);
  frc_detect_config_copy (&self->config, &self->settings.config);
  GST_OBJECT_UNLOCK (self);
  if (!open_model (self, &error)) {
    frc_post_error (GST_ELEMENT (self), error, "start");
    frc_detect_config_clear (&self->config);
    return FALSE;
  }
  self->have_video = FALSE;
  self->warned_orientation = self->warned_starved = FALSE;
  frc_detect_reset (self);
  g_atomic_int_set (&self->cancel, 0);
  return TRUE;
}

static gboolean
stop (GstBaseTransform *trans)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (trans);

  GST_OBJECT_LOCK (self);
  g_clear_pointer (&self->labels, frc_label_set_unref);
  frc_filters_clear (&self->settings.tuning.filters);
  FrcWorker *worker = g_steal_pointer (&self->worker);
  GST_OBJECT_UNLOCK (self);

  frc_worker_free (worker);
  g_clear_pointer (&self->inference, frc_inference_free);
  frc_detect_config_clear (&self->config);
  frc_seen_clear (&self->seen);
  self->have_video = FALSE;
  frc_detect_reset (self);
  return TRUE;
}

static GstStateChangeReturn
change_state (GstElement *element, GstStateChange transition)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (element);

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    interrupt (self);
  return GST_ELEMENT_CLASS (gst_faster_rcnn_detect_parent_class)->change_state (element,
      transition);
}

/* ---- negotiation ---- */

/* The worker prepares itself. */
static gboolean
prepare (GstFasterRcnnDetect *self, const FrcImageInfo *info, gboolean other_frames)
{
  g_autoptr (GError) error = NULL;

  if (self->worker)
    return TRUE;
  if (!frc_inference_prepare (self->inference, info, &error)) {
    frc_post_error (GST_ELEMENT (self), error, "set_caps");
    return FALSE;
  }
  if (other_frames)
    frc_detect_warm_up (self, info);
  return TRUE;
}

static gboolean
set_caps (GstBaseTransform *trans, GstCaps *in, GstCaps *out)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (trans);
  GstVideoInfo video;
  FrcImageInfo info;

  if (!frc_caps_are_mono (in) || !gst_video_info_from_caps (&video, in) ||
      !frc_image_info_from_video (&info, &video)) {
    GST_ERROR_OBJECT (self, "cannot take %" GST_PTR_FORMAT, in);
    return FALSE;
  }
  gboolean other_frames = !self->have_video || video.width != self->video.width ||
      video.height != self->video.height ||
      GST_VIDEO_INFO_FORMAT (&video) != GST_VIDEO_INFO_FORMAT (&self->video);
  if (other_frames)
    frc_detect_reset (self);
  self->video = video;
  self->have_video = TRUE;
  return prepare (self, &info, other_frames);
}

/* Pixels are stored as downstream wants them stored: the query goes on as in passthrough. A crop
 * meta would move the origin of the coordinates, so nobody is asked for one. */
static gboolean
propose_allocation (GstBaseTransform *trans, GstQuery *decide, GstQuery *query)
{
  if (!GST_BASE_TRANSFORM_CLASS (gst_faster_rcnn_detect_parent_class)
           ->propose_allocation (trans, NULL, query))
    return FALSE;
  frc_query_drop_crop (query);
  return TRUE;
}

/* ---- events ---- */

static void
warn_orientation (GstFasterRcnnDetect *self, GstEvent *event)
{
  g_autofree char *orientation = NULL;
  GstTagList *tags;

  gst_event_parse_tag (event, &tags);
  if (self->warned_orientation ||
      !gst_tag_list_get_string (tags, GST_TAG_IMAGE_ORIENTATION, &orientation) ||
      g_str_equal (orientation, "rotate-0"))
    return;
  self->warned_orientation = TRUE;
  GST_ELEMENT_WARNING (self, STREAM, FORMAT,
      ("The stream is tagged %s, but its frames are analysed as they are stored; put \"videoflip "
       "video-direction=auto\" in front of fasterrcnndetect.",
          orientation),
      (NULL));
}

/* The base class's copy of the segment will not do: its position moves with the buffers. */
static gboolean
segment_differs (GstFasterRcnnDetect *self, GstEvent *event)
{
  const GstSegment *segment;

  gst_event_parse_segment (event, &segment);
  gboolean differs = !gst_segment_is_equal (segment, &self->segment);
  self->segment = *segment;
  return differs;
}

static gboolean
sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (trans);

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_FLUSH_START:
      interrupt (self);
      break;
    case GST_EVENT_FLUSH_STOP:
      g_atomic_int_set (&self->cancel, 0);
      frc_detect_reset (self);
      break;
    case GST_EVENT_STREAM_START:
      frc_detect_reset (self);
      break;
    case GST_EVENT_SEGMENT:
      if (segment_differs (self, event))
        frc_detect_reset (self);
      break;
    case GST_EVENT_TAG:
      warn_orientation (self, event);
      break;
    default:
      break;
  }
  return GST_BASE_TRANSFORM_CLASS (gst_faster_rcnn_detect_parent_class)->sink_event (trans, event);
}

static gboolean
src_event (GstBaseTransform *trans, GstEvent *event)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (trans);
  GstClockTime time;
  GstClockTimeDiff jitter;

  GST_OBJECT_LOCK (self);
  if (GST_EVENT_TYPE (event) == GST_EVENT_QOS) {
    gst_event_parse_qos (event, NULL, NULL, &jitter, &time);
    frc_qos_feedback (&self->qos, time, jitter);
  } else if (GST_EVENT_TYPE (event) == GST_EVENT_LATENCY) {
    gst_event_parse_latency (event, &self->qos.latency);
    self->latency_events++;
    g_cond_broadcast (&self->latency_event);
  }
  GST_OBJECT_UNLOCK (self);
  return GST_BASE_TRANSFORM_CLASS (gst_faster_rcnn_detect_parent_class)->src_event (trans, event);
}

/* What upstream needs, and in sync mode an inference on top of it. */
static gboolean
query_latency (GstFasterRcnnDetect *self, GstQuery *query)
{
  gboolean live;
  GstClockTime min, max;

  if (!gst_pad_peer_query (GST_BASE_TRANSFORM_SINK_PAD (self), query))
    return FALSE;
  gst_query_parse_latency (query, &live, &min, &max);
  GST_OBJECT_LOCK (self);
  GstClockTime own = frc_latency_tell (&self->latency);
  self->qos.is_live = live;
  self->qos.upstream = min;
  self->asked_latency = TRUE;
  GST_OBJECT_UNLOCK (self);
  gst_query_set_latency (query, live, min + own, GST_CLOCK_TIME_IS_VALID (max) ? max + own : max);
  return TRUE;
}

static gboolean
query (GstBaseTransform *trans, GstPadDirection direction, GstQuery *query)
{
  if (direction == GST_PAD_SRC && GST_QUERY_TYPE (query) == GST_QUERY_LATENCY)
    return query_latency (GST_FASTER_RCNN_DETECT (trans), query);
  return GST_BASE_TRANSFORM_CLASS (gst_faster_rcnn_detect_parent_class)
      ->query (trans, direction, query);
}

/* ---- frames ---- */

static void
before_transform (GstBaseTransform *trans, GstBuffer *buffer)
{
  GstClockTime time = gst_segment_to_stream_time (&trans->segment, GST_FORMAT_TIME,
      GST_BUFFER_PTS (buffer));

  if (GST_CLOCK_TIME_IS_VALID (time))
    gst_object_sync_values (GST_OBJECT (trans), time);
}

static GstFlowReturn
transform_ip (GstBaseTransform *trans, GstBuffer *buffer)
{
  return frc_detect_frame (GST_FASTER_RCNN_DETECT (trans), buffer);
}

/* ---- the class ---- */

static void
finalize (GObject *object)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (object);

  frc_detect_settings_clear (&self->settings);
  g_cond_clear (&self->latency_event);
  G_OBJECT_CLASS (gst_faster_rcnn_detect_parent_class)->finalize (object);
}

static void
gst_faster_rcnn_detect_init (GstFasterRcnnDetect *self)
{
  frc_detect_settings_init (&self->settings);
  frc_qos_init (&self->qos);
  g_cond_init (&self->latency_event);
  gst_segment_init (&self->segment, GST_FORMAT_UNDEFINED);
  frc_transform_init (GST_BASE_TRANSFORM (self));
}

static void
gst_faster_rcnn_detect_class_init (GstFasterRcnnDetectClass *klass)
{
  GObjectClass *object = G_OBJECT_CLASS (klass);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *transform = GST_BASE_TRANSFORM_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (frc_detect_debug, "fasterrcnndetect", 0, "Faster R-CNN object detector");

  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  frc_detect_props_install (object);

  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  gst_element_class_set_static_metadata (element, "Faster R-CNN object detector",
      "Filter/Analyzer/Video",
      "Finds objects in video frames on the CPU and attaches them as region-of-interest metas",
      "The fasterrcnndetect authors");
  element->change_state = change_state;

  transform->start = start;
  transform->stop = stop;
  transform->transform_caps = frc_transform_caps;
  transform->set_caps = set_caps;
  transform->propose_allocation = propose_allocation;
  transform->sink_event = sink_event;
  transform->src_event = src_event;
  transform->query = query;
  transform->before_transform = before_transform;
  transform->transform_ip = transform_ip;
}
