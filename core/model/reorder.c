/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reorder.h"

static gsize
row_of (const FrcLayerWeights *layer)
{
  return (gsize) layer->in * layer->kh * layer->kw;
}

static void
swap (gfloat *a, gfloat *b, gsize n)
{
  for (gsize i = 0; i < n; i++) {
    gfloat v = a[i];
    a[i] = b[i];
    b[i] = v;
  }
}

static void
swap_outputs (FrcLayerWeights *layer, guint a, guint b)
{
  gsize row = row_of (layer);

  swap (layer->weight + a * row, layer->weight + b * row, row);
  swap (layer->bias + a, layer->bias + b, 1);
}

void
frc_reorder_bgr (FrcLayerWeights *layer)
{
  gsize taps = (gsize) layer->kh * layer->kw;

  if (!layer->weight || layer->in != 3)
    return;
  for (guint o = 0; o < layer->out; o++) {
    gfloat *weight = layer->weight + o * row_of (layer);
    swap (weight, weight + 2 * taps, taps);
  }
}

/* Output @to = output @foreground − output @background; @to is not behind the other two. */
static void
put_difference (FrcLayerWeights *layer, guint to, guint background, guint foreground)
{
  gsize row = row_of (layer);
  const gfloat *b = layer->weight + background * row, *f = layer->weight + foreground * row;
  gfloat *out = layer->weight + to * row;

  for (gsize i = 0; i < row; i++)
    out[i] = f[i] - b[i];
  layer->bias[to] = layer->bias[foreground] - layer->bias[background];
}

void
frc_reorder_two_scores (FrcLayerWeights *layer)
{
  if (!layer->weight || layer->out % 2)
    return;
  layer->out /= 2;
  for (guint a = 0; a < layer->out; a++)
    put_difference (layer, a, a, layer->out + a);
}

void
frc_reorder_score_pairs (FrcLayerWeights *layer)
{
  if (!layer->weight || layer->out % 2)
    return;
  layer->out /= 2;
  for (guint a = 0; a < layer->out; a++)
    put_difference (layer, a, 2 * a, 2 * a + 1);
}

void
frc_reorder_deltas_yx (FrcLayerWeights *layer)
{
  if (!layer->weight)
    return;
  for (guint o = 0; o + 4 <= layer->out; o += 4) {
    swap_outputs (layer, o, o + 1);
    swap_outputs (layer, o + 2, o + 3);
  }
}

void
frc_reorder_background_last (FrcLayerWeights *layer)
{
  if (!layer->weight)
    return;
  for (guint o = layer->out - 1; o > 0; o--)
    swap_outputs (layer, o, o - 1);
}
