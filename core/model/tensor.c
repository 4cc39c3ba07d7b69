/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Elements of a tensor, whatever their type and order in memory, as f32.
 */
#include "weights-private.h"

#include <string.h>

static const struct {
  const char *name;
  guint8 size;
} dtypes[] = {
  [FRC_DTYPE_F32] = { "F32", 4 },
  [FRC_DTYPE_F16] = { "F16", 2 },
  [FRC_DTYPE_BF16] = { "BF16", 2 },
  [FRC_DTYPE_F64] = { "F64", 8 },
  [FRC_DTYPE_I64] = { "I64", 8 },
  [FRC_DTYPE_I32] = { "I32", 4 },
  [FRC_DTYPE_I16] = { "I16", 2 },
  [FRC_DTYPE_I8] = { "I8", 1 },
  [FRC_DTYPE_U8] = { "U8", 1 },
  [FRC_DTYPE_BOOL] = { "BOOL", 1 },
};

gsize
frc_dtype_size (FrcDtype dtype)
{
  return dtypes[dtype].size;
}

const char *
frc_dtype_name (FrcDtype dtype)
{
  return dtypes[dtype].name;
}

gboolean
frc_shape_elements (const guint64 *shape, guint n_dims, guint64 *elements)
{
  *elements = 1;
  for (guint i = 0; i < n_dims; i++)
    if (!g_uint64_checked_mul (elements, *elements, shape[i]))
      return FALSE;
  return TRUE;
}

guint64
frc_tensor_elements (const FrcTensor *tensor)
{
  guint64 elements = 1;

  for (guint i = 0; i < tensor->n_dims; i++)
    elements *= tensor->shape[i];
  return elements;
}

/* ---- half floats -------------------------------------------------------------------------- */

static inline gfloat
float_from_bits (guint32 bits)
{
  gfloat value;
  memcpy (&value, &bits, sizeof value);
  return value;
}

static inline guint32
bits_from_float (gfloat value)
{
  guint32 bits;
  memcpy (&bits, &value, sizeof bits);
  return bits;
}

gfloat
frc_f32_from_f16 (guint16 bits)
{
  guint32 sign = (guint32) (bits & 0x8000) << 16;
  guint32 exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;

  if (exponent == 0x1f) /* infinity, NaN */
    return float_from_bits (sign | 0x7f800000 | fraction << 13);
  if (exponent > 0)
    return float_from_bits (sign | (exponent + 112) << 23 | fraction << 13);
  /* Zero and subnormals: fraction × 2⁻²⁴, exact in f32. */
  return float_from_bits (sign | bits_from_float ((gfloat) fraction * 0x1p-24f));
}

guint16
frc_f16_from_f32 (gfloat value)
{
  guint32 bits = bits_from_float (value), magnitude = bits & 0x7fffffff;
  guint16 sign = bits >> 16 & 0x8000;

  if (magnitude > 0x7f800000) /* NaN stays one even when its upper fraction bits are zero */
    return sign | 0x7e00 | (magnitude >> 13 & 0x3ff);
  if (magnitude >= 0x477ff000) /* 65520 and more round to infinity */
    return sign | 0x7c00;
  if (magnitude < 0x38800000) { /* < 2⁻¹⁴: subnormal; 0.5 has an ulp of 2⁻²⁴ */
    guint32 sum = bits_from_float (float_from_bits (magnitude) + 0.5f);
    return sign | (guint16) (sum - bits_from_float (0.5f));
  }
  guint32 odd = magnitude >> 13 & 1;
  return sign | (guint16) ((magnitude - (112u << 23) + 0xfff + odd) >> 13);
}

/* ---- rows --------------------------------------------------------------------------------- */

/* Reads @n elements that are @step bytes apart. */
typedef void (*ReadRow) (const guint8 *in, gsize step, gsize n, gfloat *out);

#define DEFINE_READ_ROW(suffix, type, conversion)                                                  \
  static void read_row_##suffix (const guint8 *in, gsize step, gsize n, gfloat *out)               \
  {                                                                                                \
    for (gsize i = 0; i < n; i++, in += step) {                                                    \
      type value;                                                                                  \
      memcpy (&value, in, sizeof value);                                                           \
      out[i] = conversion;                                                                         \
    }                                                                                              \
  }

DEFINE_READ_ROW (f32, gfloat, value)
DEFINE_READ_ROW (f16, guint16, frc_f32_from_f16 (GUINT16_FROM_LE (value)))
DEFINE_READ_ROW (bf16, guint16, frc_f32_from_bf16 (GUINT16_FROM_LE (value)))
DEFINE_READ_ROW (f64, gdouble, (gfloat) value)
DEFINE_READ_ROW (i64, gint64, (gfloat) GINT64_FROM_LE (value))
DEFINE_READ_ROW (i32, gint32, (gfloat) GINT32_FROM_LE (value))
DEFINE_READ_ROW (i16, gint16, (gfloat) GINT16_FROM_LE (value))
DEFINE_READ_ROW (i8, gint8, (gfloat) value)
DEFINE_READ_ROW (u8, guint8, (gfloat) value)
DEFINE_READ_ROW (bool, guint8, value ? 1.0f : 0.0f)

static const ReadRow read_rows[] = {
  [FRC_DTYPE_F32] = read_row_f32,
  [FRC_DTYPE_F16] = read_row_f16,
  [FRC_DTYPE_BF16] = read_row_bf16,
  [FRC_DTYPE_F64] = read_row_f64,
  [FRC_DTYPE_I64] = read_row_i64,
  [FRC_DTYPE_I32] = read_row_i32,
  [FRC_DTYPE_I16] = read_row_i16,
  [FRC_DTYPE_I8] = read_row_i8,
  [FRC_DTYPE_U8] = read_row_u8,
  [FRC_DTYPE_BOOL] = read_row_bool,
};

/* Joins neighbouring dimensions that are contiguous and drops those of one element, so that rows
 * are as long as they can be. Returns how many are left, at least one. */
static guint
collapse (const FrcTensor *tensor, guint64 *shape, guint64 *stride)
{
  guint n = 0;

  for (guint i = 0; i < tensor->n_dims; i++) {
    if (tensor->shape[i] == 1)
      continue;
    if (n > 0 && stride[n - 1] == tensor->shape[i] * tensor->stride[i]) {
      shape[n - 1] *= tensor->shape[i];
      stride[n - 1] = tensor->stride[i];
    } else {
      shape[n] = tensor->shape[i];
      stride[n++] = tensor->stride[i];
    }
  }
  if (n == 0) {
    shape[0] = 1;
    stride[n++] = 1;
  }
  return n;
}

void
frc_tensor_read_f32 (const FrcTensor *tensor, gfloat *out)
{
  guint64 shape[FRC_MAX_DIMS], stride[FRC_MAX_DIMS], at[FRC_MAX_DIMS] = { 0 };
  guint64 elements = frc_tensor_elements (tensor);
  gsize size = frc_dtype_size (tensor->dtype);
  const guint8 *row = tensor->data;

  if (elements == 0)
    return;
  guint last = collapse (tensor, shape, stride) - 1;
  for (guint64 done = 0; done < elements; done += shape[last]) {
    read_rows[tensor->dtype] (row, stride[last] * size, shape[last], out + done);
    for (guint d = last; d-- > 0;) { /* the next row, as an odometer counts */
      row += stride[d] * size;
      if (++at[d] < shape[d])
        break;
      row -= shape[d] * stride[d] * size;
      at[d] = 0;
    }
  }
}
