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
 * gst-launch-1.0 v4l2src ! videoconvert ! fasterrcnndetect classes=person interval=5 !
 *     fasterrcnnoverlay ! videoconvert ! autovideosink
 * ]|
 * Boxes around persons only; every fifth frame is looked at, the frames between repeat its boxes.
 */
#include "gstfasterrcnndetect.h"

#include "detectprops.h"
#include "elementutil.h"
#include "frameinfo.h"
#include "inference.h"
#include "stats.h"

GST_DEBUG_CATEGORY_STATIC (detect_debug);
#define GST_CAT_DEFAULT detect_debug

struct _GstFasterRcnnDetect
{
  GstBaseTransform parent;

  /* guarded by the object lock */
  FrcDetectSettings settings;
  FrcLabelSet *labels; /* of the running model; NULL when stopped */
  FrcStats stats;

  gint cancel; /* atomic: ends a running inference early */

  /* of the streaming thread, and of start () and stop () */
  FrcInference *inference;
  FrcMetaType meta_type;
  GstVideoInfo video;
  gboolean have_video;
  GstSegment segment; /* as the last event had it */
  guint64 since_inference; /* frames, the inferred one included; 0 = infer on the next */
  FrcResult result;
  gboolean warned_orientation;
};

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
        GST_STATIC_CAPS (FRC_VIDEO_CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (FRC_VIDEO_CAPS));

G_DEFINE_TYPE (GstFasterRcnnDetect, gst_faster_rcnn_detect, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (fasterrcnndetect, "fasterrcnndetect", GST_RANK_NONE,
    GST_TYPE_FASTER_RCNN_DETECT)

/* ---- properties ---- */

/* While a model is loaded its labels are known, and a name that it lacks changes nothing. */
static void
set_classes (GstFasterRcnnDetect *self, const GValue *value)
{
  g_autoptr (GError) error = NULL;
  GBytes *mask = NULL;

  GST_OBJECT_LOCK (self);
  if (!self->labels ||
      frc_label_set_mask (self->labels, g_value_get_string (value), "classes", &mask, &error)) {
    frc_detect_settings_set (&self->settings, FRC_PROP_CLASSES, value);
    g_clear_pointer (&self->settings.tuning.class_mask, g_bytes_unref);
    self->settings.tuning.class_mask = mask;
  }
  GST_OBJECT_UNLOCK (self);

  if (error)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("%s", error->message),
        ("The old value stays."));
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (object);

  if (id == FRC_PROP_CLASSES) {
    set_classes (self, value);
    return;
  }
  GST_OBJECT_LOCK (self);
  gboolean known = frc_detect_settings_set (&self->settings, id, value);
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
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

static void
reset_result (GstFasterRcnnDetect *self)
{
  self->result.valid = FALSE;
  self->since_inference = 0;
}

/* From here on live changes of `classes` are checked against the model. */
static gboolean
publish_labels (GstFasterRcnnDetect *self, FrcLabelSet *labels, GError **error)
{
  GBytes *mask = NULL;

  GST_OBJECT_LOCK (self);
  gboolean known =
      frc_label_set_mask (labels, self->settings.classes, "classes", &mask, error);
  if (known) {
    self->labels = frc_label_set_ref (labels);
    g_clear_pointer (&self->settings.tuning.class_mask, g_bytes_unref);
    self->settings.tuning.class_mask = mask;
    self->stats = (FrcStats){ 0 };
  }
  GST_OBJECT_UNLOCK (self);
  return known;
}

static gboolean
start (GstBaseTransform *trans)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (trans);
  g_autoptr (GError) error = NULL;
  FrcDetectConfig config;

  GST_OBJECT_LOCK (self);
  frc_detect_config_copy (&config, &self->settings.config);
  GST_OBJECT_UNLOCK (self);

  g_autoptr (FrcInference) inference = frc_inference_new (&config, &error);
  FrcMetaType meta_type = config.meta_type;
  frc_detect_config_clear (&config);
  if (!inference || !publish_labels (self, frc_inference_get_labels (inference), &error)) {
    frc_post_error (GST_ELEMENT (self), error, "start");
    return FALSE;
  }

  const FrcModelInfo *info = frc_inference_get_model_info (inference);
  if (info->family_guessed)
    GST_WARNING_OBJECT (self, "%s does not tell its family, %s is a guess: set the property family",
        info->path, info->family);
  GST_INFO_OBJECT (self, "model %s, family %s, %u labels", info->path, info->family,
      info->n_labels);

  self->inference = g_steal_pointer (&inference);
  self->meta_type = meta_type;
  self->have_video = FALSE;
  self->warned_orientation = FALSE;
  reset_result (self);
  g_atomic_int_set (&self->cancel, 0);
  return TRUE;
}

