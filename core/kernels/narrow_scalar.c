/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The oracle of the narrow kernels: plain loops, f32 sums in the order of K.
 */
#include "activation.h"
#include "narrow_table.h"

#include <math.h>

static void
block_scalar (const FrcNarrowBlock *g)
{
  for (guint r = 0; r < g->rows; r++)
    for (guint j = 0; j < g->cols; j++) {
      gfloat sum = g->first ? 0 : g->c[r * FRC_NARROW_COLS + j];
      const guint16 *b = g->b + 2 * j;
      for (guint t = 0; t < g->n_taps; t++) {
        const guint16 *a = g->a + r * g->a_step + g->taps[t];
        for (guint k = 0; k < g->groups; k++, a += g->a_group)
          for (guint i = 0; i < FRC_NARROW_GROUP; i += 2, b += 2 * FRC_NARROW_COLS)
            sum += frc_bf16_widen (a[i]) * frc_bf16_widen (b[0]) +
                frc_bf16_widen (a[i + 1]) * frc_bf16_widen (b[1]);
      }
      g->c[r * FRC_NARROW_COLS + j] = sum;
    }
}

static void
block_int8_scalar (const FrcNarrowBlock *g)
{
  gint32 *c = (gint32 *) g->c;

  for (guint r = 0; r < g->rows; r++)
    for (guint j = 0; j < g->cols; j++) {
      gint32 sum = g->first ? 0 : c[r * FRC_NARROW_COLS + j];
      const gint8 *b = (const gint8 *) g->b + 4 * j;
      for (guint t = 0; t < g->n_taps; t++) {
        const guint8 *a = (const guint8 *) (g->a + r * g->a_step + g->taps[t]);
        for (guint k = 0; k < g->groups; k++, a += 2 * g->a_group, b += FRC_NARROW_STEP_BYTES)
          for (guint i = 0; i < 64; i++)
            sum += a[i] * b[i / 4 * 4 * FRC_NARROW_COLS + i % 4];
      }
      c[r * FRC_NARROW_COLS + j] = sum;
    }
}

/* Sum @i of a block, in units of the output. */
static gfloat
finished_sum (const FrcNarrowFinish *f, guint i)
{
  if (!f->scale)
    return f->c[i];
  return (gfloat) ((const gint32 *) f->c)[i] * f->scale[i % FRC_NARROW_COLS];
}

static void
quantize_scalar (const guint16 *in, guint8 *out, gsize n, gsize step, gfloat inverse, gfloat zero)
{
  for (gsize i = 0; i < n; i++) {
    gfloat v = rintf (frc_bf16_widen (in[i]) * inverse + zero);
    out[i / 64 * step + i % 64] = v > 0 ? v < 255 ? (guint8) v : 255 : 0;
  }
}

static void
finish_scalar (const FrcNarrowFinish *f)
{
  for (guint r = 0; r < f->rows; r++) {
    gfloat *wide = f->wide_out ? f->wide_out[r] : NULL;
    guint16 *out = f->out ? f->out[r] : NULL;
    if (!wide && !out)
      continue;
    for (guint j = 0; j < f->cols; j++) {
      gfloat v = finished_sum (f, r * FRC_NARROW_COLS + j) + f->bias[j];
      if (f->residual)
        v += frc_bf16_widen (f->residual[r][f->column + j]);
      v = frc_activate (v, f->activation);
      if (wide)
        wide[f->column + j] = v;
      else
        out[f->column + j] = frc_bf16_narrow (v);
    }
    for (guint j = f->cols; out && j < FRC_NARROW_COLS; j++)
      out[f->column + j] = 0;
  }
}

static void
convert_scalar (const gfloat *in, guint16 *out, gsize n)
{
  for (gsize i = 0; i < n; i++)
    out[i] = frc_bf16_narrow (in[i]);
}

static void
widen_scalar (const guint16 *in, gfloat *out, gsize n)
{
  for (gsize i = 0; i < n; i++)
    out[i] = frc_bf16_widen (in[i]);
}

static void
window_columns (const FrcNarrowWindow *row, guint x, gint *left, guint *first, guint *end)
{
  *left = (gint) (x * row->stride_w) - (gint) row->pad_left;
  *first = MAX (-*left, 0);
  *end = MAX (MIN ((gint) row->in_w - *left, (gint) row->kernel_w), (gint) *first);
}

