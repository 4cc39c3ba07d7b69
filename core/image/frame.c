/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bands of the network's input: which source rows an output row lies between, a cache of two
 * converted rows a thread, the padding.
 */
#include "frame.h"
#include "antialias.h"
#include "../mem.h"
#include "frame_rows.h"

#include <string.h>

#define TILES 32

struct _FrcFrameReader {
  const FrcFrameKernels *kernels;
  guint32 *offset;  /* [max_side] */
  gfloat *fraction; /* [4 · max_side] */

  /* For antialiasing, or nothing. */
  guint max_width, max_height, max_side;
  FrcTaps columns; /* first and n: [max_side], weight: [frc_antialias_room ()] */
};

typedef struct {
  const FrcFrameReader *reader;
  const FrcImage *image;
  const FrcRect *rect;
  FrcYuvMatrix matrix;
  guint first; /* the first source pixel that is converted: rect's, rounded down to even */
  const FrcResize *resize;
  guint tile_rows;
  gfloat scale[4], shift[4];
  const FrcView *out;
} FrameRun;

FrcFrameReader *
frc_frame_reader_new (const FrcKernels *kernels, guint max_width, guint max_height, guint max_side,
    GError **error)
{
  FrcFrameReader *reader = frc_alloc0 (1, sizeof (FrcFrameReader), "a frame reader", error);

  if (reader == NULL)
    return NULL;
  reader->kernels = kernels->frame;
  reader->max_width = max_width;
  reader->max_height = max_height;
  reader->max_side = max_side;
  reader->offset = frc_alloc (max_side, sizeof (guint32), "a frame's column table", error);
  if (reader->offset != NULL)
    reader->fraction = frc_alloc (max_side, 4 * sizeof (gfloat), "a frame's column table", error);
  if (reader->fraction == NULL) {
    frc_frame_reader_free (reader);
    return NULL;
  }
  return reader;
}

void
frc_frame_reader_free (FrcFrameReader *reader)
{
  if (reader == NULL)
    return;
  frc_free (reader->offset);
  frc_free (reader->fraction);
  frc_free (reader->columns.first);
  frc_free (reader->columns.n);
  frc_free (reader->columns.weight);
  frc_free (reader);
}

/* Two rows of R, G, B, x with one pixel repeated at the end, then the conversion's own scratch. */
static gsize
rgbx_bytes (guint width)
{
  return (4 * ((gsize) width + 2) + 2 * FRC_FRAME_SLACK - 1) / FRC_FRAME_SLACK * FRC_FRAME_SLACK;
}

gsize
frc_frame_scratch_bytes (guint width)
{
  return 2 * rgbx_bytes (width) + frc_frame_row_bytes (width);
}

gboolean
frc_frame_reader_add_antialias (FrcFrameReader *reader, GError **error)
{
  gsize room = frc_antialias_room (MAX (reader->max_width, reader->max_height), reader->max_side);
  const char *what = "a frame's column table";

  return (reader->columns.first = frc_alloc (reader->max_side, sizeof (guint32), what, error)) &&
         (reader->columns.n = frc_alloc (reader->max_side, sizeof (guint32), what, error)) &&
         (reader->columns.weight = frc_alloc (room, sizeof (gint32), what, error));
}

/* Resized rows, four bytes a pixel, as many as an output row is made of; their weights. */
gsize
frc_frame_antialias_bytes (const FrcFrameReader *reader)
{
  guint most = MAX (reader->max_width, reader->max_height);

  return 4 * frc_antialias_room (most, reader->max_side) +
         (3 * (gsize) most + 64) * (sizeof (gint32) + sizeof (gpointer));
}

/* Where output @i of an axis of @size pixels looks: the index before and the share of the next one.
 * In f32 with one rounding, as torch's builds fuse the two steps (the product is exact in double). */
static guint
source_index (guint i, gdouble step, FrcSampling sampling, guint size, gfloat *fraction)
{
  gfloat at = sampling == FRC_SAMPLING_CORNER ? (gfloat) (step * i)
                                              : (gfloat) (step * ((gfloat) i + 0.5f) - 0.5);
  guint index;

  at = at < 0 ? 0 : at;
  index = MIN ((guint) at, size - 1);
  *fraction = at - (gfloat) index;
  return index;
}

static void
columns_init (FrcFrameReader *reader, const FrameRun *run)
{
  const FrcResize *resize = run->resize;
  gfloat fraction;

  for (guint x = 0; x < resize->width; x++) {
    guint index = source_index (x, resize->step_x, resize->sampling, run->rect->width, &fraction);
    reader->offset[x] = 4 * (run->rect->x - run->first + index);
    for (guint i = 0; i < 4; i++)
      reader->fraction[4 * x + i] = fraction;
  }
}

/* Row @y of the rectangle from the cache's slot for it; rows that are needed together are
 * neighbours, so they never share a slot. */
static const guint8 *
cached_row (const FrameRun *run, guint y, guint cached[2], guint8 *scratch)
{
  guint width = run->image->info.width, end = run->rect->x + run->rect->width;
  guint8 *rgbx = scratch + y % 2 * rgbx_bytes (width);

  if (cached[y % 2] != y) {
    guint8 *last = rgbx + 4 * (end - run->first - 1);
    frc_frame_row (run->reader->kernels, run->image, &run->matrix, run->rect->y + y, run->first,
        end, rgbx, scratch + 2 * rgbx_bytes (width));
    memcpy (last + 4, last, 4);
    cached[y % 2] = y;
  }
  return rgbx;
}

