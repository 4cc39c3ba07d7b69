/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Convolution on the system's BLAS, from the calling thread alone: the GEMM of CPUs without a block
 * of ours, and FRC_GEMM=openblas anywhere. What threads the BLAS starts is its host's business.
 */
#include "activation.h"
#include "conv.h"

#include <cblas.h>
#include <string.h>

#define BLOCK_BYTES (1024 * 1024) /* of gathered input */

const FrcGemmKernels frc_gemm_openblas = {"gemm openblas", 1, 1, 1, 0, NULL};

typedef struct {
  const FrcConv *conv;
  const FrcView *in, *residual, *out;
} BlasRun;

/* The input is a matrix as it lies. */
static gboolean
is_flat (const FrcConvSpec *spec, const FrcView *in, const FrcView *out)
{
  return spec->kernel_h == 1 && spec->kernel_w == 1 && spec->stride_h == 1 &&
      spec->stride_w == 1 && in->h == out->h && in->w == out->w;
}

static gsize
block_pixels (const FrcConv *conv, const FrcView *out)
{
  gsize pixels = (gsize) out->n * out->h * out->w;

  return CLAMP (BLOCK_BYTES / sizeof (gfloat) / conv->k, 1, pixels);
}

/* The inputs that output pixel @index sees, in the order of K, zeros beyond the edges. */
static void
gather_pixel (const BlasRun *run, gsize index, gfloat *to)
{
  const FrcConvSpec *spec = &run->conv->spec;
  const FrcView *in = run->in, *out = run->out;
  gsize n = index / out->w / out->h;
  gint64 y0 = (gint64) (index / out->w % out->h) * spec->stride_h - spec->pad_top;
  gint64 x0 = (gint64) (index % out->w) * spec->stride_w - spec->pad_left;

  for (gint64 y = y0; y < y0 + spec->kernel_h; y++)
    for (gint64 x = x0; x < x0 + spec->kernel_w; x++, to += in->c)
      if (y < 0 || y >= in->h || x < 0 || x >= in->w)
        memset (to, 0, in->c * sizeof (gfloat));
      else
        memcpy (to, in->data + ((n * in->h + y) * in->w + x) * in->ld, in->c * sizeof (gfloat));
}

static void
finish_pixel (const BlasRun *run, gsize index)
{
  const FrcConvSpec *spec = &run->conv->spec;
  const gfloat *residual =
      run->residual ? frc_residual_pixel (run->residual, run->out, index) : NULL;
  gfloat *c = run->out->data + index * run->out->ld;

  for (guint j = 0; j < spec->out_channels; j++) {
    gfloat sum = c[j] + run->conv->bias[j];
    if (residual != NULL)
      sum += residual[j];
    c[j] = frc_activate (sum, spec->activation);
  }
}

static void
blas_run_all (gpointer data, guint tile, gpointer scratch)
{
  const BlasRun *run = data;
  const FrcConv *conv = run->conv;
  gsize pixels = (gsize) run->out->n * run->out->h * run->out->w;
  gboolean flat = is_flat (&conv->spec, run->in, run->out);
  gsize step = flat ? pixels : block_pixels (conv, run->out);
  guint n = conv->spec.out_channels;

  for (gsize first = 0; first < pixels; first += step) {
    gsize count = MIN (step, pixels - first);
    for (gsize i = 0; i < count && !flat; i++)
      gather_pixel (run, first + i, (gfloat *) scratch + i * conv->k);
    cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasNoTrans, count, n, conv->k, 1.0f,
        flat ? run->in->data : scratch, flat ? run->in->ld : conv->k, conv->weights, n, 0.0f,
        run->out->data + first * run->out->ld, run->out->ld);
    for (gsize i = 0; i < count; i++)
      finish_pixel (run, first + i);
  }
}

/* As frc_conv_run (). One tile, so that it has the calling thread's scratch. */
void
frc_conv_run_blas (const FrcConv *conv, FrcPool *pool, const FrcView *in, const FrcView *residual,
    const FrcView *out)
{
  BlasRun run = {conv, in, residual, out};

  frc_pool_run (pool, blas_run_all, &run, 1);
}

gsize
frc_conv_blas_scratch_bytes (const FrcConv *conv, const FrcView *in, const FrcView *out)
{
  if (is_flat (&conv->spec, in, out))
    return 0;
  return block_pixels (conv, out) * conv->k * sizeof (gfloat);
}
