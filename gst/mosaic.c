/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A mosaic of mean colours. Unlike a smooth blur it cannot be undone: of each block one number a
 * component is left.
 */
#include "mosaic.h"

#define MAX_BLOCKS 8 /* in each direction, however large the area is */
#define MIN_BLOCK 8  /* pixels, however small it is */

/* Samples of one component, half-open. */
typedef struct
{
  gint x1, y1, x2, y2;
} Block;

static void
level (guint8 *data, gint stride, gint step, const Block *block)
{
  guint64 sum = 0, n = (guint64) (block->x2 - block->x1) * (block->y2 - block->y1);

  for (gint y = block->y1; y < block->y2; y++) {
    const guint8 *row = data + (gsize) y * stride;
    for (gint x = block->x1; x < block->x2; x++)
      sum += row[(gsize) x * step];
  }
  guint8 mean = (guint8) ((sum + n / 2) / n);
  for (gint y = block->y1; y < block->y2; y++) {
    guint8 *row = data + (gsize) y * stride;
    for (gint x = block->x1; x < block->x2; x++)
      row[(gsize) x * step] = mean;
  }
}

/* Where the blocks of pixels from @from to @to begin and end, in samples: every sample that has a
 * pixel of the area is in one of them. Returns: how many there are. */
static gint
divide (gint from, gint to, guint sub, gint edges[MAX_BLOCKS + 1])
{
  gint n = CLAMP ((to - from) / MIN_BLOCK, 1, MAX_BLOCKS);

  for (gint i = 0; i < n; i++)
    edges[i] = (from + (to - from) * i / n) >> sub;
  edges[n] = (to + (1 << sub) - 1) >> sub;
  return n;
}

/**
 * frc_mosaic:
 * @frame: mapped for reading and writing
 *
 * Replaces the part of @area that lies inside @frame by at most 8 × 8 blocks of one colour each,
 * none smaller than 8 × 8 pixels unless all of it is. Alpha stays.
 */
void
frc_mosaic (GstVideoFrame *frame, const FrcArea *area)
{
  gint64 width = GST_VIDEO_FRAME_WIDTH (frame), height = GST_VIDEO_FRAME_HEIGHT (frame);
  gint x1 = (gint) CLAMP (area->x, 0, width), x2 = (gint) CLAMP (area->x + area->width, 0, width);
  gint y1 = (gint) CLAMP (area->y, 0, height);
  gint y2 = (gint) CLAMP (area->y + area->height, 0, height);

  if (x2 <= x1 || y2 <= y1)
    return;
  for (guint c = 0; c < MIN (GST_VIDEO_FRAME_N_COMPONENTS (frame), 3); c++) {
    gint xs[MAX_BLOCKS + 1], ys[MAX_BLOCKS + 1];
    gint nx = divide (x1, x2, GST_VIDEO_FORMAT_INFO_W_SUB (frame->info.finfo, c), xs);
    gint ny = divide (y1, y2, GST_VIDEO_FORMAT_INFO_H_SUB (frame->info.finfo, c), ys);
    for (gint i = 0; i < nx * ny; i++) {
      gint x = i % nx, y = i / nx;
      level (GST_VIDEO_FRAME_COMP_DATA (frame, c), GST_VIDEO_FRAME_COMP_STRIDE (frame, c),
          GST_VIDEO_FRAME_COMP_PSTRIDE (frame, c), &(Block){ xs[x], ys[y], xs[x + 1], ys[y + 1] });
    }
  }
}
