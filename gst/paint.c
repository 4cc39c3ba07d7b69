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

/* The part of an area that lies inside the frame, half-open. */
typedef struct
{
  gint x1, y1, x2, y2;
} Span;

static gboolean
clip (const GstVideoFrame *frame, const FrcArea *area, Span *out)
{
  gint64 width = GST_VIDEO_FRAME_WIDTH (frame), height = GST_VIDEO_FRAME_HEIGHT (frame);

  out->x1 = (gint) CLAMP (area->x, 0, width);
  out->y1 = (gint) CLAMP (area->y, 0, height);
  out->x2 = (gint) CLAMP (area->x + area->width, 0, width);
  out->y2 = (gint) CLAMP (area->y + area->height, 0, height);
  return out->x2 > out->x1 && out->y2 > out->y1;
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

/* How much ink the pixels x1 … x2, y1 … y2 of the span have together, 255 a pixel. */
static guint
ink_in (const FrcMask *mask, gint64 left, gint64 top, gint x1, gint y1, gint x2, gint y2)
{
  guint sum = 0;

  for (gint y = y1; y < y2; y++) {
    for (gint x = x1; x < x2; x++)
      sum += mask->coverage[(y - top) * mask->stride + (x - left)];
  }
  return sum;
}

/* Mixes one sample: @total pixels share it, @covered of them are painted, with @inked / 255 of a
 * pixel in @ink and the rest in @paper. */
static guint8
mix (guint8 old, guint total, guint covered, guint inked, guint8 paper, guint8 ink)
{
  gint sum = 255 * (gint) ((total - covered) * old + covered * paper) +
      (gint) inked * ((gint) ink - paper);
  gint whole = 255 * (gint) total;
  return (guint8) ((sum + whole / 2) / whole);
}

static void
paint_component (const Samples *to, const Span *span, gint64 left, gint64 top, const FrcMask *mask,
    guint8 paper, guint8 ink)
{
  gint bw = 1 << to->w_sub, bh = 1 << to->h_sub;

  for (gint sy = span->y1 >> to->h_sub; sy <= (span->y2 - 1) >> to->h_sub; sy++) {
    gint y = sy << to->h_sub;
    gint y1 = MAX (y, span->y1), y2 = MIN (y + bh, span->y2);
    guint rows = MIN (y + bh, to->height) - y;
    guint8 *row = to->data + (gsize) sy * to->stride;

    for (gint sx = span->x1 >> to->w_sub; sx <= (span->x2 - 1) >> to->w_sub; sx++) {
      gint x = sx << to->w_sub;
      gint x1 = MAX (x, span->x1), x2 = MIN (x + bw, span->x2);
      guint total = rows * (MIN (x + bw, to->width) - x);
      guint covered = (guint) ((y2 - y1) * (x2 - x1));
      guint inked = mask ? ink_in (mask, left, top, x1, y1, x2, y2) : 0;
      row[sx * to->step] = covered == total && inked == 0
          ? paper
          : mix (row[sx * to->step], total, covered, inked, paper, ink);
    }
  }
}

static void
paint (GstVideoFrame *frame, const FrcArea *area, const FrcMask *mask, const FrcInk *paper,
    const FrcInk *ink)
{
  Span span;

  if (!clip (frame, area, &span))
    return;
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (frame); c++) {
    Samples to = samples_of (frame, c);
    paint_component (&to, &span, area->x, area->y, mask, paper->component[c], ink->component[c]);
  }
}

/** frc_paint_area: fills what of @area lies inside @frame, which is mapped for writing. */
void
frc_paint_area (GstVideoFrame *frame, const FrcArea *area, const FrcInk *ink)
{
  paint (frame, area, NULL, ink, ink);
}

/** frc_paint_mask: @mask with its top left pixel at @x, @y: @ink on opaque @paper. */
void
frc_paint_mask (GstVideoFrame *frame, gint64 x, gint64 y, const FrcMask *mask, const FrcInk *paper,
    const FrcInk *ink)
{
  FrcArea area = { x, y, mask->width, mask->height };
  paint (frame, &area, mask, paper, ink);
}
