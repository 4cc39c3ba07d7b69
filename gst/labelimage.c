/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text → mask with pango and cairo. The most recently used masks are kept: a text such as
 * "person 87 %" comes again within seconds.
 */
#include "labelimage.h"

#include <pango/pangocairo.h>
#include <string.h>

#define KEPT 128      /* masks */
#define MAX_SIDE 2048 /* pixels: longer texts are cut off */
#define MARGIN_X 3    /* pixels of paper left and right of the text */
#define MARGIN_Y 1

typedef struct
{
  char *text;
  FrcMask mask;
} Entry;

struct _FrcLabelImages
{
  PangoFontMap *fonts;
  PangoContext *context;
  PangoLayout *layout;
  char *font;
  GHashTable *by_text; /* text → link of recent */
  GQueue recent;       /* of Entry, the latest first */
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->text);
  g_free (entry->mask.coverage);
  g_free (entry);
}

/** frc_label_images_new: with fonts of its own, so that nothing of the process is changed. */
FrcLabelImages *
frc_label_images_new (void)
{
  FrcLabelImages *images = g_new0 (FrcLabelImages, 1);

  images->fonts = pango_cairo_font_map_new ();
  images->context = pango_font_map_create_context (images->fonts);
  images->layout = pango_layout_new (images->context);
  pango_layout_set_single_paragraph_mode (images->layout, TRUE);
  images->by_text = g_hash_table_new (g_str_hash, g_str_equal);
  g_queue_init (&images->recent);
  return images;
}

static void
forget_all (FrcLabelImages *images)
{
  g_hash_table_remove_all (images->by_text);
  g_queue_clear_full (&images->recent, entry_free);
}

void
frc_label_images_free (FrcLabelImages *images)
{
  if (!images)
    return;
  forget_all (images);
  g_hash_table_unref (images->by_text);
  g_object_unref (images->layout);
  g_object_unref (images->context);
  g_object_unref (images->fonts);
  g_free (images->font);
  g_free (images);
}

/** frc_label_images_set_font: @font is a Pango description, "Sans Bold 12". */
void
frc_label_images_set_font (FrcLabelImages *images, const char *font)
{
  if (g_strcmp0 (images->font, font) == 0)
    return;
  g_free (images->font);
  images->font = g_strdup (font);

  PangoFontDescription *description = pango_font_description_from_string (font ? font : "");
  pango_layout_set_font_description (images->layout, description);
  pango_font_description_free (description);
  forget_all (images);
}

static gboolean
draw (FrcLabelImages *images, const char *text, FrcMask *mask)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  gint width, height;

  pango_layout_set_text (images->layout, valid, -1);
  pango_layout_get_pixel_size (images->layout, &width, &height);
  width = CLAMP (width + 2 * MARGIN_X, 1, MAX_SIDE);
  height = CLAMP (height + 2 * MARGIN_Y, 1, MAX_SIDE);

  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_A8, width, height);
  cairo_t *cr = cairo_create (surface);
  cairo_move_to (cr, MARGIN_X, MARGIN_Y);
  pango_cairo_show_layout (cr, images->layout);
  gboolean drawn = cairo_status (cr) == CAIRO_STATUS_SUCCESS;
  cairo_destroy (cr);
  cairo_surface_flush (surface);

  const guint8 *data = cairo_image_surface_get_data (surface);
  if (drawn && data) {
    gint stride = cairo_image_surface_get_stride (surface);
    *mask = (FrcMask){ width, height, width, g_malloc ((gsize) width * height) };
    for (gint y = 0; y < height; y++)
      memcpy (mask->coverage + (gsize) y * width, data + (gsize) y * stride, width);
  }
  cairo_surface_destroy (surface);
  return drawn && data;
}

/**
 * frc_label_images_get:
 *
 * Returns: (nullable): the mask of @text, valid until the next call; NULL when it cannot be drawn.
 */
const FrcMask *
frc_label_images_get (FrcLabelImages *images, const char *text)
{
  GList *link = g_hash_table_lookup (images->by_text, text);
  if (link) {
    g_queue_unlink (&images->recent, link);
    g_queue_push_head_link (&images->recent, link);
    return &((Entry *) link->data)->mask;
  }

  FrcMask mask;
  if (!draw (images, text, &mask))
    return NULL;
  if (images->recent.length >= KEPT) {
    Entry *oldest = g_queue_pop_tail (&images->recent);
    g_hash_table_remove (images->by_text, oldest->text);
    entry_free (oldest);
  }
  Entry *entry = g_new (Entry, 1);
  *entry = (Entry){ g_strdup (text), mask };
  g_queue_push_head (&images->recent, entry);
  g_hash_table_insert (images->by_text, entry->text, images->recent.head);
  return &entry->mask;
}
