/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame_kernels.h"

static void
pixels4_scalar (const guint8 *source, const guint8 order[3], guint8 *rgbx, guint n)
{
  for (guint i = 0; i < n; i++, source += 4, rgbx += 4) {
    rgbx[0] = source[order[0]];
    rgbx[1] = source[order[1]];
    rgbx[2] = source[order[2]];
    rgbx[3] = 0;
  }
}

static void
pixels3_scalar (const guint8 *source, gboolean swap, guint8 *rgbx, guint n)
{
  for (guint i = 0; i < n; i++, source += 3, rgbx += 4) {
    rgbx[0] = source[swap ? 2 : 0];
    rgbx[1] = source[1];
    rgbx[2] = source[swap ? 0 : 2];
    rgbx[3] = 0;
  }
}

static void
split_scalar (const guint8 *source, guint8 *even, guint8 *odd, guint n)
{
  for (guint i = 0; i < n; i++) {
    even[i] = source[2 * i];
    odd[i] = source[2 * i + 1];
  }
}

static void
upsample_scalar (const guint8 *c, guint8 *out, guint n)
{
  for (guint i = 0; i < n; i++) {
    out[2 * i] = (c[(gint) i - 1] + 3 * c[i] + 2) >> 2;
    out[2 * i + 1] = (3 * c[i] + c[i + 1] + 2) >> 2;
  }
}

static void
twice_scalar (const guint8 *source, guint8 *out, guint n)
{
  for (guint i = 0; i < n; i++)
    out[2 * i] = out[2 * i + 1] = source[i];
}

static void
mix_scalar (guint8 *near, const guint8 *far, guint n)
{
  for (guint i = 0; i < n; i++)
    near[i] = (3 * near[i] + far[i] + 2) >> 2;
}

/* A byte around 128 as a 16-bit fraction of ±128 · 257, times @coefficient, rounded down. */
static gint
product (guint8 byte, gint16 coefficient)
{
  gint wide = ((gint8) (byte ^ 0x80)) * 256 + (byte ^ 0x80);

  return (wide * coefficient) >> 16;
}

static guint8
saturate (gint v)
{
  return (guint8) (CLAMP (v, -128, 127) + 128);
}

static void
yuv_scalar (const guint8 *y_source, const guint8 *u, const guint8 *v, const FrcYuvMatrix *matrix,
    guint8 *rgbx, guint n)
{
  for (guint i = 0; i < n; i++, rgbx += 4) {
    gint luma = product (y_source[i], matrix->y);
    rgbx[0] = saturate (luma + product (v[i], matrix->v_r));
    rgbx[1] = saturate (luma + product (u[i], matrix->u_g) + product (v[i], matrix->v_g));
    rgbx[2] = saturate (luma + product (u[i], matrix->u_b));
    rgbx[3] = 0;
  }
}

static void
lerp_row_scalar (const FrcLerpRow *row)
{
  gfloat *out = row->out;

  for (guint i = 0; i < row->n; i++, out += 3) {
    const guint8 *top = row->top + row->offset[i], *bottom = row->bottom + row->offset[i];
    for (guint c = 0; c < 3; c++) {
      gfloat left = top[c] + row->y_fraction * (gfloat) (bottom[c] - top[c]);
      gfloat right = top[c + 4] + row->y_fraction * (gfloat) (bottom[c + 4] - top[c + 4]);
      gfloat v = left + row->fraction[4 * i] * (right - left);
      out[c] = v * row->scale[c] + row->shift[c];
    }
  }
}

const FrcFrameKernels frc_frame_scalar = {pixels4_scalar, pixels3_scalar, split_scalar,
  upsample_scalar, twice_scalar, mix_scalar, yuv_scalar, lerp_row_scalar};
