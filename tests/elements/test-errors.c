/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Wrong settings and files: start () fails with exactly one error message that names the file or
 * property, what was expected and what was found; the element works again with right ones.
 */
#include "common.h"

#include <glib/gstdio.h>
#include <zip.h>

static char *folder;

static void
setup (void)
{
  folder = test_folder ();
}

static void
teardown (void)
{
  remove_folder (folder);
}

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static GstElement *
bare_detect (void)
{
  GstElement *element = gst_element_factory_make ("fasterrcnndetect", NULL);
  GstBus *bus = gst_bus_new ();

  fail_unless (element != NULL);
  gst_element_set_bus (element, bus);
  gst_object_unref (bus);
  return element;
}

/* Takes @element. One error of the RESOURCE domain, with each of @parts (NULL-terminated) in it;
 * no second one; and nothing wrong is left behind. */
static void
expect_error (GstElement *element, gint code, const char *const *parts)
{
  GError *error = NULL;
  gchar *debug = NULL;

  fail_unless_equals_int (gst_element_set_state (element, GST_STATE_PAUSED),
      GST_STATE_CHANGE_FAILURE);
  GstMessage *message = pop_message (element, GST_MESSAGE_ERROR);
  fail_unless (message != NULL, "start () failed without a word");
  gst_message_parse_error (message, &error, &debug);
  fail_unless (error->domain == GST_RESOURCE_ERROR, "%s", error->message);
  fail_unless (code < 0 || error->code == code, "code %d: %s", error->code, error->message);
  for (; *parts; parts++)
    fail_unless (strstr (error->message, *parts) != NULL, "no \"%s\" in: %s", *parts,
        error->message);
  g_error_free (error);
  g_free (debug);
  gst_message_unref (message);
  fail_unless (pop_message (element, GST_MESSAGE_ERROR) == NULL, "more than one error");

  gst_element_set_state (element, GST_STATE_NULL);
  g_object_set (element, "model", test_model (), "labels", NULL, "classes", NULL, "family", NULL,
      "meta-type", 0, "precision", 0, NULL);
  fail_unless_equals_int (gst_element_set_state (element, GST_STATE_PAUSED),
      GST_STATE_CHANGE_SUCCESS);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (element);
}

static void
expect_bad_model (const char *path, gint code, const char *also)
{
  GstElement *element = bare_detect ();
  const char *parts[] = { path, "expected", "found", also ? also : path, NULL };

  g_object_set (element, "model", path, NULL);
  expect_error (element, code, parts);
}

static void
write_file (const char *path, gconstpointer bytes, gssize size)
{
  fail_unless (g_file_set_contents (path, bytes, size, NULL));
}

GST_START_TEST (test_no_file)
{
  char *path = in_folder ("nothing-here.safetensors");

  expect_bad_model (path, GST_RESOURCE_ERROR_OPEN_READ, NULL);
  g_free (path);
}
GST_END_TEST

GST_START_TEST (test_directory)
{
  expect_bad_model (folder, GST_RESOURCE_ERROR_OPEN_READ, NULL);
}
GST_END_TEST

/* Not the default model: that is only for those who ask for it. */
GST_START_TEST (test_empty_name)
{
  expect_bad_model ("", -1, NULL);
}
GST_END_TEST

GST_START_TEST (test_empty_file)
{
  char *path = in_folder ("empty.safetensors");

  write_file (path, "", 0);
  expect_bad_model (path, -1, "empty");
  g_free (path);
}
GST_END_TEST

/* Cut in the header's length, in the header, in the first tensor, before the last byte. */
GST_START_TEST (test_truncated)
{
  char *path = in_folder ("truncated.safetensors"), *bytes;
  gsize size;

  fail_unless (g_file_get_contents (test_model (), &bytes, &size, NULL));
  const gsize cuts[] = { 5, 100, size / 2, size - 1 };
  write_file (path, bytes, cuts[__i__]);
  expect_bad_model (path, -1, NULL);
  g_free (bytes);
  g_free (path);
}
GST_END_TEST

GST_START_TEST (test_not_a_model)
{
  static const char *const contents[] = {
    "This is a text, and not a model at all: it is longer than any magic number.\n",
    "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0",
    "\x40\0\0\0\0\0\0\0{\"only\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
    "              \1\2\3\4",
  };
  static const gsize sizes[] = { 76, 29, 76 };
  char *path = in_folder ("other.safetensors");

  write_file (path, contents[__i__], sizes[__i__]);
  expect_bad_model (path, GST_RESOURCE_ERROR_READ, NULL);
  g_free (path);
}
GST_END_TEST

