/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "antialias.h"

#include <math.h>

#define BITS 22 /* of the fraction of a weight */
#define HALF (1 << (BITS - 1))

static gdouble
support_of (guint in, guint out)
{
  return MAX ((gdouble) in / out, 1.0);
}

guint
frc_antialias_step (guint in, guint out)
{
  return (guint) ceil (support_of (in, out)) * 2 + 1;
}

/* A side shrinks by at most 1.5 times the rectangle's ratio, which rounding to one pixel makes. */
gsize
frc_antialias_room (guint max_in, guint max_side)
{
  return 3 * (gsize) max_in + 8 * (gsize) max_side + 3 * FRC_MAX_IMAGE_SIZE;
}

guint
frc_antialias_taps (guint i, guint in, guint out, guint32 *first, gint32 *weight)
{
  gdouble support = support_of (in, out), centre = (i + 0.5) * ((gdouble) in / out), sum = 0;
  gint start = MAX ((gint) (centre - support + 0.5), 0);
  gint end = MIN ((gint) (centre + support + 0.5), (gint) in);

  for (gint x = start; x < end; x++) {
    gdouble distance = fabs ((x - centre + 0.5) / support);
    sum += distance < 1 ? 1 - distance : 0;
  }
  for (gint x = start; x < end; x++) {
    gdouble distance = fabs ((x - centre + 0.5) / support);
    gdouble share = (distance < 1 ? 1 - distance : 0) / sum;
    weight[x - start] = (gint32) (0.5 + share * (1 << BITS));
  }
  *first = start;
  return end - start;
}

static guint8
round_to_8_bits (gint32 sum)
{
  return (guint8) CLAMP (sum >> BITS, 0, 255);
}

void
frc_antialias_row (const guint8 *rgbx, const FrcTaps *taps, guint n_out, guint8 *out)
{
  for (guint x = 0; x < n_out; x++, out += 4) {
    const guint8 *pixel = rgbx + 4 * (gsize) taps->first[x];
    const gint32 *weight = taps->weight + (gsize) x * taps->step;
    gint32 r = HALF, g = HALF, b = HALF;

    for (guint k = 0; k < taps->n[x]; k++, pixel += 4) {
      r += pixel[0] * weight[k];
      g += pixel[1] * weight[k];
      b += pixel[2] * weight[k];
    }
    out[0] = round_to_8_bits (r);
    out[1] = round_to_8_bits (g);
    out[2] = round_to_8_bits (b);
    out[3] = 0;
  }
}

void
frc_antialias_column (const guint8 *const *rows, const gint32 *weight, guint n_rows, guint n,
    const gfloat scale[3], const gfloat shift[3], gfloat *out)
{
  for (guint x = 0; x < n; x++, out += 3)
    for (guint c = 0; c < 3; c++) {
      gint32 sum = HALF;
      for (guint k = 0; k < n_rows; k++)
        sum += rows[k][4 * x + c] * weight[k];
      out[c] = round_to_8_bits (sum) * scale[c] + shift[c];
    }
}
