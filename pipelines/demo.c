/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * demo INPUT OUTPUT.webm [PROPERTY=VALUE…]
 *
 * Runs a video through fasterrcnndetect and fasterrcnnoverlay, into a window where there is a
 * display, else into OUTPUT.webm, and prints what was seen. INPUT is a file or a URI; the
 * properties are those of fasterrcnndetect. pipelines/demo.sh builds and calls this.
 */
#include "input.h"
#include "report.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <gst/pbutils/pbutils.h>
#include <gst/video/video.h>
#include <stdio.h>
#include <unistd.h>

#define FINISH_SECONDS 5 /* how long the end of a stream may take before it is cut off */

typedef struct {
  GMainLoop *loop;
  GstElement *pipeline, *detect;
  GstElement *window; /* (nullable): the video sink, when there is a display */
  const char *input, *output;
  char *part;    /* the name of the output while it is incomplete */
  char *missing; /* (nullable): what GStreamer has no element for */
  gboolean ending, failed;
  GMutex lock; /* of what follows: the streaming thread writes, the main thread reads */
  Report *report;
  gint64 first_in, last_out; /* µs, monotonic: the first frame arrived, the last one left */
} Demo;

/* ---- the detector's pads: frames in, frames with boxes out -------------------------------- */

static GstPadProbeReturn
frame_in (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Demo *demo = user_data;
  g_mutex_lock (&demo->lock);
  demo->first_in = g_get_monotonic_time ();
  g_mutex_unlock (&demo->lock);
  return GST_PAD_PROBE_REMOVE;
}

static GstPadProbeReturn
frame_out (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Demo *demo = user_data;
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);
  GstVideoInfo video;

  if (!caps || !gst_video_info_from_caps (&video, caps))
    return GST_PAD_PROBE_OK;
  g_mutex_lock (&demo->lock);
  report_add_frame (demo->report, GST_PAD_PROBE_INFO_BUFFER (info), video.width, video.height);
  demo->last_out = g_get_monotonic_time ();
  g_mutex_unlock (&demo->lock);
  return GST_PAD_PROBE_OK;
}

static guint
frames_so_far (Demo *demo)
{
  g_mutex_lock (&demo->lock);
  guint frames = report_frames (demo->report);
  g_mutex_unlock (&demo->lock);
  return frames;
}

/* ---- the end: everything that was seen is kept --------------------------------------------- */

static gboolean
on_finish_timeout (gpointer user_data)
{
  Demo *demo = user_data;
  fprintf (stderr, "The stream did not end within %d seconds and was cut off.\n", FINISH_SECONDS);
  g_main_loop_quit (demo->loop);
  return G_SOURCE_REMOVE;
}

/* Ends the stream at the detector, so that the frames behind it still reach the file. */
static void
finish (Demo *demo)
{
  if (demo->ending)
    return;
  demo->ending = TRUE;
  if (frames_so_far (demo) == 0) {
    g_main_loop_quit (demo->loop);
    return;
  }
  g_timeout_add_seconds (FINISH_SECONDS, on_finish_timeout, demo);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (demo->detect, "sink");
  gst_pad_send_event (pad, gst_event_new_eos ());
}

static gboolean
on_signal (gpointer user_data)
{
  Demo *demo = user_data;
  if (demo->ending)
    g_main_loop_quit (demo->loop); /* the second Ctrl-C does not wait */
  finish (demo);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_progress (gpointer user_data)
{
  Demo *demo = user_data;
  fprintf (stderr, "\r%u frames ... ", frames_so_far (demo));
  return G_SOURCE_CONTINUE;
}

/* ---- messages ------------------------------------------------------------------------------ */

static void
on_error (Demo *demo, GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  gst_message_parse_error (message, &error, NULL);
  if (demo->window && GST_MESSAGE_SRC (message) == GST_OBJECT (demo->window) &&
      g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND)) {
    g_main_loop_quit (demo->loop); /* somebody closed the window */
    return;
  }
  if (!demo->failed) /* what follows the first error is its echo */
    input_print_error (demo->pipeline, demo->input, message, demo->missing);
  demo->failed = TRUE;
  finish (demo);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user_data)
{
  Demo *demo = user_data;

  switch (GST_MESSAGE_TYPE (message)) {
  case GST_MESSAGE_EOS:
    g_main_loop_quit (demo->loop);
    break;
  case GST_MESSAGE_ERROR:
    on_error (demo, message);
    break;
  default:
    input_note_message (demo->pipeline, message, &demo->missing);
  }
  return G_SOURCE_CONTINUE;
}

