/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What tests of the narrow (bf16) kernels share: each instruction set against sums in double of the
 * same bf16 numbers, with one thread and with two, which must not differ in a bit. Around every
 * tensor lie NaNs: who computes with them, or overwrites them, is found.
 */
#ifndef FRC_CHECK_NARROW_H
#define FRC_CHECK_NARROW_H

#include "check.h"
#include "core/kernels/narrow_table.h"

#define CHECK_NARROW_CASES 120
#define CHECK_NARROW_CANARY 0x7fca

extern FrcPool *check_narrow_pools[2]; /* of one thread and of two */
extern guint64 check_narrow_seed;      /* FRC_TEST_SEED starts other random cases */
extern const char *check_narrow_names[4]; /* that this CPU runs, NULL-terminated */

void check_narrow_start (int *argc, char ***argv);
int check_narrow_end (void); /* runs the tests */

typedef struct {
  FrcNarrowView view;
  guint16 *memory;
  gsize elements;
} CheckNarrow;

CheckNarrow check_narrow_new (guint n, guint h, guint w, guint c);
CheckNarrow check_narrow_new_input (guint64 *state, guint n, guint h, guint w, guint c);
void check_narrow_clear (CheckNarrow *t);
/* 0 beyond the border. */
gdouble check_narrow_at (const CheckNarrow *t, guint n, gint y, gint x, guint c);

/* What an output should be, a channel after the other, and how large its terms are in sum. */
typedef struct {
  gdouble *value, *size;
} CheckWant;

CheckWant check_want_new (const CheckNarrow *out);
void check_want_clear (CheckWant *want);
gdouble check_activate (gdouble x, FrcActivation activation);
/* Of an output, with the padding on both sides. */
guint check_out_side (guint in, guint kernel, guint stride, guint pad);

typedef void (*CheckNarrowRun) (gconstpointer data, const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *out);

/* Runs with all kernels and both pools. */
void check_narrow_run (CheckNarrowRun run, gconstpointer data, CheckNarrow *out,
    const CheckWant *want, const char *what);
/* TensorFlow's SAME padding: the bits of the same operation with its padding written out, which
 * @spec, part of @data, then has. */
void check_narrow_same (CheckNarrowRun run, gpointer data, FrcConvSpec *spec, guint h, guint w,
    guint c);

#endif
