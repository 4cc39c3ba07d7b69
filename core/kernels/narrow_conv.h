/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a narrow convolution's work is cut: internal to narrow_conv*.c.
 */
#ifndef FRC_NARROW_CONV_H
#define FRC_NARROW_CONV_H

#include "conv.h"
#include "narrow_table.h"

struct _FrcNarrowConv {
  const FrcNarrowKernels *kernels;
  FrcConvSpec spec;
  guint pixels;     /* of an input of a fully connected layer, else 0 */
  gboolean wide_in; /* the input is f32 with few channels: a kernel row is one tap */
  guint terms;      /* bf16 numbers whose sum a weight is; they are taps of the same pixel */
  guint n_taps, groups, panels; /* K is n_taps · groups groups of 64 bytes */
  guint16 *weights; /* [panel][tap][group], see FrcNarrowBlock */
  gfloat *bias;     /* [panels · 32], zeros behind the last channel */
  gsize bytes;

  /* int8: x = (q − zero) / inverse for the input's numbers q; scale: [panels · 32], of the sums. */
  gboolean is_int8;
  gfloat inverse, zero;
  gfloat *scale;
};

/* A tile is some units of pixels by some panels of channels. A unit is 32 pixels where every pixel
 * reads itself alone (1×1, fully connected), else a row of an image, or an image where there are
 * many. Where pixels read their neighbours, a tile's input is copied with its padding, by the phases
 * of the stride, so that the block finds each tap of consecutive pixels at one step. */
typedef struct {
  gboolean copy, whole_images;
  guint units, unit_parts, panel_parts, n_tiles;
  guint pitch;              /* pixels from an output row to the next in the copy */
  guint phases_y, phases_x; /* of the copy */
  gsize row_elements;       /* of the copy, wide_in: elements from an input row to the next */
  gboolean panels_inside;   /* all panels for a block of pixels, then the next; else the reverse */
  /* Scratch: the copy, twice the pixels' places, sums, taps. */
  gsize copy_bytes, place_bytes, sums_bytes, tap_bytes;
} FrcNarrowConvPlan;

typedef struct {
  guint n, h, w;
} FrcNarrowConvShape; /* of the output: the plan follows from it */

static inline FrcNarrowConvShape
frc_narrow_conv_shape (const FrcNarrowConvIo *io)
{
  if (io->out)
    return (FrcNarrowConvShape){io->out->n, io->out->h, io->out->w};
  return (FrcNarrowConvShape){io->wide_out->n, io->wide_out->h, io->wide_out->w};
}

void frc_narrow_conv_plan (const FrcNarrowConv *conv, FrcNarrowConvShape shape,
    FrcNarrowConvPlan *plan);

/* narrow_linear.c: fully connected layers. */
void frc_narrow_linear_run (const FrcNarrowConv *conv, FrcPool *pool, const FrcNarrowConvIo *io);
gsize frc_narrow_linear_scratch_bytes (const FrcNarrowConv *conv, guint n);
gsize frc_narrow_linear_shared_bytes (const FrcNarrowConv *conv, guint n);

/* One pixel's channels as int8, @groups of 32; @step: bytes from 64 of them to the next. An odd
 * group's other half meets weights that are zeros. */
static inline void
frc_narrow_quantize_pixel (const FrcNarrowConv *conv, const guint16 *from, guint groups, gsize step,
    guint8 *to)
{
  conv->kernels->quantize (from, to, groups * FRC_NARROW_GROUP, step, conv->inverse, conv->zero);
  if (groups % 2)
    memset (to + groups / 2 * step + FRC_NARROW_GROUP, 0, FRC_NARROW_GROUP);
}

#endif
