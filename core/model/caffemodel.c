/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Caffe's .caffemodel: a NetParameter whose layers hold their weights. Blob 0 of a layer becomes the
 * tensor "LAYER.weight", blob 1 "LAYER.bias", further ones "LAYER.2", …
 *
 * protobuf-c unpacks one layer at a time into memory of its own. Its numbers then move to the front of
 * the file's memory, over layers that have been read: nothing is held twice but the layer at hand.
 */
#include "caffe.pb-c.h"
#include "weights-private.h"
#include "wire.h"
#include "core/mem.h"

#include <string.h>

#define NET_NAME 1
#define NET_LAYERS_V1 2
#define NET_INPUT 3
#define NET_INPUT_SHAPE 8
#define NET_LAYER 100
#define BYTES_TAG(number) ((number) << 3 | 2)
#define BLOB_DATA 5
#define BLOB_DOUBLE_DATA 8
#define LAYER_V0 1 /* of a LayerV1: what such a layer was before 2013 */

#define NAME_BYTES 16 /* ".weight", or "." and a number */
#define MEMORY_FIXED (64 << 10)
/* Of the 64 bytes a byte of header that a reader may take. */
#define TABLE_BYTES_PER_HEADER_BYTE 40
#define NAME_BYTES_PER_HEADER_BYTE 16
#define TABLE_FIXED_BYTES (4 << 10)

typedef struct {
  FrcWeights *weights;
  FrcWireMemory memory;
  gsize kept;  /* bytes at the front of the file that are tensors now */
  guint layer; /* number, for messages */
} Reader;

/* The first field of a net: its name or an input's, printable; an input's shape; or a layer. */
gboolean
frc_caffemodel_matches (const guint8 *start, gsize n, guint64 size)
{
  FrcWire wire = { start, start + n };
  guint64 tag, length;

  if (!frc_wire_varint (&wire, &tag) || !frc_wire_varint (&wire, &length) || length == 0 ||
      length > size - (guint64) (wire.at - start))
    return FALSE;
  switch (tag) {
    case BYTES_TAG (NET_LAYERS_V1):
    case BYTES_TAG (NET_INPUT_SHAPE):
    case BYTES_TAG (NET_LAYER):
      return TRUE;
    case BYTES_TAG (NET_NAME):
    case BYTES_TAG (NET_INPUT):
      for (guint64 i = 0; i < length && wire.at + i < wire.end; i++)
        if (!g_ascii_isprint (wire.at[i]))
          return FALSE;
      return TRUE;
    default:
      return FALSE;
  }
}

/* ---- blobs -------------------------------------------------------------------------------- */

static gboolean
fail_blob (Reader *reader, const char *name, GError **error, const char *expected)
{
  char quoted[FRC_QUOTE_BYTES];

  return frc_weights_fail (reader->weights, error, FRC_ERROR_FORMAT,
      "the numbers of layer '%s': expected %s", frc_quote (name, strlen (name), quoted), expected);
}

/* Shapes of before 2014 have four sides: fully connected layers fill the last two, biases the last
 * one. */
