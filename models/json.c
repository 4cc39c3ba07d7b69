/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JSON of the tool's lines: strings escaped, numbers by %.9g (enough for every float to come back
 * as itself), whatever the locale.
 */
#include "tool.h"

#include <math.h>

static void
append_escaped (GString *out, gunichar c)
{
  switch (c) {
    case '"':
      g_string_append (out, "\\\"");
      break;
    case '\\':
      g_string_append (out, "\\\\");
      break;
    case '\n':
      g_string_append (out, "\\n");
      break;
    case '\t':
      g_string_append (out, "\\t");
      break;
    default:
      if (c < 0x20 || c == 0x7f)
        g_string_append_printf (out, "\\u%04x", c);
      else
        g_string_append_unichar (out, c);
  }
}

/* Appends `text` in quotes. Bytes that are no UTF-8 (a file name may have them) become U+FFFD. */
void
tool_json_string (GString *out, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_string_append_c (out, '"');
  for (const char *p = valid; *p; p = g_utf8_next_char (p))
    append_escaped (out, g_utf8_get_char (p));
  g_string_append_c (out, '"');
}

/* Appends `value`; what JSON has no number for becomes null. */
void
tool_json_number (GString *out, gdouble value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  if (isfinite (value))
    g_string_append (out, g_ascii_formatd (buffer, sizeof buffer, "%.9g", value));
  else
    g_string_append (out, "null");
}

/* Appends `"key": `, and before it a comma where a member or element ends there. */
void
tool_json_key (GString *out, const char *key)
{
  const char last = out->len ? out->str[out->len - 1] : '{';
  if (last != '{' && last != '[')
    g_string_append (out, ", ");
  tool_json_string (out, key);
  g_string_append (out, ": ");
}

void
tool_json_add_text (GString *out, const char *key, const char *text)
{
  tool_json_key (out, key);
  tool_json_string (out, text);
}

void
tool_json_add_number (GString *out, const char *key, gdouble value)
{
  tool_json_key (out, key);
  tool_json_number (out, value);
}

/* Counts may exceed the nine digits of a number that stands for a float. */
void
tool_json_add_count (GString *out, const char *key, guint64 value)
{
  tool_json_key (out, key);
  g_string_append_printf (out, "%" G_GUINT64_FORMAT, value);
}

static void
append_object (GString *out, const ToolSession *session, const FrcDetection *found)
{
  const gfloat box[4] = { found->box.x1, found->box.y1, found->box.x2, found->box.y2 };
  g_string_append_c (out, '{');
  tool_json_add_text (out, "label", tool_session_label (session, found->label_id));
  tool_json_key (out, "label_id");
  g_string_append_printf (out, "%d", found->label_id);
  tool_json_add_number (out, "score", found->score);
  tool_json_key (out, "box");
  g_string_append_c (out, '[');
  for (int i = 0; i < 4; i++) {
    if (i)
      g_string_append (out, ", ");
    tool_json_number (out, box[i]);
  }
  g_string_append (out, "]}");
}

/* Appends the line of one image, without the line break: what session->found holds. */
void
tool_json_detections (GString *out, const char *image, guint width, guint height,
    const ToolSession *session)
{
  g_string_append_c (out, '{');
  tool_json_add_text (out, "image", image);
  tool_json_add_count (out, "width", width);
  tool_json_add_count (out, "height", height);
  tool_json_key (out, "objects");
  g_string_append_c (out, '[');
  for (guint i = 0; i < session->n_found; i++) {
    if (i)
      g_string_append (out, ", ");
    append_object (out, session, &session->found[i]);
  }
  g_string_append (out, "]}");
}
