/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A convolution's life: the choice of its block and the packing of its weights.
 */
#include "conv.h"
#include "winograd.h"
#include "../frcnn.h"
#include "../mem.h"

#include <string.h>

static guint
round_up (guint n, guint to)
{
  return (n + to - 1) / to * to;
}

/* Row k of a panel holds weight[channel][kernel row][kernel column][input channel] of its channels,
 * torch's order being [channel][input channel][kernel row][kernel column]. */
static void
conv_pack_weights (FrcConv *conv, const gfloat *weight, guint panel_cols)
{
  const FrcConvSpec *spec = &conv->spec;
  gsize taps = (gsize) spec->kernel_h * spec->kernel_w;

  for (guint first = 0; first < spec->out_channels; first += panel_cols) {
    guint used = MIN (panel_cols, spec->out_channels - first);
    guint width = round_up (used, conv->gemm->lanes);
    gfloat *panel = conv->weights + (gsize) first * conv->k;

    for (guint j = 0; j < used; j++)
      for (gsize i = 0; i < spec->in_channels; i++)
        for (gsize t = 0; t < taps; t++)
          panel[(t * spec->in_channels + i) * width + j] =
              weight[((first + j) * (gsize) spec->in_channels + i) * taps + t];
  }
}

/* At each of Winograd's points a matrix of its own, its rows [phase][input channel]. */
static void
conv_pack_winograd (FrcConv *conv, const gfloat *weight)
{
  guint in = conv->spec.in_channels, out = conv->spec.out_channels, cols = conv->gemm->cols;
  guint points = frc_winograd_points (conv->winograd);
  gsize all = round_up (out, conv->gemm->lanes);
  gfloat rows[FRC_WINOGRAD_MAX_ROWS * FRC_GEMM_MAX_COLS];

  for (guint first = 0; first < out; first += cols) {
    guint used = MIN (cols, out - first), width = round_up (used, conv->gemm->lanes);

    memset (rows, 0, sizeof rows);
    for (guint i = 0; i < in; i++) {
      gfloat *matrix = conv->weights;
      const gfloat *row = rows;
      for (guint j = 0; j < used; j++)
        frc_winograd_weights (conv->winograd, weight + ((gsize) (first + j) * in + i) * 9, rows + j,
            cols);
      for (guint p = 0; p < points; p++) {
        gsize depth = (gsize) in * frc_winograd_phases (conv->winograd, p);
        gfloat *to = matrix + first * depth + i * width;
        for (gsize k = 0; k < depth; k += in, to += in * width, row += cols)
          memcpy (to, row, width * sizeof (gfloat));
        matrix += depth * all;
      }
    }
  }
}

/* FRC_GEMM=openblas in the environment takes the system's BLAS with any table. */
static const FrcGemmKernels *
conv_choose_gemm (const FrcKernels *kernels)
{
  const char *name = g_getenv ("FRC_GEMM");

  if (name != NULL && g_str_equal (name, "openblas"))
    return &frc_gemm_openblas;
  return kernels->gemm;
}

/* See kernels.h. */
gboolean
frc_conv_takes_winograd (const FrcKernels *kernels, const FrcConvSpec *spec)
{
  return frc_winograd_choose (kernels, conv_choose_gemm (kernels), spec) != NULL;
}

/* See kernels.h. FRC_ERROR_TOO_LARGE if the weights' size does not fit a gsize. */
FrcConv *
frc_conv_new (const FrcKernels *kernels, const FrcConvSpec *spec, const gfloat *weight,
    const gfloat *bias, GError **error)
{
  const FrcGemmKernels *gemm = conv_choose_gemm (kernels);
  const FrcWinogradKernels *winograd = frc_winograd_choose (kernels, gemm, spec);
  guint64 taps = winograd != NULL ? frc_winograd_rows (winograd)
                                  : (guint64) spec->kernel_h * spec->kernel_w;
  guint64 k = taps * spec->in_channels;
  guint64 width = ((guint64) spec->out_channels + gemm->lanes - 1) / gemm->lanes * gemm->lanes;
  gsize floats;

  if (k > G_MAXINT32 || width > G_MAXINT32 || !g_size_checked_mul (&floats, k + 1, width)) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_TOO_LARGE,
        "a convolution of %u × %u × %u to %u channels is too large", spec->kernel_h,
        spec->kernel_w, spec->in_channels, spec->out_channels);
    return NULL;
  }
  FrcConv *conv = g_new0 (FrcConv, 1);
  conv->gemm = gemm;
  conv->winograd = winograd;
  conv->spec = *spec;
  conv->k = k;
  conv->bytes = floats * sizeof (gfloat);
  conv->weights = frc_alloc0 (floats, sizeof (gfloat), "a convolution's weights", error);
  if (conv->weights == NULL) {
    g_free (conv);
    return NULL;
  }
  conv->bias = conv->weights + k * width;
  if (winograd != NULL)
    conv_pack_winograd (conv, weight);
  else
    conv_pack_weights (conv, weight, gemm->block != NULL ? gemm->cols : spec->out_channels);
  if (bias != NULL)
    memcpy (conv->bias, bias, spec->out_channels * sizeof (gfloat));
  return conv;
}

void
frc_conv_free (FrcConv *conv)
{
  if (conv == NULL)
    return;
  frc_free (conv->weights);
  g_free (conv);
}

gsize
frc_conv_weight_bytes (const FrcConv *conv)
{
  return conv->bytes;
}

const char *
frc_conv_kernel_name (const FrcConv *conv)
{
  return conv->winograd != NULL ? conv->winograd->name : conv->gemm->name;
}
