/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Depthwise convolution: weights in the order the kernels read them, and the cut into bands of
 * output rows.
 */
#include "depthwise.h"
#include "../mem.h"

#include <string.h>

#define TILE_MACS (1 << 19) /* some 10 µs */

struct _FrcDepthwise {
  const FrcDepthwiseKernels *kernels;
  FrcConvSpec spec;
  gsize channels; /* rounded up to whole blocks */
  gsize bytes;
  gfloat *weights; /* [kernel_h][kernel_w][channels], then the bias: [channels] */
};

FrcDepthwise *
frc_depthwise_new (const FrcKernels *kernels, const FrcConvSpec *spec, const gfloat *weight,
    const gfloat *bias, GError **error)
{
  gsize taps = (gsize) spec->kernel_h * spec->kernel_w, c = spec->out_channels;
  gsize channels = (c + FRC_DEPTHWISE_BLOCK - 1) / FRC_DEPTHWISE_BLOCK * FRC_DEPTHWISE_BLOCK;
  FrcDepthwise *depthwise;

  depthwise = frc_alloc0 (1, sizeof (FrcDepthwise), "a depthwise convolution", error);
  if (depthwise == NULL)
    return NULL;
  depthwise->kernels = kernels->depthwise;
  depthwise->spec = *spec;
  depthwise->channels = channels;
  depthwise->bytes = (taps + 1) * channels * sizeof (gfloat);
  depthwise->weights =
      frc_alloc0 (taps + 1, channels * sizeof (gfloat), "depthwise weights", error);
  if (depthwise->weights == NULL) {
    frc_depthwise_free (depthwise);
    return NULL;
  }
  for (gsize i = 0; i < c; i++)
    for (gsize t = 0; t < taps; t++)
      depthwise->weights[t * channels + i] = weight[i * taps + t];
  if (bias != NULL)
    memcpy (depthwise->weights + taps * channels, bias, c * sizeof (gfloat));
  return depthwise;
}

void
frc_depthwise_free (FrcDepthwise *depthwise)
{
  if (depthwise == NULL)
    return;
  frc_free (depthwise->weights);
  frc_free (depthwise);
}

gsize
frc_depthwise_weight_bytes (const FrcDepthwise *depthwise)
{
  return depthwise->bytes;
}

typedef struct {
  const FrcDepthwise *depthwise;
  FrcConvSpec spec; /* the convolution's, its padding known */
  const FrcView *in, *out;
  guint rows;       /* of a tile */
  guint image_tiles;
} DepthwiseRun;

/* What is the same for every row. */
static FrcWindowRow
row_start (const FrcDepthwise *depthwise)
{
  const FrcConvSpec *spec = &depthwise->spec;
  gsize taps = (gsize) spec->kernel_h * spec->kernel_w;

  return (FrcWindowRow){.weights = depthwise->weights,
    .bias = depthwise->weights + taps * depthwise->channels, .weight_step = depthwise->channels,
    .multiplier = spec->out_channels / spec->in_channels};
}

static void
depthwise_tile (gpointer data, guint tile, gpointer scratch)
{
  const DepthwiseRun *run = data;
  const FrcDepthwise *depthwise = run->depthwise;
  const FrcConvSpec *spec = &run->spec;
  guint n = tile / run->image_tiles, first = tile % run->image_tiles * run->rows;
  guint end = MIN (first + run->rows, run->out->h);
  FrcWindowRow row = row_start (depthwise);

  for (guint y = first; y < end; y++) {
    frc_window_row_init (&row, spec, run->in, run->out, n, y);
    depthwise->kernels->row (&row);
  }
}

/* See kernels.h. */
void
frc_depthwise_run (const FrcDepthwise *depthwise, FrcPool *pool, const FrcView *in,
    const FrcView *out)
{
  const FrcConvSpec *spec = &depthwise->spec;
  gsize cost = (gsize) out->w * out->c * spec->kernel_h * spec->kernel_w;
  DepthwiseRun run = {depthwise, frc_spec_resolve (spec, in, out), in, out,
    frc_window_tile_rows (out->h, cost, TILE_MACS), 0};

  run.image_tiles = (out->h + run.rows - 1) / run.rows;
  frc_pool_run (pool, depthwise_tile, &run, out->n * run.image_tiles);
}

/* See kernels.h. */
void
frc_depthwise_run_rows (const FrcDepthwise *depthwise, const FrcView *in, const FrcView *out,
    guint first, guint end)
{
  FrcConvSpec spec = frc_spec_resolve (&depthwise->spec, in, out);
  FrcWindowRow row = row_start (depthwise);

  for (guint y = first; y < end; y++) {
    frc_window_row_init (&row, &spec, in, out, 0, y);
    depthwise->kernels->row (&row);
  }
}
