/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A narrow convolution's weights: rounded filter by filter, and laid out as the blocks read them.
 */
#include "narrow_conv.h"
#include "../mem.h"
#include "../model/rounding.h"

#include <math.h>

/* What follows from the kind of numbers. */
static guint
group_channels (const FrcNarrowConv *conv)
{
  return conv->is_int8 ? 2 * FRC_NARROW_GROUP : FRC_NARROW_GROUP;
}

/* One rounded filter into the panels: 4 bytes of a column are two channels of bf16 or four of s8.
 * @size: of an element, a constant. @pixels: of a fully connected layer, whose weights have the
 * channels innermost, and whose pixels follow one another in one tap. @first_tap: where it begins. */
static inline void
pack_filter (FrcNarrowConv *conv, guint out, guint pixels, guint first_tap, gconstpointer in,
    const gsize size)
{
  const FrcConvSpec *spec = &conv->spec;
  guint taps = pixels ? pixels : spec->kernel_h * spec->kernel_w;
  guint channels = pixels ? spec->in_channels / pixels : spec->in_channels;
  gsize tap_bytes = (gsize) conv->groups * FRC_NARROW_STEP_BYTES;
  gchar *panel = (gchar *) conv->weights + out % FRC_NARROW_COLS * 4 +
      (out / FRC_NARROW_COLS * conv->n_taps + first_tap) * tap_bytes;
  const gchar *from = in;

  for (guint t = 0; t < taps; t++) {
    gchar *tap = panel +
        (pixels ? 0 : conv->wide_in ? t / spec->kernel_w : t) * tap_bytes;
    guint first = pixels ? t * frc_narrow_ld (channels)
                  : conv->wide_in ? t % spec->kernel_w * channels : 0;
    for (guint c = 0; c < channels; c++) {
      gsize element = pixels ? (gsize) t * channels + c : (gsize) c * taps + t;
      gsize byte = (first + c) * size; /* of the input's pixel that it meets */
      memcpy (tap + byte / 4 * (4 * FRC_NARROW_COLS) + byte % 4, from + element * size, size);
    }
  }
}

static gboolean
pack_bf16 (FrcNarrowConv *conv, guint pixels, const gfloat *weight, GError **error)
{
  const FrcConvSpec *spec = &conv->spec;
  guint n = spec->in_channels * spec->kernel_h * spec->kernel_w;
  FrcRoundingMove *moves = frc_alloc (n, sizeof *moves, "a filter", error);
  guint16 *rounded = moves ? frc_alloc (n, sizeof *rounded, "a filter", error) : NULL;

  for (guint o = 0; rounded && o < spec->out_channels; o++) {
    frc_round_filter (weight + (gsize) o * n, n, FRC_DTYPE_BF16, moves, rounded);
    pack_filter (conv, o, pixels, 0, rounded, sizeof *rounded);
  }
  frc_free (moves);
  frc_free (rounded);
  return rounded != NULL;
}

/* What bf16 leaves of a number is an f32, and of three times 8 bits nothing is left. */
static gboolean
pack_f32 (FrcNarrowConv *conv, const gfloat *weight, GError **error)
{
  guint n = conv->spec.in_channels;
  gfloat *rest = frc_alloc (n, sizeof *rest, "a filter", error);
  guint16 *rounded = rest ? frc_alloc (n, sizeof *rounded, "a filter", error) : NULL;

  for (guint o = 0; rounded && o < conv->spec.out_channels; o++) {
    memcpy (rest, weight + (gsize) o * n, n * sizeof *rest);
    for (guint term = 0; term < conv->terms; term++) {
      for (guint i = 0; i < n; i++) {
        rounded[i] = frc_bf16_narrow (rest[i]);
        gfloat taken = frc_bf16_widen (rounded[i]);
        rest[i] = isfinite (taken) ? rest[i] - taken : 0;
      }
      pack_filter (conv, o, 0, term, rounded, sizeof *rounded);
    }
  }
  frc_free (rest);
  frc_free (rounded);
  return rounded != NULL;
}

/* Filter by filter to −127 … 127. The input's zero is not 0: what it adds to every sum goes to the
 * bias. */
static gboolean
pack_int8 (FrcNarrowConv *conv, guint pixels, const gfloat *weight, GError **error)
{
  const FrcConvSpec *spec = &conv->spec;
  guint n = spec->in_channels * spec->kernel_h * spec->kernel_w;
  gint8 *rounded = frc_alloc (n, 1, "a filter", error);

  for (guint o = 0; rounded && o < spec->out_channels; o++) {
    const gfloat *filter = weight + (gsize) o * n;
    gfloat most = 0, scale;
    gint64 sum = 0;
    for (guint i = 0; i < n; i++)
      most = MAX (most, fabsf (filter[i]));
    scale = most > 0 && isfinite (most) ? most / 127 : 1;
    for (guint i = 0; i < n; i++)
      sum += rounded[i] = (gint8) CLAMP (rintf (filter[i] / scale), -127.0f, 127.0f);
    pack_filter (conv, o, pixels, 0, rounded, 1);
    conv->scale[o] = scale / conv->inverse;
    conv->bias[o] -= (gfloat) (conv->zero * (gdouble) sum * conv->scale[o]);
  }
  frc_free (rounded);
  return rounded != NULL;
}

