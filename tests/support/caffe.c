/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "caffe.h"

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
