/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One row of a frame in any format → R, G, B, x bytes, bit for bit as GStreamer's videoconvert with
 * dither=none and otherwise default settings makes it (compared with 1.22):
 *
 *  - Y'CbCr → R'G'B' in 16-bit fixed point around 128, each product rounded down, sums saturated;
 *  - I420 and YV12 repeat each chroma sample 2 × 2, its shortcut for these two formats;
 *  - all other subsampled formats get linear chroma between the four nearest samples, horizontally
 *    first, rounded to 8 bits after each direction, samples sited at the centre of their pixels.
 */
#include "frame_rows.h"

#include <math.h>
#include <string.h>

/* Scratch, in rows of row_step () bytes: luma of packed formats; two rows each of U and V at full
 * width; U and V as they are stored; interleaved chroma of packed formats. */
#define ROWS 8

typedef struct {
  const FrcFrameKernels *kernels;
  const FrcImage *image;
  guint first, n;   /* pixels */
  guint c_first, c_n; /* chroma samples that belong to them */
  guint c_width;    /* of the frame */
  guint8 *luma, *u, *v, *u_far, *v_far, *u_raw, *v_raw, *packed;
} RowContext;

static gsize
row_step (guint width)
{
  return ((gsize) width + 4 * FRC_FRAME_SLACK - 1) / FRC_FRAME_SLACK * FRC_FRAME_SLACK;
}

gsize
frc_frame_row_bytes (guint width)
{
  return ROWS * row_step (width);
}

/* Kr and Kb of each matrix are ITU-R's and SMPTE's own. */
void
frc_yuv_matrix_init (FrcYuvMatrix *matrix, FrcMatrix primaries, FrcRange range)
{
  static const gdouble constants[][2] = {
    [FRC_MATRIX_BT601] = {.299, .114}, [FRC_MATRIX_BT709] = {.2126, .0722},
    [FRC_MATRIX_FCC] = {.30, .11}, [FRC_MATRIX_SMPTE240M] = {.212, .087},
    [FRC_MATRIX_BT2020] = {.2627, .0593}};
  gdouble kr = constants[primaries][0], kb = constants[primaries][1], kg = 1 - kr - kb;
  gdouble luma = 256 * 255. / (range == FRC_RANGE_FULL ? 255 : 219);
  gdouble chroma = 256 * 255. / (range == FRC_RANGE_FULL ? 255 : 224);

  matrix->y = (gint16) rint (luma);
  matrix->v_r = (gint16) rint (2 * (1 - kr) * chroma);
  matrix->u_b = (gint16) rint (2 * (1 - kb) * chroma);
  matrix->u_g = (gint16) rint (-2 * (1 - kb) * kb / kg * chroma);
  matrix->v_g = (gint16) rint (-2 * (1 - kr) * kr / kg * chroma);
}

static const guint8 *
plane_row (const FrcImage *image, guint plane, guint y)
{
  return image->plane[plane] + (gssize) y * image->stride[plane];
}

/* The samples to fetch for linear interpolation: one more on either side where there is one. */
static guint
raw_first (const RowContext *row)
{
  return row->c_first > 0 ? row->c_first - 1 : 0;
}

static guint
raw_end (const RowContext *row)
{
  return MIN (row->c_first + row->c_n + 1, row->c_width);
}

/* @raw holds samples from raw_first () on, at raw + FRC_FRAME_SLACK; @out gets pixels from
 * row->first on. The frame's own first and last sample are repeated outwards. */
static void
upsample_raw (const RowContext *row, guint8 *raw, guint8 *out)
{
  guint8 *samples = raw + FRC_FRAME_SLACK - raw_first (row); /* sample k of the frame's row */

  if (row->c_first == 0)
    samples[-1] = samples[0];
  if (row->c_first + row->c_n == row->c_width)
    samples[row->c_width] = samples[row->c_width - 1];
  row->kernels->upsample (samples + row->c_first, out, row->c_n);
}

/* Chroma row @y of a format with two interleaved samples: NV12 and the packed formats' @source. */
static void
chroma_interleaved (const RowContext *row, const guint8 *source, guint8 *even, guint8 *odd)
{
  guint first = raw_first (row), n = raw_end (row) - first;

  row->kernels->split (source + 2 * first, row->u_raw + FRC_FRAME_SLACK,
      row->v_raw + FRC_FRAME_SLACK, n);
  upsample_raw (row, row->u_raw, even);
  upsample_raw (row, row->v_raw, odd);
}

static void
chroma_planar (const RowContext *row, guint plane, guint y, guint8 *out)
{
  guint first = raw_first (row), n = raw_end (row) - first;

  memcpy (row->u_raw + FRC_FRAME_SLACK, plane_row (row->image, plane, y) + first, n);
  upsample_raw (row, row->u_raw, out);
}

