/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Properties, statistics, states, and what elements share.
 */
#include "common.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- properties ---- */

GST_START_TEST (test_property_flags)
{
  static const struct {
    const char *name;
    GParamFlags flags; /* of those that matter here */
    GType type;
  } cases[] = {
    { "model", GST_PARAM_MUTABLE_READY, G_TYPE_STRING },
    { "family", GST_PARAM_MUTABLE_READY, G_TYPE_STRING },
    { "labels", GST_PARAM_MUTABLE_READY, G_TYPE_STRING },
    { "meta-type", GST_PARAM_MUTABLE_READY, G_TYPE_ENUM },
    { "threads", GST_PARAM_MUTABLE_READY, G_TYPE_UINT },
    { "input-size", GST_PARAM_MUTABLE_READY, G_TYPE_UINT },
    { "max-proposals", GST_PARAM_MUTABLE_READY, G_TYPE_UINT },
    { "mode", GST_PARAM_MUTABLE_READY, G_TYPE_ENUM },
    { "region", GST_PARAM_MUTABLE_READY, G_TYPE_ENUM },
    { "proposals", GST_PARAM_MUTABLE_READY, G_TYPE_ENUM },
    { "threshold", GST_PARAM_MUTABLE_PLAYING | GST_PARAM_CONTROLLABLE, G_TYPE_DOUBLE },
    { "nms-threshold", GST_PARAM_MUTABLE_PLAYING | GST_PARAM_CONTROLLABLE, G_TYPE_DOUBLE },
    { "max-detections", GST_PARAM_MUTABLE_PLAYING | GST_PARAM_CONTROLLABLE, G_TYPE_UINT },
    { "interval", GST_PARAM_MUTABLE_PLAYING | GST_PARAM_CONTROLLABLE, G_TYPE_UINT },
    { "min-size", GST_PARAM_MUTABLE_PLAYING | GST_PARAM_CONTROLLABLE, G_TYPE_DOUBLE },
    { "max-size", GST_PARAM_MUTABLE_PLAYING | GST_PARAM_CONTROLLABLE, G_TYPE_DOUBLE },
    { "max-regions", GST_PARAM_MUTABLE_PLAYING, G_TYPE_UINT },
    { "post-messages", GST_PARAM_MUTABLE_PLAYING, G_TYPE_ENUM },
    { "qos", GST_PARAM_MUTABLE_PLAYING, G_TYPE_BOOLEAN },
    { "classes", GST_PARAM_MUTABLE_PLAYING, G_TYPE_STRING },
    { "class-thresholds", GST_PARAM_MUTABLE_PLAYING, G_TYPE_STRING },
    { "region-classes", GST_PARAM_MUTABLE_PLAYING, G_TYPE_STRING },
    { "zones", GST_PARAM_MUTABLE_PLAYING, G_TYPE_STRING },
    { "hold", GST_PARAM_MUTABLE_PLAYING, G_TYPE_BOOLEAN },
    { "max-age", GST_PARAM_MUTABLE_PLAYING, G_TYPE_UINT64 },
  };
  const guint mask =
      GST_PARAM_MUTABLE_READY | GST_PARAM_MUTABLE_PLAYING | GST_PARAM_CONTROLLABLE;
  GstElement *detect = gst_element_factory_make ("fasterrcnndetect", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (detect), cases[i].name);
    fail_unless (spec != NULL, "there is no %s", cases[i].name);
    fail_unless ((spec->flags & mask) == (guint) cases[i].flags, "flags of %s", cases[i].name);
    fail_unless ((spec->flags & G_PARAM_READWRITE) == G_PARAM_READWRITE);
    fail_unless (g_type_is_a (spec->value_type, cases[i].type), "type of %s", cases[i].name);
  }
  GParamSpec *stats = g_object_class_find_property (G_OBJECT_GET_CLASS (detect), "stats");
  fail_unless ((stats->flags & G_PARAM_READWRITE) == G_PARAM_READABLE);
  gst_object_unref (detect);
}
GST_END_TEST

