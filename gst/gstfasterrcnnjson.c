/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-fasterrcnnjson
 * @title: fasterrcnnjson
 * @short_description: writes the objects of each frame as a line of JSON
 *
 * Writes a line of JSON for each frame with objects to a file, a pipe or the standard output.
 * Frames go through as they are: pixels are not looked at, so any raw video will do, in any memory.
 *
 * An object is a #GstVideoRegionOfInterestMeta, whoever attached it. Where the plugin was built
 * with gstreamer-analytics 1.24 or later, an object detection mtd whose id no such meta has is one,
 * too. The layout is the one of DL Streamer's gvametaconvert; without the line breaks it is
 * |[
 * {"objects":[
 * {"x":34,"y":56,"w":78,"h":90,"region_id":1,"parent_id":0,"roi_type":"person",
 * "detection":{"bounding_box":{"x_min":0.053,"y_min":0.116,"x_max":0.175,"y_max":0.304},
 * "confidence":0.97,"label":"person","label_id":14}}],
 * "resolution":{"width":640,"height":480},"timestamp":1240000000}
 * ]|
 * `x`, `y`, `w`, `h` are pixels, `bounding_box` the exact corners as shares of `resolution`, which
 * is the size of the frame, or of what a crop meta leaves of it. `region_id` and `parent_id` are
 * the meta's. `timestamp` is the stream time in nanoseconds, null for a buffer without a time.
 * `detection` comes from the meta's param of that name and is left out where that has no corners;
 * in it, `confidence` and `label_id` are left out where they are not known.
 *
 * Lines are UTF-8, in the order of the frames, each written at once when its frame passes, so that
 * a reader of a pipe sees it then. Frames without objects have no line unless add-empty-results is
 * set.
 *
 * A location that cannot be opened fails the change to PAUSED; a full disk, a pipe that its reader
 * has closed and the like end the stream with an error that names location and reason. The lines in
 * a file are whole even then: a line that did not fit is cut off again. While nobody reads a pipe
 * the stream waits; shutting down or flushing ends that (and may leave the reader of a pipe with
 * the beginning of a line of more than 4096 bytes). A named pipe is opened when there is a reader,
 * and the change to PAUSED waits for that. The standard output is not closed. Signals of the
 * process stay as they are: a closed pipe is an error, not SIGPIPE.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 filesrc location=clip.webm ! decodebin ! videoconvert ! fasterrcnndetect !
 *     fasterrcnnjson location=clip.jsonl ! fakesink
 * ]|
 * Nothing is shown; clip.jsonl has a line for each frame with objects.
 * |[
 * gst-launch-1.0 -q v4l2src ! videoconvert ! fasterrcnndetect !
 *     fasterrcnnjson location=- add-empty-results=true ! fakesink | jq -c '[.objects[].roi_type]'
 * ]|
 * Prints the labels of the objects in each camera frame, `[]` where there are none. `-q` keeps
 * gst-launch's own messages off the standard output.
 */
#include "gstfasterrcnnjson.h"

#include "elementutil.h"
#include "jsonline.h"
#include "linewriter.h"

GST_DEBUG_CATEGORY_STATIC (json_debug);
#define GST_CAT_DEFAULT json_debug

/* No pixel is read, so neither format nor memory matters. */
#define JSON_CAPS "video/x-raw(ANY)"

enum { PROP_0, PROP_LOCATION, PROP_APPEND, PROP_ADD_EMPTY_RESULTS };

struct _GstFasterRcnnJson
{
  GstBaseTransform parent;

  /* guarded by the object lock */
  char *location;
  gboolean append, add_empty_results;

  gint cancel; /* atomic: ends waiting for a reader */

  /* of the streaming thread, and of start () and stop () */
  FrcLineWriter *writer;
  GString *line;
  gint width, height; /* of the caps; 0 = not known */
};

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (JSON_CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (JSON_CAPS));

G_DEFINE_TYPE (GstFasterRcnnJson, gst_faster_rcnn_json, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (fasterrcnnjson, "fasterrcnnjson", GST_RANK_NONE,
    GST_TYPE_FASTER_RCNN_JSON)

/* ---- properties ---- */

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstFasterRcnnJson *self = GST_FASTER_RCNN_JSON (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_LOCATION:
      g_free (self->location);
      self->location = g_value_dup_string (value);
      break;
    case PROP_APPEND:
      self->append = g_value_get_boolean (value);
      break;
    case PROP_ADD_EMPTY_RESULTS:
      self->add_empty_results = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstFasterRcnnJson *self = GST_FASTER_RCNN_JSON (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_LOCATION:
      g_value_set_string (value, self->location);
      break;
    case PROP_APPEND:
      g_value_set_boolean (value, self->append);
      break;
    case PROP_ADD_EMPTY_RESULTS:
      g_value_set_boolean (value, self->add_empty_results);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

/* ---- life ---- */

static void
post_error (GstFasterRcnnJson *self, const GError *error, GstResourceError code)
{
  if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC))
    code = GST_RESOURCE_ERROR_NO_SPACE_LEFT;
  gst_element_message_full (GST_ELEMENT (self), GST_MESSAGE_ERROR, GST_RESOURCE_ERROR, code,
      g_strdup (error->message), NULL, __FILE__, G_STRFUNC, __LINE__);
}

static gboolean
start (GstBaseTransform *trans)
{
  GstFasterRcnnJson *self = GST_FASTER_RCNN_JSON (trans);
  g_autoptr (GError) error = NULL;

  GST_OBJECT_LOCK (self);
  g_autofree char *location = g_strdup (self->location);
  gboolean append = self->append;
  GST_OBJECT_UNLOCK (self);

  if (!location || !*location) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
        ("location is not set: expected the path of a file to write, or - for the standard output"),
        (NULL));
    return FALSE;
  }
  self->writer = frc_line_writer_open (location, append, &error);
  if (!self->writer) {
    post_error (self, error, GST_RESOURCE_ERROR_OPEN_WRITE);
    return FALSE;
  }
  self->line = g_string_new (NULL);
  self->width = self->height = 0;
  g_atomic_int_set (&self->cancel, 0);
  return TRUE;
}

