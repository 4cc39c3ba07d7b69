/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * compare-formats [--clip FRAMES] [--list FILE] [--expect N] [PICTURE…]
 *
 * Does the element find the same in every format?
 *
 *   RGB and its reorderings: exactly what libfrcnn finds in the same pixels as RGB.
 *   Every other format, under BT.601 and BT.709, limited and full range: what libfrcnn finds in the
 *   same frame after "videoconvert dither=none" to RGB: of all objects above 0.5 on either side,
 *   98 % have one of the same class on the other side, box within 2 pixels, score within 0.03.
 *
 * Pictures are PNG or JPEG files, those that a list file names (one a line), or the first frames of
 * the clip FRC_TEST_CLIP. The model is FRC_TEST_MODEL, else the default one. --expect: at least so
 * many objects above 0.5 in RGB (150 by default), or the comparison says too little. Prints a table;
 * the exit status is 0 when every line of it holds.
 */
#include <math.h>
#include <string.h>

#include <gst/check/gstharness.h>
#include <gst/video/video.h>

#include "core/frcnn.h"

#define THRESHOLD 0.5
#define MARGIN 0.03    /* of scores; both sides are asked down to THRESHOLD − MARGIN */
#define BOX_PIXELS 2.0
#define SHARE 0.98
#define MAX_FOUND 300

typedef struct {
  guint n;
  FrcDetection found[MAX_FOUND];
} Found;

/* One line of the table. */
typedef struct {
  const char *format, *colorimetry;
  gboolean exact;
} Case;

typedef struct {
  guint pictures, objects, same; /* objects: above THRESHOLD, on both sides */
  gdouble worst_box, worst_score; /* of those that are the same */
} Tally;

static FrcModel *model;
static FrcDetector *detector;
static char *model_path;

static const char *const colorimetries[] = { "bt601", "1:4:16:4", "bt709", "1:3:5:1" };
static const char *const rgb_formats[] = { "RGB", "BGR", "RGBA", "BGRA", "ARGB", "ABGR", "RGBx",
  "BGRx", "xRGB", "xBGR" };
static const char *const yuv_formats[] = { "GRAY8", "NV12", "NV21", "I420", "YV12", "YUY2", "UYVY",
  "Y42B", "Y444" };

/* ---- pictures ---- */

static GstPadProbeReturn
keep (GstPad *pad, GstPadProbeInfo *probe, gpointer list)
{
  g_ptr_array_add (list, gst_buffer_ref (GST_PAD_PROBE_INFO_BUFFER (probe)));
  return GST_PAD_PROBE_OK;
}

/* Runs a pipeline that ends in "fakesink name=to" and adds its frames, as samples, to @pictures. */
static gboolean
decode (const char *description, const char *path, guint limit, GPtrArray *pictures)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (description, &error);
  g_autoptr (GPtrArray) buffers =
      g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);

  if (!pipeline) {
    g_printerr ("%s\n", error->message);
    return FALSE;
  }
  g_autoptr (GstElement) from = gst_bin_get_by_name (GST_BIN (pipeline), "from");
  g_autoptr (GstElement) to = gst_bin_get_by_name (GST_BIN (pipeline), "to");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (to, "sink");
  g_object_set (from, "location", path, NULL);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, keep, buffers, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_message_unref (gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);
  gst_element_set_state (pipeline, GST_STATE_NULL);

  for (guint i = 0; i < MIN (buffers->len, limit); i++) {
    guint at = i * buffers->len / MIN (buffers->len, limit); /* spread over all of it */
    g_ptr_array_add (pictures, gst_sample_new (buffers->pdata[at], caps, NULL, NULL));
  }
  if (buffers->len == 0)
    g_printerr ("%s: no picture could be read\n", path);
  return buffers->len > 0;
}

static gboolean
read_picture (const char *path, GPtrArray *pictures)
{
  gboolean png = g_str_has_suffix (path, ".png");
  g_autofree char *description = g_strdup_printf ("filesrc name=from ! %s ! videoconvert "
      "dither=none ! video/x-raw,format=RGB ! fakesink name=to sync=false",
      png ? "pngdec" : "jpegdec");

  return decode (description, path, 1, pictures);
}

static gboolean
read_clip (guint frames, GPtrArray *pictures)
{
  const char *path = g_getenv ("FRC_TEST_CLIP");

  if (!path) {
    g_printerr ("--clip: FRC_TEST_CLIP must name a WebM file with VP8\n");
    return FALSE;
  }
  return decode ("filesrc name=from ! matroskademux ! vp8dec ! videoconvert dither=none ! "
      "video/x-raw,format=RGB ! fakesink name=to sync=false", path, frames, pictures);
}

static gboolean
read_list (const char *path, GPtrArray *pictures)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, &error)) {
    g_printerr ("%s\n", error->message);
    return FALSE;
  }
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line; line++) {
    if (*g_strstrip (*line) && !read_picture (*line, pictures))
      return FALSE;
  }
  return TRUE;
}

/* ---- the two sides ---- */

