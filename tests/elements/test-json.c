/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * fasterrcnnjson: exact lines, and what happens where they cannot be written.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define EMPTY(time) \
  "{\"objects\":[],\"resolution\":{\"width\":640,\"height\":480},\"timestamp\":" time "}\n"

static GstElement *
make_json (const char *location)
{
  GstElement *element = gst_element_factory_make ("fasterrcnnjson", NULL);
  GstBus *bus = gst_bus_new ();

  fail_unless (element != NULL, "there is no element fasterrcnnjson");
  g_object_set (element, "location", location, NULL);
  gst_element_set_bus (element, bus);
  gst_object_unref (bus);
  return element;
}

static GstHarness *
harness_json (const char *location, gboolean append, gboolean add_empty)
{
  GstElement *element = make_json (location);
  GstHarness *h;
  GstVideoInfo info;

  g_object_set (element, "append", append, "add-empty-results", add_empty, NULL);
  test_info (&info, GST_VIDEO_FORMAT_GRAY8, 640, 480);
  h = harness_for (element, &info);
  gst_harness_play (h);
  return h;
}

static GstBuffer *
frame (void)
{
  return gst_buffer_new_allocate (NULL, 640 * 480, NULL);
}

static void
push (GstHarness *h, GstBuffer *buffer, GstClockTime pts)
{
  gst_buffer_unref (harness_round (h, buffer, pts));
}

/* Stops the element, compares the whole file. */
static void
check_file (GstHarness *h, const char *path, const char *expected)
{
  char *found;
  gsize size;

  gst_harness_teardown (h);
  fail_unless (g_file_get_contents (path, &found, &size, NULL));
  fail_unless_equals_string (found, expected);
  g_free (found);
}

static GstStructure *
corners (gdouble x_min, gdouble y_min, gdouble x_max, gdouble y_max)
{
  return gst_structure_new ("detection", "x_min", G_TYPE_DOUBLE, x_min, "y_min", G_TYPE_DOUBLE,
      y_min, "x_max", G_TYPE_DOUBLE, x_max, "y_max", G_TYPE_DOUBLE, y_max, NULL);
}

static GstVideoRegionOfInterestMeta *
add_roi (GstBuffer *buffer, const char *label, gint id, GstStructure *param)
{
  GstVideoRegionOfInterestMeta *roi =
      gst_buffer_add_video_region_of_interest_meta (buffer, label, 10, 20, 30, 40);

  roi->id = id;
  if (param)
    gst_video_region_of_interest_meta_add_param (roi, param);
  return roi;
}

/* ---- what is written ---- */

static void
add_two_objects (GstBuffer *buffer)
{
  GstStructure *param = corners (0.015625, 1.0 / 3.0, 0.0625, 0.125);

  gst_structure_set (param, "confidence", G_TYPE_DOUBLE, 0.87, "label_id", G_TYPE_INT, 14, NULL);
  add_roi (buffer, "person", 3, param)->parent_id = 2;
  add_roi (buffer, "dog", 4, NULL);
}

#define TWO_OBJECTS \
  "{\"objects\":[{\"x\":10,\"y\":20,\"w\":30,\"h\":40,\"region_id\":3,\"parent_id\":2," \
  "\"roi_type\":\"person\",\"detection\":{\"bounding_box\":{\"x_min\":0.015625," \
  "\"y_min\":0.3333333333333333,\"x_max\":0.0625,\"y_max\":0.125},\"confidence\":0.87," \
  "\"label\":\"person\",\"label_id\":14}}," \
  "{\"x\":10,\"y\":20,\"w\":30,\"h\":40,\"region_id\":4,\"parent_id\":0,\"roi_type\":\"dog\"}]," \
  "\"resolution\":{\"width\":640,\"height\":480},\"timestamp\":40000000}\n"

