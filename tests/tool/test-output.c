/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tool writes: JSON, .npy files, times; and which stills it refuses.
 */
#include <glib/gstdio.h>
#include <locale.h>
#include <math.h>
#include <string.h>
#include "models/tool.h"

static void
expect_string (const char *text, const char *json)
{
  g_autoptr (GString) out = g_string_new (NULL);
  tool_json_string (out, text);
  g_assert_cmpstr (out->str, ==, json);
}

static void
test_json_string (void)
{
  expect_string ("dog", "\"dog\"");
  expect_string ("", "\"\"");
  expect_string ("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
  expect_string ("line\nline\ttab\rx\x01\x1f\x7f", "\"line\\nline\\ttab\\u000dx\\u0001\\u001f\\u007f\"");
  expect_string ("Gr\xc3\xbc\xc3\x9f" "e \xf0\x9f\x90\x95", "\"Gr\xc3\xbc\xc3\x9f" "e \xf0\x9f\x90\x95\"");
  expect_string ("bad\xff" "end", "\"bad\xef\xbf\xbd" "end\"");
}

static void
expect_number (gdouble value, const char *json)
{
  g_autoptr (GString) out = g_string_new (NULL);
  tool_json_number (out, value);
  g_assert_cmpstr (out->str, ==, json);
}

static void
test_json_number (void)
{
  expect_number (0, "0");
  expect_number (0.930412352, "0.930412352");
  expect_number (1e-10, "1e-10");
  expect_number (123456789.4, "123456789");
  expect_number (NAN, "null");
  expect_number (INFINITY, "null");
  /* every float comes back as itself */
  for (guint32 bits = 0x3a000000; bits < 0x45000000; bits += 0x3001) {
    gfloat value;
    memcpy (&value, &bits, sizeof value);
    g_autoptr (GString) out = g_string_new (NULL);
    tool_json_number (out, value);
    g_assert_true ((gfloat) g_ascii_strtod (out->str, NULL) == value);
  }
  if (setlocale (LC_ALL, "de_DE.UTF-8"))
    expect_number (0.5, "0.5");
  setlocale (LC_ALL, "C");
}

static void
test_json_keys (void)
{
  g_autoptr (GString) out = g_string_new ("{");
  tool_json_key (out, "a");
  tool_json_number (out, 1);
  tool_json_key (out, "b\"");
  tool_json_string (out, "x");
  g_string_append_c (out, '}');
  g_assert_cmpstr (out->str, ==, "{\"a\": 1, \"b\\\"\": \"x\"}");
}

/* 1 × 2 × 3 pixels of 2 channels, 4 floats from pixel to pixel: NCHW is the first channel's six
 * values, then the second's. */
static void
test_npy (void)
{
  gfloat data[2 * 3 * 4];
  for (guint i = 0; i < G_N_ELEMENTS (data); i++)
    data[i] = (gfloat) i;
  g_autofree char *folder = g_dir_make_tmp ("frcnn-npy-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "x.npy", NULL);
  g_autofree char *contents = NULL;
  gsize length;
  g_autoptr (GError) error = NULL;
  g_assert_true (tool_npy_write (path, data, 1, 2, 3, 2, 4, &error));
  g_assert_true (g_file_get_contents (path, &contents, &length, NULL));
  const guint header = (guint8) contents[8] | (guint) (guint8) contents[9] << 8;
  g_assert_cmpmem (contents, 8, "\x93NUMPY\x01\x00", 8);
  g_assert_cmpuint ((10 + header) % 64, ==, 0);
  g_assert_cmpuint (length, ==, 10 + header + 12 * sizeof (gfloat));
  g_assert_true (g_str_has_prefix (contents + 10,
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 2, 3), }"));
  g_assert_cmpint (contents[10 + header - 1], ==, '\n');
  for (guint channel = 0; channel < 2; channel++)
    for (guint pixel = 0; pixel < 6; pixel++) {
      gfloat value;
      memcpy (&value, contents + 10 + header + (channel * 6 + pixel) * sizeof value, sizeof value);
      g_assert_cmpfloat (value, ==, (gfloat) (pixel * 4 + channel));
    }
  g_remove (path);
  g_remove (folder);
  g_assert_false (tool_npy_write (path, data, 1, 2, 3, 2, 4, &error));
  g_assert_error (error, FRC_ERROR, FRC_ERROR_WRITE);
  g_assert_nonnull (strstr (error->message, path));
}

static void
test_times (void)
{
  static const struct {
    gdouble seconds;
    const char *text;
  } cases[] = { { 0, "0 s" }, { 7.2, "8 s" }, { 59, "59 s" }, { 60, "1 min 00 s" },
    { 125, "2 min 05 s" }, { 3720, "1 h 02 min" }, { -1, "0 s" }, { INFINITY, "0 s" } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = tool_progress_time (cases[i].seconds);
    g_assert_cmpstr (text, ==, cases[i].text);
  }
}

static void
test_sizes (void)
{
  static const char *const bad[] = { "", "x", "640", "640x", "x480", "640x480x3", "0x480", "640x-1",
    "640x8193", "640 x480", "99999999999999999999x1", "axb" };
  guint width, height;
  g_assert_true (tool_parse_size ("640x480", &width, &height, NULL));
  g_assert_cmpuint (width, ==, 640);
  g_assert_cmpuint (height, ==, 480);
  g_assert_true (tool_parse_size ("1x8192", &width, &height, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_false (tool_parse_size (bad[i], &width, &height, &error));
    g_assert_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT);
  }
}

/* A PNG whose header says 60000 × 60000 must be refused before its pixels take memory; the bytes
 * behind the header are not even there. */
static void
test_still_limits (void)
{
  static const guint8 huge[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H',
    'D', 'R', 0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60, 8, 2, 0, 0, 0, 0x0f, 0xb0, 0xe2, 0x15, 0, 0,
    0, 0, 'I', 'D', 'A', 'T' };
  g_autofree char *folder = g_dir_make_tmp ("frcnn-still-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "huge.png", NULL);
  ToolStill still;
  g_autoptr (GError) error = NULL;
  g_assert_true (g_file_set_contents (path, (const char *) huge, sizeof huge, NULL));
  g_assert_false (tool_still_open (&still, path, &error));
  g_assert_error (error, FRC_ERROR, FRC_ERROR_TOO_LARGE);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, "60000x60000"));
  g_clear_error (&error);
  g_remove (path);
  g_assert_false (tool_still_open (&still, path, &error));
  g_assert_error (error, FRC_ERROR, FRC_ERROR_OPEN);
  g_clear_error (&error);
  g_assert_false (tool_still_open (&still, folder, &error));
  g_assert_nonnull (strstr (error->message, "directory"));
  g_remove (folder);
}

/* A JPEG must decode whole and be refused where its end is cut off. */
static void
test_still_cut_off (void)
{
  static const char *const kinds[] = { "jpeg", "png", "bmp" };
  g_autofree char *folder = g_dir_make_tmp ("frcnn-still-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "image", NULL);
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, 64, 48);
  guint8 *pixels = gdk_pixbuf_get_pixels (pixbuf);
  for (int i = 0; i < 64 * 3 * 48; i++)
    pixels[i] = (guint8) (i * 37 + i / 64);
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++) {
    g_autofree char *contents = NULL;
    gsize length;
    ToolStill still;
    g_autoptr (GError) error = NULL;
    g_assert_true (gdk_pixbuf_save (pixbuf, path, kinds[k], NULL, NULL));
    g_assert_true (tool_still_open (&still, path, &error));
    g_assert_cmpuint (still.image.info.width, ==, 64);
    g_assert_cmpuint (still.image.info.height, ==, 48);
    g_assert_cmpint (still.image.info.format, ==, FRC_FORMAT_RGB);
    if (k > 0) /* without loss */
      g_assert_cmpmem (still.image.plane[0], 64 * 3, pixels, 64 * 3);
    tool_still_clear (&still);
    g_assert_true (g_file_get_contents (path, &contents, &length, NULL));
    g_assert_true (g_file_set_contents (path, contents, (gssize) length * 2 / 3, NULL));
    g_assert_false (tool_still_open (&still, path, &error));
    g_assert_nonnull (strstr (error->message, path));
    g_remove (path);
  }
  g_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/output/json-string", test_json_string);
  g_test_add_func ("/output/json-number", test_json_number);
  g_test_add_func ("/output/json-keys", test_json_keys);
  g_test_add_func ("/output/npy", test_npy);
  g_test_add_func ("/output/times", test_times);
  g_test_add_func ("/output/sizes", test_sizes);
  g_test_add_func ("/still/limits", test_still_limits);
  g_test_add_func ("/still/cut-off", test_still_cut_off);
  return g_test_run ();
}