static gboolean
stop (GstBaseTransform *trans)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (trans);

  GST_OBJECT_LOCK (self);
  g_clear_pointer (&self->labels, frc_label_set_unref);
  g_clear_pointer (&self->settings.tuning.class_mask, g_bytes_unref);
  GST_OBJECT_UNLOCK (self);

  g_clear_pointer (&self->inference, frc_inference_free);
  self->have_video = FALSE;
  reset_result (self);
  return TRUE;
}

static GstStateChangeReturn
change_state (GstElement *element, GstStateChange transition)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (element);

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    g_atomic_int_set (&self->cancel, 1);
  return GST_ELEMENT_CLASS (gst_faster_rcnn_detect_parent_class)->change_state (element,
      transition);
}

/* ---- negotiation ---- */

static gboolean
set_caps (GstBaseTransform *trans, GstCaps *in, GstCaps *out)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (trans);
  g_autoptr (GError) error = NULL;
  GstVideoInfo video;
  FrcImageInfo info;

  if (!frc_caps_are_mono (in) || !gst_video_info_from_caps (&video, in) ||
      !frc_image_info_from_video (&info, &video)) {
    GST_ERROR_OBJECT (self, "cannot take %" GST_PTR_FORMAT, in);
    return FALSE;
  }
  if (!self->have_video || video.width != self->video.width ||
      video.height != self->video.height ||
      GST_VIDEO_INFO_FORMAT (&video) != GST_VIDEO_INFO_FORMAT (&self->video))
    reset_result (self);
  self->video = video;
  self->have_video = TRUE;

  if (!frc_inference_prepare (self->inference, &info, &error)) {
    frc_post_error (GST_ELEMENT (self), error, "set_caps");
    return FALSE;
  }
  return TRUE;
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
      g_atomic_int_set (&self->cancel, 1);
      break;
    case GST_EVENT_FLUSH_STOP:
      g_atomic_int_set (&self->cancel, 0);
      reset_result (self);
      break;
    case GST_EVENT_STREAM_START:
      reset_result (self);
      break;
    case GST_EVENT_SEGMENT:
      if (segment_differs (self, event))
        reset_result (self);
      break;
    case GST_EVENT_TAG:
      warn_orientation (self, event);
      break;
    default:
      break;
  }
  return GST_BASE_TRANSFORM_CLASS (gst_faster_rcnn_detect_parent_class)->sink_event (trans, event);
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

static guint64
result_age (const FrcResult *result, gint64 now)
{
  if (result->running_time == FRC_NO_TIME || now == FRC_NO_TIME)
    return GST_CLOCK_TIME_NONE;
  return ABS (now - result->running_time);
}

static GstFlowReturn
infer (GstFasterRcnnDetect *self, GstBuffer *buffer, const FrcImageInfo *info, const FrcRect *rect,
    const FrcDetectTuning *tuning)
{
  g_autoptr (GError) error = NULL;
  GstVideoFrame frame;
  FrcImage image;

  if (!frc_inference_prepare (self->inference, info, &error)) {
    frc_post_error (GST_ELEMENT (self), error, "frame");
    return GST_FLOW_ERROR;
  }
  if (!gst_video_frame_map (&frame, &self->video, buffer,
          GST_MAP_READ | GST_VIDEO_FRAME_MAP_FLAG_NO_REF)) {
    GST_ELEMENT_ERROR (self, RESOURCE, READ, ("A video frame cannot be read."),
        ("expected a %ux%u frame in system memory, found %" GST_PTR_FORMAT, info->width,
            info->height, buffer));
    return GST_FLOW_ERROR;
  }

  guint64 begin = gst_util_get_timestamp ();
  frc_image_from_frame (&image, info, &frame);
  gboolean done = frc_inference_run (self->inference, &image, rect, tuning, &self->cancel,
      &self->result);
  gst_video_frame_unmap (&frame);
  if (!done) {
    GST_DEBUG_OBJECT (self, "inference was cancelled");
    return GST_FLOW_FLUSHING;
  }

  guint64 latency = gst_util_get_timestamp () - begin;
  GST_LOG_OBJECT (self, "%u objects in %" GST_TIME_FORMAT, self->result.n, GST_TIME_ARGS (latency));
  GST_OBJECT_LOCK (self);
  frc_stats_add_inference (&self->stats, latency, self->result.n);
  GST_OBJECT_UNLOCK (self);
  return GST_FLOW_OK;
}

