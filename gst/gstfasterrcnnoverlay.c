/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-fasterrcnnoverlay
 * @title: fasterrcnnoverlay
 * @short_description: draws the boxes of objects that an element in front has found
 *
 * Draws a box, the label and the confidence of every #GstVideoRegionOfInterestMeta on the buffer,
 * whoever attached it. The label is the meta's roi_type; the confidence is a number of that name in
 * its param `detection`, or in any other param. A label always has the same colour.
 *
 * Frames without such a meta go through untouched.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=clip.webm ! decodebin ! videoconvert ! fasterrcnndetect !
 *     fasterrcnnoverlay thickness=3 font="Sans Bold 14" ! videoconvert ! autovideosink
 * ]|
 * A window shows the clip; around each object there is a coloured box of 3 pixels with a text such
 * as "person 97 %" above it, or inside it where there is no room above.
 */
#include "gstfasterrcnnoverlay.h"

#include "elementutil.h"
#include "frameinfo.h"
#include "labelimage.h"

GST_DEBUG_CATEGORY_STATIC (overlay_debug);
#define GST_CAT_DEFAULT overlay_debug

#define DEFAULT_FONT "Sans 12"
#define DEFAULT_THICKNESS 2
#define MAX_THICKNESS 64

enum { PROP_0, PROP_DRAW_LABELS, PROP_DRAW_CONFIDENCE, PROP_THICKNESS, PROP_FONT };

typedef struct
{
  gboolean draw_labels, draw_confidence;
  guint thickness; /* pixels */
  char *font;      /* of the settings: owned; in a copy: NULL */
} Settings;

struct _GstFasterRcnnOverlay
{
  GstBaseTransform parent;

  Settings settings; /* guarded by the object lock */

  /* of the streaming thread */
  GstVideoInfo video;
  FrcLabelImages *images;
};

/* What is drawn for one meta. */
typedef struct
{
  FrcArea area;      /* pixels of the stored frame */
  const char *label; /* (nullable) */
  gdouble confidence; /* < 0 = unknown */
} Item;

/* Okabe and Ito's colours for all kinds of colour vision, without black. */
static const guint32 palette[] = { 0xe69f00, 0x56b4e9, 0x009e73, 0xf0e442, 0x0072b2, 0xd55e00,
  0xcc79a7 };

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
        GST_STATIC_CAPS (FRC_VIDEO_CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (FRC_VIDEO_CAPS));

G_DEFINE_TYPE (GstFasterRcnnOverlay, gst_faster_rcnn_overlay, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (fasterrcnnoverlay, "fasterrcnnoverlay", GST_RANK_NONE,
    GST_TYPE_FASTER_RCNN_OVERLAY)

/* ---- properties ---- */

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstFasterRcnnOverlay *self = GST_FASTER_RCNN_OVERLAY (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_DRAW_LABELS:
      self->settings.draw_labels = g_value_get_boolean (value);
      break;
    case PROP_DRAW_CONFIDENCE:
      self->settings.draw_confidence = g_value_get_boolean (value);
      break;
    case PROP_THICKNESS:
      self->settings.thickness = g_value_get_uint (value);
      break;
    case PROP_FONT:
      g_free (self->settings.font);
      self->settings.font = g_value_dup_string (value);
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

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_DRAW_LABELS:
      g_value_set_boolean (value, self->settings.draw_labels);
      break;
    case PROP_DRAW_CONFIDENCE:
      g_value_set_boolean (value, self->settings.draw_confidence);
      break;
    case PROP_THICKNESS:
      g_value_set_uint (value, self->settings.thickness);
      break;
    case PROP_FONT:
      g_value_set_string (value, self->settings.font);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

/* ---- reading metas ---- */

static gboolean
read_confidence (const GstStructure *param, gdouble *confidence)
{
  const GValue *value = gst_structure_get_value (param, "confidence");
  GValue number = G_VALUE_INIT;

  if (!value)
    return FALSE;
  g_value_init (&number, G_TYPE_DOUBLE);
  gboolean is_number = g_value_transform (value, &number);
  if (is_number)
    *confidence = g_value_get_double (&number);
  g_value_unset (&number);
  return is_number;
}

static gdouble
confidence_of (GstVideoRegionOfInterestMeta *roi)
{
  gdouble confidence = -1.0;
  const GstStructure *detection = gst_video_region_of_interest_meta_get_param (roi, "detection");

  if (detection && read_confidence (detection, &confidence))
    return confidence;
  for (GList *link = roi->params; link; link = link->next) {
    if (read_confidence (link->data, &confidence))
      break;
  }
  return confidence;
}

/* The metas on @buffer, the first attached (and most confident) last, so that it is on top. */
static GArray *
read_items (GstBuffer *buffer)
{
  GArray *items = g_array_new (FALSE, FALSE, sizeof (Item));
  const GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta (buffer);
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
              GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *) meta;
    Item item = {
      .area = { roi->x, roi->y, roi->w, roi->h },
      .label = g_quark_to_string (roi->roi_type),
      .confidence = confidence_of (roi),
    };
    if (crop) {
      item.area.x += crop->x;
      item.area.y += crop->y;
    }
    g_array_prepend_val (items, item);
  }
  return items;
}

