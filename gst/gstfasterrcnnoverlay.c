/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-fasterrcnnoverlay
 * @title: fasterrcnnoverlay
 * @short_description: draws the boxes of objects that an element in front has found
 *
 * Draws a box, the label and the confidence of every #GstVideoRegionOfInterestMeta on the buffer,
 * whoever attached it. The label is the meta's roi_type; the confidence is a number of that name in
 * its param `detection`, or in any other param. Where the plugin was built with gstreamer-analytics
 * 1.24 or later, an object detection mtd whose id no such meta has is drawn, too. Frames with
 * nothing to draw and nothing to blur go through untouched. A text is never outside the frame; one
 * that is wider is cut off, one that is higher than half of the frame is left out.
 *
 * ## Who draws
 * Where downstream says that it draws overlay compositions (it takes caps with
 * `meta:GstVideoOverlayComposition` and names that meta in its answer to the ALLOCATION query, as
 * glimagesink does), and where the stream has such a composition already, nothing is drawn into the
 * frame: four thin rectangles a box and one a text are attached to it, behind those that are there.
 * Behind a tee then no pixel is copied. Anywhere else the same picture is drawn into the frame,
 * which is copied first if somebody else holds it, too. It is decided again when downstream asks
 * for that (RECONFIGURE).
 *
 * ## Colours
 * A label always has the same colour, out of Okabe and Ito's seven that differ for all kinds of
 * colour vision. `colors` gives labels others: `person:0xff0000ff,car:0x00ff0080` is red, green,
 * blue and opacity in two digits each (`0x00ff00` is opaque), so persons are red and cars half
 * transparent green. The text is black or white, whichever is easier to read.
 *
 * ## Blurring
 * `blur` is a comma list of labels. The inside of these boxes becomes a mosaic of at most 8 × 8
 * mean colours, in the buffer's own pixels and before anything is drawn, in every mode: what was
 * there is no longer in the stream. (Another branch of a tee in front keeps its own pixels.)
 *
 * An object that the detector misses is not blurred, and of a repeated result it is the place where
 * the object was that is blurred (`interval=1` of the detector looks at every frame).
 * `blur-unknown` is for the time in which nobody has looked yet: it does the same to the whole
 * frame wherever no detector had a result for it. A frame has a result when fasterrcnndetect
 * inferred on it or repeated a result that is not older than its max-age, also one without objects
 * (the detector marks such frames), or when it carries an object of any other element. So the
 * picture is hidden until the first result, and again when the detector falls behind by more than
 * max-age. Limits: the mark is a meta, and is lost where metas are, as in an encoder; with
 * `hold=false` the frames between two inferences have no result and are hidden; frames on which any
 * other detector found nothing cannot be told from those that it did not look at and are hidden; of
 * two fasterrcnndetect one that has a result is enough.
 *
 * A wrong value of `colors` or `blur` fails the change to PAUSED; in a running element it posts a
 * warning and the old value stays.
 *
 * ## The statistics line
 * `show-stats` writes a line such as "25.0 fps, 3 objects, 40 ms old" into the top left corner: the
 * frames that came through this element a second, of the last two seconds by the system's clock
 * (left out in the first second); the objects on this frame; and the age of the result by the
 * detector's mark, or by the largest `age` in the metas, which is left out where neither tells. "no
 * result" means what it does for blur-unknown. (What an inference takes is in the property `stats`
 * of fasterrcnndetect.)
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 filesrc location=clip.webm ! decodebin ! videoconvert ! fasterrcnndetect !
 *     fasterrcnnoverlay thickness=3 font="Sans Bold 14" ! videoconvert ! autovideosink
 * ]|
 * A window shows the clip; around each object there is a coloured box of 3 pixels with a text such
 * as "person 97 %" above it, or inside it where there is no room above.
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! fasterrcnndetect !
 *     fasterrcnnoverlay blur=person blur-unknown=true colors=person:0x000000 draw-labels=false !
 *     videoconvert ! autovideosink
 * ]|
 * Persons are mosaics in black boxes; until the first result there is nothing to recognise at all.
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! fasterrcnndetect interval=3 !
 *     fasterrcnnoverlay show-stats=true ! videoconvert ! autovideosink
 * ]|
 * The top left corner tells frames a second, objects, and how old the boxes are: on two frames of
 * three they are repeated.
 */
