/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How long an application waits when it stops fasterrcnndetect in the middle of an inference.
 *
 *   bench-stop [FAMILY [THREADS [STOPS]]]     fasterrcnn_resnet50_fpn_v2, 1 thread, 10 stops a mode
 *
 * With seeded weights, written to a temporary file (170 MB for the default family), 640x480 frames.
 * The stops are spread over the time of an inference. The exit status is 1 when one took longer
 * than 100 ms.
 */
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <stdlib.h>

#include "support/synthetic.h"

#define LIMIT_MS 100.0

static GstElement *
make_pipeline (const char *model, guint threads, const char *mode, GstElement **detect)
{
  GstElement *pipeline = gst_parse_launch ("videotestsrc is-live=true ! "
      "video/x-raw,width=640,height=480,framerate=30/1 ! fasterrcnndetect name=detect qos=false ! "
      "fakesink", NULL);

  *detect = gst_bin_get_by_name (GST_BIN (pipeline), "detect");
  g_object_set (*detect, "model", model, "threads", threads, NULL);
  gst_util_set_object_arg (G_OBJECT (*detect), "mode", mode);
  return pipeline;
}

static guint64
read_stat (GstElement *detect, const char *name)
{
  GstStructure *stats;
  guint64 value = 0;

  g_object_get (detect, "stats", &stats, NULL);
  gst_structure_get_uint64 (stats, name, &value);
  gst_structure_free (stats);
  return value;
}

/* One inference, to know how long it takes; ms. */
static gdouble
inference_time (const char *model, guint threads)
{
  GstElement *detect, *pipeline = make_pipeline (model, threads, "async", &detect);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 10000 && read_stat (detect, "inferred") < 2; i++)
    g_usleep (10000);
  gdouble time = read_stat (detect, "last-latency") / 1e6;
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (detect);
  gst_object_unref (pipeline);
  return time;
}

/* Stops @delay ms after the first frame came in; ms that it took. */
static gdouble
stop_after (const char *model, guint threads, const char *mode, gdouble delay)
{
  GstElement *detect, *pipeline = make_pipeline (model, threads, mode, &detect);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 10000 && read_stat (detect, "frames") < 1; i++)
    g_usleep (1000);
  g_usleep ((gulong) (delay * 1e3));
  gint64 begin = g_get_monotonic_time ();
  gst_element_set_state (detect, GST_STATE_READY);
  gdouble took = (g_get_monotonic_time () - begin) / 1e3;
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (detect);
  gst_object_unref (pipeline);
  return took;
}

int
main (int argc, char **argv)
{
  static const char *const modes[] = { "sync", "async" };

  gst_init (&argc, &argv);
  const char *family = argc > 1 ? argv[1] : "fasterrcnn_resnet50_fpn_v2";
  gint threads = argc > 2 ? atoi (argv[2]) : 1, stops = argc > 3 ? atoi (argv[3]) : 10;
  if (threads < 1 || stops < 1) {
    g_printerr ("usage: %s [FAMILY [THREADS [STOPS]]]\n", argv[0]);
    return 2;
  }
  g_autofree char *folder = g_dir_make_tmp ("frcnn-stop-XXXXXX", NULL);
  g_autofree char *model = g_build_filename (folder, "model.safetensors", NULL);
  gdouble worst = 0;

  frc_test_write_model (family, model);
  gdouble inference = inference_time (model, (guint) threads);
  g_print ("%s, 640x480, %d thread%s: an inference takes %.0f ms\n", family, threads,
      threads > 1 ? "s" : "", inference);
  for (guint m = 0; m < G_N_ELEMENTS (modes); m++) {
    gdouble longest = 0, sum = 0;
    for (gint i = 0; i < stops; i++) {
      gdouble took = stop_after (model, (guint) threads, modes[m], (i + 0.5) * inference / stops);
      longest = MAX (longest, took);
      sum += took;
    }
    g_print ("mode=%s: %d stops took %.1f ms on average, %.1f ms at most\n", modes[m], stops,
        sum / stops, longest);
    worst = MAX (worst, longest);
  }
  g_remove (model);
  g_rmdir (folder);
  return worst > LIMIT_MS;
}
