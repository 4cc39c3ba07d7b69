/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"

#include <glib/gstdio.h>
#include <math.h>

const GstVideoFormat all_formats[FRC_N_FORMATS] = { GST_VIDEO_FORMAT_RGB, GST_VIDEO_FORMAT_BGR,
  GST_VIDEO_FORMAT_RGBA, GST_VIDEO_FORMAT_BGRA, GST_VIDEO_FORMAT_ARGB, GST_VIDEO_FORMAT_ABGR,
  GST_VIDEO_FORMAT_RGBx, GST_VIDEO_FORMAT_BGRx, GST_VIDEO_FORMAT_xRGB, GST_VIDEO_FORMAT_xBGR,
  GST_VIDEO_FORMAT_GRAY8, GST_VIDEO_FORMAT_NV12, GST_VIDEO_FORMAT_NV21, GST_VIDEO_FORMAT_I420,
  GST_VIDEO_FORMAT_YV12, GST_VIDEO_FORMAT_YUY2, GST_VIDEO_FORMAT_UYVY, GST_VIDEO_FORMAT_Y42B,
  GST_VIDEO_FORMAT_Y444 };

const FrcQuery test_query = { .score_threshold = (gfloat) TEST_THRESHOLD, .nms_threshold = -1.0f,
  .max_detections = 100 };

const char *
test_model (void)
{
  const char *path = g_getenv ("FRC_TEST_MODEL");

  fail_unless (path != NULL, "FRC_TEST_MODEL names no model");
  return path;
}

char *
test_folder (void)
{
  char *folder = g_dir_make_tmp ("frcnn-elements-XXXXXX", NULL);

  fail_unless (folder != NULL);
  return folder;
}

void
remove_folder (char *folder)
{
  GDir *dir = g_dir_open (folder, 0, NULL);

  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    char *path = g_build_filename (folder, name, NULL);
    g_remove (path);
    g_free (path);
  }
  if (dir)
    g_dir_close (dir);
  g_rmdir (folder);
  g_free (folder);
}

/* ---- pictures ---- */

typedef struct {
  gint wanted, seen;
  GstSample *sample;
} Grab;

static GstPadProbeReturn
grab (GstPad *pad, GstPadProbeInfo *probe, gpointer data)
{
  Grab *self = data;

  if (self->seen++ < self->wanted)
    return GST_PAD_PROBE_OK;
  if (!self->sample) {
    GstCaps *caps = gst_pad_get_current_caps (pad);
    self->sample = gst_sample_new (GST_PAD_PROBE_INFO_BUFFER (probe), caps, NULL, NULL);
    gst_caps_unref (caps);
  }
  gst_buffer_unref (GST_PAD_PROBE_INFO_BUFFER (probe));
  GST_PAD_PROBE_INFO_FLOW_RETURN (probe) = GST_FLOW_EOS; /* the rest is not needed */
  return GST_PAD_PROBE_HANDLED;
}

static GstSample *
decode_clip (gint index)
{
  const char *path = g_getenv ("FRC_TEST_CLIP");
  Grab state = { .wanted = index };

  fail_unless (path != NULL, "FRC_TEST_CLIP names no clip");
  GstElement *pipeline = gst_parse_launch ("filesrc name=from ! matroskademux ! vp8dec ! "
      "fakesink name=to sync=false", NULL);
  fail_unless (pipeline != NULL);
  GstElement *from = gst_bin_get_by_name (GST_BIN (pipeline), "from");
  GstElement *to = gst_bin_get_by_name (GST_BIN (pipeline), "to");
  g_object_set (from, "location", path, NULL);
  GstPad *pad = gst_element_get_static_pad (to, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, grab, &state, NULL);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  GstBus *bus = gst_element_get_bus (pipeline);
  gst_message_unref (gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pad);
  gst_object_unref (from);
  gst_object_unref (to);
  gst_object_unref (pipeline);
  fail_unless (state.sample != NULL, "%s has no frame %d that can be decoded", path, index);
  return state.sample;
}