#include "gstfasterrcnnoverlay.h"

#include "compositioncaps.h"
#include "elementutil.h"
#include "frameinfo.h"
#include "labeltables.h"
#include "overlaydraw.h"
#include "scene.h"
#include "stats.h"

GST_DEBUG_CATEGORY_STATIC (overlay_debug);
#define GST_CAT_DEFAULT overlay_debug

#define DEFAULT_FONT "Sans 12"
#define DEFAULT_THICKNESS 2
#define MAX_THICKNESS 64

#define COMPOSITION_CAPS \
  "video/x-raw(" GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY ", " \
      GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION "), " FRC_VIDEO_FIELDS
#define OVERLAY_CAPS COMPOSITION_CAPS "; " FRC_VIDEO_CAPS

enum { PROP_0, PROP_DRAW_LABELS, PROP_DRAW_CONFIDENCE, PROP_THICKNESS, PROP_FONT, PROP_COLORS,
  PROP_SHOW_STATS, PROP_BLUR, PROP_BLUR_UNKNOWN };

/* What a frame is treated by. */
typedef struct
{
  FrcDrawStyle style;
  FrcBlur blur;
  gboolean show_stats;
} Settings;

struct _GstFasterRcnnOverlay
{
  GstBaseTransform parent;

  /* guarded by the object lock */
  Settings settings; /* its tables exist while running */
  char *font, *colors, *blur;
  gboolean running;

  /* of the streaming thread, and of start () and stop () */
  GstVideoInfo video;
  gboolean attach; /* downstream draws */
  FrcLabelImages *images;
  FrcStats stats; /* of it, the frame rate */
};

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (OVERLAY_CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (OVERLAY_CAPS));

