/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The block on AMX tile registers: 2 × 2 tiles of 16 × 16 sums, two of pixels, two of weights.
 */
#include "narrow_table.h"

#include <immintrin.h>

#define INLINE static inline __attribute__ ((always_inline))
/* bf16 pairs into f32 sums, or quads of u8 · s8 into s32 sums. */
#define MULTIPLY(sum, a, b)          \
  do {                               \
    if (integers)                    \
      _tile_dpbusd (sum, a, b);      \
    else                             \
      _tile_dpbf16ps (sum, a, b);    \
  } while (0)

/* ldtilecfg's memory layout. */
typedef struct {
  guint8 palette, start_row, reserved[14];
  guint16 row_bytes[16];
  guint8 rows[16];
} TileConfig;

#define FULL(rows_0, rows_1)                                            \
  {                                                                     \
    .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},        \
    .rows = {rows_0, rows_0, rows_1, rows_1, rows_0, rows_1, 16, 16}    \
  }

static const TileConfig full = FULL (16, 16);

/* Tile registers are set up for a tile of work and given back after it: a thread of the host's keeps
 * none of it, and the system saves nothing of it on a switch. */
void
frc_narrow_begin_amx (void)
{
  _tile_loadconfig (&full);
}

void
frc_narrow_end_amx (void)
{
  _tile_release ();
}

#define SUMS(first, c)                                       \
  do {                                                       \
    if (first) {                                             \
      _tile_zero (0);                                        \
      _tile_zero (1);                                        \
      _tile_zero (2);                                        \
      _tile_zero (3);                                        \
    } else {                                                 \
      _tile_loadd (0, c, 128);                               \
      _tile_loadd (1, (c) + 16, 128);                        \
      _tile_loadd (2, (c) + 16 * FRC_NARROW_COLS, 128);      \
      _tile_loadd (3, (c) + 16 * FRC_NARROW_COLS + 16, 128); \
    }                                                        \
  } while (0)

/* Weights come from L2, this far ahead of their use: what the hardware does by itself is too late.
 * Behind the last ones lies other memory, which a prefetch may touch. */
#define AHEAD_BYTES (2 * FRC_NARROW_STEP_BYTES)
#define FETCH(p)                                 \
  do {                                           \
    _mm_prefetch (p, _MM_HINT_T0);               \
    _mm_prefetch ((p) + 64, _MM_HINT_T0);        \
    _mm_prefetch ((p) + 128, _MM_HINT_T0);       \
    _mm_prefetch ((p) + 192, _MM_HINT_T0);       \
    _mm_prefetch ((p) + 256, _MM_HINT_T0);       \
    _mm_prefetch ((p) + 320, _MM_HINT_T0);       \
    _mm_prefetch ((p) + 384, _MM_HINT_T0);       \
    _mm_prefetch ((p) + 448, _MM_HINT_T0);       \
  } while (0)

/* More than 16 pixels and more than 16 channels. */
INLINE void
block_2x2 (const FrcNarrowBlock *g, const gboolean integers)
{
  gsize step = g->a_step * sizeof (guint16), group = g->a_group * sizeof (guint16);
  const char *b = (const char *) g->b, *weights = g->ahead[0], *input = g->ahead[1];

  SUMS (g->first, g->c);
  for (guint t = 0; t < g->n_taps; t++) {
    const char *a = (const char *) (g->a + g->taps[t]);
    const char *a_next = a + 16 * step;
    for (guint k = 0; k < g->groups; k++) {
      const char *ahead = b + AHEAD_BYTES;
      _tile_loadd (4, a, step);
      _tile_loadd (6, b, 128);
      FETCH (ahead);
      _tile_loadd (7, b + 64, 128);
      MULTIPLY (0, 4, 6);
      FETCH (ahead + 512);
      _tile_loadd (5, a_next, step);
      MULTIPLY (1, 4, 7);
      FETCH (ahead + 1024);
      MULTIPLY (2, 5, 6);
      FETCH (ahead + 1536);
      MULTIPLY (3, 5, 7);
      for (guint i = 0; i < g->ahead_lines[0]; i++, weights += 64)
        _mm_prefetch (weights, _MM_HINT_T1);
      for (guint i = 0; i < g->ahead_lines[1]; i++, input += 64)
        _mm_prefetch (input, _MM_HINT_T1);
      a += group;
      a_next += group;
      b += FRC_NARROW_STEP_BYTES;
    }
  }
  _tile_stored (0, g->c, 128);
  _tile_stored (1, g->c + 16, 128);
  _tile_stored (2, g->c + 16 * FRC_NARROW_COLS, 128);
  _tile_stored (3, g->c + 16 * FRC_NARROW_COLS + 16, 128);
}

/* At most 16 channels: the two tiles of pixels alone. */
INLINE void
block_2x1 (const FrcNarrowBlock *g, const gboolean integers)
{
  gsize step = g->a_step * sizeof (guint16), group = g->a_group * sizeof (guint16);
  const char *b = (const char *) g->b;

  SUMS (g->first, g->c);
  for (guint t = 0; t < g->n_taps; t++) {
    const char *a = (const char *) (g->a + g->taps[t]);
    for (guint k = 0; k < g->groups; k++, a += group, b += FRC_NARROW_STEP_BYTES) {
      _tile_loadd (4, a, step);
      _tile_loadd (6, b, 128);
      _tile_loadd (5, a + 16 * step, step);
      MULTIPLY (0, 4, 6);
      MULTIPLY (2, 5, 6);
    }
  }
  _tile_stored (0, g->c, 128);
  _tile_stored (2, g->c + 16 * FRC_NARROW_COLS, 128);
}

/* At most 16 pixels. */
INLINE void
block_1x2 (const FrcNarrowBlock *g, const gboolean integers)
{
  gsize step = g->a_step * sizeof (guint16), group = g->a_group * sizeof (guint16);
  const char *b = (const char *) g->b;

  if (g->first) {
    _tile_zero (0);
    _tile_zero (1);
  } else {
    _tile_loadd (0, g->c, 128);
    _tile_loadd (1, g->c + 16, 128);
  }
  for (guint t = 0; t < g->n_taps; t++) {
    const char *a = (const char *) (g->a + g->taps[t]);
    for (guint k = 0; k < g->groups; k++, a += group, b += FRC_NARROW_STEP_BYTES) {
      _tile_loadd (4, a, step);
      _tile_loadd (6, b, 128);
      _tile_loadd (7, b + 64, 128);
      MULTIPLY (0, 4, 6);
      MULTIPLY (1, 4, 7);
    }
  }
  _tile_stored (0, g->c, 128);
  _tile_stored (1, g->c + 16, 128);
}

INLINE void
block_any (const FrcNarrowBlock *g, const gboolean integers)
{
  gboolean part = g->rows < FRC_NARROW_ROWS && g->rows != 16;

  if (part) { /* no row is read that is not there */
    TileConfig config = FULL (MIN (g->rows, 16), g->rows > 16 ? g->rows - 16 : 1);
    _tile_loadconfig (&config);
  }
  if (g->rows <= 16)
    block_1x2 (g, integers);
  else if (g->cols > 16)
    block_2x2 (g, integers);
  else
    block_2x1 (g, integers);
  if (part)
    _tile_loadconfig (&full);
}

void
frc_narrow_block_amx (const FrcNarrowBlock *g)
{
  block_any (g, FALSE);
}

void
frc_narrow_block_int8_amx (const FrcNarrowBlock *g)
{
  block_any (g, TRUE);
}
