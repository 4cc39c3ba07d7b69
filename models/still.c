/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Stills by gdk-pixbuf. The stored pixels are taken as they are: no rotation by EXIF orientation,
 * no colour profile, and an alpha channel is left out rather than blended. The first picture of an
 * animation counts.
 */
#include "tool.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* Whether a JPEG file reaches its end marker: the decoder fills a missing rest with grey and says
 * nothing. Segments are skipped by their length, so that the end of an embedded thumbnail is not
 * taken for it. */
static gboolean
jpeg_is_complete (const guint8 *data, gsize length)
{
  gsize at = 2;
  while (at + 1 < length) {
    const guint8 marker = data[at + 1];
    if (data[at] != 0xff || marker <= 0x01 || marker == 0xff || (marker >= 0xd0 && marker <= 0xd8))
      at++; /* coded data, fill bytes and markers without a length */
    else if (marker == 0xd9)
      return TRUE;
    else if (at + 3 >= length)
      break;
    else
      at += 2 + MAX (2, (gsize) data[at + 2] << 8 | data[at + 3]);
  }
  return FALSE;
}

/* Cut-off files that their decoder takes without a word: JPEG, and BMP by the size in its header. */
static gboolean
is_complete (const char *format, const guint8 *data, gsize length)
{
  if (strcmp (format, "jpeg") == 0)
    return jpeg_is_complete (data, length);
  if (strcmp (format, "bmp") == 0 && length >= 6)
    return length >= ((gsize) data[2] | (gsize) data[3] << 8 | (gsize) data[4] << 16
                         | (gsize) data[5] << 24);
  return TRUE;
}

static gboolean
check_complete (const char *path, const char *format, GError **error)
{
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, error);
  if (!file)
    return FALSE;
  if (is_complete (format, (const guint8 *) g_mapped_file_get_contents (file),
          g_mapped_file_get_length (file)))
    return TRUE;
  g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT, "the %s file is cut off before its end", format);
  return FALSE;
}

/* The size is known from the header, before the pixels take memory. */
static GdkPixbuf *
decode (const char *path, GError **error)
{
  int width = 0, height = 0;
  if (g_access (path, R_OK) != 0) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_OPEN, "cannot read it: %s", g_strerror (errno));
    return NULL;
  }
  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR)) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_OPEN, "%s, expected an image file",
        g_file_test (path, G_FILE_TEST_IS_DIR) ? "a directory" : "no regular file");
    return NULL;
  }
  GdkPixbufFormat *format = gdk_pixbuf_get_file_info (path, &width, &height);
  if (format && MAX (width, height) > FRC_MAX_IMAGE_SIZE) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_TOO_LARGE,
        "the image has %dx%d pixels, expected at most %d a side", width, height,
        FRC_MAX_IMAGE_SIZE);
    return NULL;
  }
  g_autofree char *name = format ? gdk_pixbuf_format_get_name (format) : NULL;
  GError *reason = NULL; /* of a cut-off GIF there is both an error and a part of the picture */
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new_from_file (path, &reason);
  if (reason) {
    g_propagate_error (error, reason);
    return NULL;
  }
  return check_complete (path, name ? name : "image", error) ? g_steal_pointer (&pixbuf) : NULL;
}

/* Opens and decodes `path`. The error names it. Free with tool_still_clear (). */
gboolean
tool_still_open (ToolStill *still, const char *path, GError **error)
{
  memset (still, 0, sizeof *still);
  g_autoptr (GdkPixbuf) pixbuf = decode (path, error);
  if (pixbuf)
    tool_still_set_pixbuf (still, pixbuf);
  else
    g_prefix_error (error, "%s: ", path);
  return pixbuf != NULL;
}

/* Takes a reference of `pixbuf`, 8 bits a channel, and describes it as an FrcImage. */
void
tool_still_set_pixbuf (ToolStill *still, GdkPixbuf *pixbuf)
{
  still->pixbuf = g_object_ref (pixbuf);
  still->image = (FrcImage) {
    .info = { .format = gdk_pixbuf_get_has_alpha (pixbuf) ? FRC_FORMAT_RGBA : FRC_FORMAT_RGB,
        .width = (guint) gdk_pixbuf_get_width (pixbuf),
        .height = (guint) gdk_pixbuf_get_height (pixbuf) },
    .plane = { gdk_pixbuf_read_pixels (pixbuf) },
    .stride = { gdk_pixbuf_get_rowstride (pixbuf) },
  };
}

void
tool_still_clear (ToolStill *still)
{
  g_clear_object (&still->pixbuf);
}
