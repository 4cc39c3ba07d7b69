/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "caffe.h"

#include <math.h>
#include <string.h>

void
caffe_put_varint (GByteArray *out, guint64 value)
{
  guint8 byte;

  do {
    byte = (value & 0x7f) | (value > 0x7f ? 0x80 : 0);
    g_byte_array_append (out, &byte, 1);
  } while (value >>= 7);
}

void
caffe_put_bytes (GByteArray *out, guint field, const void *bytes, gsize n)
{
  caffe_put_varint (out, field << 3 | 2);
  caffe_put_varint (out, n);
  g_byte_array_append (out, bytes, (guint) n);
}

void
caffe_put_number (GByteArray *out, guint field, guint64 value)
{
  caffe_put_varint (out, field << 3);
  caffe_put_varint (out, value);
}

static void
put_message (GByteArray *out, guint field, const GByteArray *message)
{
  caffe_put_bytes (out, field, message->data, message->len);
}

static void
put_text (GByteArray *out, guint field, const char *text)
{
  caffe_put_bytes (out, field, text, strlen (text));
}

GByteArray *
caffe_net_new (const char *name)
{
  GByteArray *net = g_byte_array_new ();

  put_text (net, 1, name);
  return net;
}

/* num, channels, height, width: a vector fills the last, a matrix the last two. */
static void
put_old_shape (GByteArray *blob, const guint *shape, guint n_dims)
{
  for (guint i = 0; i < 4; i++)
    caffe_put_number (blob, 1 + i, i + n_dims < 4 ? 1 : shape[i + n_dims - 4]);
}

static void
put_new_shape (GByteArray *blob, const guint *shape, guint n_dims)
{
  g_autoptr (GByteArray) dims = g_byte_array_new (), message = g_byte_array_new ();

  for (guint i = 0; i < n_dims; i++)
    caffe_put_varint (dims, shape[i]);
  put_message (message, 1, dims);
  put_message (blob, 7, message);
}

void
caffe_net_add (GByteArray *net, CaffeStyle style, const char *name, const char *type,
    const guint (*shapes)[4], guint n_blobs, const gfloat *values)
{
  g_autoptr (GByteArray) layer = g_byte_array_new ();
  gboolean v1 = style != CAFFE_V2;

  put_text (layer, v1 ? 4 : 1, name);
  if (v1)
    caffe_put_number (layer, 5, 4); /* an enum; 4 is CONVOLUTION */
  else
    put_text (layer, 2, type);
  put_text (layer, v1 ? 2 : 3, "bottom");
  for (guint b = 0; b < n_blobs; b++) {
    g_autoptr (GByteArray) blob = g_byte_array_new ();
    guint n_dims = 0;
    gsize n = 1;
    for (; n_dims < 4 && shapes[b][n_dims]; n_dims++)
      n *= shapes[b][n_dims];
    if (style == CAFFE_V1_SHAPES)
      put_old_shape (blob, shapes[b], n_dims);
    caffe_put_bytes (blob, 5, values, n * sizeof *values);
    if (style != CAFFE_V1_SHAPES)
      put_new_shape (blob, shapes[b], n_dims);
    put_message (layer, v1 ? 6 : 7, blob);
    values += n;
  }
  put_message (net, v1 ? 2 : 100, layer);
}

/* ---- small detectors ---------------------------------------------------------------------- */

typedef struct {
  GByteArray *net;
  CaffeStyle style;
  GRand *rand;
} SmallNet;

/* @gain: of uniform weights, whose outputs then deviate as much as √(gain² / 3) of the inputs. */
static void
add_small (SmallNet *small, const char *name, guint out, guint in, guint kernel, gfloat gain)
{
  const guint shapes[2][4] = { { out, in, kernel, kernel }, { out } }; /* kernel 0: a matrix */
  guint fan_in = in * MAX (kernel * kernel, 1), n = out * fan_in;
  g_autofree gfloat *values = g_new0 (gfloat, n + out);

  for (guint i = 0; i < n; i++)
    values[i] = (gfloat) g_rand_double_range (small->rand, -1, 1) * gain / sqrtf (fan_in);
  caffe_net_add (small->net, small->style, name, kernel ? "Convolution" : "InnerProduct", shapes, 2,
      values);
}

static guint
add_vgg16_body (SmallNet *small)
{
  static const guint depth[] = { 2, 2, 3, 3, 3 }, width[] = { 4, 6, 8, 8, 8 };
  guint in = 3;

  for (guint block = 0; block < 5; block++)
    for (guint i = 0; i < depth[block]; i++) {
      g_autofree char *name = g_strdup_printf ("conv%u_%u", block + 1, i + 1);
      add_small (small, name, width[block], in, 3, block + i ? 2.4f : 0.03f);
      in = width[block];
    }
  return in;
}

static guint
add_zf_body (SmallNet *small)
{
  add_small (small, "conv1", 6, 3, 7, 0.03f);
  add_small (small, "conv2", 8, 6, 5, 2.4f);
  add_small (small, "conv3", 10, 8, 3, 2.4f);
  add_small (small, "conv4", 10, 10, 3, 2.4f);
  add_small (small, "conv5", 8, 10, 3, 2.4f);
  return 8;
}

GByteArray *
caffe_small_net (const char *family, CaffeStyle style)
{
  gboolean is_zf = g_str_has_suffix (family, "zf");
  SmallNet small = { caffe_net_new (family), style, g_rand_new_with_seed (3) };
  guint channels = is_zf ? add_zf_body (&small) : add_vgg16_body (&small);
  guint pooled = is_zf ? 6 : 7;

  add_small (&small, is_zf ? "rpn_conv1" : "rpn_conv/3x3", 8, channels, 3, 2.4f);
  add_small (&small, "rpn_cls_score", 18, 8, 1, 6);
  add_small (&small, "rpn_bbox_pred", 36, 8, 1, 0.3f);
  add_small (&small, "fc6", 16, channels * pooled * pooled, 0, 2.4f);
  add_small (&small, "fc7", 16, 16, 0, 2.4f);
  add_small (&small, "cls_score", 21, 16, 0, 12);
  add_small (&small, "bbox_pred", 84, 16, 0, 0.2f);
  g_rand_free (small.rand);
  return small.net;
}
