/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads safetensors: a little-endian u64, so many bytes of JSON header, the data.
 *
 *   {"__metadata__": {"key": "value", …},
 *    "name": {"dtype": "F32", "shape": [64, 3, 7, 7], "data_offsets": [begin, end]}, …}
 *
 * The data of all tensors covers the rest of the file, without holes or overlaps.
 * Source: the format's description at https://github.com/huggingface/safetensors.
 */
#include "json_scan.h"
#include "weights-private.h"
#include "core/mem.h"

#include <json-glib/json-glib.h>
#include <string.h>

#define PREFIX_BYTES 8
#define MAX_HEADER_BYTES (16u << 20)
#define TREE_BYTES_PER_HEADER_BYTE 52 /* of the 64; the rest is for our table */
#define TREE_FIXED_BYTES (4 << 10)

typedef struct {
  FrcWeights *weights;
  const guint8 *data;
  guint64 data_bytes;
} Reading;

static gboolean fail_entry (Reading *r, const char *name, GError **error, FrcError code,
    const char *format, ...) G_GNUC_PRINTF (5, 6);

static gboolean
fail_entry (Reading *r, const char *name, GError **error, FrcError code, const char *format, ...)
{
  char quoted[FRC_QUOTE_BYTES], what[2 * FRC_QUOTE_BYTES];
  va_list arguments;

  va_start (arguments, format);
  g_vsnprintf (what, sizeof what, format, arguments);
  va_end (arguments);
  return frc_weights_fail (r->weights, error, code, "tensor '%s': %s",
      frc_quote (name, strlen (name), quoted), what);
}

/* A whole number that is not negative. */
static gboolean
get_size (JsonArray *array, guint i, guint64 *size)
{
  JsonNode *node = json_array_get_element (array, i);

  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64 ||
      json_node_get_int (node) < 0)
    return FALSE;
  *size = json_node_get_int (node);
  return TRUE;
}

static JsonArray *
get_array (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);
  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static const char *
