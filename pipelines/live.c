/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * live [--port N] [--address A] [--loop] SOURCE [PROPERTY=VALUE…]
 *
 * Serves a page that shows the video of SOURCE with the boxes drawn in, and a table of what is
 * seen. SOURCE is a file, a URI, or the word test-pattern; the properties are those of
 * fasterrcnndetect. pipelines/live.sh builds and calls this.
 *
 * The detector is asynchronous, frames that come too fast are dropped in front of it, and nothing
 * here waits for a browser: the video is as live as its source.
 */
#include "input.h"
#include "live-server.h"
#include "report.h"

#include <glib-unix.h>
#include <gst/app/gstappsink.h>
#include <gst/pbutils/pbutils.h>
#include <gst/video/video.h>
#include <stdio.h>

#define EVENT_MS 250   /* between two updates of the table */
#define GOODBYE_MS 300 /* for the last words to reach the browsers */
#define IDLE_PICTURE G_TIME_SPAN_SECOND /* so often a picture is made when nobody looks */

/* What drives the frames is the clock; what cannot be shown in time is dropped behind it. */
#define PIPELINE \
  "queue name=first max-size-buffers=3 ! clocksync ! " \
  "queue leaky=downstream max-size-buffers=2 max-size-bytes=0 max-size-time=0 ! videoconvert ! " \
  "fasterrcnndetect name=detect mode=async ! fasterrcnnoverlay name=drawn ! " \
  "videoscale ! videoconvert ! " \
  "video/x-raw,width=[1,1280],height=[1,1280],pixel-aspect-ratio=1/1 ! " \
  "jpegenc ! appsink name=pictures sync=false async=false max-buffers=1 drop=true"

typedef struct
{
  GMainLoop *loop;
  GstElement *pipeline, *detect;
  LiveServer *server;
  const char *input;
  const char *state; /* waiting, playing, ended, failed: the page knows these words */
  char *missing;     /* (nullable): what GStreamer has no element for */
  gboolean loops, failed;
  gint picture_pending; /* atomic: the main thread has been called for one */
  GMutex lock;          /* of what follows: the streaming thread writes */
  Report *report;
  GBytes *picture;        /* (nullable): the newest, not yet published */
  gint64 last_picture;    /* µs, monotonic */
  guint width, height;
  gint64 age;             /* ns, of the boxes on the latest frame; -1 = there are none */
} Live;

/* ---- streaming thread: frames with their boxes, pictures ------------------------------------ */

static gint64
age_of_boxes (GstBuffer *buffer)
{
  GstVideoRegionOfInterestMeta *roi = gst_buffer_get_video_region_of_interest_meta (buffer);
  GstStructure *detection =
      roi ? gst_video_region_of_interest_meta_get_param (roi, "detection") : NULL;
  guint64 age;

  return detection && gst_structure_get_uint64 (detection, "age", &age) && age <= G_MAXINT64
      ? (gint64) age : -1;
}

/* Counts every frame; lets through only those of which a picture is wanted. */
static GstPadProbeReturn
on_frame (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Live *live = user_data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);
  gint64 now = g_get_monotonic_time ();
  GstVideoInfo video;

  if (!caps || !gst_video_info_from_caps (&video, caps))
    return GST_PAD_PROBE_OK;
  g_mutex_lock (&live->lock);
  report_add_frame (live->report, buffer, video.width, video.height);
  live->width = video.width;
  live->height = video.height;
  live->age = age_of_boxes (buffer);
  gboolean wanted =
      live_server_has_viewers (live->server) || now - live->last_picture >= IDLE_PICTURE;
  if (wanted)
    live->last_picture = now;
  g_mutex_unlock (&live->lock);
  return wanted ? GST_PAD_PROBE_OK : GST_PAD_PROBE_DROP;
}

static gboolean
publish_picture (gpointer user_data)
{
  Live *live = user_data;

  g_atomic_int_set (&live->picture_pending, FALSE);
  g_mutex_lock (&live->lock);
  g_autoptr (GBytes) picture = g_steal_pointer (&live->picture);
  g_mutex_unlock (&live->lock);
  if (picture)
    live_server_send_picture (live->server, picture);
  return G_SOURCE_REMOVE;
}