static void
attach (GstFasterRcnnDetect *self, GstBuffer *buffer, const FrcRect *rect, guint64 age)
{
  FrcMetaContext context = {
    .labels = frc_inference_get_labels (self->inference),
    .model_name = frc_inference_get_model_info (self->inference)->name,
    .rect = *rect,
    .age = age,
    .meta_type = self->meta_type,
  };
  frc_result_attach (&self->result, &context, buffer);
}

/* A frame that is not looked at: it repeats the last result unless that is too old. */
static void
attach_held (GstFasterRcnnDetect *self, GstBuffer *buffer, const FrcRect *rect,
    const FrcDetectTuning *tuning, gint64 now, gboolean counts)
{
  if (!tuning->hold || !self->result.valid)
    return;
  guint64 age = result_age (&self->result, now);
  if (age != GST_CLOCK_TIME_NONE && age > tuning->max_age)
    return;

  attach (self, buffer, rect, age);
  if (counts) {
    GST_OBJECT_LOCK (self);
    self->stats.held++;
    GST_OBJECT_UNLOCK (self);
  }
}

static GstFlowReturn
analyse (GstFasterRcnnDetect *self, GstBuffer *buffer, const FrcDetectTuning *tuning)
{
  gboolean gap = GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP);
  gint64 now = frc_running_time (GST_BASE_TRANSFORM (self), buffer);
  FrcImageInfo info;

  if (!frc_image_info_from_buffer (&info, &self->video, buffer)) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT,
        ("A video frame is of a format that is not supported."), ("%" GST_PTR_FORMAT, buffer));
    return GST_FLOW_ERROR;
  }
  FrcRect rect = frc_rect_from_buffer (buffer, &info);

  gboolean due = self->since_inference == 0 || self->since_inference >= tuning->interval;
  if (gap || !due) {
    attach_held (self, buffer, &rect, tuning, now, !gap);
    if (!gap)
      self->since_inference++;
    return GST_FLOW_OK;
  }

  GstFlowReturn flow = infer (self, buffer, &info, &rect, tuning);
  if (flow == GST_FLOW_OK) {
    self->result.running_time = now;
    self->since_inference = 1;
    attach (self, buffer, &rect, 0);
  }
  return flow;
}

static GstFlowReturn
transform_ip (GstBaseTransform *trans, GstBuffer *buffer)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (trans);
  FrcDetectTuning tuning;

  GST_OBJECT_LOCK (self);
  frc_detect_tuning_copy (&tuning, &self->settings.tuning);
  if (!GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP))
    frc_stats_add_frame (&self->stats, gst_util_get_timestamp ());
  GST_OBJECT_UNLOCK (self);

  GstFlowReturn flow = analyse (self, buffer, &tuning);
  frc_detect_tuning_clear (&tuning);
  return flow;
}

/* ---- the class ---- */

static void
finalize (GObject *object)
{
  GstFasterRcnnDetect *self = GST_FASTER_RCNN_DETECT (object);

  frc_detect_settings_clear (&self->settings);
  G_OBJECT_CLASS (gst_faster_rcnn_detect_parent_class)->finalize (object);
}

static void
gst_faster_rcnn_detect_init (GstFasterRcnnDetect *self)
{
  frc_detect_settings_init (&self->settings);
  gst_segment_init (&self->segment, GST_FORMAT_UNDEFINED);
  frc_transform_init (GST_BASE_TRANSFORM (self));
}

static void
gst_faster_rcnn_detect_class_init (GstFasterRcnnDetectClass *klass)
{
  GObjectClass *object = G_OBJECT_CLASS (klass);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *transform = GST_BASE_TRANSFORM_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (detect_debug, "fasterrcnndetect", 0, "Faster R-CNN object detector");

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
  transform->before_transform = before_transform;
  transform->transform_ip = transform_ip;
}