/* Unpickling this in Python runs a command that creates the file @victim. */
static GByteArray *
make_hostile (const char *victim)
{
  GByteArray *out = g_byte_array_new ();
  guint32 length = GUINT32_TO_LE (strlen (victim) + 6);

  g_byte_array_append (out, (const guint8 *) "\x80\x02" "cposix\nsystem\nX", 17);
  g_byte_array_append (out, (const guint8 *) &length, 4);
  g_byte_array_append (out, (const guint8 *) "touch ", 6);
  g_byte_array_append (out, (const guint8 *) victim, strlen (victim));
  g_byte_array_append (out, (const guint8 *) "\x85R.", 3);
  return out;
}

/* What stands before the objects in torch.save ()'s old container: the magic number, the protocol
 * number 1001 and a dictionary about the system, a pickle each. */
static void
prepend_legacy_head (GByteArray *pickle)
{
  static const char head[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
      "\x80\x02M\xe9\x03."
      "\x80\x02}(X\x10\0\0\0protocol_versionM\xe9\x03X\x0d\0\0\0little_endian\x88"
      "X\x0a\0\0\0type_sizes}(X\x05\0\0\0shortK\x02X\x03\0\0\0intK\x04X\x04\0\0\0longK\x04uu.";

  g_byte_array_prepend (pickle, (const guint8 *) head, sizeof head - 1);
}

GST_START_TEST (test_hostile_pickle)
{
  char *path = in_folder ("hostile.pth"), *victim = in_folder ("pwned");
  GByteArray *pickle = make_hostile (victim);

  if (__i__ == 0) {
    prepend_legacy_head (pickle);
    write_file (path, pickle->data, pickle->len);
  } else {
    zip_t *zip = zip_open (path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    fail_unless (zip != NULL);
    zip_int64_t at = zip_file_add (zip, "archive/data.pkl",
        zip_source_buffer (zip, pickle->data, pickle->len, 0), 0);
    fail_unless (at >= 0);
    zip_set_file_compression (zip, at, ZIP_CM_STORE, 0);
    fail_unless_equals_int (zip_close (zip), 0);
  }
  expect_bad_model (path, GST_RESOURCE_ERROR_READ, "system");
  fail_if (g_file_test (victim, G_FILE_TEST_EXISTS), "the pickle ran a command");
  g_byte_array_unref (pickle);
  g_free (victim);
  g_free (path);
}
GST_END_TEST

GST_START_TEST (test_unknown_family)
{
  GstElement *element = bare_detect ();
  const char *parts[] = { "fasterrcnn_abacus", NULL };

  g_object_set (element, "model", test_model (), "family", "fasterrcnn_abacus", NULL);
  expect_error (element, -1, parts);
}
GST_END_TEST

/* ---- labels and classes ---- */

static guint
model_labels (void)
{
  FrcModel *model = frc_model_load (test_model (), NULL, NULL);
  fail_unless (model != NULL);
  guint n = frc_model_get_info (model)->n_labels;
  frc_model_unref (model);
  return n;
}

/* l0, l1, …; @n of them after @before */
static char *
label_list (const char *before, guint n, const char *separator)
{
  GString *list = g_string_new (before);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (list, "%sl%u", list->len ? separator : "", i);
  return g_string_free (list, FALSE);
}

static void
expect_bad_labels (const char *labels, guint expected, guint found)
{
  GstElement *element = bare_detect ();
  char *a = g_strdup_printf ("expected %u labels", expected);
  char *b = g_strdup_printf ("found %u", found);
  const char *parts[] = { "labels", a, b, NULL };

  g_object_set (element, "model", test_model (), "labels", labels, NULL);
  expect_error (element, GST_RESOURCE_ERROR_SETTINGS, parts);
  g_free (a);
  g_free (b);
}

GST_START_TEST (test_wrong_number_of_labels)
{
  guint n = model_labels ();
  char *less = label_list ("", n - 1, ","), *more = label_list ("", n + 1, ",");
  char *both = label_list ("background", n + 1, ","), *path = in_folder ("labels.txt");
  char *lines = label_list ("", n - 1, "\n");

  expect_bad_labels (less, n, n - 1);
  expect_bad_labels (more, n, n + 1);
  expect_bad_labels (both, n, n + 2);
  expect_bad_labels ("/no/such/file.txt", n, 1);
  write_file (path, lines, -1);
  expect_bad_labels (path, n, n - 1);
  write_file (path, "\xff\xfe\xfd", 3);
  GstElement *element = bare_detect ();
  const char *parts[] = { path, "UTF-8", NULL };
  g_object_set (element, "model", test_model (), "labels", path, NULL);
  expect_error (element, -1, parts);
  g_free (less);
  g_free (more);
  g_free (both);
  g_free (lines);
  g_free (path);
}
GST_END_TEST

/* What the labels are called is what metas are called, from a list and from a file. */
GST_START_TEST (test_right_number_of_labels)
{
  guint n = model_labels ();
  char *path = in_folder ("labels.txt");
  char *lists[] = { label_list ("", n, ", "), label_list ("background", n, ","),
    label_list ("__background__", n, ","), label_list ("", n, "\r\n") };
  GstVideoInfo info;
  static Expected found;

  test_info (&info, GST_VIDEO_FORMAT_RGB, 192, 144);
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    GstElement *detect = make_detect ();
    if (i == 3)
      write_file (path, lists[i], -1);
    g_object_set (detect, "labels", i == 3 ? path : lists[i], NULL);
    GstHarness *h = harness_for (detect, &info);
    GstBuffer *buffer = test_rgb (192, 144, 2);
    expect_detections (&info, buffer, NULL, &test_query, &found);
    fail_unless (found.n > 0);
    GstBuffer *out = harness_round (h, buffer, 0);
    GstVideoRegionOfInterestMeta *roi = nth_roi (out, 0);
    char *name = g_strdup_printf ("l%d", found.found[0].label_id);
    fail_unless_equals_string (g_quark_to_string (roi->roi_type), name);
    g_free (name);
    gst_buffer_unref (out);
    gst_harness_teardown (h);
    g_free (lists[i]);
  }
  g_free (path);
}
GST_END_TEST

GST_START_TEST (test_unknown_class)
{
  GstElement *element = bare_detect ();
  const char *parts[] = { "classes", "\"persn\"", "\"person\"", NULL };

  g_object_set (element, "model", test_model (), "classes", "dog, persn", NULL);
  expect_error (element, GST_RESOURCE_ERROR_SETTINGS, parts);
}
GST_END_TEST

GST_START_TEST (test_unknown_class_live)
{
  GstElement *detect = make_detect ();
  GError *warning = NULL;
  gchar *debug = NULL, *classes = NULL;

  g_object_set (detect, "classes", "car", NULL);
  GstHarness *h = harness_for (detect, NULL);
  g_object_set (detect, "classes", "car,DOGG", NULL);
  GstMessage *message = pop_message (detect, GST_MESSAGE_WARNING);
  fail_unless (message != NULL);
  gst_message_parse_warning (message, &warning, &debug);
  fail_unless (strstr (warning->message, "\"DOGG\"") && strstr (warning->message, "\"dog\""), "%s",
      warning->message);
  g_error_free (warning);
  g_free (debug);
  gst_message_unref (message);
  g_object_get (detect, "classes", &classes, NULL);
  fail_unless_equals_string (classes, "car");
  g_free (classes);

  g_object_set (detect, "classes", "dog", NULL);
  g_object_get (detect, "classes", &classes, NULL);
  fail_unless_equals_string (classes, "dog");
  g_free (classes);
  fail_unless (pop_message (detect, GST_MESSAGE_WARNING) == NULL);
  fail_unless (pop_message (detect, GST_MESSAGE_ERROR) == NULL);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Whether analytics metadata can be had depends on the build; what it cannot do it says. */
GST_START_TEST (test_meta_type_of_another_build)
{
  static const char *const types[] = { "auto", "roi", "analytics", "both" };
  GstElement *element = bare_detect ();
  const char *parts[] = { "meta-type", types[__i__], "expected", "found", NULL };

  gst_util_set_object_arg (G_OBJECT (element), "meta-type", types[__i__]);
  g_object_set (element, "model", test_model (), NULL);
  if (gst_element_set_state (element, GST_STATE_PAUSED) == GST_STATE_CHANGE_SUCCESS) {
    fail_unless (pop_message (element, GST_MESSAGE_ERROR) == NULL);
    gst_element_set_state (element, GST_STATE_NULL);
    gst_object_unref (element);
    return;
  }
  fail_unless (__i__ >= 2, "meta-type=%s fails", types[__i__]);
  gst_message_unref (pop_message (element, GST_MESSAGE_ERROR));
  gst_element_set_state (element, GST_STATE_NULL);
  expect_error (element, GST_RESOURCE_ERROR_SETTINGS, parts);
}
GST_END_TEST

/* A precision that the model lacks: other numbers than those that were calibrated. */
GST_START_TEST (test_precision_that_the_model_lacks)
{
  GstElement *element = bare_detect ();
  const char *parts[] = { "precision int8", "auto", NULL };
  char *path = in_folder ("uncalibrated.safetensors");

  fail_unless (frc_model_convert (test_model (), NULL, NULL, "bf16", path, NULL));
  gst_util_set_object_arg (G_OBJECT (element), "precision", "int8");
  g_object_set (element, "model", path, NULL);
  expect_error (element, GST_RESOURCE_ERROR_SETTINGS, parts);
  g_free (path);
}
GST_END_TEST

/* ---- in the stream ---- */

GST_START_TEST (test_buffer_that_cannot_be_mapped)
{
  GstElement *detect = make_detect ();
  GstVideoInfo info;
  GError *error = NULL;

  test_info (&info, GST_VIDEO_FORMAT_RGB, 64, 48);
  GstHarness *h = harness_for (detect, &info);
  fail_unless_equals_int (gst_harness_push (h, gst_buffer_new_allocate (NULL, 100, NULL)),
      GST_FLOW_ERROR);
  GstMessage *message = pop_message (detect, GST_MESSAGE_ERROR);
  fail_unless (message != NULL);
  gst_message_parse_error (message, &error, NULL);
  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ));
  g_error_free (error);
  gst_message_unref (message);
  fail_unless (pop_message (detect, GST_MESSAGE_ERROR) == NULL);
  gst_harness_teardown (h);
}
GST_END_TEST

