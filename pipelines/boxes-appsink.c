/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Getting boxes out, in C: frames come out of an appsink, and each carries a region-of-interest
 * meta an object.
 *
 *   build/pipelines/boxes-appsink [FILE|URI]
 *
 * Prints a line an object: milliseconds, label, confidence in percent, x, y, width and height in
 * pixels. The first lines for the project's own clip name the people on a square and parked cars.
 */
#include <gst/app/gstappsink.h>
#include <gst/video/video.h>

/* A sample is a frame with its caps and the segment that its time is of. */
static void
print_objects (GstSample *sample)
{
  GstBuffer *frame = gst_sample_get_buffer (sample);
  GstClockTime time = gst_segment_to_stream_time (gst_sample_get_segment (sample),
      GST_FORMAT_TIME, GST_BUFFER_PTS (frame));
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (frame, &state,
              GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *) meta;
    GstStructure *detection = gst_video_region_of_interest_meta_get_param (roi, "detection");
    gdouble confidence = 0;

    if (detection)
      gst_structure_get_double (detection, "confidence", &confidence);
    g_print ("%" G_GUINT64_FORMAT "\t%s\t%.0f\t%u\t%u\t%u\t%u\n", time / GST_MSECOND,
        g_quark_to_string (roi->roi_type), 100 * confidence, roi->x, roi->y, roi->w, roi->h);
  }
}

/* Until the stream ends; FALSE when that was an error. */
static gboolean
print_stream (GstElement *pipeline, GstAppSink *frames)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstMessage) end = NULL;

  while (!end) {
    GstSample *sample = gst_app_sink_try_pull_sample (frames, 100 * GST_MSECOND);
    if (sample) {
      print_objects (sample);
      gst_sample_unref (sample);
    } else {
      end = gst_bus_pop_filtered (bus, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    }
  }
  if (GST_MESSAGE_TYPE (end) == GST_MESSAGE_EOS)
    return TRUE;
  g_autoptr (GError) error = NULL;
  gst_message_parse_error (end, &error, NULL);
  g_printerr ("%s: %s\n", GST_OBJECT_NAME (GST_MESSAGE_SRC (end)), error->message);
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  const char *input = argc > 1 ? argv[1] : DEMO_CLIP;

  gst_init (NULL, NULL);
  if (argc > 2 || g_str_has_prefix (input, "-")) {
    g_printerr ("usage: boxes-appsink [FILE|URI]\n");
    return 1;
  }
  /* Where there is no element fasterrcnndetect, GST_PLUGIN_PATH has to name build/gst. */
  g_autoptr (GstElement) pipeline = gst_parse_launch ("uridecodebin name=source ! videoconvert ! "
      "fasterrcnndetect ! appsink name=frames sync=false max-buffers=4", &error);
  g_autofree char *uri = error ? NULL
      : gst_uri_is_valid (input) ? g_strdup (input) : gst_filename_to_uri (input, &error);
  if (error) {
    g_printerr ("boxes-appsink: %s\n", error->message);
    return 1;
  }
  g_autoptr (GstElement) source = gst_bin_get_by_name (GST_BIN (pipeline), "source");
  g_autoptr (GstElement) frames = gst_bin_get_by_name (GST_BIN (pipeline), "frames");
  g_object_set (source, "uri", uri, NULL);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gboolean good = print_stream (pipeline, GST_APP_SINK (frames));
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return good ? 0 : 1;
}