static GstFlowReturn
on_picture (GstAppSink *sink, gpointer user_data)
{
  Live *live = user_data;
  g_autoptr (GstSample) sample = gst_app_sink_pull_sample (sink);
  GstBuffer *buffer = sample ? gst_sample_get_buffer (sample) : NULL;
  GstMapInfo map;

  if (!buffer || !gst_buffer_map (buffer, &map, GST_MAP_READ))
    return GST_FLOW_OK;
  GBytes *picture = g_bytes_new (map.data, map.size);
  gst_buffer_unmap (buffer, &map);
  g_mutex_lock (&live->lock);
  g_clear_pointer (&live->picture, g_bytes_unref);
  live->picture = picture;
  g_mutex_unlock (&live->lock);
  if (g_atomic_int_compare_and_exchange (&live->picture_pending, FALSE, TRUE))
    g_idle_add (publish_picture, live);
  return GST_FLOW_OK;
}

/* ---- main thread: the table ----------------------------------------------------------------- */

static void
add_number (JsonBuilder *json, const char *name, gdouble value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_double_value (json, value);
}

static void
add_text (JsonBuilder *json, const char *name, const char *value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_string_value (json, value);
}

/* The detector's own figures; milliseconds where they are times. */
static void
add_stats (Live *live, JsonBuilder *json)
{
  g_autoptr (GstStructure) stats = NULL;
  guint64 inferred = 0, mean = 0, p95 = 0;
  gdouble fps = 0;

  g_object_get (live->detect, "stats", &stats, NULL);
  if (stats)
    gst_structure_get (stats, "inferred", G_TYPE_UINT64, &inferred, "mean-latency", G_TYPE_UINT64,
        &mean, "p95-latency", G_TYPE_UINT64, &p95, "fps", G_TYPE_DOUBLE, &fps, NULL);
  add_number (json, "fps", fps);
  add_number (json, "inferred", inferred);
  add_number (json, "mean_ms", mean / 1e6);
  add_number (json, "p95_ms", p95 / 1e6);
}

static gboolean
send_event (gpointer user_data)
{
  Live *live = user_data;
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autofree char *name = g_path_get_basename (live->input);

  json_builder_begin_object (json);
  add_stats (live, json);
  g_mutex_lock (&live->lock);
  if (g_str_equal (live->state, "waiting") && report_frames (live->report) > 0)
    live->state = "playing";
  add_text (json, "state", live->state);
  add_text (json, "source", gst_uri_is_valid (live->input) ? live->input : name);
  add_number (json, "seconds", g_get_monotonic_time () / 1e6);
  add_number (json, "frames", report_frames (live->report));
  add_number (json, "width", live->width);
  add_number (json, "height", live->height);
  add_number (json, "age_ms", live->age < 0 ? -1 : live->age / 1e6);
  json_builder_set_member_name (json, "labels");
  report_add_labels (live->report, json);
  g_mutex_unlock (&live->lock);
  json_builder_end_object (json);

  JsonNode *root = json_builder_get_root (json);
  g_autofree char *text = json_to_string (root, FALSE);
  json_node_unref (root);
  live_server_send_event (live->server, text);
  return G_SOURCE_CONTINUE;
}

/* ---- messages ------------------------------------------------------------------------------- */

static gboolean
quit (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_CONTINUE;
}

static void
on_error (Live *live, GstMessage *message)
{
  if (live->failed) /* an echo of the first one */
    return;
  input_print_error (live->pipeline, live->input, message, live->missing);
  live->failed = TRUE;
  live->state = "failed";
  send_event (live);
  g_timeout_add (GOODBYE_MS, quit, live->loop);
}

static void
on_end (Live *live)
{
  if (live->loops && gst_element_seek_simple (live->pipeline, GST_FORMAT_TIME,
                         GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT, 0))
    return;
  live->state = "ended";
  send_event (live);
  printf ("The stream has ended; its last picture is still shown (Ctrl-C ends the page).\n");
  fflush (stdout);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user_data)
{
  Live *live = user_data;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_EOS:
      on_end (live);
      break;
    case GST_MESSAGE_ERROR:
      on_error (live, message);
      break;
    default:
      input_note_message (live->pipeline, message, &live->missing);
  }
  return G_SOURCE_CONTINUE;
}

/* ---- the pipeline --------------------------------------------------------------------------- */

