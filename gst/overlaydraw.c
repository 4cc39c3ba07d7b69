/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Boxes first, then texts, so that no line hides one; the first object, the most confident one, on
 * top of the others.
 */
#include "overlaydraw.h"

#include "labeltables.h"

#define WHITE 0xffffffff
#define BLACK 0x000000ff

/** frc_object_area: where @object lies in the stored frame. */
FrcArea
frc_object_area (const FrcObject *object, const FrcRect *visible)
{
  return (FrcArea){ object->x + visible->x, object->y + visible->y, object->width,
    object->height };
}

/* Black or white, whichever is easier to read on @rgba. */
static guint32
text_color_on (guint32 rgba)
{
  guint luma = 299 * (rgba >> 24) + 587 * (rgba >> 16 & 0xff) + 114 * (rgba >> 8 & 0xff);

  return luma > 128 * 1000 ? BLACK : WHITE;
}

static void
draw_box (const FrcDrawTarget *to, const FrcObject *object, const FrcDrawStyle *style)
{
  guint32 rgba = frc_label_color (style->colors, object->label);
  FrcArea area = frc_object_area (object, &to->visible);

  if (to->canvas) {
    frc_compose_box (to->canvas, &area, style->thickness, rgba);
  } else {
    FrcInk ink = frc_ink_from_rgba (&to->frame->info, rgba);
    frc_paint_box (to->frame, &area, style->thickness, &ink);
  }
}

static void
draw_mask (const FrcDrawTarget *to, gint64 x, gint64 y, const FrcMask *mask, guint32 paper,
    guint32 ink)
{
  if (to->canvas) {
    frc_compose_mask (to->canvas, x, y, mask, paper, ink);
  } else {
    FrcInk paper_ink = frc_ink_from_rgba (&to->frame->info, paper);
    FrcInk text_ink = frc_ink_from_rgba (&to->frame->info, ink);
    frc_paint_mask (to->frame, x, y, mask, &paper_ink, &text_ink);
  }
}

/* The picture of @text. NULL: there is none, or it would hide more than half of the frame's height. */
static const FrcMask *
mask_of (const FrcDrawTarget *to, const char *text)
{
  const FrcMask *mask = *text ? frc_label_images_get (to->images, text) : NULL;

  return mask && mask->height <= to->visible.height / 2 ? mask : NULL;
}

static char *
text_of (const FrcObject *object, const FrcDrawStyle *style)
{
  const char *label = style->labels && object->label ? object->label : "";

  if (!style->confidences || !(object->confidence >= 0.0))
    return g_strdup (label);
  gint percent = (gint) (MIN (object->confidence, 1.0) * 100.0 + 0.5);
  return g_strdup_printf ("%s%s%d %%", label, *label ? " " : "", percent);
}

/* Above the box, inside its top where there is no room above, and always in what is visible. */
static void
draw_text (const FrcDrawTarget *to, const FrcObject *object, const FrcDrawStyle *style)
{
  g_autofree char *text = text_of (object, style);
  const FrcMask *mask = mask_of (to, text);
  if (!mask)
    return;

  const FrcRect *visible = &to->visible;
  gint64 left = visible->x, top = visible->y;
  FrcArea area = frc_object_area (object, visible);
  gint64 y = area.y - mask->height;
  if (y < top)
    y = area.y + style->thickness;
  gint64 x = MAX (left, MIN (area.x, left + visible->width - mask->width));
  y = MAX (top, MIN (y, top + visible->height - mask->height));

  guint32 color = frc_label_color (style->colors, object->label);
  draw_mask (to, x, y, mask, color, text_color_on (color));
}

/**
 * frc_draw_objects:
 * @objects: of FrcObject, the most confident first
 *
 * Draws the lines of each box and, as @style has it, its text.
 */
void
frc_draw_objects (const FrcDrawTarget *to, const GArray *objects, const FrcDrawStyle *style)
{
  for (guint i = objects->len; i-- > 0;)
    draw_box (to, &g_array_index (objects, FrcObject, i), style);
  for (guint i = objects->len; i-- > 0;)
    draw_text (to, &g_array_index (objects, FrcObject, i), style);
}

/**
 * frc_stats_line:
 * @fps: negative = not known
 * @age: of the result, ns; GST_CLOCK_TIME_NONE = not known
 *
 * Returns: (transfer full): "25.0 fps, 3 objects, 40 ms old".
 */
char *
frc_stats_line (gdouble fps, guint n_objects, gboolean has_result, guint64 age)
{
  guint tenths = (guint) (CLAMP (fps, 0.0, 1e8) * 10.0 + 0.5);
  GString *line = g_string_new (NULL);

  if (fps >= 0.0)
    g_string_append_printf (line, "%u.%u fps, ", tenths / 10, tenths % 10);
  if (!has_result) {
    g_string_append (line, "no result");
    return g_string_free (line, FALSE);
  }
  g_string_append_printf (line, "%u object%s", n_objects, n_objects == 1 ? "" : "s");
  if (GST_CLOCK_TIME_IS_VALID (age))
    g_string_append_printf (line, ", %" G_GUINT64_FORMAT " ms old",
        gst_util_uint64_scale_round (age, 1, GST_MSECOND));
  return g_string_free (line, FALSE);
}

/** frc_draw_stats_line: @line in the top left corner, white on black. */
void
frc_draw_stats_line (const FrcDrawTarget *to, const char *line)
{
  const FrcMask *mask = mask_of (to, line);

  if (mask)
    draw_mask (to, to->visible.x, to->visible.y, mask, BLACK, WHITE);
}
