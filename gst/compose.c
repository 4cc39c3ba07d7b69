/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The same drawing as paint.c, as a GstVideoOverlayComposition: four thin rectangles a box and one
 * a text, so that there is never a picture of the size of the frame.
 */
#include "compose.h"

/* A pixel as compositions have it: a number of 32 bits, 0xaarrggbb. */
static guint32
pixel_of (guint32 rgba)
{
  return rgba >> 8 | rgba << 24;
}

/* Takes @pixels, width × height of them. */
static void
add_rectangle (FrcCanvas *canvas, gint x, gint y, gint width, gint height, guint32 *pixels)
{
  GstBuffer *buffer = gst_buffer_new_wrapped (pixels, (gsize) width * height * sizeof *pixels);

  gst_buffer_add_video_meta (buffer, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, width, height);
  GstVideoOverlayRectangle *rectangle = gst_video_overlay_rectangle_new_raw (buffer, x, y, width,
      height, GST_VIDEO_OVERLAY_FORMAT_FLAG_NONE);
  gst_video_overlay_composition_add_rectangle (canvas->composition, rectangle);
  gst_video_overlay_rectangle_unref (rectangle);
  gst_buffer_unref (buffer);
}

/* As far as it lies on the canvas. */
static void
add_solid (FrcCanvas *canvas, gint64 x1, gint64 y1, gint64 x2, gint64 y2, guint32 rgba)
{
  gint left = (gint) CLAMP (x1, 0, canvas->width), right = (gint) CLAMP (x2, 0, canvas->width);
  gint top = (gint) CLAMP (y1, 0, canvas->height), bottom = (gint) CLAMP (y2, 0, canvas->height);
  gsize n = (gsize) MAX (right - left, 0) * MAX (bottom - top, 0);

  if (n == 0)
    return;
  guint32 *pixels = g_new (guint32, n), pixel = pixel_of (rgba);
  for (gsize i = 0; i < n; i++)
    pixels[i] = pixel;
  add_rectangle (canvas, left, top, right - left, bottom - top, pixels);
}

/**
 * frc_compose_box:
 * @thickness: of the lines, pixels; they lie inside @area
 * @rgba: 0xrrggbbaa
 */
void
frc_compose_box (FrcCanvas *canvas, const FrcArea *area, guint thickness, guint32 rgba)
{
  gint64 x1 = area->x, y1 = area->y, x2 = x1 + area->width, y2 = y1 + area->height;
  gint64 t = thickness;

  if (area->width <= 2 * t || area->height <= 2 * t) { /* nothing inside the lines */
    add_solid (canvas, x1, y1, x2, y2, rgba);
    return;
  }
  add_solid (canvas, x1, y1, x2, y1 + t, rgba);
  add_solid (canvas, x1, y2 - t, x2, y2, rgba);
  add_solid (canvas, x1, y1 + t, x1 + t, y2 - t, rgba);
  add_solid (canvas, x2 - t, y1 + t, x2, y2 - t, rgba);
}

/**
 * frc_compose_mask:
 * @x: @y: where the top left pixel of @mask goes
 * @paper: @ink: 0xrrggbbaa; both are as opaque as @paper is
 */
void
frc_compose_mask (FrcCanvas *canvas, gint64 x, gint64 y, const FrcMask *mask, guint32 paper,
    guint32 ink)
{
  gint left = (gint) CLAMP (x, 0, canvas->width), top = (gint) CLAMP (y, 0, canvas->height);
  gint width = (gint) CLAMP (x + mask->width, 0, canvas->width) - left;
  gint height = (gint) CLAMP (y + mask->height, 0, canvas->height) - top;
  guint32 color[256];

  if (width <= 0 || height <= 0)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (color); i++) {
    color[i] = paper << 24;
    for (guint shift = 8; shift < 32; shift += 8) {
      guint from = paper >> shift & 0xff, to = ink >> shift & 0xff;
      color[i] |= (i * to + (255 - i) * from + 127) / 255 << (shift - 8);
    }
  }
  guint32 *pixels = g_new (guint32, (gsize) width * height);
  for (gint row = 0; row < height; row++) {
    const guint8 *coverage =
        mask->coverage + (gsize) (top - y + row) * mask->stride + (gsize) (left - x);
    for (gint i = 0; i < width; i++)
      pixels[(gsize) row * width + i] = color[coverage[i]];
  }
  add_rectangle (canvas, left, top, width, height, pixels);
}

/**
 * frc_compose_attach:
 * @buffer: writable
 *
 * Attaches the composition, behind the one that @buffer may have already: that is not changed, a
 * copy of it takes its place. An empty one is not attached. Takes the composition out of @canvas.
 */
void
frc_compose_attach (FrcCanvas *canvas, GstBuffer *buffer)
{
  GstVideoOverlayCompositionMeta *theirs = gst_buffer_get_video_overlay_composition_meta (buffer);
  GstVideoOverlayComposition *all = canvas->composition;
  guint n = gst_video_overlay_composition_n_rectangles (canvas->composition);

  if (n > 0 && theirs) {
    all = gst_video_overlay_composition_copy (theirs->overlay);
    for (guint i = 0; i < n; i++)
      gst_video_overlay_composition_add_rectangle (all,
          gst_video_overlay_composition_get_rectangle (canvas->composition, i));
    gst_buffer_remove_video_overlay_composition_meta (buffer, theirs);
    gst_video_overlay_composition_unref (canvas->composition);
  }
  if (n > 0)
    gst_buffer_add_video_overlay_composition_meta (buffer, all);
  gst_video_overlay_composition_unref (all);
  canvas->composition = NULL;
}
