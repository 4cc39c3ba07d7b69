/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rows one behind the other, without what a stride leaves between them. Memory is kept from frame
 * to frame.
 */
#include "framecopy.h"

#include "../core/mem.h"

#include <string.h>

typedef struct {
  guint bytes, rows; /* of a plane */
} Extent;

static Extent
plane_extent (const FrcImageInfo *info, guint plane)
{
  guint w = info->width, h = info->height, half_w = (w + 1) / 2, half_h = (h + 1) / 2;

  switch (info->format) {
    case FRC_FORMAT_RGB:
    case FRC_FORMAT_BGR:
      return plane ? (Extent){ 0, 0 } : (Extent){ 3 * w, h };
    case FRC_FORMAT_GRAY8:
      return plane ? (Extent){ 0, 0 } : (Extent){ w, h };
    case FRC_FORMAT_YUY2:
    case FRC_FORMAT_UYVY:
      return plane ? (Extent){ 0, 0 } : (Extent){ 4 * half_w, h };
    case FRC_FORMAT_NV12:
    case FRC_FORMAT_NV21:
      return plane == 0 ? (Extent){ w, h }
             : plane == 1 ? (Extent){ 2 * half_w, half_h } : (Extent){ 0, 0 };
    case FRC_FORMAT_I420:
    case FRC_FORMAT_YV12:
      return plane ? (Extent){ half_w, half_h } : (Extent){ w, h };
    case FRC_FORMAT_Y42B:
      return (Extent){ plane ? half_w : w, h };
    case FRC_FORMAT_Y444:
      return (Extent){ w, h };
    default: /* four bytes a pixel */
      return plane ? (Extent){ 0, 0 } : (Extent){ 4 * w, h };
  }
}

static gboolean
reserve (FrcFrameCopy *copy, gsize size, GError **error)
{
  if (size <= copy->size)
    return TRUE;
  frc_frame_copy_clear (copy);
  copy->pixels = frc_alloc (size, 1, "a copy of a frame", error);
  copy->size = copy->pixels ? size : 0;
  return copy->pixels != NULL;
}

/** frc_frame_copy_set: copies the pixels; FRC_ERROR_NO_MEMORY. */
gboolean
frc_frame_copy_set (FrcFrameCopy *copy, const FrcImage *image, GError **error)
{
  gsize size = 0, at = 0;

  for (guint p = 0; p < G_N_ELEMENTS (image->plane); p++) {
    Extent extent = plane_extent (&image->info, p);
    size += (gsize) extent.bytes * extent.rows;
  }
  if (!reserve (copy, size, error))
    return FALSE;

  copy->image = (FrcImage){ .info = image->info };
  for (guint p = 0; p < G_N_ELEMENTS (image->plane); p++) {
    Extent extent = plane_extent (&image->info, p);
    guint8 *to = (guint8 *) copy->pixels + at;
    copy->image.plane[p] = extent.rows ? to : NULL;
    copy->image.stride[p] = (gint) extent.bytes;
    for (guint y = 0; y < extent.rows; y++)
      memcpy (to + (gsize) y * extent.bytes, image->plane[p] + (gssize) y * image->stride[p],
          extent.bytes);
    at += (gsize) extent.bytes * extent.rows;
  }
  return TRUE;
}

void
frc_frame_copy_clear (FrcFrameCopy *copy)
{
  frc_clear (&copy->pixels);
  copy->size = 0;
}

const FrcImage *
frc_frame_copy_get (const FrcFrameCopy *copy)
{
  return &copy->image;
}