static GstCaps *
caps_for (const GstVideoInfo *size, const char *format, const char *colorimetry)
{
  GstCaps *caps = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING, format, "width",
      G_TYPE_INT, size->width, "height", G_TYPE_INT, size->height, "framerate", GST_TYPE_FRACTION,
      1, 1, NULL);

  if (colorimetry)
    gst_caps_set_simple (caps, "colorimetry", G_TYPE_STRING, colorimetry, NULL);
  return caps;
}

/* "videoconvert dither=none" from @from to @to, which are given away. */
static GstBuffer *
convert (GstBuffer *buffer, GstCaps *from, GstCaps *to)
{
  GstHarness *h = gst_harness_new_parse ("videoconvert dither=none");

  gst_harness_set_caps (h, from, to);
  GstBuffer *out = gst_harness_push_and_pull (h, gst_buffer_ref (buffer));
  gst_harness_teardown (h);
  return out;
}

static gboolean
ask_library (GstBuffer *rgb, const GstVideoInfo *info, Found *out)
{
  const FrcQuery query = { .score_threshold = THRESHOLD - MARGIN, .nms_threshold = -1.0f,
    .max_detections = 100 };
  g_autoptr (GError) error = NULL;
  GstVideoFrame frame;

  if (!gst_video_frame_map (&frame, info, rgb, GST_MAP_READ))
    return FALSE;
  FrcImage image = { { FRC_FORMAT_RGB, info->width, info->height, 0, 0 },
    { GST_VIDEO_FRAME_PLANE_DATA (&frame, 0) }, { GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0) } };
  gboolean ok = frc_detect (detector, &image, &query, out->found, MAX_FOUND, &out->n, &error);
  gst_video_frame_unmap (&frame);
  if (!ok)
    g_printerr ("libfrcnn: %s\n", error ? error->message : "cancelled");
  return ok;
}

static void
read_metas (GstBuffer *buffer, const GstVideoInfo *info, Found *out)
{
  gpointer state = NULL;
  GstMeta *meta;

  out->n = 0;
  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
              GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) &&
      out->n < MAX_FOUND) {
    const GstStructure *s = gst_video_region_of_interest_meta_get_param (
        (GstVideoRegionOfInterestMeta *) meta, "detection");
    gdouble x1, y1, x2, y2, score;
    gint label;
    if (!s || !gst_structure_get (s, "x_min", G_TYPE_DOUBLE, &x1, "y_min", G_TYPE_DOUBLE, &y1,
            "x_max", G_TYPE_DOUBLE, &x2, "y_max", G_TYPE_DOUBLE, &y2, "confidence", G_TYPE_DOUBLE,
            &score, "label_id", G_TYPE_INT, &label, NULL))
      continue;
    out->found[out->n++] = (FrcDetection){ { (gfloat) (x1 * info->width),
        (gfloat) (y1 * info->height), (gfloat) (x2 * info->width), (gfloat) (y2 * info->height) },
      (gfloat) score, label };
  }
}

/* The element on @buffer of @caps, which are given away. */
static gboolean
ask_element (GstHarness *h, GstBuffer *buffer, GstCaps *caps, const GstVideoInfo *info, Found *out)
{
  gst_harness_set_src_caps (h, caps);
  GstBuffer *seen = gst_harness_push_and_pull (h, gst_buffer_ref (buffer));
  if (!seen)
    return FALSE;
  read_metas (seen, info, out);
  gst_buffer_unref (seen);
  return TRUE;
}

/* ---- comparing ---- */

static gdouble
box_distance (const FrcBox *a, const FrcBox *b)
{
  return fmax (fmax (fabs (a->x1 - b->x1), fabs (a->y1 - b->y1)),
      fmax (fabs (a->x2 - b->x2), fabs (a->y2 - b->y2)));
}

/* Counts the objects of @from above the threshold, and those that have a like in @to; each object
 * of @to serves one. */
static void
compare_one_way (const Found *from, const Found *to, gboolean exact, Tally *tally)
{
  gboolean used[MAX_FOUND] = { FALSE };
  gdouble box_limit = exact ? 0.01 : BOX_PIXELS, score_limit = exact ? 0.0 : MARGIN;

  for (guint i = 0; i < from->n; i++) {
    const FrcDetection *a = &from->found[i];
    gint best = -1;
    gdouble least = box_limit;
    if (a->score <= THRESHOLD)
      continue;
    tally->objects++;
    for (guint k = 0; k < to->n; k++) {
      const FrcDetection *b = &to->found[k];
      gdouble distance = box_distance (&a->box, &b->box);
      if (!used[k] && a->label_id == b->label_id && distance <= least &&
          fabs (a->score - b->score) <= score_limit) {
        best = (gint) k;
        least = distance;
      }
    }
    if (best < 0)
      continue;
    used[best] = TRUE;
    tally->same++;
    tally->worst_box = fmax (tally->worst_box, least);
    tally->worst_score = fmax (tally->worst_score, fabs (a->score - to->found[best].score));
  }
}

