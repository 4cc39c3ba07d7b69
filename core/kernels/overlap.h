/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which boxes overlap: the inner loop of non-maximum suppression.
 */
#ifndef FRC_OVERLAP_H
#define FRC_OVERLAP_H

#include "table.h"

#define FRC_OVERLAP_BLOCK 64 /* boxes a mask speaks of */

/* Boxes without NaN. Each array has a block's room behind its last box: kernels read it. */
typedef struct {
  gfloat *x1, *y1, *x2, *y2, *area;
} FrcBoxArrays;

struct _FrcOverlapKernels {
  /* Bit j: box @block + j overlaps one of the boxes [@first, @end) with IoU > @threshold ≥ 0; bits
   * from @n ≤ 64 on mean nothing. The IoU is inter / (area + area − inter), each step rounded to
   * f32, the area of the later argument second: one answer, whatever the instruction set. */
  guint64 (*mask) (const FrcBoxArrays *boxes, guint block, guint n, guint first, guint end,
      gfloat threshold);
};

#endif