static gboolean
read_shape (const FrcCaffe__Blob *blob, guint number, FrcTensor *tensor)
{
  const gint32 old[4] = { blob->num, blob->channels, blob->height, blob->width };
  guint first = blob->num != 1 || blob->channels != 1 ? 0 : number == 0 ? 2 : 3;

  if (blob->shape && blob->shape->n_dim > FRC_MAX_DIMS)
    return FALSE;
  tensor->n_dims = blob->shape ? blob->shape->n_dim : 4 - first;
  for (guint i = 0; i < tensor->n_dims; i++) {
    gint64 side = blob->shape ? blob->shape->dim[i] : old[first + i];
    if (side < 1)
      return FALSE;
    tensor->shape[i] = side;
  }
  guint64 stride = 1;
  for (guint i = tensor->n_dims; i-- > 0;) {
    tensor->stride[i] = stride;
    if (!g_uint64_checked_mul (&stride, stride, tensor->shape[i]))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_blob (Reader *reader, const char *layer, guint number, const FrcCaffe__Blob *blob,
    GError **error)
{
  FrcWeights *weights = reader->weights;
  gboolean is_double = blob->data.len == 0;
  const ProtobufCBinaryData *data = is_double ? &blob->double_data : &blob->data;
  g_autofree char *name = number > 1    ? g_strdup_printf ("%s.%u", layer, number)
                          : number == 1 ? g_strconcat (layer, ".bias", NULL)
                                        : g_strconcat (layer, ".weight", NULL);
  FrcTensor *tensor = frc_weights_add (weights, name, strlen (name), error);

  if (!tensor)
    return FALSE;
  tensor->dtype = is_double ? FRC_DTYPE_F64 : FRC_DTYPE_F32;
  if (!read_shape (blob, number, tensor))
    return fail_blob (reader, layer, error, "a shape of 1 to 8 sides, each at least 1");
  guint64 bytes = tensor->stride[0] * tensor->shape[0];
  if (tensor->n_dims == 0)
    bytes = 1;
  if (!g_uint64_checked_mul (&bytes, bytes, frc_dtype_size (tensor->dtype)) || bytes != data->len)
    return fail_blob (reader, layer, error, "as many as its shape says");
  tensor->data = weights->file + reader->kept;
  memcpy (weights->file + reader->kept, data->data, data->len);
  reader->kept += data->len;
  return TRUE;
}

/* ---- layers ------------------------------------------------------------------------------- */

static gboolean
fail_layer (Reader *reader, GError **error)
{
  return frc_weights_fail (reader->weights, error, FRC_ERROR_FORMAT,
      "expected layer %u of a Caffe net, found damaged data, or more than a file of this size holds",
      reader->layer);
}

static gboolean
read_blobs (Reader *reader, const char *name, FrcCaffe__Blob *const *blobs, gsize n, GError **error)
{
  for (gsize i = 0; i < n; i++)
    if (!read_blob (reader, name, (guint) i, blobs[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
read_layer (Reader *reader, const FrcWireField *field, GError **error)
{
  ProtobufCAllocator *allocator = &reader->memory.allocator;
  gboolean ok;

  if (field->number == NET_LAYER) {
    FrcCaffe__Layer *layer = frc_caffe__layer__unpack (allocator, field->length, field->bytes);
    if (!layer)
      return fail_layer (reader, error);
    ok = read_blobs (reader, layer->name, layer->blobs, layer->n_blobs, error);
    frc_caffe__layer__free_unpacked (layer, allocator);
    return ok;
  }
  FrcCaffe__LayerV1 *layer = frc_caffe__layer_v1__unpack (allocator, field->length, field->bytes);
  if (!layer)
    return fail_layer (reader, error);
  ok = read_blobs (reader, layer->name, layer->blobs, layer->n_blobs, error);
  frc_caffe__layer_v1__free_unpacked (layer, allocator);
  return ok;
}

/* What there is to make room for. */
typedef struct {
  gsize n_blobs, name_bytes, data_bytes;
} Count;

static gsize
data_bytes_of (const FrcWireField *blob)
{
  FrcWire wire = { blob->bytes, blob->bytes + blob->length };
  FrcWireField field;
  gsize bytes = 0;

  while (frc_wire_next (&wire, &field))
    if (field.is_bytes && (field.number == BLOB_DATA || field.number == BLOB_DOUBLE_DATA))
      bytes += field.length;
  return bytes;
}

static gboolean
count_layer (Reader *reader, const FrcWireField *layer, Count *count, GError **error)
{
  gboolean is_v1 = layer->number == NET_LAYERS_V1;
  FrcWire wire = { layer->bytes, layer->bytes + layer->length };
  gsize n = 0, name = 0;
  FrcWireField field;

  while (frc_wire_next (&wire, &field)) {
    if (is_v1 && field.number == LAYER_V0 && field.is_bytes)
      return frc_weights_fail (reader->weights, error, FRC_ERROR_UNSUPPORTED,
          "expected a Caffe net as it is written since 2013, found one that Caffe's "
          "upgrade_net_proto_binary must bring up to date");
    if (field.number == (is_v1 ? 6 : 7)) {
      count->data_bytes += data_bytes_of (&field);
      n++;
    } else if (field.number == (is_v1 ? 4 : 1)) {
      name = field.length;
    }
  }
  if (wire.at != wire.end)
    return fail_layer (reader, error);
  count->n_blobs += n;
  count->name_bytes += n * (name + NAME_BYTES);
  return TRUE;
}

/* Counts what the layers have, or reads them if @count is NULL. */
static gboolean
walk_layers (Reader *reader, Count *count, GError **error)
{
  const FrcWeights *weights = reader->weights;
  FrcWire wire = { weights->file, weights->file + weights->size };
  FrcWireField field;

  reader->layer = 0;
  while (frc_wire_next (&wire, &field)) {
    if (!field.is_bytes || (field.number != NET_LAYER && field.number != NET_LAYERS_V1))
      continue;
    if (count ? !count_layer (reader, &field, count, error) : !read_layer (reader, &field, error))
      return FALSE;
    reader->layer++;
  }
  if (wire.at == wire.end)
    return TRUE;
  return frc_weights_fail (weights, error, FRC_ERROR_FORMAT,
      "expected a Caffe net's fields up to the file's end, found a damaged one at byte %"
      G_GSIZE_FORMAT, (gsize) (wire.at - weights->file));
}

gboolean
frc_caffemodel_read (FrcWeights *weights, GError **error)
{
  Reader reader = { .weights = weights };
  Count count = { 0 };

  weights->header_bytes = weights->size;
  frc_wire_memory_init (&reader.memory, 2 * weights->size + MEMORY_FIXED);
  if (!walk_layers (&reader, &count, error))
    return FALSE;
  weights->header_bytes -= MIN (count.data_bytes, weights->size);
  gsize header = weights->header_bytes;
  if (count.n_blobs == 0)
    return frc_weights_fail (weights, error, FRC_ERROR_FORMAT,
        "expected a Caffe net with weights in its layers, found %u layers without any",
        reader.layer);
  if (count.n_blobs * (sizeof (FrcTensor) + sizeof (guint32)) >
          TABLE_BYTES_PER_HEADER_BYTE * header + TABLE_FIXED_BYTES ||
      count.name_bytes > NAME_BYTES_PER_HEADER_BYTE * header + TABLE_FIXED_BYTES)
    return frc_weights_fail (weights, error, FRC_ERROR_TOO_LARGE,
        "%" G_GSIZE_FORMAT " tensors in a Caffe net of %" G_GSIZE_FORMAT " bytes besides their "
        "numbers", count.n_blobs, header);
  return frc_weights_reserve (weights, count.n_blobs, 0, count.name_bytes, error) &&
         walk_layers (&reader, NULL, error) && frc_weights_index (weights, error);
}
