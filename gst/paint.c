/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Painting component by component. GStreamer describes where the samples of a component lie (plane,
 * offset, distance between samples, subsampling), so one loop serves every 8-bit format. A chroma
 * sample that is shared with pixels outside the area is mixed by their number.
 */
#include "paint.h"

/**
 * frc_ink_from_rgb:
 * @info: format, matrix and range of the frame
 * @rgb: 0xrrggbb
 */
FrcInk
frc_ink_from_rgb (const GstVideoInfo *info, guint32 rgb)
{
  guint8 r = rgb >> 16 & 0xff, g = rgb >> 8 & 0xff, b = rgb & 0xff;
  if (GST_VIDEO_INFO_IS_RGB (info))
    return (FrcInk){ { r, g, b, 255 } };

  gdouble kr, kb;
  gint offset[GST_VIDEO_MAX_COMPONENTS], scale[GST_VIDEO_MAX_COMPONENTS];
  if (!gst_video_color_matrix_get_Kr_Kb (info->colorimetry.matrix, &kr, &kb))
    gst_video_color_matrix_get_Kr_Kb (GST_VIDEO_COLOR_MATRIX_BT601, &kr, &kb);
  gst_video_color_range_offsets (info->colorimetry.range, info->finfo, offset, scale);

  gdouble luma = (kr * r + (1.0 - kr - kb) * g + kb * b) / 255.0;
  gdouble parts[3] = { luma, (b / 255.0 - luma) / (2.0 * (1.0 - kb)),
    (r / 255.0 - luma) / (2.0 * (1.0 - kr)) };
  FrcInk ink = { { 0, 0, 0, 255 } };
  for (guint c = 0; c < GST_VIDEO_INFO_N_COMPONENTS (info) && c < 3; c++)
    ink.component[c] = (guint8) CLAMP (parts[c] * scale[c] + offset[c] + 0.5, 0.0, 255.0);
  return ink;
}

/* Pixels, half-open. */
typedef struct
{
  gint x1, y1, x2, y2;
} Span;

static gboolean
is_empty (const Span *span)
{
  return span->x2 <= span->x1 || span->y2 <= span->y1;
}

/* The part of an area that lies inside the frame. */
static Span
clip (const GstVideoFrame *frame, const FrcArea *area)
{
  gint64 width = GST_VIDEO_FRAME_WIDTH (frame), height = GST_VIDEO_FRAME_HEIGHT (frame);

  return (Span){
    .x1 = (gint) CLAMP (area->x, 0, width),
    .y1 = (gint) CLAMP (area->y, 0, height),
    .x2 = (gint) CLAMP (area->x + area->width, 0, width),
    .y2 = (gint) CLAMP (area->y + area->height, 0, height),
  };
}

static Span
both (const Span *a, const Span *b)
{
  return (Span){ MAX (a->x1, b->x1), MAX (a->y1, b->y1), MIN (a->x2, b->x2), MIN (a->y2, b->y2) };
}

static guint
count_pixels (const Span *span)
{
  return is_empty (span) ? 0 : (guint) ((span->x2 - span->x1) * (span->y2 - span->y1));
}

/* Where the samples of one component lie. */
typedef struct
{
  guint8 *data;
  gint stride, step;
  guint w_sub, h_sub; /* shifts */
  gint width, height; /* of the frame, pixels */
} Samples;

static Samples
samples_of (GstVideoFrame *frame, guint component)
{
  const GstVideoFormatInfo *format = frame->info.finfo;

  return (Samples){
    .data = GST_VIDEO_FRAME_COMP_DATA (frame, component),
    .stride = GST_VIDEO_FRAME_COMP_STRIDE (frame, component),
    .step = GST_VIDEO_FRAME_COMP_PSTRIDE (frame, component),
    .w_sub = GST_VIDEO_FORMAT_INFO_W_SUB (format, component),
    .h_sub = GST_VIDEO_FORMAT_INFO_H_SUB (format, component),
    .width = GST_VIDEO_FRAME_WIDTH (frame),
    .height = GST_VIDEO_FRAME_HEIGHT (frame),
  };
}

/* The pixels that share a sample. */
static Span
block_of (const Samples *samples, gint sx, gint sy)
{
  gint x = sx << samples->w_sub, y = sy << samples->h_sub;

  return (Span){ x, y, MIN (x + (1 << samples->w_sub), samples->width),
    MIN (y + (1 << samples->h_sub), samples->height) };
}

/* A sample of @total pixels of which @covered become @color. */
static guint8
mix (guint8 old, guint total, guint covered, guint8 color)
{
  return (guint8) (((total - covered) * old + covered * color + total / 2) / total);
}

/* ---- boxes ---- */

