/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Painting component by component. GStreamer describes where the samples of a component lie (plane,
 * offset, distance between samples, subsampling), so one loop serves every 8-bit format. A chroma
 * sample that is shared with pixels outside the area is mixed by their number. What is opaque in a
 * component of full resolution, by far the most, is stored without looking at what was there.
 */
#include "paint.h"

#include <string.h>

/**
 * frc_ink_from_rgba:
 * @info: format, matrix and range of the frame
 * @rgba: 0xrrggbbaa
 */
FrcInk
frc_ink_from_rgba (const GstVideoInfo *info, guint32 rgba)
{
  guint8 r = rgba >> 24, g = rgba >> 16 & 0xff, b = rgba >> 8 & 0xff, alpha = rgba & 0xff;
  if (GST_VIDEO_INFO_IS_RGB (info))
    return (FrcInk){ { r, g, b, 255 }, alpha };

  gdouble kr, kb;
  gint offset[GST_VIDEO_MAX_COMPONENTS], scale[GST_VIDEO_MAX_COMPONENTS];
  if (!gst_video_color_matrix_get_Kr_Kb (info->colorimetry.matrix, &kr, &kb))
    gst_video_color_matrix_get_Kr_Kb (GST_VIDEO_COLOR_MATRIX_BT601, &kr, &kb);
  gst_video_color_range_offsets (info->colorimetry.range, info->finfo, offset, scale);

  gdouble luma = (kr * r + (1.0 - kr - kb) * g + kb * b) / 255.0;
  gdouble parts[3] = { luma, (b / 255.0 - luma) / (2.0 * (1.0 - kb)),
    (r / 255.0 - luma) / (2.0 * (1.0 - kr)) };
  FrcInk ink = { { 0, 0, 0, 255 }, alpha };
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

/* A sample of @total pixels of which @covered become @color, or as much of it as @alpha says. */
static guint8
mix (guint8 old, guint total, guint covered, guint8 color, guint8 alpha)
{
  guint all = 255 * total, part = alpha * covered;

  return (guint8) (((all - part) * old + part * color + all / 2) / all);
}

static gboolean
is_full_size (const Samples *samples)
{
  return samples->w_sub == 0 && samples->h_sub == 0;
}

/* ---- boxes ---- */

/* What is between two rectangles. */
typedef struct
{
  Span outer, inner;
} Ring;

/* The pixels of one rectangle, in a component of full size. */
static void
fill (const Samples *to, const Span *area, guint8 color, guint8 alpha)
{
  gsize width = MAX (area->x2 - area->x1, 0);
  gint step = to->step;

  for (gint y = area->y1; y < area->y2; y++) {
    guint8 *row = to->data + (gsize) y * to->stride + (gsize) area->x1 * step;
    if (alpha < 255) {
      for (gsize x = 0; x < width; x++)
        row[x * step] = mix (row[x * step], 1, 1, color, alpha);
    } else if (step == 1) {
      memset (row, color, width);
    } else {
      for (gsize x = 0; x < width; x++)
        row[x * step] = color;
    }
  }
}

/* The four sides, which do not overlap. */
static void
fill_ring (const Samples *to, const Ring *ring, guint8 color, guint8 alpha)
{
  const Span *out = &ring->outer, *in = &ring->inner;

  if (is_empty (in)) {
    fill (to, out, color, alpha);
    return;
  }
  fill (to, &(Span){ out->x1, out->y1, out->x2, in->y1 }, color, alpha);
  fill (to, &(Span){ out->x1, in->y2, out->x2, out->y2 }, color, alpha);
  fill (to, &(Span){ out->x1, in->y1, in->x1, in->y2 }, color, alpha);
  fill (to, &(Span){ in->x2, in->y1, out->x2, in->y2 }, color, alpha);
}

/* The samples sx1 … sx2 of row @sy. */
static void
paint_ring_row (const Samples *to, const Ring *ring, gint sy, gint sx1, gint sx2, guint8 color,
    guint8 alpha)
{
  guint8 *row = to->data + (gsize) sy * to->stride;

  for (gint sx = sx1; sx < sx2; sx++) {
    Span block = block_of (to, sx, sy);
    Span in_outer = both (&block, &ring->outer), in_inner = both (&block, &ring->inner);
    guint covered = count_pixels (&in_outer) - count_pixels (&in_inner);
    row[sx * to->step] = mix (row[sx * to->step], count_pixels (&block), covered, color, alpha);
  }
}

/* The samples of a component that several pixels share. */
static void
paint_ring (const Samples *to, const Ring *ring, guint8 color, guint8 alpha)
{
  const Span *outer = &ring->outer, *inner = &ring->inner;
  gint last_x = (outer->x2 - 1) >> to->w_sub, last_y = (outer->y2 - 1) >> to->h_sub;
  gint round = (1 << to->w_sub) - 1;

  for (gint sy = outer->y1 >> to->h_sub; sy <= last_y; sy++) {
    Span row = block_of (to, 0, sy);
    gint first_x = outer->x1 >> to->w_sub;
    if (is_empty (inner) || row.y1 < inner->y1 || row.y2 > inner->y2) {
      paint_ring_row (to, ring, sy, first_x, last_x + 1, color, alpha);
      continue;
    }
    gint left_end = MIN ((inner->x1 + round) >> to->w_sub, last_x + 1);
    gint right = MAX (inner->x2 >> to->w_sub, left_end);
    paint_ring_row (to, ring, sy, first_x, left_end, color, alpha);
    paint_ring_row (to, ring, sy, right, last_x + 1, color, alpha);
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
    if (is_full_size (&to))
      fill_ring (&to, &ring, ink->component[c], ink->alpha);
    else
      paint_ring (&to, &ring, ink->component[c], ink->alpha);
  }
}

/* ---- masks ---- */

/* A mask, where it lies, and its two colours in one component. */
typedef struct
{
  const FrcMask *mask;
  gint x, y;
  guint8 paper, ink, alpha;
} Stamp;

/* The mean colour of @n pixels whose coverage adds up to @sum. */
static guint8
stamp_color (const Stamp *stamp, guint sum, guint n)
{
  guint full = 255 * n;

  return (guint8) ((sum * stamp->ink + (full - sum) * stamp->paper + full / 2) / full);
}

/* In a component of full size. */
static void
fill_stamp (const Samples *to, const Span *area, const Stamp *stamp)
{
  const FrcMask *mask = stamp->mask;
  gint width = area->x2 - area->x1, step = to->step;
  guint8 color[256];

  for (guint i = 0; i < G_N_ELEMENTS (color); i++)
    color[i] = stamp_color (stamp, i, 1);
  for (gint y = area->y1; y < area->y2; y++) {
    guint8 *row = to->data + (gsize) y * to->stride + (gsize) area->x1 * step;
    const guint8 *coverage =
        mask->coverage + (gsize) (y - stamp->y) * mask->stride + (area->x1 - stamp->x);
    if (stamp->alpha == 255) {
      for (gint x = 0; x < width; x++)
        row[x * step] = color[coverage[x]];
    } else {
      for (gint x = 0; x < width; x++)
        row[x * step] = mix (row[x * step], 1, 1, color[coverage[x]], stamp->alpha);
    }
  }
}

static guint
sum_of (const Stamp *stamp, const Span *span)
{
  const FrcMask *mask = stamp->mask;
  guint sum = 0;

  for (gint y = span->y1; y < span->y2; y++) {
    for (gint x = span->x1; x < span->x2; x++)
      sum += mask->coverage[(gsize) (y - stamp->y) * mask->stride + (x - stamp->x)];
  }
  return sum;
}

/* In a component whose samples several pixels share. */
static void
paint_stamp (const Samples *to, const Span *area, const Stamp *stamp)
{
  for (gint sy = area->y1 >> to->h_sub; sy <= (area->y2 - 1) >> to->h_sub; sy++) {
    guint8 *row = to->data + (gsize) sy * to->stride;
    for (gint sx = area->x1 >> to->w_sub; sx <= (area->x2 - 1) >> to->w_sub; sx++) {
      Span block = block_of (to, sx, sy), painted = both (&block, area);
      guint n = count_pixels (&painted);
      guint8 color = stamp_color (stamp, sum_of (stamp, &painted), n);
      row[sx * to->step] =
          mix (row[sx * to->step], count_pixels (&block), n, color, stamp->alpha);
    }
  }
}

/**
 * frc_paint_mask:
 * @frame: mapped for writing
 *
 * Paints @mask with its top left pixel at @x, @y, as far as it lies inside @frame: @ink on @paper,
 * both as opaque as @paper is.
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
    Stamp stamp = { mask, (gint) x, (gint) y, paper->component[c], ink->component[c],
      paper->alpha };
    if (is_full_size (&to))
      fill_stamp (&to, &span, &stamp);
    else
      paint_stamp (&to, &span, &stamp);
  }
}
