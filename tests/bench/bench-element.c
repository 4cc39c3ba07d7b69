/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frames a second of a whole pipeline: a clip decoded, scaled to 640x480, looked at frame by frame,
 * drawn on and thrown away.
 *
 *   bench-element CLIP PRECISION [THREADS [FRAMES]]     threads=0 (one a core), 300 frames
 *
 * The clip is played again until there are so many frames. The clock runs from the tenth frame that
 * comes out to the last one. Prints one line: precision, frames, frames a second, objects a frame.
 */
#include <gst/gst.h>
#include <gst/video/video.h>
#include <stdlib.h>

#define WARM_UP 10

typedef struct {
  GstElement *pipeline;
  guint wanted, n, n_objects;
  gint64 begin, end;
} Run;

/* In the streaming thread; what comes after the last frame is not counted. */
static void
take_frame (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer user_data)
{
  Run *run = user_data;
  gpointer state = NULL;

  (void) sink, (void) pad;
  if (run->n >= run->wanted + WARM_UP)
    return;
  if (++run->n == WARM_UP)
    run->begin = g_get_monotonic_time ();
  while (gst_buffer_iterate_meta_filtered (buffer, &state,
      GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))
    run->n_objects++;
  if (run->n < run->wanted + WARM_UP)
    return;
  run->end = g_get_monotonic_time ();
  gst_element_post_message (run->pipeline, gst_message_new_application (GST_OBJECT (run->pipeline),
      gst_structure_new_empty ("done")));
}

/* TRUE to go on: the clip is at its end and too short. */
static gboolean
handle (Run *run, GstMessage *message, gboolean *failed)
{
  GError *error = NULL;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_EOS:
      return gst_element_seek_simple (run->pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0);
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (message, &error, NULL);
      g_printerr ("bench-element: %s\n", error->message);
      g_error_free (error);
      *failed = TRUE;
      return FALSE;
    default:
      return FALSE;
  }
}

static gboolean
play (Run *run)
{
  GstBus *bus = gst_element_get_bus (run->pipeline);
  gboolean failed = FALSE, goes_on = TRUE;

  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  while (goes_on) {
    GstMessage *message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
        GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_APPLICATION);
    goes_on = handle (run, message, &failed);
    gst_message_unref (message);
  }
  gst_element_set_state (run->pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  return !failed && run->end > run->begin;
}

int
main (int argc, char **argv)
{
  GError *error = NULL;
  Run run = { .wanted = 300 };

  gst_init (&argc, &argv);
  if (argc < 3 || argc > 5 || (argc > 4 && (run.wanted = (guint) atoi (argv[4])) < 1)) {
    g_printerr ("usage: %s CLIP PRECISION [THREADS [FRAMES]]\n", argv[0]);
    return 2;
  }
  run.pipeline = gst_parse_launch (
      "filesrc name=file ! decodebin ! queue ! videoscale ! video/x-raw,width=640,height=480 ! "
      "fasterrcnndetect name=detect ! queue ! fasterrcnnoverlay ! "
      "fakesink name=sink sync=false signal-handoffs=true", &error);
  if (error) {
    g_printerr ("bench-element: %s\n", error->message);
    return 1;
  }
  GstElement *file = gst_bin_get_by_name (GST_BIN (run.pipeline), "file");
  GstElement *detect = gst_bin_get_by_name (GST_BIN (run.pipeline), "detect");
  GstElement *sink = gst_bin_get_by_name (GST_BIN (run.pipeline), "sink");
  g_object_set (file, "location", argv[1], NULL);
  gst_util_set_object_arg (G_OBJECT (detect), "precision", argv[2]);
  g_object_set (detect, "threads", argc > 3 ? (guint) atoi (argv[3]) : 0, NULL);
  g_signal_connect (sink, "handoff", G_CALLBACK (take_frame), &run);
  gboolean good = play (&run);
  if (good)
    g_print ("%s %u %.1f %.2f\n", argv[2], run.wanted, run.wanted * 1e6 / (run.end - run.begin),
        (gdouble) run.n_objects / run.n);
  gst_object_unref (file);
  gst_object_unref (detect);
  gst_object_unref (sink);
  gst_object_unref (run.pipeline);
  return good ? 0 : 1;
}