/* ---- the pipeline -------------------------------------------------------------------------- */

/* A window, or NULL where none can be opened. The sinks are tried by name: what autovideosink would
 * try as well may draw characters on the terminal or take the machine's frame buffer. */
static GstElement *
make_window (void)
{
  static const char *const wayland[] = { "waylandsink", "glimagesink", NULL };
  static const char *const x11[] = { "xvimagesink", "ximagesink", "glimagesink", NULL };
  const char *const *names = g_getenv ("DISPLAY") ? x11 : wayland;

  if (!g_getenv ("DISPLAY") && !g_getenv ("WAYLAND_DISPLAY"))
    return NULL;
  for (; *names; names++) {
    GstElement *sink = gst_element_factory_make (*names, NULL);
    if (!sink)
      continue;
    gst_object_ref_sink (sink);
    if (gst_element_set_state (sink, GST_STATE_READY) != GST_STATE_CHANGE_FAILURE)
      return sink;
    gst_element_set_state (sink, GST_STATE_NULL);
    gst_object_unref (sink);
  }
  fprintf (stderr, "No window can be opened on this display, so a video file is written.\n");
  return NULL;
}

static GstElement *
make_file (const char *path, GError **error)
{
  GstElement *bin = gst_parse_bin_from_description ("vp8enc deadline=1 cpu-used=4 "
      "target-bitrate=4000000 keyframe-max-dist=60 ! webmmux ! filesink name=file", TRUE, error);
  if (bin) {
    g_autoptr (GstElement) file = gst_bin_get_by_name (GST_BIN (bin), "file");
    g_object_set (file, "location", path, NULL);
    gst_object_ref_sink (bin);
  }
  return bin;
}

static gboolean
make_pipeline (Demo *demo, char **properties, GError **error)
{
  demo->pipeline = gst_parse_launch (
      "uridecodebin name=source queue name=first ! videoconvert ! "
      "fasterrcnndetect name=detect ! fasterrcnnoverlay ! videoconvert name=last", error);
  if (!demo->pipeline || *error)
    return FALSE;
  demo->detect = gst_bin_get_by_name (GST_BIN (demo->pipeline), "detect");
  if (!detector_set_words (demo->detect, properties, error) ||
      !input_connect (demo->pipeline, demo->input, error))
    return FALSE;

  g_autoptr (GstElement) last = gst_bin_get_by_name (GST_BIN (demo->pipeline), "last");
  demo->window = make_window ();
  g_autoptr (GstElement) end =
      demo->window ? gst_object_ref (demo->window) : make_file (demo->part, error);
  if (!end)
    return FALSE;
  gst_bin_add (GST_BIN (demo->pipeline), end);
  gst_element_link (last, end);

  g_autoptr (GstPad) sink = gst_element_get_static_pad (demo->detect, "sink");
  g_autoptr (GstPad) src = gst_element_get_static_pad (demo->detect, "src");
  gst_pad_add_probe (sink, GST_PAD_PROBE_TYPE_BUFFER, frame_in, demo, NULL);
  gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_BUFFER, frame_out, demo, NULL);
  return TRUE;
}