/* ---- drawing ---- */

static guint32
color_of (const char *label)
{
  return palette[g_str_hash (label ? label : "") % G_N_ELEMENTS (palette)];
}

/* Black or white, whichever is easier to read on @rgb. */
static guint32
text_color_on (guint32 rgb)
{
  guint luma = 299 * (rgb >> 16 & 0xff) + 587 * (rgb >> 8 & 0xff) + 114 * (rgb & 0xff);
  return luma > 128 * 1000 ? 0x000000 : 0xffffff;
}

static char *
text_of (const Item *item, const Settings *settings)
{
  const char *label = settings->draw_labels && item->label ? item->label : "";

  if (!settings->draw_confidence || !(item->confidence >= 0.0))
    return g_strdup (label);
  gint percent = (gint) (MIN (item->confidence, 1.0) * 100.0 + 0.5);
  return g_strdup_printf ("%s%s%d %%", label, *label ? " " : "", percent);
}

/* Above the box, inside its top where there is no room above, and always inside the frame. */
static void
draw_text (GstFasterRcnnOverlay *self, GstVideoFrame *frame, const Item *item,
    const Settings *settings)
{
  g_autofree char *text = text_of (item, settings);
  const FrcMask *mask = *text ? frc_label_images_get (self->images, text) : NULL;
  if (!mask)
    return;

  gint64 x = item->area.x, y = item->area.y - mask->height;
  if (y < 0)
    y = item->area.y + settings->thickness;
  x = MAX (0, MIN (x, (gint64) GST_VIDEO_FRAME_WIDTH (frame) - mask->width));
  y = MAX (0, MIN (y, (gint64) GST_VIDEO_FRAME_HEIGHT (frame) - mask->height));

  guint32 color = color_of (item->label);
  FrcInk paper = frc_ink_from_rgb (&frame->info, color);
  FrcInk ink = frc_ink_from_rgb (&frame->info, text_color_on (color));
  frc_paint_mask (frame, x, y, mask, &paper, &ink);
}

static void
draw_items (GstFasterRcnnOverlay *self, GstVideoFrame *frame, const GArray *items,
    const Settings *settings)
{
  for (guint i = 0; i < items->len; i++) {
    const Item *item = &g_array_index (items, Item, i);
    FrcInk ink = frc_ink_from_rgb (&frame->info, color_of (item->label));
    frc_paint_box (frame, &item->area, settings->thickness, &ink);
  }
  for (guint i = 0; i < items->len; i++)
    draw_text (self, frame, &g_array_index (items, Item, i), settings);
}

static Settings
take_settings (GstFasterRcnnOverlay *self)
{
  GST_OBJECT_LOCK (self);
  Settings settings = self->settings;
  frc_label_images_set_font (self->images, settings.font);
  GST_OBJECT_UNLOCK (self);
  settings.font = NULL;
  return settings;
}

static GstFlowReturn
transform_ip (GstBaseTransform *trans, GstBuffer *buffer)
{
  GstFasterRcnnOverlay *self = GST_FASTER_RCNN_OVERLAY (trans);
  GstVideoFrame frame;

  g_autoptr (GArray) items = read_items (buffer);
  if (items->len == 0)
    return GST_FLOW_OK;
  if (!gst_video_frame_map (&frame, &self->video, buffer,
          GST_MAP_READWRITE | GST_VIDEO_FRAME_MAP_FLAG_NO_REF)) {
    GST_ELEMENT_ERROR (self, RESOURCE, WRITE, ("A video frame cannot be drawn on."),
        ("expected a frame in writable system memory, found %" GST_PTR_FORMAT, buffer));
    return GST_FLOW_ERROR;
  }
  Settings settings = take_settings (self);
  draw_items (self, &frame, items, &settings);
  gst_video_frame_unmap (&frame);
  return GST_FLOW_OK;
}

/* ---- negotiation and life ---- */

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

static gboolean
start (GstBaseTransform *trans)
{
  GST_FASTER_RCNN_OVERLAY (trans)->images = frc_label_images_new ();
  return TRUE;
}

static gboolean
stop (GstBaseTransform *trans)
{
  g_clear_pointer (&GST_FASTER_RCNN_OVERLAY (trans)->images, frc_label_images_free);
  return TRUE;
}

static void
finalize (GObject *object)
{
  GstFasterRcnnOverlay *self = GST_FASTER_RCNN_OVERLAY (object);

  g_free (self->settings.font);
  G_OBJECT_CLASS (gst_faster_rcnn_overlay_parent_class)->finalize (object);
}

static void
gst_faster_rcnn_overlay_init (GstFasterRcnnOverlay *self)
{
  self->settings = (Settings){ TRUE, TRUE, DEFAULT_THICKNESS, g_strdup (DEFAULT_FONT) };
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
  transform->transform_caps = frc_transform_caps;
  transform->set_caps = set_caps;
  transform->propose_allocation = propose_allocation;
  transform->transform_ip = transform_ip;
}