GST_START_TEST (test_property_values)
{
  GstElement *detect = gst_element_factory_make ("fasterrcnndetect", NULL);
  gchar *model, *family, *labels, *classes;
  gdouble threshold, nms;
  guint max, interval, threads, input;
  gboolean hold;
  guint64 age;

  for (guint pass = 0; pass < 2; pass++) {
    if (pass == 1)
      g_object_set (detect, "model", "m", "family", "f", "labels", "a,b", "classes", "c",
          "threshold", 0.25, "nms-threshold", 0.75, "max-detections", 7, "interval", 3, "threads",
          2, "input-size", 64, "hold", FALSE, "max-age", (guint64) 5, NULL);
    g_object_get (detect, "model", &model, "family", &family, "labels", &labels, "classes",
        &classes, "threshold", &threshold, "nms-threshold", &nms, "max-detections", &max,
        "interval", &interval, "threads", &threads, "input-size", &input, "hold", &hold, "max-age",
        &age, NULL);
    fail_unless_equals_string (model, pass ? "m" : "default");
    fail_unless_equals_string (family, pass ? "f" : NULL);
    fail_unless_equals_string (labels, pass ? "a,b" : NULL);
    fail_unless_equals_string (classes, pass ? "c" : NULL);
    fail_unless_equals_float (threshold, pass ? 0.25 : 0.5);
    fail_unless_equals_float (nms, pass ? 0.75 : -1.0);
    fail_unless_equals_int (max, pass ? 7 : 100);
    fail_unless_equals_int (interval, pass ? 3 : 1);
    fail_unless_equals_int (threads, pass ? 2 : 0);
    fail_unless_equals_int (input, pass ? 64 : 0);
    fail_unless (hold == (pass == 0));
    fail_unless_equals_uint64 (age, pass ? 5 : 2 * GST_SECOND);
    g_free (model);
    g_free (family);
    g_free (labels);
    g_free (classes);
  }
  gst_object_unref (detect);
}
GST_END_TEST

/* A property's value as a text, "unset" for NULL. */
static char *
property_text (GstElement *element, const char *name)
{
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (element), name);
  GValue value = G_VALUE_INIT;
  char *text;

  g_value_init (&value, spec->value_type);
  g_object_get_property (G_OBJECT (element), name, &value);
  if (G_VALUE_HOLDS_STRING (&value))
    text = g_strdup (g_value_get_string (&value) ? g_value_get_string (&value) : "unset");
  else if (G_VALUE_HOLDS_DOUBLE (&value))
    text = g_strdup_printf ("%g", g_value_get_double (&value));
  else
    text = gst_value_serialize (&value);
  g_value_unset (&value);
  return text;
}

/* What each is without being set, and that it reads as it was written. */
GST_START_TEST (test_new_property_values)
{
  static const char *const cases[][3] = {
    { "max-proposals", "0", "77" },
    { "mode", "sync", "async" },
    { "region", "full-frame", "roi-list" },
    { "proposals", "rpn", "roi-meta" },
    { "meta-type", "auto", "roi" },
    { "min-size", "0", "0.25" },
    { "max-size", "1", "0.75" },
    { "max-regions", "8", "64" },
    { "post-messages", "never", "on-change" },
    { "qos", "true", "false" },
    { "class-thresholds", "unset", "person:0.5" },
    { "region-classes", "unset", "person" },
    { "zones", "unset", "0,0,1,1" },
  };
  GstElement *detect = gst_element_factory_make ("fasterrcnndetect", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    for (guint pass = 1; pass <= 2; pass++) {
      if (pass == 2)
        gst_util_set_object_arg (G_OBJECT (detect), cases[i][0], cases[i][2]);
      char *text = property_text (detect, cases[i][0]);
      fail_unless (g_str_equal (text, cases[i][pass]), "%s is %s, expected %s", cases[i][0], text,
          cases[i][pass]);
      g_free (text);
    }
  }
  fail_if (gst_base_transform_is_qos_enabled (GST_BASE_TRANSFORM (detect)));
  g_object_set (detect, "qos", TRUE, NULL);
  fail_if (gst_base_transform_is_qos_enabled (GST_BASE_TRANSFORM (detect)),
      "the base class would drop buffers");
  gst_object_unref (detect);
}
GST_END_TEST

GST_START_TEST (test_stats)
{
  GstElement *detect = make_detect ();
  GstVideoInfo info;
  GstStructure *stats = NULL;
  gdouble fps = -1.0;

  test_info (&info, GST_VIDEO_FORMAT_RGB, 96, 96);
  GstHarness *h = harness_for (detect, &info);
  for (guint i = 0; i < 5; i++)
    gst_buffer_unref (harness_round (h, test_rgb (96, 96, -1), i * GST_SECOND));
  g_object_get (detect, "stats", &stats, NULL);
  fail_unless_equals_int (gst_structure_n_fields (stats), 9);
  fail_unless (gst_structure_get_double (stats, "fps", &fps) && fps > 0.0);
  gst_structure_free (stats);

  guint64 last = read_stat (detect, "last-latency"), p95 = read_stat (detect, "p95-latency");
  guint64 mean = read_stat (detect, "mean-latency");
  fail_unless (last > 0 && mean > 0 && p95 >= mean && p95 >= last);
  fail_unless_equals_uint64 (read_stat (detect, "inferred"), 5);

  gst_element_set_state (detect, GST_STATE_NULL);
  gst_element_set_state (detect, GST_STATE_PLAYING);
  fail_unless_equals_uint64 (read_stat (detect, "frames"), 0);
  fail_unless_equals_uint64 (read_stat (detect, "last-latency"), 0);
  gst_harness_teardown (h);
}
GST_END_TEST