G_DEFINE_TYPE (GstFasterRcnnOverlay, gst_faster_rcnn_overlay, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (fasterrcnnoverlay, "fasterrcnnoverlay", GST_RANK_NONE,
    GST_TYPE_FASTER_RCNN_OVERLAY)

/* ---- properties ---- */

/* `colors` or `blur`. A stopped element takes any text: start () checks it. */
static void
set_table (GstFasterRcnnOverlay *self, guint id, const char *text)
{
  g_autoptr (GError) error = NULL;
  gboolean is_blur = id == PROP_BLUR;
  char **kept = is_blur ? &self->blur : &self->colors;
  GHashTable **table = is_blur ? &self->settings.blur.labels : &self->settings.style.colors;
  GHashTable *parsed = is_blur ? frc_label_names_parse (text, "blur", &error)
                               : frc_label_colors_parse (text, &error);

  GST_OBJECT_LOCK (self);
  gboolean running = self->running;
  if (parsed || !running) {
    g_free (*kept);
    *kept = g_strdup (text);
  }
  if (parsed && running) {
    g_hash_table_unref (*table);
    *table = g_steal_pointer (&parsed);
  }
  GST_OBJECT_UNLOCK (self);

  g_clear_pointer (&parsed, g_hash_table_unref);
  if (error && running)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("%s", error->message),
        ("The old value stays."));
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstFasterRcnnOverlay *self = GST_FASTER_RCNN_OVERLAY (object);
  Settings *settings = &self->settings;

  if (id == PROP_COLORS || id == PROP_BLUR) {
    set_table (self, id, g_value_get_string (value));
    return;
  }
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_DRAW_LABELS:
      settings->style.labels = g_value_get_boolean (value);
      break;
    case PROP_DRAW_CONFIDENCE:
      settings->style.confidences = g_value_get_boolean (value);
      break;
    case PROP_THICKNESS:
      settings->style.thickness = g_value_get_uint (value);
      break;
    case PROP_FONT:
      g_free (self->font);
      self->font = g_value_dup_string (value);
      break;
    case PROP_SHOW_STATS:
      settings->show_stats = g_value_get_boolean (value);
      break;
    case PROP_BLUR_UNKNOWN:
      settings->blur.unknown = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstFasterRcnnOverlay *self = GST_FASTER_RCNN_OVERLAY (object);
  const Settings *settings = &self->settings;

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_DRAW_LABELS:
      g_value_set_boolean (value, settings->style.labels);
      break;
    case PROP_DRAW_CONFIDENCE:
      g_value_set_boolean (value, settings->style.confidences);
      break;
    case PROP_THICKNESS:
      g_value_set_uint (value, settings->style.thickness);
      break;
    case PROP_FONT:
      g_value_set_string (value, self->font);
      break;
    case PROP_COLORS:
      g_value_set_string (value, self->colors);
      break;
    case PROP_SHOW_STATS:
      g_value_set_boolean (value, settings->show_stats);
      break;
    case PROP_BLUR:
      g_value_set_string (value, self->blur);
      break;
    case PROP_BLUR_UNKNOWN:
      g_value_set_boolean (value, settings->blur.unknown);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

/* ---- life ---- */

/* From here on a wrong value is refused. */
static gboolean
make_tables (GstFasterRcnnOverlay *self, GError **error)
{
  Settings *settings = &self->settings;

  GST_OBJECT_LOCK (self);
  settings->style.colors = frc_label_colors_parse (self->colors, error);
  if (settings->style.colors)
    settings->blur.labels = frc_label_names_parse (self->blur, "blur", error);
  if (!settings->blur.labels)
    g_clear_pointer (&settings->style.colors, g_hash_table_unref);
  self->running = settings->blur.labels != NULL;
  gboolean made = self->running;
  GST_OBJECT_UNLOCK (self);
  return made;
}

static gboolean
start (GstBaseTransform *trans)
{
  GstFasterRcnnOverlay *self = GST_FASTER_RCNN_OVERLAY (trans);
  g_autoptr (GError) error = NULL;

  if (!make_tables (self, &error)) {
    frc_post_error (GST_ELEMENT (self), error, "start");
    return FALSE;
  }
  self->images = frc_label_images_new ();
  self->stats = (FrcStats){ 0 };
  self->attach = FALSE;
  return TRUE;
}

static gboolean
stop (GstBaseTransform *trans)
{
  GstFasterRcnnOverlay *self = GST_FASTER_RCNN_OVERLAY (trans);

  GST_OBJECT_LOCK (self);
  self->running = FALSE;
  g_clear_pointer (&self->settings.style.colors, g_hash_table_unref);
  g_clear_pointer (&self->settings.blur.labels, g_hash_table_unref);
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&self->images, frc_label_images_free);
  return TRUE;
}

/* ---- negotiation ---- */

static GstCaps *
transform_caps (GstBaseTransform *trans, GstPadDirection direction, GstCaps *caps, GstCaps *filter)
{
  GstCaps *across = frc_caps_across (caps, direction);
  GstCaps *result = frc_transform_caps (trans, direction, across, filter);

  gst_caps_unref (across);
  return result;
}

/* Also called for a RECONFIGURE that ends with the same caps, when set_caps () is not. */
static GstCaps *
fixate_caps (GstBaseTransform *trans, GstPadDirection direction, GstCaps *caps, GstCaps *candidates)
{
  GstFasterRcnnOverlay *self = GST_FASTER_RCNN_OVERLAY (trans);

  GstCaps *out = frc_composition_fixate (GST_BASE_TRANSFORM_SRC_PAD (trans), caps, candidates);
  self->attach = !gst_caps_is_empty (out) && frc_caps_have_composition (out);
  GST_DEBUG_OBJECT (self, "%s", self->attach ? "downstream draws" : "drawing into the frames");
  return out;
}