/* A convolution with room for its weights; its kind of numbers is set. */
static gboolean
conv_init (FrcNarrowConv *conv, guint pixels, const gfloat *bias, GError **error)
{
  const FrcConvSpec *spec = &conv->spec;
  guint k = pixels          ? pixels * frc_narrow_ld (spec->in_channels / pixels)
            : conv->wide_in ? spec->kernel_w * spec->in_channels
                            : spec->in_channels;
  guint channels = group_channels (conv);

  conv->pixels = pixels;
  conv->n_taps = pixels ? 1 : conv->wide_in ? spec->kernel_h : spec->kernel_h * spec->kernel_w;
  conv->n_taps *= conv->terms;
  conv->groups = (k + channels - 1) / channels;
  conv->panels = (spec->out_channels + FRC_NARROW_COLS - 1) / FRC_NARROW_COLS;
  gsize bytes = (gsize) conv->n_taps * conv->groups * conv->panels * FRC_NARROW_STEP_BYTES;
  gsize columns = (gsize) conv->panels * FRC_NARROW_COLS;
  conv->bytes = bytes + 2 * columns * sizeof (gfloat);
  conv->weights = frc_alloc0 (conv->bytes, 1, "a convolution's weights", error);
  if (conv->weights == NULL)
    return FALSE;
  conv->bias = (gfloat *) ((gchar *) conv->weights + bytes);
  conv->scale = conv->bias + columns;
  if (bias != NULL)
    memcpy (conv->bias, bias, spec->out_channels * sizeof (gfloat));
  return TRUE;
}

static FrcNarrowConv *
conv_alloc (const FrcNarrowKernels *kernels, const FrcConvSpec *spec, guint terms)
{
  FrcNarrowConv *conv = g_new0 (FrcNarrowConv, 1);

  conv->kernels = kernels;
  conv->spec = *spec;
  conv->terms = terms;
  return conv;
}

/* See narrow.h. */
FrcNarrowConv *
frc_narrow_conv_new (const FrcNarrowKernels *kernels, const FrcConvSpec *spec, guint pixels,
    gboolean wide_in, const gfloat *weight, const gfloat *bias, GError **error)
{
  FrcNarrowConv *conv = conv_alloc (kernels, spec, 1);

  conv->wide_in = wide_in;
  if (!conv_init (conv, pixels, bias, error) || !pack_bf16 (conv, pixels, weight, error))
    g_clear_pointer (&conv, frc_narrow_conv_free);
  return conv;
}

/* See narrow.h. */
FrcNarrowConv *
frc_narrow_conv_new_f32 (const FrcNarrowKernels *kernels, const FrcConvSpec *spec,
    const gfloat *weight, const gfloat *bias, GError **error)
{
  FrcNarrowConv *conv = conv_alloc (kernels, spec, 3);

  if (!conv_init (conv, 0, bias, error) || !pack_f32 (conv, weight, error))
    g_clear_pointer (&conv, frc_narrow_conv_free);
  return conv;
}

/* See narrow.h. 0 is one of the 256 steps, exactly: padding is made of it. */
FrcNarrowConv *
frc_narrow_conv_new_int8 (const FrcNarrowKernels *kernels, const FrcConvSpec *spec, guint pixels,
    FrcBounds bounds, const gfloat *weight, const gfloat *bias, GError **error)
{
  FrcNarrowConv *conv = conv_alloc (kernels, spec, 1);
  gfloat min = MIN (bounds.min, 0), max = MAX (bounds.max, 0);

  conv->is_int8 = TRUE;
  conv->inverse = 255 / MAX (max - min, 1e-6f);
  conv->zero = rintf (-min * conv->inverse);
  if (!conv_init (conv, pixels, bias, error) || !pack_int8 (conv, pixels, weight, error))
    g_clear_pointer (&conv, frc_narrow_conv_free);
  return conv;
}

const char *
frc_narrow_conv_kernel_name (const FrcNarrowConv *conv)
{
  return conv->is_int8 ? conv->kernels->int8_name : conv->kernels->conv_name;
}

void
frc_narrow_conv_free (FrcNarrowConv *conv)
{
  if (conv == NULL)
    return;
  frc_free (conv->weights);
  g_free (conv);
}

gsize
frc_narrow_conv_weight_bytes (const FrcNarrowConv *conv)
{
  return conv->bytes;
}