/* What is between two rectangles. */
typedef struct
{
  Span outer, inner;
} Ring;

/* The samples sx1 … sx2 of row @sy. */
static void
paint_ring_row (const Samples *to, const Ring *ring, gint sy, gint sx1, gint sx2, guint8 color)
{
  guint8 *row = to->data + (gsize) sy * to->stride;

  for (gint sx = sx1; sx < sx2; sx++) {
    Span block = block_of (to, sx, sy);
    Span in_outer = both (&block, &ring->outer), in_inner = both (&block, &ring->inner);
    guint covered = count_pixels (&in_outer) - count_pixels (&in_inner);
    row[sx * to->step] = mix (row[sx * to->step], count_pixels (&block), covered, color);
  }
}

static void
paint_ring (const Samples *to, const Ring *ring, guint8 color)
{
  const Span *outer = &ring->outer, *inner = &ring->inner;
  gint last_x = (outer->x2 - 1) >> to->w_sub, last_y = (outer->y2 - 1) >> to->h_sub;
  gint round = (1 << to->w_sub) - 1;

  for (gint sy = outer->y1 >> to->h_sub; sy <= last_y; sy++) {
    Span row = block_of (to, 0, sy);
    gint first_x = outer->x1 >> to->w_sub;
    if (is_empty (inner) || row.y1 < inner->y1 || row.y2 > inner->y2) {
      paint_ring_row (to, ring, sy, first_x, last_x + 1, color);
      continue;
    }
    gint left_end = MIN ((inner->x1 + round) >> to->w_sub, last_x + 1);
    paint_ring_row (to, ring, sy, first_x, left_end, color);
    paint_ring_row (to, ring, sy, MAX (inner->x2 >> to->w_sub, left_end), last_x + 1, color);
  }
}

/**
 * frc_paint_box:
 * @frame: mapped for writing
 * @thickness: of the lines, pixels; they lie inside @area
 *
 * Paints the lines of a box as far as they lie inside @frame.
 */
void
frc_paint_box (GstVideoFrame *frame, const FrcArea *area, guint thickness, const FrcInk *ink)
{
  gint64 t = thickness;
  FrcArea inside = { area->x + t, area->y + t, MAX (area->width - 2 * t, 0),
    MAX (area->height - 2 * t, 0) };
  Ring ring = { clip (frame, area), clip (frame, &inside) };

  if (is_empty (&ring.outer))
    return;
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (frame); c++) {
    Samples to = samples_of (frame, c);
    paint_ring (&to, &ring, ink->component[c]);
  }
}

/* ---- masks ---- */

/* A mask, where it lies, and its two colours in one component. */
typedef struct
{
  const FrcMask *mask;
  gint64 x, y;
  guint8 paper, ink;
} Stamp;

/* The mean colour of the mask's pixels in @span. */
static guint8
stamp_color (const Stamp *stamp, const Span *span)
{
  const FrcMask *mask = stamp->mask;
  guint sum = 0, full = 255 * count_pixels (span);

  for (gint y = span->y1; y < span->y2; y++) {
    for (gint x = span->x1; x < span->x2; x++)
      sum += mask->coverage[(y - stamp->y) * mask->stride + (x - stamp->x)];
  }
  return (guint8) ((sum * stamp->ink + (full - sum) * stamp->paper + full / 2) / full);
}

static void
paint_stamp (const Samples *to, const Span *area, const Stamp *stamp)
{
  for (gint sy = area->y1 >> to->h_sub; sy <= (area->y2 - 1) >> to->h_sub; sy++) {
    guint8 *row = to->data + (gsize) sy * to->stride;
    for (gint sx = area->x1 >> to->w_sub; sx <= (area->x2 - 1) >> to->w_sub; sx++) {
      Span block = block_of (to, sx, sy), painted = both (&block, area);
      row[sx * to->step] = mix (row[sx * to->step], count_pixels (&block), count_pixels (&painted),
          stamp_color (stamp, &painted));
    }
  }
}

/**
 * frc_paint_mask:
 * @frame: mapped for writing
 *
 * Paints @mask with its top left pixel at @x, @y, as far as it lies inside @frame: @ink on opaque
 * @paper.
 */
void
frc_paint_mask (GstVideoFrame *frame, gint64 x, gint64 y, const FrcMask *mask, const FrcInk *paper,
    const FrcInk *ink)
{
  FrcArea area = { x, y, mask->width, mask->height };
  Span span = clip (frame, &area);

  if (is_empty (&span))
    return;
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (frame); c++) {
    Samples to = samples_of (frame, c);
    Stamp stamp = { mask, x, y, paper->component[c], ink->component[c] };
    paint_stamp (&to, &span, &stamp);
  }
}