/* ---- states ---- */

static guint
count_entries (const char *folder)
{
  GDir *dir = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir))
    n++;
  g_dir_close (dir);
  return n;
}

static gsize
resident_bytes (void)
{
  char *text = NULL;
  gulong total = 0, resident = 0;

  malloc_trim (0);
  fail_unless (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  fail_unless (sscanf (text, "%lu %lu", &total, &resident) == 2);
  g_free (text);
  return (gsize) resident * (gsize) sysconf (_SC_PAGESIZE);
}

/* A model that is loaded anew every time, and a frame every time. */
GST_START_TEST (test_200_cycles)
{
  GstElement *detect = make_detect ();
  GstBuffer *picture = test_rgb (96, 96, -1);
  GstVideoInfo info;
  gsize before = 0;
  guint threads = 0, files = 0;

  test_info (&info, GST_VIDEO_FORMAT_RGB, 96, 96);
  GstHarness *h = harness_for (detect, NULL);
  for (guint i = 0; i < 200; i++) {
    fail_unless (gst_element_set_state (detect, GST_STATE_NULL) == GST_STATE_CHANGE_SUCCESS);
    fail_unless (gst_element_set_state (detect, GST_STATE_PLAYING) == GST_STATE_CHANGE_SUCCESS);
    if (i % 10 == 0) {
      fail_unless (gst_harness_push_event (h, gst_event_new_stream_start ("again")));
      harness_caps (h, &info);
      gst_buffer_unref (harness_round (h, gst_buffer_copy (picture), 0));
    }
    if (i == 100) {
      before = resident_bytes ();
      threads = count_entries ("/proc/self/task");
      files = count_entries ("/proc/self/fd");
    }
  }
  gsize after = resident_bytes ();
#ifndef __SANITIZE_ADDRESS__ /* its quarantine grows; it looks for leaks itself */
  fail_unless (after < before + (1 << 20), "resident memory grew from %zu to %zu", before, after);
#else
  (void) before, (void) after;
#endif
  fail_unless_equals_int (count_entries ("/proc/self/task"), threads);
  fail_unless_equals_int (count_entries ("/proc/self/fd"), files);
  gst_buffer_unref (picture);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Shutdown in the middle of the stream: quick, and the flow is not an error. */
GST_START_TEST (test_stop_while_running)
{
  for (guint i = 0; i < 20; i++) {
    GstElement *pipeline = gst_parse_launch ("videotestsrc ! video/x-raw,width=320,height=240 ! "
        "fasterrcnndetect name=detect ! fasterrcnndetect name=second ! fakesink sync=false", NULL);
    GstElement *detect = gst_bin_get_by_name (GST_BIN (pipeline), "detect");
    GstElement *second = gst_bin_get_by_name (GST_BIN (pipeline), "second");
    g_object_set (detect, "model", test_model (), NULL);
    g_object_set (second, "model", test_model (), "input-size", TEST_INPUT_SIZE, NULL);
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    g_usleep (i * 3000);
    gst_element_set_state (pipeline, GST_STATE_NULL);
    GstBus *bus = gst_element_get_bus (pipeline);
    fail_unless (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR) == NULL);
    gst_object_unref (bus);
    gst_object_unref (detect);
    gst_object_unref (second);
    gst_object_unref (pipeline);
  }
}
GST_END_TEST

/* A seek flushes; frames go on after it. */
GST_START_TEST (test_flushing_seek)
{
  GstElement *pipeline = gst_parse_launch ("videotestsrc ! video/x-raw,width=320,height=240,"
      "framerate=25/1 ! fasterrcnndetect name=detect ! fakesink sync=false", NULL);
  GstElement *detect = gst_bin_get_by_name (GST_BIN (pipeline), "detect");

  g_object_set (detect, "model", test_model (), "input-size", TEST_INPUT_SIZE, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (guint i = 1; i <= 10; i++) {
    fail_unless (gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE) ==
        GST_STATE_CHANGE_SUCCESS);
    guint64 seen = read_stat (detect, "inferred");
    fail_unless (gst_element_seek_simple (pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
        i * GST_SECOND));
    for (guint wait = 0; wait < 10000 && read_stat (detect, "inferred") < seen + 3; wait++)
      g_usleep (1000);
    fail_unless (read_stat (detect, "inferred") >= seen + 3, "it stands still after the seek");
  }
  GstBus *bus = gst_element_get_bus (pipeline);
  fail_unless (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR) == NULL);
  gst_object_unref (bus);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (detect);
  gst_object_unref (pipeline);
}
GST_END_TEST