static gboolean
stop (GstBaseTransform *trans)
{
  GstFasterRcnnJson *self = GST_FASTER_RCNN_JSON (trans);
  g_autoptr (GError) error = NULL;

  if (!frc_line_writer_close (g_steal_pointer (&self->writer), &error))
    post_error (self, error, GST_RESOURCE_ERROR_CLOSE);
  if (self->line)
    g_string_free (g_steal_pointer (&self->line), TRUE);
  return TRUE;
}

static GstStateChangeReturn
change_state (GstElement *element, GstStateChange transition)
{
  GstFasterRcnnJson *self = GST_FASTER_RCNN_JSON (element);

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    g_atomic_int_set (&self->cancel, 1);
  return GST_ELEMENT_CLASS (gst_faster_rcnn_json_parent_class)->change_state (element, transition);
}

static gboolean
sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstFasterRcnnJson *self = GST_FASTER_RCNN_JSON (trans);

  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START)
    g_atomic_int_set (&self->cancel, 1);
  else if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
    g_atomic_int_set (&self->cancel, 0);
  return GST_BASE_TRANSFORM_CLASS (gst_faster_rcnn_json_parent_class)->sink_event (trans, event);
}

/* ---- frames ---- */

static gboolean
set_caps (GstBaseTransform *trans, GstCaps *in, GstCaps *out)
{
  GstFasterRcnnJson *self = GST_FASTER_RCNN_JSON (trans);
  const GstStructure *structure = gst_caps_get_structure (in, 0);

  return gst_structure_get_int (structure, "width", &self->width) &&
      gst_structure_get_int (structure, "height", &self->height);
}

static guint64
stream_time (GstBaseTransform *trans, GstBuffer *buffer)
{
  if (trans->segment.format != GST_FORMAT_TIME)
    return GST_CLOCK_TIME_NONE;
  return gst_segment_to_stream_time (&trans->segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
}

static GstFlowReturn
transform_ip (GstBaseTransform *trans, GstBuffer *buffer)
{
  GstFasterRcnnJson *self = GST_FASTER_RCNN_JSON (trans);
  g_autoptr (GError) error = NULL;

  if (self->width == 0) /* no caps: passthrough does not insist on them */
    return GST_FLOW_NOT_NEGOTIATED;
  GST_OBJECT_LOCK (self);
  gboolean add_empty_results = self->add_empty_results;
  GST_OBJECT_UNLOCK (self);

  FrcRect visible = frc_visible_rect (buffer, self->width, self->height);
  g_autoptr (GArray) objects = frc_objects_read (buffer, &visible);
  if (objects->len == 0 && !add_empty_results)
    return GST_FLOW_OK;

  g_string_truncate (self->line, 0);
  frc_json_line_append (self->line, objects, &visible, stream_time (trans, buffer));
  if (frc_line_writer_write (self->writer, self->line->str, self->line->len, &self->cancel, &error))
    return GST_FLOW_OK;
  if (!error)
    return GST_FLOW_FLUSHING;
  post_error (self, error, GST_RESOURCE_ERROR_WRITE);
  return GST_FLOW_ERROR;
}

/* ---- the class ---- */

static void
finalize (GObject *object)
{
  g_free (GST_FASTER_RCNN_JSON (object)->location);
  G_OBJECT_CLASS (gst_faster_rcnn_json_parent_class)->finalize (object);
}

static void
gst_faster_rcnn_json_init (GstFasterRcnnJson *self)
{
  frc_transform_init (GST_BASE_TRANSFORM (self));
  gst_base_transform_set_passthrough (GST_BASE_TRANSFORM (self), TRUE);
}

static void
install_properties (GObjectClass *object)
{
  const GParamFlags ready = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  g_object_class_install_property (object, PROP_LOCATION,
      g_param_spec_string ("location", "Location",
          "Path of the file or named pipe to write to; \"-\" = the standard output", NULL, ready));
  g_object_class_install_property (object, PROP_APPEND,
      g_param_spec_boolean ("append", "Append",
          "Write behind what is in the file; false = the file starts empty", FALSE, ready));
  g_object_class_install_property (object, PROP_ADD_EMPTY_RESULTS,
      g_param_spec_boolean ("add-empty-results", "Add empty results",
          "Write a line for frames without objects, too", FALSE,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING));
}

static void
gst_faster_rcnn_json_class_init (GstFasterRcnnJsonClass *klass)
{
  GObjectClass *object = G_OBJECT_CLASS (klass);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *transform = GST_BASE_TRANSFORM_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (json_debug, "fasterrcnnjson", 0, "Faster R-CNN JSON writer");

  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  install_properties (object);

  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  gst_element_class_set_static_metadata (element, "Faster R-CNN JSON writer", "Generic/Metadata",
      "Writes the region-of-interest metas of video frames as lines of JSON",
      "The fasterrcnndetect authors");
  element->change_state = change_state;

  transform->start = start;
  transform->stop = stop;
  transform->set_caps = set_caps;
  transform->sink_event = sink_event;
  transform->transform_ip = transform_ip;
}
