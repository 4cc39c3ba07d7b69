/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an instruction set implements of the narrow operations. Vector kernels work on a group of 32
 * channels as even and odd ones: a bf16 is the upper half of an f32, so a shift and a mask widen.
 * f32 constants of a group (weights, scales) are kept in that order: 16 even, then 16 odd ones.
 */
#ifndef FRC_NARROW_TABLE_H
#define FRC_NARROW_TABLE_H

#include "narrow.h"
#include "roi_align.h"
#include "table.h"

/* A block is 32 pixels by a panel of 32 output channels. */
#define FRC_NARROW_ROWS 32
#define FRC_NARROW_COLS 32
#define FRC_NARROW_STEP_BYTES 2048 /* of weights: a group of K for a panel */

/* c (+)= a · b. K runs over taps, then groups of 64 bytes: 32 channels of bf16, or 64 of u8 that meet
 * weights of s8, whose sums are s32. A panel's weights are, a group, 16 times 4 bytes (two channels,
 * or four) × 32 columns. Elements are 2 bytes in both cases. */
typedef struct {
  const guint16 *a;  /* the first pixel's input */
  gsize a_step;      /* elements from a pixel to the next */
  gsize a_group;     /* and from a group to the next: 32, unless the input is packed by blocks */
  const gsize *taps; /* offsets from a, in elements, of n_taps runs of `groups` groups */
  guint n_taps, groups;
  const guint16 *b;
  gfloat *c;         /* [32][32], f32 or s32 */
  guint rows, cols;  /* 1 … 32 that are needed */
  gboolean first;    /* c is not read */
  /* What the next blocks need of weights and input, and L3 or DRAM still hold: lines a group. */
  const char *ahead[2];
  guint ahead_lines[2];
} FrcNarrowBlock;

/* out = activation (c · scale + bias + residual), row by row. */
typedef struct {
  const gfloat *c;     /* [rows][32]: f32, or s32 if there is a scale */
  const gfloat *scale; /* [32], or NULL */
  const gfloat *bias;  /* [32] */
  guint rows, cols;
  /* A row's place: NULL for a row that is nobody's. The channels are those from `column` on. One of
   * the two kinds of output. */
  guint16 *const *out;
  gfloat *const *wide_out;
  const guint16 *const *residual; /* or NULL */
  guint column;
  FrcActivation activation;
} FrcNarrowFinish;

/* One output row of a window operation; as FrcWindowRow. */
typedef struct {
  const guint16 *in; /* of the first input row inside the map that the window touches, at x = 0 */
  gsize row_step, ld, out_ld;
  guint16 *out;
  guint in_w, out_w, groups;
  guint kernel_w, stride_w, pad_left;
  guint first_row, n_rows;
  const gfloat *weights, *bias; /* depthwise: [tap][group][even, odd] */
  FrcActivation activation;
} FrcNarrowWindow;

/* One row of an elementwise operation on w pixels. */
typedef struct {
  const guint16 *a, *b;
  guint16 *out;
  gsize a_ld, b_ld, out_ld;
  guint w, groups;
  guint b_w; /* add: pixel x of a meets pixel floor (x · b_w / w) of b */
  FrcActivation activation;
} FrcNarrowRow;

struct _FrcNarrowKernels {
  const char *name, *conv_name, *int8_name;
  /* Around the blocks of a tile of work: the thread's tile registers. NULL where there are none. */
  void (*begin) (void);
  void (*end) (void);
  void (*block) (const FrcNarrowBlock *block);
  void (*block_int8) (const FrcNarrowBlock *block);
  void (*finish) (const FrcNarrowFinish *finish);
  void (*convert) (const gfloat *in, guint16 *out, gsize n); /* f32 → bf16 */
  void (*widen) (const guint16 *in, gfloat *out, gsize n);   /* a multiple of 32 */
  /* bf16 → round (in · inverse + zero) within 0 … 255, for n numbers, a multiple of 32. @step: bytes
   * of out from 64 numbers to the next 64. */
  void (*quantize) (const guint16 *in, guint8 *out, gsize n, gsize step, gfloat inverse,
      gfloat zero);
  void (*depthwise_row) (const FrcNarrowWindow *row);
  void (*max_row) (const FrcNarrowWindow *row);
  void (*average_row) (const FrcNarrowWindow *row); /* of the pixels inside, then the activation */
  /* One group's mean over @n pixels, @ld elements apart. */
  void (*mean) (const guint16 *in, gsize ld, gsize n, guint16 *out);
  void (*scale_row) (const FrcNarrowRow *row);
  void (*add_row) (const FrcNarrowRow *row);
  void (*roi) (const guint16 *map, const FrcRoiAxis *ys, const FrcRoiAxis *xs, guint pooled,
      guint groups, guint16 *out);
};

gboolean frc_cpu_has_tiles (void); /* AMX of this CPU; whether the system gives it is another matter */

extern const FrcNarrowKernels frc_narrow_scalar;
#ifdef FRC_AVX512_BF16
extern const FrcNarrowKernels frc_narrow_avx512;
#endif
#ifdef FRC_AMX
extern const FrcNarrowKernels frc_narrow_amx;
void frc_narrow_depthwise_row_avx512 (const FrcNarrowWindow *row);
void frc_narrow_max_row_avx512 (const FrcNarrowWindow *row);
void frc_narrow_average_row_avx512 (const FrcNarrowWindow *row);
void frc_narrow_begin_amx (void);
void frc_narrow_end_amx (void);
void frc_narrow_block_amx (const FrcNarrowBlock *block);
void frc_narrow_block_int8_amx (const FrcNarrowBlock *block);
#endif

/* frc_spec_resolve () by sizes alone. */
static inline FrcConvSpec
frc_narrow_resolve (const FrcConvSpec *spec, guint in_h, guint in_w, guint out_h, guint out_w)
{
  const FrcView in = {.h = in_h, .w = in_w}, out = {.h = out_h, .w = out_w};

  return frc_spec_resolve (spec, &in, &out);
}

/* Where channel @c of a group lies among its f32 constants. */
static inline guint
frc_narrow_place (guint c)
{
  return c / FRC_NARROW_GROUP * FRC_NARROW_GROUP + c % 2 * (FRC_NARROW_GROUP / 2) +
      c % FRC_NARROW_GROUP / 2;
}

#endif