static gboolean
set_caps (GstBaseTransform *trans, GstCaps *in, GstCaps *out)
{
  GstFasterRcnnOverlay *self = GST_FASTER_RCNN_OVERLAY (trans);

  return frc_caps_are_mono (in) && gst_video_info_from_caps (&self->video, in);
}

static gboolean
propose_allocation (GstBaseTransform *trans, GstQuery *decide, GstQuery *query)
{
  if (!GST_BASE_TRANSFORM_CLASS (gst_faster_rcnn_overlay_parent_class)
           ->propose_allocation (trans, NULL, query))
    return FALSE;
  frc_query_drop_crop (query);
  return TRUE;
}

/* ---- frames ---- */

static Settings
take_settings (GstFasterRcnnOverlay *self)
{
  GST_OBJECT_LOCK (self);
  Settings settings = self->settings;
  g_hash_table_ref (settings.style.colors);
  g_hash_table_ref (settings.blur.labels);
  frc_label_images_set_font (self->images, self->font);
  GST_OBJECT_UNLOCK (self);
  return settings;
}

static void
clear_settings (Settings *settings)
{
  g_hash_table_unref (settings->style.colors);
  g_hash_table_unref (settings->blur.labels);
}

/* Of the last seconds; negative in the first one, when there is too little to count. */
static gdouble
frame_rate (GstFasterRcnnOverlay *self)
{
  guint64 now = gst_util_get_timestamp ();

  return now - self->stats.first_frame < GST_SECOND ? -1.0 : frc_stats_fps (&self->stats, now);
}

static void
draw (GstFasterRcnnOverlay *self, const FrcScene *scene, const Settings *settings,
    FrcDrawTarget *to)
{
  to->images = self->images;
  frc_draw_objects (to, scene->objects, &settings->style);
  if (settings->show_stats) {
    g_autofree char *line = frc_stats_line (frame_rate (self), scene->objects->len,
        scene->has_result, scene->age);
    frc_draw_stats_line (to, line);
  }
}

/* In the frame's own pixels: the blurring, and the drawing where nobody else does it. */
static gboolean
work_on_pixels (GstFasterRcnnOverlay *self, GstBuffer *buffer, const FrcScene *scene,
    const Settings *settings)
{
  GstVideoFrame frame;

  if (!gst_video_frame_map (&frame, &self->video, buffer,
          GST_MAP_READWRITE | GST_VIDEO_FRAME_MAP_FLAG_NO_REF)) {
    GST_ELEMENT_ERROR (self, RESOURCE, WRITE, ("A video frame cannot be drawn on."),
        ("expected a frame in writable system memory, found %" GST_PTR_FORMAT, buffer));
    return FALSE;
  }
  frc_scene_blur (scene, &settings->blur, &frame);
  if (!self->attach)
    draw (self, scene, settings, &(FrcDrawTarget){ .frame = &frame, .visible = scene->visible });
  gst_video_frame_unmap (&frame);
  return TRUE;
}

/* What is cut away by a crop meta is not there for who draws later. */
static void
attach_composition (GstFasterRcnnOverlay *self, GstBuffer *buffer, const FrcScene *scene,
    const Settings *settings)
{
  FrcRect visible = { 0, 0, scene->visible.width, scene->visible.height };
  FrcCanvas canvas = { gst_video_overlay_composition_new (NULL), visible.width, visible.height };

  draw (self, scene, settings, &(FrcDrawTarget){ .canvas = &canvas, .visible = visible });
  frc_compose_attach (&canvas, buffer);
}

static GstFlowReturn
transform_ip (GstBaseTransform *trans, GstBuffer *buffer)
{
  GstFasterRcnnOverlay *self = GST_FASTER_RCNN_OVERLAY (trans);
  Settings settings = take_settings (self);
  GstFlowReturn flow = GST_FLOW_OK;
  FrcScene scene;

  frc_scene_read (&scene, buffer, &self->video);
  frc_stats_add_frame (&self->stats, gst_util_get_timestamp ());
  gboolean draws = scene.objects->len > 0 || settings.show_stats;
  if (frc_scene_needs_blur (&scene, &settings.blur) || (draws && !self->attach))
    flow = work_on_pixels (self, buffer, &scene, &settings) ? GST_FLOW_OK : GST_FLOW_ERROR;
  if (flow == GST_FLOW_OK && draws && self->attach)
    attach_composition (self, buffer, &scene, &settings);

  frc_scene_clear (&scene);
  clear_settings (&settings);
  return flow;
}

