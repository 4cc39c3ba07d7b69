/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JSON in a fixed layout, by hand: numbers with a point in every locale and as many digits as it
 * takes to read the same number back, text as UTF-8 with nothing but what must be escaped.
 */
#include "jsonline.h"

static void
append_number (GString *out, const char *name, gdouble value)
{
  static const char *const formats[] = { "%.15g", "%.16g", "%.17g" };
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    g_ascii_formatd (text, sizeof text, formats[i], value);
    if (g_ascii_strtod (text, NULL) == value)
      break;
  }
  g_string_append_printf (out, "\"%s\":%s", name, text);
}

static void
append_text (GString *out, const char *name, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  g_string_append_printf (out, "\"%s\":\"", name);
  for (const char *p = valid; *p; p++) {
    if (*p == '"' || *p == '\\')
      g_string_append_c (out, '\\');
    if ((guchar) *p < 0x20)
      g_string_append_printf (out, "\\u%04x", (guchar) *p);
    else
      g_string_append_c (out, *p);
  }
  g_string_append_c (out, '"');
}

static void
append_detection (GString *out, const FrcObject *object, const char *label)
{
  g_string_append (out, ",\"detection\":{\"bounding_box\":{");
  append_number (out, "x_min", object->x_min);
  g_string_append_c (out, ',');
  append_number (out, "y_min", object->y_min);
  g_string_append_c (out, ',');
  append_number (out, "x_max", object->x_max);
  g_string_append_c (out, ',');
  append_number (out, "y_max", object->y_max);
  g_string_append (out, "},");
  if (object->confidence >= 0.0) {
    append_number (out, "confidence", object->confidence);
    g_string_append_c (out, ',');
  }
  append_text (out, "label", label);
  if (object->label_id >= 0)
    g_string_append_printf (out, ",\"label_id\":%d", object->label_id);
  g_string_append_c (out, '}');
}

static void
append_object (GString *out, const FrcObject *object)
{
  const char *label = object->label ? object->label : "";

  g_string_append_printf (out,
      "{\"x\":%" G_GINT64_FORMAT ",\"y\":%" G_GINT64_FORMAT ",\"w\":%" G_GINT64_FORMAT
      ",\"h\":%" G_GINT64_FORMAT ",\"region_id\":%d,\"parent_id\":%d,",
      object->x, object->y, object->width, object->height, object->id, object->parent_id);
  append_text (out, "roi_type", label);
  if (object->has_corners)
    append_detection (out, object, label);
  g_string_append_c (out, '}');
}

/**
 * frc_json_line_append:
 * @objects: of FrcObject
 * @timestamp: ns; GST_CLOCK_TIME_NONE becomes null
 *
 * Appends one line with its newline, in the layout of DL Streamer's gvametaconvert. `detection` is
 * left out without the box's exact corners; so are, in it, a confidence or a label_id not known.
 */
void
frc_json_line_append (GString *out, const GArray *objects, const FrcRect *visible,
    guint64 timestamp)
{
  g_string_append (out, "{\"objects\":[");
  for (guint i = 0; i < objects->len; i++) {
    if (i > 0)
      g_string_append_c (out, ',');
    append_object (out, &g_array_index (objects, FrcObject, i));
  }
  g_string_append_printf (out, "],\"resolution\":{\"width\":%d,\"height\":%d},\"timestamp\":",
      (gint) visible->width, (gint) visible->height);
  if (GST_CLOCK_TIME_IS_VALID (timestamp))
    g_string_append_printf (out, "%" G_GUINT64_FORMAT "}\n", timestamp);
  else
    g_string_append (out, "null}\n");
}
