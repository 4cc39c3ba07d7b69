/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Golden files: what torchvision made of small inputs. generate.py writes them and says what each
 * name means. A name that is missing aborts the test.
 */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "core/kernels/kernels.h"
#include "core/model/weights.h"

/* @file: without folder and ending. Free with frc_weights_free (). */
FrcWeights *golden_open (const char *file);

/* All values of tensor "@scope.@name" as floats, *@n of them (nullable). Free with g_free (). */
gfloat *golden_read (const FrcWeights *golden, const char *scope, const char *name, guint *n);
const FrcTensor *golden_tensor (const FrcWeights *golden, const char *scope, const char *name);

/* A 4-D tensor as a view; free view.data with g_free (). */
FrcView golden_view (const FrcWeights *golden, const char *scope, const char *name);

/* Fails unless |ours[i] − want[i]| ≤ @tolerance · the largest |want| for all @n. */
void golden_assert_close (const char *what, const gfloat *ours, const gfloat *want, guint n,
    gdouble tolerance);
/* The same with an absolute tolerance, for boxes in pixels. */
void golden_assert_near (const char *what, const gfloat *ours, const gfloat *want, guint n,
    gdouble tolerance);

#endif