static void
run (Demo *demo)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (demo->pipeline);
  gst_bus_add_watch (bus, on_message, demo);
  g_unix_signal_add (SIGINT, on_signal, demo);
  g_unix_signal_add (SIGTERM, on_signal, demo);
  if (isatty (STDERR_FILENO))
    g_timeout_add (500, on_progress, demo);

  /* A state change that fails posts an error message, or ends here without one. */
  if (gst_element_set_state (demo->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE &&
      !gst_bus_have_pending (bus)) {
    fprintf (stderr, "demo: the pipeline could not be started\n");
    demo->failed = TRUE;
  } else {
    g_main_loop_run (demo->loop);
  }
  gst_element_set_state (demo->pipeline, GST_STATE_NULL);
  gst_bus_remove_watch (bus);
  if (isatty (STDERR_FILENO))
    fprintf (stderr, "\r                        \r");
}

/* ---- what is printed at the end ------------------------------------------------------------ */

static void
print_summary (Demo *demo)
{
  gdouble seconds = MAX (demo->last_out - demo->first_in, 1) / 1e6;
  guint frames = report_frames (demo->report);
  guint64 inferred = 0, latency = 0;
  g_autoptr (GstStructure) stats = NULL;

  printf ("\n%u frame%s in %.1f s: %.1f frames per second", frames, frames == 1 ? "" : "s", seconds,
      frames / seconds);
  g_object_get (demo->detect, "stats", &stats, NULL);
  if (stats && gst_structure_get_uint64 (stats, "inferred", &inferred) &&
      gst_structure_get_uint64 (stats, "mean-latency", &latency))
    printf ("; %" G_GUINT64_FORMAT " inferences of %.1f ms", inferred, latency / 1e6);
  printf (".\n");
}

static gboolean
keep_output (Demo *demo)
{
  if (demo->window)
    return TRUE;
  if (frames_so_far (demo) == 0) {
    g_unlink (demo->part);
    return TRUE;
  }
  if (g_rename (demo->part, demo->output) != 0) {
    fprintf (stderr, "demo: %s cannot be renamed to %s: %s\n", demo->part, demo->output,
        g_strerror (errno));
    return FALSE;
  }
  printf ("The video with the boxes drawn in: %s\n\n", demo->output);
  return TRUE;
}

int
main (int argc, char **argv)
{
  Demo demo = { 0 };
  g_autoptr (GError) error = NULL;

  if (argc < 3) {
    fprintf (stderr, "usage: demo INPUT OUTPUT.webm [PROPERTY=VALUE ...]\n");
    return 1;
  }
  g_set_prgname ("demo");
  gst_init (NULL, NULL);
  gst_pb_utils_init ();
  g_mutex_init (&demo.lock);
  demo.loop = g_main_loop_new (NULL, FALSE);
  demo.report = report_new ();
  demo.input = argv[1];
  demo.output = argv[2];
  demo.part = g_strconcat (demo.output, ".part", NULL);

  if (make_pipeline (&demo, argv + 3, &error)) {
    printf (demo.window ? "Playing %s in a window" : "Detecting in %s", demo.input);
    printf (" (Ctrl-C ends it) ...\n\n");
    fflush (stdout);
    run (&demo);
    demo.failed |= !keep_output (&demo);
    if (report_frames (demo.report) > 0) {
      report_print (demo.report);
      print_summary (&demo);
    } else if (!demo.failed) {
      fprintf (stderr, "demo: there was no video frame in %s\n", demo.input);
      demo.failed = TRUE;
    }
  } else {
    fprintf (stderr, "demo: %s\n", error ? error->message : "the pipeline could not be made");
    demo.failed = TRUE;
  }

  g_clear_object (&demo.detect);
  g_clear_object (&demo.window);
  g_clear_object (&demo.pipeline);
  report_free (demo.report);
  g_main_loop_unref (demo.loop);
  g_free (demo.missing);
  g_free (demo.part);
  return demo.failed ? 1 : 0;
}