static gboolean
make_pipeline (Live *live, char **properties, GError **error)
{
  static GstAppSinkCallbacks callbacks = { .new_sample = on_picture };
  gboolean pattern = g_str_equal (live->input, "test-pattern");

  live->pipeline = gst_parse_launch (pattern
          ? "videotestsrc name=source is-live=true pattern=ball ! "
            "video/x-raw,width=640,height=480,framerate=30/1 ! " PIPELINE
          : "uridecodebin name=source " PIPELINE, error);
  if (!live->pipeline || *error)
    return FALSE;
  live->detect = gst_bin_get_by_name (GST_BIN (live->pipeline), "detect");
  if (!detector_set_words (live->detect, properties, error) ||
      (!pattern && !input_connect (live->pipeline, live->input, error)))
    return FALSE;

  g_autoptr (GstElement) drawn = gst_bin_get_by_name (GST_BIN (live->pipeline), "drawn");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (drawn, "src");
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (live->pipeline), "pictures");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_frame, live, NULL);
  gst_app_sink_set_callbacks (GST_APP_SINK (sink), &callbacks, live, NULL);
  return TRUE;
}

static void
run (Live *live)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (live->pipeline);
  g_autofree char *url = live_server_get_url (live->server);

  gst_bus_add_watch (bus, on_message, live);
  g_unix_signal_add (SIGINT, quit, live->loop);
  g_unix_signal_add (SIGTERM, quit, live->loop);
  guint timer = g_timeout_add (EVENT_MS, send_event, live);
  /* A failure posts an error, with which the loop ends. */
  if (gst_element_set_state (live->pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE) {
    printf ("Open %s in a browser (Ctrl-C ends it).\n", url);
    fflush (stdout);
  }
  g_main_loop_run (live->loop);
  g_source_remove (timer);
  gst_element_set_state (live->pipeline, GST_STATE_NULL);
  gst_bus_remove_watch (bus);
}

static gboolean
parse_arguments (Live *live, int *argc, char ***argv, char **address, gint *port, GError **error)
{
  const GOptionEntry options[] = {
    { "port", 'p', 0, G_OPTION_ARG_INT, port, "Port to serve on, 0 for any free one (8080)", "N" },
    { "address", 'a', 0, G_OPTION_ARG_STRING, address,
        "Address to serve on; 0.0.0.0 lets the whole network look (127.0.0.1)", "ADDRESS" },
    { "loop", 'l', 0, G_OPTION_ARG_NONE, &live->loops, "Play a file again and again", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("SOURCE [PROPERTY=VALUE ...]");

  g_option_context_set_summary (context,
      "Serves a page with the video of SOURCE (a file, a URI, or test-pattern), boxes drawn in.\n"
      "The properties are those of fasterrcnndetect.");
  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc < 2 || *port < 0 || *port > 65535) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s",
        *argc < 2 ? "expected a SOURCE: a file, a URI, or test-pattern"
                  : "--port: expected 0 to 65535");
    return FALSE;
  }
  live->input = (*argv)[1];
  return TRUE;
}

static void
clear (Live *live)
{
  if (live->pipeline)
    gst_element_set_state (live->pipeline, GST_STATE_NULL);
  g_clear_object (&live->detect);
  g_clear_object (&live->pipeline);
  g_clear_pointer (&live->server, live_server_free);
  g_clear_pointer (&live->picture, g_bytes_unref);
  report_free (live->report);
  g_main_loop_unref (live->loop);
  g_free (live->missing);
}

int
main (int argc, char **argv)
{
  Live live = { .state = "waiting", .age = -1 };
  g_autofree char *address = NULL;
  gint port = 8080;
  g_autoptr (GError) error = NULL;

  g_set_prgname ("live");
  gst_init (NULL, NULL);
  gst_pb_utils_init ();
  live.loop = g_main_loop_new (NULL, FALSE);
  live.report = report_new ();
  if (parse_arguments (&live, &argc, &argv, &address, &port, &error) &&
      make_pipeline (&live, argv + 2, &error) &&
      (live.server = live_server_new (address ? address : "127.0.0.1", port, &error)))
    run (&live);
  if (error)
    fprintf (stderr, "live: %s\n", error->message);
  gboolean failed = error || live.failed;
  clear (&live);
  return failed ? 1 : 0;
}
