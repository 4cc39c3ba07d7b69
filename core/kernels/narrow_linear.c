/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Narrow fully connected layers. Many weights meet few pixels: the input is packed once, for all
 * threads, so that blocks read it in a line, and the weights stream from DRAM once for up to 352
 * pixels, each thread's own panels. Sums wait in scratch while K is walked in chunks.
 */
#include "narrow_conv.h"

#define STEP_ELEMENTS (FRC_NARROW_STEP_BYTES / sizeof (guint16))
#define BLOCK_FLOATS (FRC_NARROW_ROWS * FRC_NARROW_COLS)
#define CHUNK 8        /* groups of K: a panel's weights and a block's input of a chunk fit L1 */
#define PART_BLOCKS 11 /* of pixels, whose sums stay in L2 */
#define PANEL_PARTS 4

typedef struct {
  const FrcNarrowConv *conv;
  const FrcNarrowConvIo *io;
  guint n, blocks, chunks; /* pixels; of pixels; of K */
  guint block_parts, panel_parts;
  guint16 *packed; /* [block][group][32 pixels][64 bytes] */
} LinearRun;

typedef struct {
  guint first, end, panel, panel_end;
  gfloat *sums; /* [panel][block][32][32] */
} LinearTile;

static guint
divide_up (guint n, guint by)
{
  return (n + by - 1) / by;
}

static LinearRun
linear_run (const FrcNarrowConv *conv, guint n)
{
  guint blocks = divide_up (n, FRC_NARROW_ROWS);

  return (LinearRun){.conv = conv, .n = n, .blocks = blocks,
    .chunks = divide_up (conv->groups, CHUNK), .block_parts = divide_up (blocks, PART_BLOCKS),
    .panel_parts = MIN (conv->panels, PANEL_PARTS)};
}

gsize
frc_narrow_linear_shared_bytes (const FrcNarrowConv *conv, guint n)
{
  return (gsize) divide_up (n, FRC_NARROW_ROWS) * conv->groups * FRC_NARROW_STEP_BYTES;
}

gsize
frc_narrow_linear_scratch_bytes (const FrcNarrowConv *conv, guint n)
{
  LinearRun run = linear_run (conv, n);
  gsize blocks = MIN (run.blocks, PART_BLOCKS);

  return blocks * divide_up (conv->panels, run.panel_parts) * BLOCK_FLOATS * sizeof (gfloat);
}

/* ---- packing ------------------------------------------------------------------------------- */

/* Groups @k … of one pixel. */
static void
pack_pixel (const FrcNarrowConv *conv, const guint16 *from, guint all, guint k, guint groups,
    guint16 *to)
{
  if (conv->is_int8) {
    guint narrow = MIN (2 * groups, all - 2 * k);
    frc_narrow_quantize_pixel (conv, from + (gsize) 2 * k * FRC_NARROW_GROUP, narrow,
        FRC_NARROW_STEP_BYTES, (guint8 *) to);
    return;
  }
  from += (gsize) k * FRC_NARROW_GROUP;
  for (guint g = 0; g < groups; g++)
    memcpy (to + g * STEP_ELEMENTS, from + g * FRC_NARROW_GROUP, 64);
}

/* A chunk of K of a block of pixels. */
static void
pack_tile (gpointer data, guint index, gpointer scratch)
{
  const LinearRun *run = data;
  const FrcNarrowConv *conv = run->conv;
  const FrcNarrowView *in = run->io->in;
  guint block = index / run->chunks, k = index % run->chunks * CHUNK;
  guint groups = MIN (CHUNK, conv->groups - k), first = block * FRC_NARROW_ROWS;
  guint rows = MIN (FRC_NARROW_ROWS, run->n - first);
  guint all = conv->pixels * frc_narrow_groups (in->c);
  const guint16 *from = in->data + (gsize) first * conv->pixels * in->ld;
  guint16 *to = run->packed + ((gsize) block * conv->groups + k) * STEP_ELEMENTS;

  for (guint r = 0; r < rows; r++, from += conv->pixels * in->ld, to += FRC_NARROW_GROUP)
    pack_pixel (conv, from, all, k, groups, to);
}

/* ---- multiplying --------------------------------------------------------------------------- */

static void
finish_block (const LinearRun *run, const FrcNarrowBlock *block, guint panel, guint first)
{
  const FrcNarrowConv *conv = run->conv;
  const FrcNarrowConvIo *io = run->io;
  guint column = panel * FRC_NARROW_COLS;
  gfloat *wide[FRC_NARROW_ROWS];
  guint16 *narrow[FRC_NARROW_ROWS];
  FrcNarrowFinish finish = {.c = block->c, .bias = conv->bias + column,
    .scale = conv->is_int8 ? conv->scale + column : NULL, .rows = block->rows,
    .cols = block->cols, .column = column, .activation = conv->spec.activation};

  if (io->out) {
    for (guint r = 0; r < block->rows; r++)
      narrow[r] = io->out->data + (first + r) * io->out->ld;
    finish.out = narrow;
  } else {
    for (guint r = 0; r < block->rows; r++)
      wide[r] = io->wide_out->data + (first + r) * io->wide_out->ld;
    finish.wide_out = wide;
  }
  conv->kernels->finish (&finish);
}