/* Disks and bars on a gradient; in RGB. */
static GstSample *
draw_synthetic (void)
{
  const gint w = 320, h = 240;
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, w * h * 3, NULL);
  GstMapInfo map;

  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  for (gint y = 0; y < h; y++) {
    for (gint x = 0; x < w; x++) {
      guint8 *p = map.data + (y * w + x) * 3;
      gboolean disk = hypot (x - 100, y - 90) < 55, bar = x > 200 && x < 240 && y > 60 && y < 220;
      p[0] = disk ? 220 : bar ? 30 : x * 255 / w;
      p[1] = disk ? 60 : bar ? 40 : y * 255 / h;
      p[2] = disk ? 40 : bar ? 90 : (x * 7 ^ y * 3) & 0xff;
    }
  }
  gst_buffer_unmap (buffer, &map);
  GstCaps *caps = gst_caps_from_string ("video/x-raw,format=RGB,width=320,height=240");
  GstSample *sample = gst_sample_new (buffer, caps, NULL, NULL);
  gst_caps_unref (caps);
  gst_buffer_unref (buffer);
  return sample;
}

void
test_info (GstVideoInfo *info, GstVideoFormat format, guint width, guint height)
{
  gst_video_info_set_format (info, format, width, height);
  info->fps_n = 25;
  info->fps_d = 1;
}

GstBuffer *
test_picture (const GstVideoInfo *info, gint index)
{
  GstSample *sample = index < 0 ? draw_synthetic () : decode_clip (index);
  GstVideoInfo in;
  GstVideoFrame from, to;

  fail_unless (gst_video_info_from_caps (&in, gst_sample_get_caps (sample)));
  in.fps_n = info->fps_n; /* the converter insists */
  in.fps_d = info->fps_d;
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (info), NULL);
  gst_buffer_memset (buffer, 0, 0, -1);
  fail_unless (gst_video_frame_map (&from, &in, gst_sample_get_buffer (sample), GST_MAP_READ));
  fail_unless (gst_video_frame_map (&to, info, buffer, GST_MAP_WRITE));
  GstVideoConverter *converter = gst_video_converter_new (&in, info,
      gst_structure_new ("options", GST_VIDEO_CONVERTER_OPT_DITHER_METHOD,
          GST_TYPE_VIDEO_DITHER_METHOD, GST_VIDEO_DITHER_NONE, NULL));
  fail_unless (converter != NULL);
  gst_video_converter_frame (converter, &from, &to);
  gst_video_converter_free (converter);
  gst_video_frame_unmap (&to);
  gst_video_frame_unmap (&from);
  gst_sample_unref (sample);
  return buffer;
}

GstBuffer *
test_rgb (guint width, guint height, gint index)
{
  GstVideoInfo info;

  test_info (&info, GST_VIDEO_FORMAT_RGB, width, height);
  return test_picture (&info, index);
}

guint32
buffer_checksum (GstBuffer *buffer)
{
  GstMapInfo map;
  guint32 sum = 2166136261u;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  for (gsize i = 0; i < map.size; i++)
    sum = (sum ^ map.data[i]) * 16777619u;
  gst_buffer_unmap (buffer, &map);
  return sum;
}

/* ---- the oracle ---- */

static FrcModel *oracle_model;
static FrcDetector *oracle;

static void
open_oracle (void)
{
  FrcOptions options = { .threads = 1, .input_size = TEST_INPUT_SIZE };
  GError *error = NULL;

  if (oracle)
    return;
  oracle_model = frc_model_load (test_model (), NULL, &error);
  fail_unless (oracle_model != NULL, "%s", error ? error->message : "");
  oracle = frc_detector_new (oracle_model, &options, &error);
  fail_unless (oracle != NULL, "%s", error ? error->message : "");
}

const char *
expect_label (gint label_id)
{
  open_oracle ();
  return frc_model_get_label (oracle_model, label_id);
}

static FrcMatrix
matrix_of (const GstVideoInfo *info)
{
  switch (info->colorimetry.matrix) {
    case GST_VIDEO_COLOR_MATRIX_BT709:
      return FRC_MATRIX_BT709;
    case GST_VIDEO_COLOR_MATRIX_BT2020:
      return FRC_MATRIX_BT2020;
    default:
      return FRC_MATRIX_BT601;
  }
}