static gboolean
compare_picture (GstHarness *h, GstSample *picture, const Case *c, Tally *tally)
{
  GstVideoInfo rgb_info;
  static Found library, element;

  gst_video_info_from_caps (&rgb_info, gst_sample_get_caps (picture));
  GstBuffer *rgb = gst_sample_get_buffer (picture);
  GstBuffer *frame = convert (rgb, caps_for (&rgb_info, "RGB", NULL),
      caps_for (&rgb_info, c->format, c->colorimetry));
  GstBuffer *back = c->exact ? gst_buffer_ref (rgb)
                             : convert (frame, caps_for (&rgb_info, c->format, c->colorimetry),
                                   caps_for (&rgb_info, "RGB", NULL));
  gboolean ok = frame && back && ask_library (back, &rgb_info, &library) &&
      ask_element (h, frame, caps_for (&rgb_info, c->format, c->colorimetry), &rgb_info, &element);
  if (ok) {
    compare_one_way (&library, &element, c->exact, tally);
    compare_one_way (&element, &library, c->exact, tally);
    tally->pictures++;
  }
  gst_buffer_unref (frame);
  gst_buffer_unref (back);
  return ok;
}

static gboolean
compare (const GPtrArray *pictures, const Case *c, guint expect)
{
  GstElement *element = gst_element_factory_make ("fasterrcnndetect", NULL);
  Tally tally = { 0 };

  if (!element) {
    g_printerr ("there is no element fasterrcnndetect: set GST_PLUGIN_PATH\n");
    return FALSE;
  }
  g_object_set (element, "threshold", THRESHOLD - MARGIN, "model", model_path, NULL);
  GstHarness *h = gst_harness_new_with_element (element, "sink", "src");
  gst_object_unref (element);
  gboolean ok = TRUE;
  for (guint i = 0; ok && i < pictures->len; i++)
    ok = compare_picture (h, pictures->pdata[i], c, &tally);
  gst_harness_teardown (h);

  gdouble share = tally.objects ? (gdouble) tally.same / tally.objects : 0.0;
  ok = ok && tally.objects >= 2 * expect && share >= (c->exact ? 1.0 : SHARE);
  g_print ("%-6s  %-9s %8u  %7u  %7.2f %%  %8.2f  %7.4f   %s\n", c->format,
      c->colorimetry ? c->colorimetry : "-", tally.pictures, tally.objects / 2, share * 100,
      tally.worst_box, tally.worst_score, ok ? "ok" : "FAILED");
  return ok;
}

static gboolean
compare_all (const GPtrArray *pictures, guint expect)
{
  gboolean ok = TRUE;

  g_print ("format  matrix    pictures  objects       same  worst px   score\n");
  for (guint i = 0; i < G_N_ELEMENTS (rgb_formats); i++) {
    Case c = { rgb_formats[i], NULL, TRUE };
    ok = compare (pictures, &c, expect) && ok;
  }
  for (guint i = 0; i < G_N_ELEMENTS (yuv_formats); i++) {
    for (guint k = 0; k < G_N_ELEMENTS (colorimetries); k++) {
      Case c = { yuv_formats[i], colorimetries[k], FALSE };
      ok = compare (pictures, &c, expect) && ok;
    }
  }
  return ok;
}

static gboolean
open_library (void)
{
  g_autoptr (GError) error = NULL;

  model_path = g_strdup (g_getenv ("FRC_TEST_MODEL"));
  if (!model_path)
    model_path = frc_model_find (NULL, &error);
  if (model_path)
    model = frc_model_load (model_path, NULL, &error);
  if (model)
    detector = frc_detector_new (model, NULL, &error);
  if (!detector)
    g_printerr ("%s\n", error->message);
  return detector != NULL;
}

int
main (int argc, char **argv)
{
  gint frames = 0, expect = 150;
  g_autofree char *list = NULL;
  const GOptionEntry entries[] = {
    { "clip", 0, 0, G_OPTION_ARG_INT, &frames, "frames of the clip FRC_TEST_CLIP", "FRAMES" },
    { "list", 0, 0, G_OPTION_ARG_FILENAME, &list, "a file with a picture's path a line", "FILE" },
    { "expect", 0, 0, G_OPTION_ARG_INT, &expect, "objects there must be at least", "N" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("[PICTURE…]");
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) pictures =
      g_ptr_array_new_with_free_func ((GDestroyNotify) gst_sample_unref);

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("%s\n", error->message);
    return 2;
  }
  gst_init (&argc, &argv);
  gboolean ok = open_library ();
  if (ok && frames > 0)
    ok = read_clip ((guint) frames, pictures);
  if (ok && list)
    ok = read_list (list, pictures);
  for (gint i = 1; ok && i < argc; i++)
    ok = read_picture (argv[i], pictures);
  ok = ok && compare_all (pictures, (guint) expect);

  frc_detector_free (detector);
  frc_model_unref (model);
  g_free (model_path);
  return ok ? 0 : 1;
}
