/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the kernels' tests share: views between canaries, random numbers that a seed repeats, and
 * comparison with a declared tolerance.
 */
#ifndef CHECK_H
#define CHECK_H

#include "core/kernels/kernels.h"

typedef struct {
  FrcView view;
  gfloat *memory;
  gsize floats;
} CheckView;

/* xorshift; the state must not be 0. */
guint64 check_random (guint64 *state);
guint check_random_below (guint64 *state, guint n);
gfloat check_random_float (guint64 *state); /* −1 … 1 */
#define check_pick(state, array) ((array)[check_random_below (state, G_N_ELEMENTS (array))])

/* Inputs are full of random numbers, between the channels and around the view too: whoever reads
 * there is found. Outputs are full of canaries. */
CheckView check_view_new_input (guint64 *state, guint n, guint h, guint w, guint c, gsize ld);
CheckView check_view_new_output (guint n, guint h, guint w, guint c, gsize ld);
void check_view_reset (CheckView *output);
void check_view_clear (CheckView *view);

/* NULL, or what is wrong (to be freed): a canary outside the view was overwritten. */
char *check_view_canaries (const CheckView *output);

/* NULL, or what is wrong (to be freed): an element of @got is farther from @want than @tolerance
 * times @scale's element (1 if @scale is NULL). The two outputs have the same shape. */
char *check_view_compare (const CheckView *got, const CheckView *want, const CheckView *scale,
    gdouble tolerance);

/* "scalar", "avx2", "avx512" as far as this CPU runs them; NULL-terminated. */
const char *const *check_kernel_names (void);

/* @steps of a loop of multiply-adds on registers, and the floating-point operations of a step. */
void check_peak_run (const char *kernels, gsize steps);
gdouble check_peak_flops (const char *kernels);
/* Brings every cache line of @p to the processor. */
void check_stream_read (const gfloat *p, gsize floats);

#endif