void
expect_detections (const GstVideoInfo *info, GstBuffer *buffer, const FrcRect *rect,
    const FrcQuery *query, Expected *out)
{
  GstVideoFrame frame;
  GError *error = NULL;
  FrcImage image = { { 0 } };

  open_oracle ();
  fail_unless (gst_video_frame_map (&frame, info, buffer, GST_MAP_READ));
  while (all_formats[image.info.format] != GST_VIDEO_INFO_FORMAT (info))
    image.info.format++;
  image.info.width = GST_VIDEO_INFO_WIDTH (info);
  image.info.height = GST_VIDEO_INFO_HEIGHT (info);
  image.info.matrix = matrix_of (info);
  image.info.range = info->colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255 ? FRC_RANGE_FULL
                                                                             : FRC_RANGE_LIMITED;
  gboolean planar = GST_VIDEO_INFO_N_PLANES (info) == 3; /* then by component: Y, U, V */
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++) {
    image.plane[i] = planar ? GST_VIDEO_FRAME_COMP_DATA (&frame, i)
                            : GST_VIDEO_FRAME_PLANE_DATA (&frame, i);
    image.stride[i] = planar ? GST_VIDEO_FRAME_COMP_STRIDE (&frame, i)
                             : GST_VIDEO_FRAME_PLANE_STRIDE (&frame, i);
  }
  fail_unless (frc_detector_prepare (oracle, &image.info, &error), "%s",
      error ? error->message : "");
  fail_unless (frc_detector_load (oracle, &image, rect));
  fail_unless (frc_detector_run (oracle, query, out->found, MAX_FOUND, &out->n));
  gst_video_frame_unmap (&frame);
}

/* ---- harnesses ---- */

GstElement *
make_detect (void)
{
  GstElement *element = gst_element_factory_make ("fasterrcnndetect", NULL);

  fail_unless (element != NULL, "there is no element fasterrcnndetect");
  g_object_set (element, "model", test_model (), "input-size", TEST_INPUT_SIZE, "threshold",
      TEST_THRESHOLD, NULL);

  GstBus *bus = gst_bus_new ();
  gst_element_set_bus (element, bus);
  gst_object_unref (bus);
  return element;
}

void
harness_caps (GstHarness *h, const GstVideoInfo *info)
{
  gst_harness_set_src_caps (h, gst_video_info_to_caps ((GstVideoInfo *) info));
}

/* Takes @element. */
GstHarness *
harness_for (GstElement *element, const GstVideoInfo *info)
{
  GstHarness *h = gst_harness_new_with_element (element, "sink", "src");

  gst_harness_set_live (h, FALSE); /* or a frame could come too late for an inference */
  gst_object_unref (element);
  if (info)
    harness_caps (h, info);
  return h;
}

/* Takes @buffer, returns what comes out. */
GstBuffer *
harness_round (GstHarness *h, GstBuffer *buffer, GstClockTime pts)
{
  GST_BUFFER_PTS (buffer) = pts;
  fail_unless_equals_int (gst_harness_push (h, buffer), GST_FLOW_OK);
  GstBuffer *out = gst_harness_pull (h);
  fail_unless (out != NULL);
  return out;
}

guint64
read_stat (GstElement *element, const char *name)
{
  GstStructure *stats = NULL;
  guint64 value = 0;

  g_object_get (element, "stats", &stats, NULL);
  fail_unless (stats != NULL);
  fail_unless (gst_structure_get_uint64 (stats, name, &value), "stats lacks %s", name);
  gst_structure_free (stats);
  return value;
}

/* ---- metas ---- */

GstVideoRegionOfInterestMeta *
nth_roi (GstBuffer *buffer, guint n)
{
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
              GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    if (n-- == 0)
      return (GstVideoRegionOfInterestMeta *) meta;
  }
  return NULL;
}

guint
count_rois (GstBuffer *buffer)
{
  guint n = 0;

  while (nth_roi (buffer, n))
    n++;
  return n;
}

const GstStructure *
roi_detection (GstVideoRegionOfInterestMeta *roi)
{
  fail_unless (roi != NULL);
  fail_unless_equals_int (g_list_length (roi->params), 1);
  const GstStructure *param = gst_video_region_of_interest_meta_get_param (roi, "detection");
  fail_unless (param != NULL);
  return param;
}

static void
check_double (const GstStructure *s, const char *field, gdouble expected)
{
  const GValue *value = gst_structure_get_value (s, field);

  fail_unless (value && G_VALUE_HOLDS_DOUBLE (value), "%s is not a double", field);
  fail_unless (g_value_get_double (value) == expected, "%s: expected %.17g, found %.17g", field,
      expected, g_value_get_double (value));
}

