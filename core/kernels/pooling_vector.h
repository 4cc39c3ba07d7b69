/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pools and local normalisation fold the elements of each window, for several vectors of channels
 * at a time: one fold after the other is a chain that the CPU must wait for.
 */
#include "pooling.h"
#include "vector.h"

#include <math.h>

/* FOLD_ORDERED is FOLD_MAX of elements without NaN, and tells whether there was one. */
typedef enum { FOLD_ORDERED, FOLD_MAX, FOLD_AVERAGE, FOLD_LOCAL_NORM } Fold;

#define VECTORS 4  /* of channels, at most */
#define AHEAD 1024 /* floats: prefetched, as the CPU's own prefetching ends with a page of 4 KiB */

/* A window's part inside the map and, where they count, the pixel in its middle and an element's
 * share of the mean. */
typedef struct {
  const gfloat *in, *middle;
  gfloat *out;
  guint columns;
  gfloat share;
} Window;

/* What the elements of each vector have become so far, and whether pairs of vectors had no NaN. */
typedef struct {
  Vec value[VECTORS];
  VecOrder order[2];
} Folded;

INLINE Vec
fold_start (const Fold fold)
{
  return vec_all (fold == FOLD_MAX || fold == FOLD_ORDERED ? -INFINITY : 0);
}

INLINE Vec
fold_element (Vec folded, Vec v, const Fold fold)
{
  switch (fold) {
    case FOLD_ORDERED:
      return vec_upper (v, folded);
    case FOLD_MAX:
      return vec_max (folded, v);
    case FOLD_AVERAGE:
      return vec_add (folded, v);
    default:
      return vec_fma (v, v, folded);
  }
}

INLINE void
fold_pixel (Folded *folded, const gfloat *in, VecMask mask, const gboolean part,
    const guint vectors, const Fold fold)
{
  Vec v[VECTORS];

  UNROLL
  for (guint i = 0; i < vectors; i++) {
    v[i] = vec_get (in + i * LANES, mask, part);
    if (fold == FOLD_ORDERED) {
      v[i] = vec_rounded (v[i]); /* in a register: it is used twice */
      vec_prefetch (in + i * LANES + AHEAD);
    }
    folded->value[i] = fold_element (folded->value[i], v[i], fold);
  }
  UNROLL
  for (guint i = 0; i < vectors && fold == FOLD_ORDERED; i += 2)
    folded->order[i / 2] =
        vec_order_add (folded->order[i / 2], v[i], v[MIN (i + 1, vectors - 1)]);
}

INLINE Vec
fold_end (const FrcWindowRow *row, const Window *window, Vec folded, guint c, VecMask mask,
    const gboolean part, const Fold fold)
{
  if (fold == FOLD_AVERAGE)
    return vec_activate (vec_mul (folded, vec_all (window->share)), row->activation);
  if (fold == FOLD_LOCAL_NORM) {
    Vec root = vec_sqrt (vec_fma (folded, vec_all (window->share), vec_all (1)));
    return vec_div (vec_get (window->middle + c, mask, part), vec_mul (root, vec_sqrt (root)));
  }
  return folded;
}

/* Channels from @c on. @columns: the window's, if that is a constant; else 0. */
INLINE VecOrder
window_channels (const FrcWindowRow *row, const Window *window, guint c, VecMask mask,
    const gboolean part, const guint vectors, const guint columns, const Fold fold)
{
  const gfloat *in = window->in + c;
  Folded folded;

  folded.order[0] = folded.order[1] = vec_order_start ();
  UNROLL
  for (guint v = 0; v < vectors; v++)
    folded.value[v] = fold_start (fold);
  for (guint ky = 0; ky < row->n_rows; ky++, in += row->row_step) {
    UNROLL
    for (guint kx = 0; kx < columns; kx++)
      fold_pixel (&folded, in + kx * row->ld, mask, part, vectors, fold);
    for (guint kx = 0; columns == 0 && kx < window->columns; kx++)
      fold_pixel (&folded, in + kx * row->ld, mask, part, vectors, fold);
  }
  UNROLL
  for (guint v = 0; v < vectors; v++)
    vec_put (window->out + c + v * LANES, mask, part,
        fold_end (row, window, folded.value[v], c + v * LANES, mask, part, fold));
  return vec_order_both (folded.order[0], folded.order[1]);
}