/* Part @i of @n of a chunk that begins at @chunk. */
static void
fetch_part (const LinearRun *run, const guint16 *chunk, guint k, guint i, guint n, guint stream,
    FrcNarrowBlock *b)
{
  guint lines = FRC_NARROW_STEP_BYTES / 64 * MIN (CHUNK, run->conv->groups - k);

  b->ahead[stream] = (const char *) chunk + (gsize) frc_part_start (lines, n, i) * 64;
  b->ahead_lines[stream] = divide_up (divide_up (lines, n), b->groups);
}

/* While this block is multiplied, a share of the next panel's weights and of the next chunk of the
 * same pixels arrives from L3 or DRAM. */
static void
set_ahead (const LinearRun *run, const LinearTile *tile, guint block, guint panel, guint k,
    FrcNarrowBlock *b)
{
  const FrcNarrowConv *conv = run->conv;
  gboolean is_last = panel + 1 == tile->panel_end;
  guint next = is_last ? tile->panel : panel + 1, next_k = is_last ? k + CHUNK : k;

  if (next_k < conv->groups)
    fetch_part (run, conv->weights + ((gsize) next * conv->groups + next_k) * STEP_ELEMENTS, next_k,
        block - tile->first, tile->end - tile->first, 0, b);
  if (k + CHUNK < conv->groups)
    fetch_part (run, b->a + CHUNK * STEP_ELEMENTS, k + CHUNK, panel - tile->panel,
        tile->panel_end - tile->panel, 1, b);
}

static void
linear_block (const LinearRun *run, const LinearTile *tile, guint block, guint panel, guint k)
{
  static const gsize no_taps[1] = {0};
  const FrcNarrowConv *conv = run->conv;
  guint first = block * FRC_NARROW_ROWS, blocks = tile->end - tile->first;
  FrcNarrowBlock b = {.a_step = FRC_NARROW_GROUP, .a_group = STEP_ELEMENTS, .taps = no_taps,
    .n_taps = 1, .groups = MIN (CHUNK, conv->groups - k), .first = k == 0,
    .rows = MIN (FRC_NARROW_ROWS, run->n - first),
    .cols = MIN (FRC_NARROW_COLS, conv->spec.out_channels - panel * FRC_NARROW_COLS),
    .a = run->packed + ((gsize) block * conv->groups + k) * STEP_ELEMENTS,
    .b = conv->weights + ((gsize) panel * conv->groups + k) * STEP_ELEMENTS,
    .c = tile->sums + ((gsize) (panel - tile->panel) * blocks + block - tile->first) * BLOCK_FLOATS};

  set_ahead (run, tile, block, panel, k, &b);
  if (conv->is_int8)
    conv->kernels->block_int8 (&b);
  else
    conv->kernels->block (&b);
  if (k + b.groups == conv->groups)
    finish_block (run, &b, panel, first);
}

static void
linear_tile (gpointer data, guint index, gpointer scratch)
{
  const LinearRun *run = data;
  const FrcNarrowConv *conv = run->conv;
  guint part = index / run->panel_parts, panels = index % run->panel_parts;
  LinearTile tile = {.first = frc_part_start (run->blocks, run->block_parts, part),
    .end = frc_part_start (run->blocks, run->block_parts, part + 1),
    .panel = frc_part_start (conv->panels, run->panel_parts, panels),
    .panel_end = frc_part_start (conv->panels, run->panel_parts, panels + 1), .sums = scratch};

  if (conv->kernels->begin)
    conv->kernels->begin ();
  for (guint k = 0; k < conv->groups; k += CHUNK)
    for (guint panel = tile.panel; panel < tile.panel_end; panel++)
      for (guint block = tile.first; block < tile.end; block++)
        linear_block (run, &tile, block, panel, k);
  if (conv->kernels->end)
    conv->kernels->end ();
}

void
frc_narrow_linear_run (const FrcNarrowConv *conv, FrcPool *pool, const FrcNarrowConvIo *io)
{
  LinearRun run = linear_run (conv, frc_narrow_conv_shape (io).n);

  run.io = io;
  run.packed = io->shared;
  frc_pool_run (pool, pack_tile, &run, run.blocks * run.chunks);
  frc_pool_run (pool, linear_tile, &run, run.block_parts * run.panel_parts);
}