guint64
roi_age (GstVideoRegionOfInterestMeta *roi)
{
  const GValue *age = gst_structure_get_value (roi_detection (roi), "age");

  fail_unless (age && G_VALUE_HOLDS_UINT64 (age), "age is not a uint64");
  return g_value_get_uint64 (age);
}

static gdouble
limit (gdouble v, gdouble max)
{
  return fmin (fmax (v, 0), max);
}

/* Whole pixels by the rule of the documentation, computed apart from the element. */
static gboolean
visible (const FrcDetection *d, guint width, guint height, guint out[4])
{
  gdouble x1 = limit (d->box.x1, width), x2 = limit (d->box.x2, width);
  gdouble y1 = limit (d->box.y1, height), y2 = limit (d->box.y2, height);

  out[0] = (guint) floor (x1 + 0.5);
  out[1] = (guint) floor (y1 + 0.5);
  out[2] = (guint) floor (x2 - x1 + 0.5);
  out[3] = (guint) floor (y2 - y1 + 0.5);
  if (out[0] + out[2] > width)
    out[2] = width - out[0];
  if (out[1] + out[3] > height)
    out[3] = height - out[1];
  return out[2] && out[3];
}

guint
count_visible (const Expected *expected, guint width, guint height)
{
  guint n = 0, pixels[4];

  for (guint i = 0; i < expected->n; i++)
    n += visible (&expected->found[i], width, height, pixels);
  return n;
}

static void
check_roi (GstVideoRegionOfInterestMeta *roi, const FrcDetection *d, const guint pixels[4],
    guint width, guint height, guint64 age)
{
  const GstStructure *s = roi_detection (roi);
  const GValue *id = gst_structure_get_value (s, "label_id");

  fail_unless_equals_string (g_quark_to_string (roi->roi_type), expect_label (d->label_id));
  fail_unless_equals_int (roi->x, pixels[0]);
  fail_unless_equals_int (roi->y, pixels[1]);
  fail_unless_equals_int (roi->w, pixels[2]);
  fail_unless_equals_int (roi->h, pixels[3]);
  fail_unless (roi->x + roi->w <= width && roi->y + roi->h <= height);
  fail_unless (id && G_VALUE_HOLDS_INT (id) && g_value_get_int (id) == d->label_id);
  check_double (s, "confidence", d->score);
  check_double (s, "x_min", limit (d->box.x1, width) / width);
  check_double (s, "x_max", limit (d->box.x2, width) / width);
  check_double (s, "y_min", limit (d->box.y1, height) / height);
  check_double (s, "y_max", limit (d->box.y2, height) / height);
  check_double (s, "rotation", 0.0);
  fail_unless (gst_structure_get_string (s, "model_name") != NULL);
  fail_unless (gst_structure_get_string (s, "layer_name") != NULL);
  fail_unless_equals_int (gst_structure_n_fields (s), 10);
  fail_unless_equals_uint64 (roi_age (roi), age);
}

void
check_rois (GstBuffer *buffer, const Expected *expected, guint width, guint height, gint first_id,
    guint64 age)
{
  guint k = 0, pixels[4];

  while (nth_roi (buffer, k) && nth_roi (buffer, k)->id < first_id)
    k++; /* of somebody else */
  guint others = k;
  for (guint i = 0; i < expected->n; i++) {
    if (!visible (&expected->found[i], width, height, pixels))
      continue;
    GstVideoRegionOfInterestMeta *roi = nth_roi (buffer, k);
    fail_unless (roi != NULL, "object %u of %u is missing", i, expected->n);
    check_roi (roi, &expected->found[i], pixels, width, height, age);
    fail_unless_equals_int (roi->id, first_id + (gint) (k - others));
    fail_unless (i == 0 || expected->found[i].score <= expected->found[i - 1].score);
    k++;
  }
  fail_unless_equals_int (count_rois (buffer), k);
}

/* ---- messages ---- */

GstMessage *
pop_message (GstElement *element, GstMessageType type)
{
  GstBus *bus = gst_element_get_bus (element);
  GstMessage *message = gst_bus_pop_filtered (bus, type);

  gst_object_unref (bus);
  return message;
}