static void
push_orientation (GstHarness *h, const char *orientation)
{
  GstTagList *tags = gst_tag_list_new (GST_TAG_IMAGE_ORIENTATION, orientation, NULL);
  fail_unless (gst_harness_push_event (h, gst_event_new_tag (tags)));
}

GST_START_TEST (test_orientation_tag)
{
  GstElement *detect = make_detect ();
  GstVideoInfo info;
  GError *warning = NULL;

  test_info (&info, GST_VIDEO_FORMAT_RGB, 64, 48);
  GstHarness *h = harness_for (detect, &info);
  push_orientation (h, "rotate-0");
  fail_unless (pop_message (detect, GST_MESSAGE_WARNING) == NULL);
  push_orientation (h, "rotate-90");
  push_orientation (h, "rotate-180");
  GstMessage *message = pop_message (detect, GST_MESSAGE_WARNING);
  fail_unless (message != NULL);
  gst_message_parse_warning (message, &warning, NULL);
  fail_unless (strstr (warning->message, "videoflip video-direction=auto") != NULL);
  g_error_free (warning);
  gst_message_unref (message);
  fail_unless (pop_message (detect, GST_MESSAGE_WARNING) == NULL, "more than one warning");
  gst_harness_teardown (h);
}
GST_END_TEST

static Suite *
errors_suite (void)
{
  Suite *suite = suite_create ("errors");
  TCase *tc = tcase_create ("errors");

  tcase_set_timeout (tc, 60);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_no_file);
  tcase_add_test (tc, test_directory);
  tcase_add_test (tc, test_empty_name);
  tcase_add_test (tc, test_empty_file);
  tcase_add_loop_test (tc, test_truncated, 0, 4);
  tcase_add_loop_test (tc, test_not_a_model, 0, 3);
  tcase_add_loop_test (tc, test_hostile_pickle, 0, 2);
  tcase_add_test (tc, test_unknown_family);
  tcase_add_test (tc, test_wrong_number_of_labels);
  tcase_add_test (tc, test_right_number_of_labels);
  tcase_add_test (tc, test_unknown_class);
  tcase_add_test (tc, test_unknown_class_live);
  tcase_add_loop_test (tc, test_meta_type_of_another_build, 0, 4);
  tcase_add_test (tc, test_precision_that_the_model_lacks);
  tcase_add_test (tc, test_buffer_that_cannot_be_mapped);
  tcase_add_test (tc, test_orientation_tag);
  return suite;
}

GST_CHECK_MAIN (errors)