GST_START_TEST (test_exact_lines)
{
  char *folder = test_folder (), *path = g_build_filename (folder, "out.jsonl", NULL);
  GstHarness *h = harness_json (path, FALSE, FALSE);
  GstBuffer *buffer = frame ();

  push (h, frame (), 0); /* no objects: no line */
  add_two_objects (buffer);
  push (h, buffer, 40 * GST_MSECOND);
  check_file (h, path, TWO_OBJECTS);
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

/* In a process whose numbers have commas. */
GST_START_TEST (test_other_locale)
{
  static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8" };
  const char *found = NULL;

  for (guint i = 0; !found && i < G_N_ELEMENTS (names); i++)
    found = setlocale (LC_ALL, names[i]);
  if (!found)
    return; /* this system has none */
  char *folder = test_folder (), *path = g_build_filename (folder, "out.jsonl", NULL);
  GstHarness *h = harness_json (path, FALSE, FALSE);
  GstBuffer *buffer = frame ();
  add_two_objects (buffer);
  push (h, buffer, 40 * GST_MSECOND);
  check_file (h, path, TWO_OBJECTS);
  setlocale (LC_ALL, "C");
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

/* Labels of any bytes, numbers that are none: every line is JSON and says what is known. */
GST_START_TEST (test_odd_values)
{
  char *folder = test_folder (), *path = g_build_filename (folder, "out.jsonl", NULL);
  GstHarness *h = harness_json (path, FALSE, FALSE);
  GstStructure *param = corners (0.0, 0.0, 1.0, 1.0);
  GstBuffer *buffer = frame ();

  gst_structure_set (param, "confidence", G_TYPE_DOUBLE, NAN, NULL);
  add_roi (buffer, "a\"b\\c\n\td\x01\xff \xc3\xa4", -7, param);
  add_roi (buffer, "", G_MAXINT, corners (0.0, NAN, 1.0, 1.0));
  push (h, buffer, GST_CLOCK_TIME_NONE);

  buffer = frame ();
  param = corners (-0.5, 1e-7, 1e300, 0.1f);
  gst_structure_set (param, "confidence", G_TYPE_FLOAT, 0.5f, NULL);
  add_roi (buffer, "x", 1, param);
  push (h, buffer, 1);
  gst_harness_teardown (h);

  char *text;
  fail_unless (g_file_get_contents (path, &text, NULL, NULL));
  char **lines = g_strsplit (text, "\n", -1);
  fail_unless_equals_int (g_strv_length (lines), 3);
  fail_unless_equals_string (lines[0],
      "{\"objects\":[{\"x\":10,\"y\":20,\"w\":30,\"h\":40,\"region_id\":-7,\"parent_id\":0,"
      "\"roi_type\":\"a\\\"b\\\\c\\u000a\\u0009d\\u0001\xef\xbf\xbd \xc3\xa4\","
      "\"detection\":{\"bounding_box\":{\"x_min\":0,\"y_min\":0,\"x_max\":1,\"y_max\":1},"
      "\"label\":\"a\\\"b\\\\c\\u000a\\u0009d\\u0001\xef\xbf\xbd \xc3\xa4\"}},"
      "{\"x\":10,\"y\":20,\"w\":30,\"h\":40,\"region_id\":2147483647,\"parent_id\":0,"
      "\"roi_type\":\"\"}],\"resolution\":{\"width\":640,\"height\":480},\"timestamp\":null}");
  fail_unless (strstr (lines[1], "{\"x_min\":-0.5,\"y_min\":1e-07,\"x_max\":1e+300,"
      "\"y_max\":0.10000000149011612},\"confidence\":0.5,\"label\":\"x\"}") != NULL, "%s",
      lines[1]);
  for (guint i = 0; i < 2; i++) {
    JsonParser *parser = json_parser_new ();
    GError *error = NULL;
    fail_unless (json_parser_load_from_data (parser, lines[i], -1, &error), "%s",
        error ? error->message : "");
    g_object_unref (parser);
  }
  g_strfreev (lines);
  g_free (text);
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

GST_START_TEST (test_empty_results)
{
  char *folder = test_folder (), *path = g_build_filename (folder, "out.jsonl", NULL);
  GstHarness *h = harness_json (path, FALSE, FALSE);

  push (h, frame (), 1);
  g_object_set (h->element, "add-empty-results", TRUE, NULL);
  push (h, frame (), 2);
  push (h, frame (), GST_CLOCK_TIME_NONE);
  g_object_set (h->element, "add-empty-results", FALSE, NULL);
  push (h, frame (), 4);
  check_file (h, path, EMPTY ("2") EMPTY ("null"));
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

/* Stream time, not the buffer's; the size of what is visible. */
GST_START_TEST (test_time_and_resolution)
{
  char *folder = test_folder (), *path = g_build_filename (folder, "out.jsonl", NULL);
  GstHarness *h = harness_json (path, FALSE, TRUE);
  GstSegment segment;
  GstBuffer *buffer = frame ();

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.start = 1000;
  segment.time = 5000;
  fail_unless (gst_harness_push_event (h, gst_event_new_segment (&segment)));
  GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (buffer);
  crop->x = 600, crop->y = 8, crop->width = 100, crop->height = 200;
  push (h, buffer, 1500);

  buffer = frame ();
  gst_buffer_add_video_meta (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, 320, 240);
  push (h, buffer, 1600);
  check_file (h, path,
      "{\"objects\":[],\"resolution\":{\"width\":40,\"height\":200},\"timestamp\":5500}\n"
      "{\"objects\":[],\"resolution\":{\"width\":320,\"height\":240},\"timestamp\":5600}\n");
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

/* The buffer itself comes out, with somebody else's reference on it; memory and format are free. */
GST_START_TEST (test_passthrough)
{
  GstHarness *h = harness_json ("/dev/null", FALSE, TRUE);
  GstBuffer *buffer = frame ();

  gst_buffer_ref (buffer);
  fail_unless_equals_int (gst_harness_push (h, buffer), GST_FLOW_OK);
  GstBuffer *out = gst_harness_pull (h);
  fail_unless (out == buffer);
  gst_buffer_unref (out);
  gst_buffer_unref (buffer);

  gst_harness_set_src_caps_str (h,
      "video/x-raw(memory:GLMemory),format=P010_10LE,width=32,height=16,framerate=1/1");
  push (h, gst_buffer_new (), 0);
  gst_harness_teardown (h);
}
GST_END_TEST

/* ---- files ---- */

GST_START_TEST (test_append)
{
  /* what was there, append, what is there after one more line */
  static const struct {
    const char *before;
    gboolean append;
    const char *after;
  } cases[] = {
    { "old\n", TRUE, "old\n" EMPTY ("7") },
    { "old\n", FALSE, EMPTY ("7") },
    { "unfinished", TRUE, "unfinished\n" EMPTY ("7") },
    { "", TRUE, EMPTY ("7") },
    { NULL, TRUE, EMPTY ("7") },
  };

  char *folder = test_folder (), *path = g_build_filename (folder, "out.jsonl", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_remove (path);
    if (cases[i].before)
      g_file_set_contents (path, cases[i].before, -1, NULL);
    GstHarness *h = harness_json (path, cases[i].append, TRUE);
    push (h, frame (), 7);
    check_file (h, path, cases[i].after);
  }
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

/* A line is there as soon as its frame is through. */
GST_START_TEST (test_nothing_is_kept_back)
{
  char *folder = test_folder (), *path = g_build_filename (folder, "out.jsonl", NULL), *found;
  GstHarness *h = harness_json (path, FALSE, TRUE);

  push (h, frame (), 1);
  fail_unless (g_file_get_contents (path, &found, NULL, NULL));
  fail_unless_equals_string (found, EMPTY ("1"));
  g_free (found);
  gst_harness_teardown (h);
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

GST_START_TEST (test_standard_output)
{
  char *folder = test_folder (), *path = g_build_filename (folder, "out.jsonl", NULL);
  int old = dup (STDOUT_FILENO), new = g_open (path, O_WRONLY | O_CREAT, 0600);

  fflush (stdout);
  fail_unless (old >= 0 && new >= 0 && dup2 (new, STDOUT_FILENO) == STDOUT_FILENO);
  GstHarness *h = harness_json ("-", FALSE, TRUE);
  push (h, frame (), 1);
  gst_harness_teardown (h);
  gboolean is_open = fcntl (STDOUT_FILENO, F_GETFD) != -1;
  dup2 (old, STDOUT_FILENO);
  close (old);
  close (new);
  fail_unless (is_open);

  char *found;
  fail_unless (g_file_get_contents (path, &found, NULL, NULL));
  fail_unless_equals_string (found, EMPTY ("1"));
  g_free (found);
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

/* ---- errors ---- */

/* One error on the bus that names @location and @reason. */
static void
check_error (GstElement *element, gint code, const char *location, const char *reason)
{
  GstMessage *message = pop_message (element, GST_MESSAGE_ERROR);
  GError *error;

  fail_unless (message != NULL, "there is no error for %s", location);
  gst_message_parse_error (message, &error, NULL);
  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR, code), "%d: %s", error->code,
      error->message);
  fail_unless (strstr (error->message, location) && strstr (error->message, reason), "%s",
      error->message);
  g_error_free (error);
  gst_message_unref (message);
  fail_unless (pop_message (element, GST_MESSAGE_ERROR) == NULL);
}

GST_START_TEST (test_cannot_be_opened)
{
  char *folder = test_folder ();
  char *missing = g_build_filename (folder, "no", "such", NULL);
  const struct {
    const char *location;
    gint code;
    const char *named, *reason;
  } cases[] = {
    { NULL, GST_RESOURCE_ERROR_SETTINGS, "location is not set", "-" },
    { "", GST_RESOURCE_ERROR_SETTINGS, "location is not set", "-" },
    { folder, GST_RESOURCE_ERROR_OPEN_WRITE, folder, g_strerror (EISDIR) },
    { missing, GST_RESOURCE_ERROR_OPEN_WRITE, missing, g_strerror (ENOENT) },
    { "/dev/null/x", GST_RESOURCE_ERROR_OPEN_WRITE, "/dev/null/x", g_strerror (ENOTDIR) },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstElement *element = make_json (cases[i].location);
    fail_unless_equals_int (gst_element_set_state (element, GST_STATE_PAUSED),
        GST_STATE_CHANGE_FAILURE);
    check_error (element, cases[i].code, cases[i].named, cases[i].reason);
    gst_element_set_state (element, GST_STATE_NULL);
    gst_object_unref (element);
  }
  g_free (missing);
  remove_folder (folder);
}
GST_END_TEST

/* Signals that somebody in the process counts are not for us. */
static gint signals_seen;

static void
count_signal (int number)
{
  g_atomic_int_inc (&signals_seen);
}

static void
fail_push (GstHarness *h)
{
  fail_unless_equals_int (gst_harness_push (h, frame ()), GST_FLOW_ERROR);
}

static void
check_signals (int number)
{
  sigset_t pending;

  fail_unless_equals_int (signals_seen, 0);
  sigpending (&pending);
  fail_unless_equals_int (sigismember (&pending, number), 0);
  raise (number); /* ours still comes */
  fail_unless_equals_int (signals_seen, 1);
  signals_seen = 0;
}

GST_START_TEST (test_full_device)
{
  GstHarness *h = harness_json ("/dev/full", FALSE, TRUE);

  fail_push (h);
  check_error (h->element, GST_RESOURCE_ERROR_NO_SPACE_LEFT, "/dev/full", g_strerror (ENOSPC));
  gst_harness_teardown (h);
}
GST_END_TEST

/* No assertion in here: libcheck writes files of its own, to which the limit applies, too. */
static GstFlowReturn
push_with_room (GstHarness *h, GstBuffer *buffer, GstClockTime pts, rlim_t room)
{
  struct rlimit before;

  GST_BUFFER_PTS (buffer) = pts;
  getrlimit (RLIMIT_FSIZE, &before);
  setrlimit (RLIMIT_FSIZE, &(struct rlimit){ room, before.rlim_max });
  GstFlowReturn flow = gst_harness_push (h, buffer);
  setrlimit (RLIMIT_FSIZE, &before);
  return flow;
}

/* Room for two lines and a half: the half is taken away. */
GST_START_TEST (test_full_file)
{
  char *folder = test_folder (), *path = g_build_filename (folder, "out.jsonl", NULL);
  const rlim_t room = strlen (EMPTY ("1")) * 5 / 2;

  signal (SIGXFSZ, count_signal);
  for (guint append = 0; append < 2; append++) {
    if (append)
      g_file_set_contents (path, EMPTY ("1"), -1, NULL);
    GstHarness *h = harness_json (path, append, TRUE);
    if (!append)
      fail_unless_equals_int (push_with_room (h, frame (), 1, room), GST_FLOW_OK);
    fail_unless_equals_int (push_with_room (h, frame (), 2, room), GST_FLOW_OK);
    fail_unless_equals_int (push_with_room (h, frame (), 3, room), GST_FLOW_ERROR);
    check_signals (SIGXFSZ);
    check_error (h->element, GST_RESOURCE_ERROR_NO_SPACE_LEFT, path, g_strerror (EFBIG));
    check_file (h, path, EMPTY ("1") EMPTY ("2"));
  }
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

static int
make_pipe (const char *path)
{
  fail_unless_equals_int (mkfifo (path, 0600), 0);
  int reader = g_open (path, O_RDONLY | O_NONBLOCK, 0);
  fail_unless (reader >= 0);
  return reader;
}

GST_START_TEST (test_closed_pipe)
{
  char *folder = test_folder (), *path = g_build_filename (folder, "pipe", NULL), text[200];
  int reader = make_pipe (path);
  GstHarness *h = harness_json (path, FALSE, TRUE);

  signal (SIGPIPE, count_signal);
  push (h, frame (), 1);
  gssize size = read (reader, text, sizeof text);
  fail_unless (size == (gssize) strlen (EMPTY ("1")) && !strncmp (text, EMPTY ("1"), size));
  close (reader);
  fail_push (h);
  check_signals (SIGPIPE);
  check_error (h->element, GST_RESOURCE_ERROR_WRITE, path, g_strerror (EPIPE));
  gst_harness_teardown (h);
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

static gpointer
push_until_it_fails (gpointer data)
{
  GstFlowReturn flow;

  while ((flow = gst_harness_push (data, frame ())) == GST_FLOW_OK)
    gst_buffer_unref (gst_harness_pull (data));
  return GINT_TO_POINTER (flow);
}

/* Nobody reads and the pipe is full: shutting down does not wait for that, and is no error. */
GST_START_TEST (test_stalled_pipe)
{
  char *folder = test_folder (), *path = g_build_filename (folder, "pipe", NULL);
  int reader = make_pipe (path);

  for (guint flush = 0; flush < 2; flush++) {
    GstHarness *h = harness_json (path, FALSE, TRUE);
    GThread *thread = g_thread_new ("push", push_until_it_fails, h);
    g_usleep (300000);
    gint64 begin = g_get_monotonic_time ();
    if (flush)
      fail_unless (gst_harness_push_event (h, gst_event_new_flush_start ()));
    else
      gst_element_set_state (h->element, GST_STATE_READY);
    fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
    fail_unless (g_get_monotonic_time () - begin < 5 * G_USEC_PER_SEC);
    fail_unless (pop_message (h->element, GST_MESSAGE_ERROR) == NULL);
    gst_harness_teardown (h);
  }
  close (reader);
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

#define LONG_LINES 20

static gpointer
read_slowly (gpointer data)
{
  GString *all = g_string_new (NULL);
  char piece[7000];

  for (gssize size; (size = read (GPOINTER_TO_INT (data), piece, sizeof piece)) != 0;) {
    if (size > 0)
      g_string_append_len (all, piece, size);
    g_usleep (2000);
  }
  return g_string_free (all, FALSE);
}

/* Lines that are longer than a pipe takes at once arrive whole, whoever is slow. */
GST_START_TEST (test_long_lines_through_a_pipe)
{
  char *folder = test_folder (), *path = g_build_filename (folder, "pipe", NULL);
  int reader = make_pipe (path);

  fcntl (reader, F_SETFL, 0);
  GstHarness *h = harness_json (path, FALSE, TRUE);
  GThread *thread = g_thread_new ("read", read_slowly, GINT_TO_POINTER (reader));
  for (guint i = 0; i < LONG_LINES; i++) {
    GstBuffer *buffer = frame ();
    for (gint k = 0; k < 150; k++)
      add_roi (buffer, "person", k, corners (0.25, 0.25, 0.5, 0.5));
    push (h, buffer, i);
  }
  gst_harness_teardown (h);
  char *text = g_thread_join (thread);
  char **lines = g_strsplit (text, "\n", -1);
  fail_unless_equals_int (g_strv_length (lines), LONG_LINES + 1);
  for (guint i = 0; i < LONG_LINES; i++) {
    char *end = g_strdup_printf ("\"timestamp\":%u}", i);
    fail_unless (strlen (lines[i]) > 3 * 4096 && g_str_has_prefix (lines[i], "{\"objects\":[{") &&
        g_str_has_suffix (lines[i], end));
    fail_unless (strlen (lines[i]) == strlen (lines[0]) + (i >= 10));
    g_free (end);
  }
  g_strfreev (lines);
  g_free (text);
  close (reader);
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

static Suite *
json_suite (void)
{
  Suite *suite = suite_create ("json");
  TCase *tc = tcase_create ("json");

  tcase_set_timeout (tc, 60);
  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_exact_lines);
  tcase_add_test (tc, test_other_locale);
  tcase_add_test (tc, test_odd_values);
  tcase_add_test (tc, test_empty_results);
  tcase_add_test (tc, test_time_and_resolution);
  tcase_add_test (tc, test_passthrough);
  tcase_add_test (tc, test_append);
  tcase_add_test (tc, test_nothing_is_kept_back);
  tcase_add_test (tc, test_standard_output);
  tcase_add_test (tc, test_cannot_be_opened);
  tcase_add_test (tc, test_full_device);
  tcase_add_test (tc, test_full_file);
  tcase_add_test (tc, test_closed_pipe);
  tcase_add_test (tc, test_stalled_pipe);
  tcase_add_test (tc, test_long_lines_through_a_pipe);
  return suite;
}

GST_CHECK_MAIN (json)
