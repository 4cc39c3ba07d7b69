/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Draws the found objects into a copy of a still: a box in the label's colour, its name and score.
 */
#include "tool.h"

#include <cairo.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <string.h>

/* Hues a golden-ratio step apart, so that neighbouring labels differ. */
static void
label_colour (gint label_id, gdouble rgb[3])
{
  const gdouble hue = fmod (label_id * 0.61803398875, 1.0) * 6;
  for (int i = 0; i < 3; i++) {
    const gdouble distance = fabs (fmod (hue + 6 - 2 * i, 6) - 3) - 1;
    rgb[i] = 0.15 + 0.8 * CLAMP (distance, 0, 1);
  }
}

/* RGB or RGBA bytes to cairo's native-endian 0xffRRGGBB words. */
static cairo_surface_t *
copy_pixels (const FrcImage *image)
{
  const guint channels = image->info.format == FRC_FORMAT_RGBA ? 4 : 3;
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24,
      (int) image->info.width, (int) image->info.height);
  if (cairo_surface_status (surface) != CAIRO_STATUS_SUCCESS)
    return surface;
  guint8 *out = cairo_image_surface_get_data (surface);
  const int out_stride = cairo_image_surface_get_stride (surface);
  for (guint y = 0; y < image->info.height; y++) {
    const guint8 *from = image->plane[0] + (gsize) y * (gsize) image->stride[0];
    guint8 *to = out + (gsize) y * (gsize) out_stride;
    for (guint x = 0; x < image->info.width; x++, from += channels) {
      const guint32 word = 0xff000000u | (guint32) from[0] << 16 | (guint32) from[1] << 8 | from[2];
      memcpy (to + 4 * x, &word, sizeof word);
    }
  }
  cairo_surface_mark_dirty (surface);
  return surface;
}

static void
draw_label (cairo_t *cr, const char *text, gdouble x, gdouble y, gdouble size,
    const gdouble rgb[3])
{
  PangoLayout *layout = pango_cairo_create_layout (cr);
  PangoFontDescription *font = pango_font_description_from_string ("Sans Bold");
  int width, height;
  pango_font_description_set_absolute_size (font, size * PANGO_SCALE);
  pango_layout_set_font_description (layout, font);
  pango_layout_set_text (layout, text, -1);
  pango_layout_get_pixel_size (layout, &width, &height);
  y = y >= height ? y - height : y;
  cairo_set_source_rgb (cr, rgb[0], rgb[1], rgb[2]);
  cairo_rectangle (cr, x, y, width + 4, height);
  cairo_fill (cr);
  const gdouble light = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
  cairo_set_source_rgb (cr, light < 0.5, light < 0.5, light < 0.5);
  cairo_move_to (cr, x + 2, y);
  pango_cairo_show_layout (cr, layout);
  pango_font_description_free (font);
  g_object_unref (layout);
}

static void
draw_object (cairo_t *cr, const ToolSession *session, const FrcDetection *found, gdouble line)
{
  gdouble rgb[3];
  label_colour (found->label_id, rgb);
  cairo_set_source_rgb (cr, rgb[0], rgb[1], rgb[2]);
  cairo_set_line_width (cr, line);
  cairo_rectangle (cr, found->box.x1, found->box.y1, found->box.x2 - found->box.x1,
      found->box.y2 - found->box.y1);
  cairo_stroke (cr);
  g_autofree char *label = g_utf8_make_valid (tool_session_label (session, found->label_id), -1);
  g_autofree char *text = g_strdup_printf ("%s %.0f %%", label, 100.0 * found->score);
  draw_label (cr, text, found->box.x1, found->box.y1, MAX (10, 6 * line), rgb);
}

/* Writes a PNG of `still` with session->found drawn in it, the best object on top. */
gboolean
tool_still_draw (const ToolStill *still, const ToolSession *session, const char *path,
    GError **error)
{
  const guint side = MIN (still->image.info.width, still->image.info.height);
  const gdouble line = MAX (2, side / 200);
  cairo_surface_t *surface = copy_pixels (&still->image);
  cairo_t *cr = cairo_create (surface);
  for (guint i = session->n_found; i-- > 0;)
    draw_object (cr, session, &session->found[i], line);
  cairo_status_t status = cairo_status (cr);
  cairo_destroy (cr);
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_write_to_png (surface, path);
  cairo_surface_destroy (surface);
  if (status == CAIRO_STATUS_SUCCESS)
    return TRUE;
  g_set_error (error, FRC_ERROR, FRC_ERROR_WRITE, "%s: cannot write the picture: %s", path,
      cairo_status_to_string (status));
  return FALSE;
}