/* ---- sharing ---- */

static gboolean
can_start (const char *path)
{
  GstElement *detect = gst_element_factory_make ("fasterrcnndetect", NULL);

  g_object_set (detect, "model", path, NULL);
  gboolean ok = gst_element_set_state (detect, GST_STATE_PAUSED) == GST_STATE_CHANGE_SUCCESS;
  gst_element_set_state (detect, GST_STATE_NULL);
  gst_object_unref (detect);
  return ok;
}

/* Seen from outside: while one element uses a file, it can be spoiled (same size, same times) and
 * another element still starts on it, by whatever name, because nobody reads it again. Without a
 * user it is read, and refused. */
GST_START_TEST (test_model_is_loaded_once)
{
  char *folder = test_folder ();
  char *path = g_build_filename (folder, "model.safetensors", NULL);
  char *other = g_build_filename (folder, "link.safetensors", NULL);
  char *bytes;
  gsize size;
  struct stat st;

  fail_unless (g_file_get_contents (test_model (), &bytes, &size, NULL));
  fail_unless (g_file_set_contents (path, bytes, size, NULL));
  fail_unless_equals_int (symlink (path, other), 0);

  GstElement *first_user = gst_element_factory_make ("fasterrcnndetect", NULL);
  g_object_set (first_user, "model", path, NULL);
  fail_unless (gst_element_set_state (first_user, GST_STATE_PAUSED) == GST_STATE_CHANGE_SUCCESS);

  fail_unless_equals_int (stat (path, &st), 0);
  gint fd = open (path, O_WRONLY);
  fail_unless (pwrite (fd, "spoiled!", 8, 0) == 8);
  const struct timespec times[2] = { st.st_atim, st.st_mtim };
  fail_unless_equals_int (futimens (fd, times), 0);
  close (fd);

  fail_unless (can_start (path), "the file was read twice");
  fail_unless (can_start (other), "the file was read twice");
  gst_element_set_state (first_user, GST_STATE_NULL);
  fail_if (can_start (path), "the model outlived its users");

  gst_object_unref (first_user);
  g_free (bytes);
  g_free (other);
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

/* A file that was replaced is another model, although an element still uses the old one. */
GST_START_TEST (test_replaced_file_is_read)
{
  char *folder = test_folder ();
  char *path = g_build_filename (folder, "model.safetensors", NULL);
  char *bytes;
  gsize size;

  fail_unless (g_file_get_contents (test_model (), &bytes, &size, NULL));
  fail_unless (g_file_set_contents (path, bytes, size, NULL));
  GstElement *user = gst_element_factory_make ("fasterrcnndetect", NULL);
  g_object_set (user, "model", path, NULL);
  fail_unless (gst_element_set_state (user, GST_STATE_PAUSED) == GST_STATE_CHANGE_SUCCESS);
  fail_unless (g_file_set_contents (path, "no model", 8, NULL));
  fail_if (can_start (path));
  gst_element_set_state (user, GST_STATE_NULL);
  gst_object_unref (user);
  g_free (bytes);
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

static gpointer
start_many (gpointer path)
{
  for (guint i = 0; i < 10; i++) {
    if (!can_start (path))
      return NULL;
  }
  return path;
}

GST_START_TEST (test_sharing_between_threads)
{
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("start", start_many, (gpointer) test_model ());
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    fail_unless (g_thread_join (threads[i]) != NULL);
}
GST_END_TEST

static Suite *
life_suite (void)
{
  Suite *suite = suite_create ("life");
  TCase *tc = tcase_create ("life");

  tcase_set_timeout (tc, 180);
  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_property_flags);
  tcase_add_test (tc, test_property_values);
  tcase_add_test (tc, test_new_property_values);
  tcase_add_test (tc, test_stats);
  tcase_add_test (tc, test_200_cycles);
  tcase_add_test (tc, test_stop_while_running);
  tcase_add_test (tc, test_flushing_seek);
  tcase_add_test (tc, test_model_is_loaded_once);
  tcase_add_test (tc, test_replaced_file_is_read);
  tcase_add_test (tc, test_sharing_between_threads);
  return suite;
}

GST_CHECK_MAIN (life)