INLINE VecOrder
window_fold (const FrcWindowRow *row, const Window *window, const guint columns, const Fold fold)
{
  VecOrder order = vec_order_start ();
  guint c = 0;

  for (; c + VECTORS * LANES <= row->c; c += VECTORS * LANES)
    order = vec_order_both (order,
        window_channels (row, window, c, vec_mask (LANES), FALSE, VECTORS, columns, fold));
  for (; c + LANES <= row->c; c += LANES)
    order = vec_order_both (order,
        window_channels (row, window, c, vec_mask (LANES), FALSE, 1, columns, fold));
  if (c < row->c)
    order = vec_order_both (order,
        window_channels (row, window, c, vec_mask (row->c - c), TRUE, 1, columns, fold));
  return order;
}

/* FALSE: there was a NaN that FOLD_ORDERED did not see. */
INLINE gboolean
window_row (const FrcWindowRow *row, const Fold fold)
{
  guint half = row->kernel_w / 2;
  VecOrder order = vec_order_start ();

  for (guint x = 0; x < row->out_w; x++) {
    const gfloat *in = row->in +
        (gssize) row->ld * ((gssize) x * row->stride_w - (gssize) row->pad_left);
    guint first, end;

    frc_window_columns (row, x, &first, &end);
    Window window = {in + first * row->ld, NULL, row->out + x * row->out_ld, end - first, 0};
    if (fold == FOLD_AVERAGE)
      window.share = 1.0f / (gfloat) (row->n_rows * (end - first));
    else if (fold == FOLD_LOCAL_NORM) {
      window.share = row->alpha / (gfloat) (row->kernel_w * row->kernel_w);
      window.middle = in + (half - row->first_row) * row->row_step + half * row->ld;
    }
    order = vec_order_both (order, end - first == 3 ? window_fold (row, &window, 3, fold)
                                                    : window_fold (row, &window, 0, fold));
  }
  return vec_order_holds (order);
}

static void
max_row_vector (const FrcWindowRow *row)
{
  if (!window_row (row, FOLD_ORDERED))
    window_row (row, FOLD_MAX);
}

static void
average_row_vector (const FrcWindowRow *row)
{
  window_row (row, FOLD_AVERAGE);
}

static void
local_norm_row_vector (const FrcWindowRow *row)
{
  window_row (row, FOLD_LOCAL_NORM);
}

INLINE void
mean_channels (const gfloat *in, gsize ld, gsize n, gfloat *out, VecMask mask, const gboolean part)
{
  VecDouble sum = vec_double_zero ();
  gsize pixel = 0;

  for (; pixel + 8 <= n; pixel += 8, in += 8 * ld) {
    Vec v[8];
    UNROLL
    for (guint i = 0; i < 8; i++)
      v[i] = vec_get (in + i * ld, mask, part);
    sum = vec_double_add (sum, vec_add (
        vec_add (vec_add (v[0], v[1]), vec_add (v[2], v[3])),
        vec_add (vec_add (v[4], v[5]), vec_add (v[6], v[7]))));
  }
  for (; pixel < n; pixel++, in += ld)
    sum = vec_double_add (sum, vec_get (in, mask, part));
  vec_put (out, mask, part, vec_double_divide (sum, (gdouble) n));
}

static void
mean_vector (const gfloat *in, gsize ld, guint c, gsize n, gfloat *out)
{
  guint i = 0;

  for (; i + LANES <= c; i += LANES)
    mean_channels (in + i, ld, n, out + i, vec_mask (LANES), FALSE);
  if (i < c)
    mean_channels (in + i, ld, n, out + i, vec_mask (c - i), TRUE);
}