get_string (JsonNode *node)
{
  if (!node || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}

static gboolean
read_dtype (Reading *r, FrcTensor *tensor, JsonObject *entry, GError **error)
{
  const char *name = get_string (json_object_get_member (entry, "dtype"));
  char quoted[FRC_QUOTE_BYTES];

  if (!name)
    return fail_entry (r, tensor->name, error, FRC_ERROR_FORMAT, "no dtype");
  for (FrcDtype dtype = 0; dtype <= FRC_DTYPE_BOOL; dtype++)
    if (strcmp (name, frc_dtype_name (dtype)) == 0) {
      tensor->dtype = dtype;
      return TRUE;
    }
  return fail_entry (r, tensor->name, error, FRC_ERROR_UNSUPPORTED,
      "dtype '%s' is not supported", frc_quote (name, strlen (name), quoted));
}

static gboolean
read_shape (Reading *r, FrcTensor *tensor, JsonObject *entry, GError **error)
{
  JsonArray *shape = get_array (entry, "shape");

  if (!shape)
    return fail_entry (r, tensor->name, error, FRC_ERROR_FORMAT, "no shape");
  if (json_array_get_length (shape) > FRC_MAX_DIMS)
    return fail_entry (r, tensor->name, error, FRC_ERROR_UNSUPPORTED, "more than 8 dimensions");
  tensor->n_dims = json_array_get_length (shape);
  for (guint i = 0; i < tensor->n_dims; i++)
    if (!get_size (shape, i, &tensor->shape[i]))
      return fail_entry (r, tensor->name, error, FRC_ERROR_FORMAT,
          "a dimension that is not a whole number");
  return TRUE;
}

/* Proves that the data is in the file and as large as dtype and shape say. */
static gboolean
read_offsets (Reading *r, FrcTensor *tensor, JsonObject *entry, GError **error)
{
  JsonArray *offsets = get_array (entry, "data_offsets");
  guint64 begin, end, elements, bytes;

  if (!offsets || json_array_get_length (offsets) != 2 || !get_size (offsets, 0, &begin) ||
      !get_size (offsets, 1, &end) || begin > end)
    return fail_entry (r, tensor->name, error, FRC_ERROR_FORMAT, "no valid data_offsets");
  if (end > r->data_bytes)
    return fail_entry (r, tensor->name, error, FRC_ERROR_FORMAT,
        "truncated: expected %" G_GUINT64_FORMAT " bytes of data, found %"
        G_GUINT64_FORMAT, end, r->data_bytes);
  if (!frc_shape_elements (tensor->shape, tensor->n_dims, &elements) ||
      !g_uint64_checked_mul (&bytes, elements, frc_dtype_size (tensor->dtype)) ||
      bytes != end - begin)
    return fail_entry (r, tensor->name, error, FRC_ERROR_FORMAT,
        "%" G_GUINT64_FORMAT " bytes of data are not what its shape needs", end - begin);
  tensor->data = r->data + begin;

  guint64 step = 1;
  for (guint i = tensor->n_dims; i-- > 0; step *= tensor->shape[i])
    tensor->stride[i] = step;
  return TRUE;
}

static gboolean
read_entry (Reading *r, const char *name, JsonNode *node, GError **error)
{
  FrcTensor *tensor = frc_weights_add (r->weights, name, strlen (name), error);

  if (!tensor)
    return FALSE;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return fail_entry (r, name, error, FRC_ERROR_FORMAT, "not a JSON object");
  JsonObject *entry = json_node_get_object (node);
  return read_dtype (r, tensor, entry, error) && read_shape (r, tensor, entry, error) &&
      read_offsets (r, tensor, entry, error);
}

static gboolean
read_metadata (Reading *r, JsonNode *node, GError **error)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    return frc_weights_fail (r->weights, error, FRC_ERROR_FORMAT, "__metadata__ is not an object");
  json_object_iter_init_ordered (&iter, json_node_get_object (node));
  while (json_object_iter_next_ordered (&iter, &key, &value)) {
    const char *text = get_string (value);
    if (!text)
      return frc_weights_fail (r->weights, error, FRC_ERROR_FORMAT,
          "__metadata__ holds something else than strings");
    if (!frc_weights_add_pair (r->weights, key, text, error))
      return FALSE;
  }
  return TRUE;
}

/* json-glib keeps the last of members with the same key: fewer in the tree than in the text mean
 * that one was repeated. */
static gboolean
check_members (Reading *r, JsonObject *root, gsize in_text, GError **error)
{
  gsize in_tree = json_object_get_size (root);
  JsonObjectIter iter;
  const char *key;
  JsonNode *node;

  json_object_iter_init_ordered (&iter, root);
  while (json_object_iter_next_ordered (&iter, &key, &node))
    if (JSON_NODE_HOLDS_OBJECT (node))
      in_tree += json_object_get_size (json_node_get_object (node));
  return in_tree == in_text || frc_weights_fail (r->weights, error, FRC_ERROR_FORMAT,
      "the header has a name twice, or objects where none belong");
}

static gint
compare_places (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const FrcTensor *tensors = user_data;
  const FrcTensor *x = &tensors[*(const guint32 *) a], *y = &tensors[*(const guint32 *) b];

  if (x->data != y->data)
    return x->data < y->data ? -1 : 1;
  /* Those without elements first: they may stand at another's beginning. */
  return (frc_tensor_elements (x) > 0) - (frc_tensor_elements (y) > 0);
}