/* 4:2:0: a quarter of the chroma row on the other side of @y. */
static void
chroma_nv (const RowContext *row, guint y, gboolean swap)
{
  const FrcImage *image = row->image;
  guint near = y / 2, last = (image->info.height - 1) / 2;
  guint far = y % 2 ? MIN (near + 1, last) : near > 0 ? near - 1 : 0;
  guint8 *u = swap ? row->v : row->u, *v = swap ? row->u : row->v;

  chroma_interleaved (row, plane_row (image, 1, near), u, v);
  if (far == near)
    return;
  chroma_interleaved (row, plane_row (image, 1, far), row->u_far, row->v_far);
  row->kernels->mix (u, row->u_far, row->n);
  row->kernels->mix (v, row->v_far, row->n);
}

/* YUY2 and UYVY: the luma's last odd byte pair need not exist, the chroma's last pair does. */
static const guint8 *
split_packed (const RowContext *row, guint y, gboolean luma_first)
{
  guint first = row->c_first > 0 ? 2 * (row->c_first - 1) : 0;
  guint end = 2 * raw_end (row);
  const guint8 *source = plane_row (row->image, 0, y) + 2 * first;
  guint8 *luma = row->luma, *chroma = row->packed;

  row->kernels->split (source, luma_first ? luma : chroma, luma_first ? chroma : luma, end - first);
  chroma_interleaved (row, chroma - first, row->u, row->v);
  return luma + (row->first - first);
}

static void
row_yuv (const RowContext *row, const FrcYuvMatrix *matrix, guint y, guint8 *rgbx)
{
  const FrcImage *image = row->image;
  const guint8 *luma = plane_row (image, 0, y) + row->first, *u = row->u, *v = row->v;

  switch (image->info.format) {
    case FRC_FORMAT_GRAY8:
      memset (row->u, 128, row->n);
      v = u;
      break;
    case FRC_FORMAT_NV12:
    case FRC_FORMAT_NV21:
      chroma_nv (row, y, image->info.format == FRC_FORMAT_NV21);
      break;
    case FRC_FORMAT_I420:
    case FRC_FORMAT_YV12:
      row->kernels->twice (plane_row (image, 1, y / 2) + row->c_first, row->u, row->c_n);
      row->kernels->twice (plane_row (image, 2, y / 2) + row->c_first, row->v, row->c_n);
      break;
    case FRC_FORMAT_YUY2:
    case FRC_FORMAT_UYVY:
      luma = split_packed (row, y, image->info.format == FRC_FORMAT_YUY2);
      break;
    case FRC_FORMAT_Y42B:
      chroma_planar (row, 1, y, row->u);
      chroma_planar (row, 2, y, row->v);
      break;
    default: /* Y444; the kernel may read too far in scratch alone */
      memcpy (row->u, plane_row (image, 1, y) + row->first, row->n);
      memcpy (row->v, plane_row (image, 2, y) + row->first, row->n);
      break;
  }
  row->kernels->yuv (luma, u, v, matrix, rgbx, row->n);
}

void
frc_frame_row (const FrcFrameKernels *kernels, const FrcImage *image,
    const FrcYuvMatrix *matrix, guint y, guint first, guint end, guint8 *rgbx, guint8 *scratch)
{
  static const guint8 order[][3] = {
    [FRC_FORMAT_RGBA] = {0, 1, 2}, [FRC_FORMAT_BGRA] = {2, 1, 0}, [FRC_FORMAT_ARGB] = {1, 2, 3},
    [FRC_FORMAT_ABGR] = {3, 2, 1}, [FRC_FORMAT_RGBX] = {0, 1, 2}, [FRC_FORMAT_BGRX] = {2, 1, 0},
    [FRC_FORMAT_XRGB] = {1, 2, 3}, [FRC_FORMAT_XBGR] = {3, 2, 1}};
  FrcFormat format = image->info.format;
  gsize step = row_step (image->info.width);
  RowContext row = {kernels, image, first, end - first, first / 2, (end + 1) / 2 - first / 2,
    (image->info.width + 1) / 2, scratch, scratch + step, scratch + 2 * step, scratch + 3 * step,
    scratch + 4 * step, scratch + 5 * step, scratch + 6 * step, scratch + 7 * step};

  if (format == FRC_FORMAT_RGB || format == FRC_FORMAT_BGR)
    kernels->pixels3 (plane_row (image, 0, y) + 3 * first, format == FRC_FORMAT_BGR, rgbx, row.n);
  else if (format < FRC_FORMAT_GRAY8)
    kernels->pixels4 (plane_row (image, 0, y) + 4 * first, order[format], rgbx, row.n);
  else
    row_yuv (&row, matrix, y, rgbx);
}