/* ---- antialiased -------------------------------------------------------------------------- */

static void
taps_init (FrcTaps *taps, guint in, guint out)
{
  taps->step = frc_antialias_step (in, out);
  for (guint x = 0; x < out; x++)
    taps->n[x] = frc_antialias_taps (x, in, out, &taps->first[x],
        taps->weight + (gsize) x * taps->step);
}

/* A band of the output. @scratch: a converted row and the conversion's own, then rows that are
 * resized already, in the order of their numbers modulo how many fit an output row. */
static void
antialias_tile (gpointer data, guint tile, gpointer scratch)
{
  const FrameRun *run = data;
  const FrcResize *resize = run->resize;
  const FrcRect *rect = run->rect;
  const FrcView *out = run->out;
  guint width = run->image->info.width, end = MIN ((tile + 1) * run->tile_rows, out->h);
  guint step = frc_antialias_step (rect->height, resize->height), done = 0;
  guint8 *rgbx = scratch, *conversion = rgbx + 2 * rgbx_bytes (width);
  const guint8 **rows = (const guint8 **) (rgbx + frc_frame_scratch_bytes (width));
  gint32 *weight = (gint32 *) (rows + step);
  guint8 *ring = (guint8 *) (weight + step);
  gsize row_bytes = 4 * (gsize) resize->width;

  for (guint y = tile * run->tile_rows; y < end; y++) {
    gfloat *to = out->data + (gsize) y * out->w * 3;
    gsize filled = 0;
    if (y < resize->height) {
      guint32 first;
      guint n = frc_antialias_taps (y, rect->height, resize->height, &first, weight);
      for (guint k = MAX (first, done); k < first + n; k++) {
        frc_frame_row (run->reader->kernels, run->image, &run->matrix, rect->y + k, run->first,
            rect->x + rect->width, rgbx, conversion);
        frc_antialias_row (rgbx + 4 * (rect->x - run->first), &run->reader->columns, resize->width,
            ring + k % step * row_bytes);
      }
      done = first + n;
      for (guint k = 0; k < n; k++)
        rows[k] = ring + (first + k) % step * row_bytes;
      frc_antialias_column (rows, weight, n, resize->width, run->scale, run->shift, to);
      filled = 3 * (gsize) resize->width;
    }
    memset (to + filled, 0, (3 * (gsize) out->w - filled) * sizeof (gfloat));
  }
}

/* ---- interpolated ------------------------------------------------------------------------- */

static void
frame_tile (gpointer data, guint tile, gpointer scratch)
{
  const FrameRun *run = data;
  const FrcView *out = run->out;
  guint height = run->rect->height, end = MIN ((tile + 1) * run->tile_rows, out->h);
  const FrcResize *resize = run->resize;
  guint cached[2] = {G_MAXUINT, G_MAXUINT};
  FrcLerpRow row = {.offset = run->reader->offset, .fraction = run->reader->fraction,
    .n = resize->width};

  memcpy (row.scale, run->scale, sizeof row.scale);
  memcpy (row.shift, run->shift, sizeof row.shift);
  for (guint y = tile * run->tile_rows; y < end; y++) {
    gsize filled = 0;
    row.out = out->data + (gsize) y * out->w * 3;
    if (y < resize->height) {
      guint top = source_index (y, resize->step_y, resize->sampling, height, &row.y_fraction);
      row.top = cached_row (run, top, cached, scratch);
      row.bottom = top + 1 < height ? cached_row (run, top + 1, cached, scratch) : row.top;
      run->reader->kernels->lerp_row (&row);
      filled = 3 * (gsize) resize->width;
    }
    memset (row.out + filled, 0, (3 * (gsize) out->w - filled) * sizeof (gfloat));
  }
}

/* See frame.h. */
void
frc_frame_read (FrcFrameReader *reader, FrcPool *pool, const FrcImage *image, const FrcRect *rect,
    const gfloat mean[3], const gfloat std[3], const FrcResize *resize, const FrcView *out)
{
  FrameRun run = {.reader = reader, .image = image, .rect = rect, .first = rect->x & ~1u,
    .resize = resize, .out = out};

  for (guint i = 0; i < 3; i++) {
    run.scale[i] = 1 / (255 * std[i]);
    run.shift[i] = -mean[i] / std[i];
  }
  if (image->info.format >= FRC_FORMAT_GRAY8)
    frc_yuv_matrix_init (&run.matrix, image->info.matrix, image->info.range);
  gboolean antialias = resize->sampling == FRC_SAMPLING_ANTIALIAS;
  if (antialias)
    taps_init (&reader->columns, rect->width, resize->width);
  else
    columns_init (reader, &run);
  run.tile_rows = (out->h + TILES - 1) / TILES;
  frc_pool_run (pool, antialias ? antialias_tile : frame_tile, &run,
      (out->h + run.tile_rows - 1) / run.tile_rows);
}