/* ---- the class ---- */

static void
finalize (GObject *object)
{
  GstFasterRcnnOverlay *self = GST_FASTER_RCNN_OVERLAY (object);

  g_free (self->font);
  g_free (self->colors);
  g_free (self->blur);
  G_OBJECT_CLASS (gst_faster_rcnn_overlay_parent_class)->finalize (object);
}

static void
gst_faster_rcnn_overlay_init (GstFasterRcnnOverlay *self)
{
  self->settings.style = (FrcDrawStyle){ TRUE, TRUE, DEFAULT_THICKNESS, NULL };
  self->font = g_strdup (DEFAULT_FONT);
  frc_transform_init (GST_BASE_TRANSFORM (self));
}

static void
install_properties (GObjectClass *object)
{
  const GParamFlags flags =
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  g_object_class_install_property (object, PROP_DRAW_LABELS,
      g_param_spec_boolean ("draw-labels", "Draw labels", "Write the label at each box", TRUE,
          flags));
  g_object_class_install_property (object, PROP_DRAW_CONFIDENCE,
      g_param_spec_boolean ("draw-confidence", "Draw confidence",
          "Write the confidence at each box, in percent", TRUE, flags));
  g_object_class_install_property (object, PROP_THICKNESS,
      g_param_spec_uint ("thickness", "Thickness", "Width of a box's lines in pixels", 1,
          MAX_THICKNESS, DEFAULT_THICKNESS, flags));
  g_object_class_install_property (object, PROP_FONT,
      g_param_spec_string ("font", "Font",
          "Font of the texts as a Pango description, such as \"Sans Bold 12\"", DEFAULT_FONT,
          flags));
  g_object_class_install_property (object, PROP_COLORS,
      g_param_spec_string ("colors", "Colors",
          "Colours of labels: a comma list of label:0xrrggbbaa (red, green, blue, opacity) or "
          "label:0xrrggbb; unset = a fixed colour a label",
          NULL, flags));
  g_object_class_install_property (object, PROP_SHOW_STATS,
      g_param_spec_boolean ("show-stats", "Show statistics",
          "Write frames a second, objects and the age of the result into the top left corner",
          FALSE, flags));
  g_object_class_install_property (object, PROP_BLUR,
      g_param_spec_string ("blur", "Blur",
          "Comma list of the labels whose boxes are made unrecognisable in the frame's pixels; "
          "unset = none",
          NULL, flags));
  g_object_class_install_property (object, PROP_BLUR_UNKNOWN,
      g_param_spec_boolean ("blur-unknown", "Blur unknown",
          "Make all of a frame unrecognisable that no detector has a result for: before the first "
          "one, and when the last is older than the detector's max-age",
          FALSE, flags));
}

static void
gst_faster_rcnn_overlay_class_init (GstFasterRcnnOverlayClass *klass)
{
  GObjectClass *object = G_OBJECT_CLASS (klass);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *transform = GST_BASE_TRANSFORM_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (overlay_debug, "fasterrcnnoverlay", 0, "Faster R-CNN overlay");

  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  install_properties (object);

  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  gst_element_class_set_static_metadata (element, "Faster R-CNN overlay", "Filter/Editor/Video",
      "Draws boxes, labels and confidences of region-of-interest metas into video frames",
      "The fasterrcnndetect authors");

  transform->start = start;
  transform->stop = stop;
  transform->transform_caps = transform_caps;
  transform->fixate_caps = fixate_caps;
  transform->set_caps = set_caps;
  transform->propose_allocation = propose_allocation;
  transform->transform_ip = transform_ip;
}