/* Proves that tensors lie side by side and fill the data. by_name is free until it is indexed. */
static gboolean
check_cover (Reading *r, GError **error)
{
  FrcWeights *weights = r->weights;
  guint32 *order = weights->by_name;
  const guint8 *end = r->data;

  for (guint i = 0; i < weights->n_tensors; i++)
    order[i] = i;
  g_qsort_with_data (order, weights->n_tensors, sizeof *order, compare_places, weights->tensors);
  for (guint i = 0; i < weights->n_tensors; i++) {
    const FrcTensor *tensor = &weights->tensors[order[i]];
    if (tensor->data != end)
      return fail_entry (r, tensor->name, error, FRC_ERROR_FORMAT,
          tensor->data < end ? "its data overlaps another tensor's" : "a hole before its data");
    end += frc_tensor_elements (tensor) * frc_dtype_size (tensor->dtype);
  }
  return end == r->data + r->data_bytes || frc_weights_fail (weights, error, FRC_ERROR_FORMAT,
      "%" G_GUINT64_FORMAT " bytes behind the last tensor",
      (guint64) (r->data + r->data_bytes - end));
}

static gboolean
read_tree (Reading *r, JsonObject *root, gsize in_text, GError **error)
{
  JsonNode *metadata = json_object_get_member (root, "__metadata__");
  gsize n_pairs = 0, n_tensors = json_object_get_size (root) - (metadata ? 1 : 0);
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  if (metadata && JSON_NODE_HOLDS_OBJECT (metadata))
    n_pairs = json_object_get_size (json_node_get_object (metadata));
  if (!check_members (r, root, in_text, error) ||
      !frc_weights_reserve (r->weights, n_tensors, n_pairs, r->weights->header_bytes, error))
    return FALSE;
  json_object_iter_init_ordered (&iter, root);
  while (json_object_iter_next_ordered (&iter, &name, &node))
    if (!(node == metadata ? read_metadata (r, node, error) : read_entry (r, name, node, error)))
      return FALSE;
  return check_cover (r, error) && frc_weights_index (r->weights, error);
}

/* Hands the header to json-glib once it is known to be harmless. */
static gboolean
parse_header (Reading *r, const char *text, gsize n, GError **error)
{
  FrcJsonScan scan;
  g_autoptr (GError) parse_error = NULL;

  if (!frc_json_scan (text, n, &scan))
    return frc_weights_fail (r->weights, error, FRC_ERROR_FORMAT,
        "header, byte %" G_GSIZE_FORMAT ": expected %s", scan.at, scan.what);
  if (scan.cost > TREE_BYTES_PER_HEADER_BYTE * n + TREE_FIXED_BYTES)
    return frc_weights_fail (r->weights, error, FRC_ERROR_TOO_LARGE,
        "the header's JSON has too many values for its %" G_GSIZE_FORMAT " bytes", n);

  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  if (!json_parser_load_from_data (parser, text, n, &parse_error))
    return frc_weights_fail (r->weights, error, FRC_ERROR_FORMAT, "header: %s",
        parse_error->message);
  JsonNode *root = json_parser_get_root (parser);
  return read_tree (r, json_node_get_object (root), scan.members, error);
}

/**
 * frc_safetensors_read:
 * @weights: with the file in memory; tensors will borrow from it
 *
 * Errors: FORMAT, UNSUPPORTED (a dtype, more than 8 dimensions), TOO_LARGE, NO_MEMORY.
 */
gboolean
frc_safetensors_read (FrcWeights *weights, GError **error)
{
  guint64 n;

  memcpy (&n, weights->file, sizeof n);
  n = GUINT64_FROM_LE (n);
  if (n > MAX_HEADER_BYTES)
    return frc_weights_fail (weights, error, FRC_ERROR_TOO_LARGE,
        "a header of %" G_GUINT64_FORMAT " bytes, at most %u are read", n, MAX_HEADER_BYTES);
  if (n > weights->size - PREFIX_BYTES)
    return frc_weights_fail (weights, error, FRC_ERROR_FORMAT,
        "truncated: expected a header of %" G_GUINT64_FORMAT " bytes, found a file of %" G_GSIZE_FORMAT,
        n, weights->size);
  weights->header_bytes = n;

  Reading r = {
    .weights = weights,
    .data = weights->file + PREFIX_BYTES + n,
    .data_bytes = weights->size - PREFIX_BYTES - n,
  };
  return parse_header (&r, (const char *) weights->file + PREFIX_BYTES, n, error);
}