static void
depthwise_row_scalar (const FrcNarrowWindow *row)
{
  guint channels = row->groups * FRC_NARROW_GROUP, first, end;
  gint left;

  for (guint x = 0; x < row->out_w; x++) {
    window_columns (row, x, &left, &first, &end);
    for (guint c = 0; c < channels; c++) {
      guint place = frc_narrow_place (c);
      gfloat sum = row->bias[place];
      for (guint ky = 0; ky < row->n_rows; ky++)
        for (guint kx = first; kx < end; kx++) {
          gsize tap = (row->first_row + ky) * row->kernel_w + kx;
          sum += frc_bf16_widen (row->in[ky * row->row_step + (left + (gint) kx) * row->ld + c]) *
              row->weights[tap * channels + place];
        }
      row->out[x * row->out_ld + c] = frc_bf16_narrow (frc_activate (sum, row->activation));
    }
  }
}

static void
max_row_scalar (const FrcNarrowWindow *row)
{
  guint channels = row->groups * FRC_NARROW_GROUP, first, end;
  gint left;

  for (guint x = 0; x < row->out_w; x++) {
    window_columns (row, x, &left, &first, &end);
    for (guint c = 0; c < channels; c++) {
      gfloat most = -INFINITY;
      for (guint ky = 0; ky < row->n_rows; ky++)
        for (guint kx = first; kx < end; kx++) {
          gfloat v = frc_bf16_widen (row->in[ky * row->row_step + (left + (gint) kx) * row->ld + c]);
          most = v > most || isnan (v) ? v : most;
        }
      row->out[x * row->out_ld + c] = frc_bf16_narrow (most);
    }
  }
}

static void
average_row_scalar (const FrcNarrowWindow *row)
{
  guint channels = row->groups * FRC_NARROW_GROUP, first, end;
  gint left;

  for (guint x = 0; x < row->out_w; x++) {
    window_columns (row, x, &left, &first, &end);
    gfloat share = 1.0f / (row->n_rows * (end - first));
    for (guint c = 0; c < channels; c++) {
      gfloat sum = 0;
      for (guint ky = 0; ky < row->n_rows; ky++)
        for (guint kx = first; kx < end; kx++)
          sum += frc_bf16_widen (row->in[ky * row->row_step + (left + (gint) kx) * row->ld + c]);
      row->out[x * row->out_ld + c] = frc_bf16_narrow (frc_activate (sum * share, row->activation));
    }
  }
}

static void
mean_scalar (const guint16 *in, gsize ld, gsize n, guint16 *out)
{
  for (guint c = 0; c < FRC_NARROW_GROUP; c++) {
    gdouble sum = 0;
    for (gsize i = 0; i < n; i++)
      sum += frc_bf16_widen (in[i * ld + c]);
    out[c] = frc_bf16_narrow ((gfloat) (sum / n));
  }
}

static void
scale_row_scalar (const FrcNarrowRow *row)
{
  for (guint x = 0; x < row->w; x++)
    for (guint c = 0; c < row->groups * FRC_NARROW_GROUP; c++)
      row->out[x * row->out_ld + c] =
          frc_bf16_narrow (frc_bf16_widen (row->a[x * row->a_ld + c]) * frc_bf16_widen (row->b[c]));
}

static void
add_row_scalar (const FrcNarrowRow *row)
{
  for (guint x = 0; x < row->w; x++) {
    const guint16 *b = row->b + (gsize) x * row->b_w / row->w * row->b_ld;
    for (guint c = 0; c < row->groups * FRC_NARROW_GROUP; c++)
      row->out[x * row->out_ld + c] = frc_bf16_narrow (frc_activate (
          frc_bf16_widen (row->a[x * row->a_ld + c]) + frc_bf16_widen (b[c]), row->activation));
  }
}

static void
roi_scalar (const guint16 *map, const FrcRoiAxis *ys, const FrcRoiAxis *xs, guint pooled,
    guint groups, guint16 *out)
{
  for (guint py = 0; py < pooled; py++)
    for (guint px = 0; px < pooled; px++)
      for (guint c = 0; c < groups * FRC_NARROW_GROUP; c++) {
        gfloat sum = 0;
        for (guint y = ys->first[py]; y < ys->first[py + 1]; y++)
          for (guint x = xs->first[px]; x < xs->first[px + 1]; x++)
            sum += frc_bf16_widen (map[ys->offset[y] + xs->offset[x] + c]) *
                (ys->weight[y] * xs->weight[x]);
        *out++ = frc_bf16_narrow (sum);
      }
}

const FrcNarrowKernels frc_narrow_scalar = {"bf16 scalar", "gemm bf16 scalar", "gemm int8 scalar", NULL, NULL,
  block_scalar, block_int8_scalar, finish_scalar, convert_scalar, widen_scalar, quantize_scalar, depthwise_row_scalar, max_row_scalar, average_row_scalar,
  mean_scalar, scale_row_scalar, add_row_scalar, roi_scalar};
