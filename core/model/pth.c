/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From what a pickle built to named tensors.
 */
#include "pth.h"

#include <string.h>

#define TABLE_BYTES_PER_HEADER_BYTE 36 /* of the 64; the rest is for the pickle machine */
#define TABLE_FIXED_BYTES (4 << 10)
#define MIN_ELEMENTS_LIMIT 65536

/* ---- which dictionary --------------------------------------------------------------------- */

typedef struct {
  const FrcPickleChunk *chunk;
  gsize i;
} DictIter;

/* The next entry whose key is a string and whose value is a @kind. */
static gboolean
next_entry (DictIter *iter, FrcPickleKind kind, const FrcPickleValue **key,
    const FrcPickleValue **value)
{
  while ((*key = frc_pickle_next (&iter->chunk, &iter->i)) &&
      (*value = frc_pickle_next (&iter->chunk, &iter->i)))
    if ((*key)->kind == FRC_PICKLE_STRING && (*value)->kind == kind)
      return TRUE;
  return FALSE;
}

static gsize
count_tensors (const FrcPickleValue *dict, gsize *name_bytes)
{
  DictIter iter = { dict->as.seq->first, 0 };
  const FrcPickleValue *key, *value;
  gsize n = 0;

  *name_bytes = 0;
  while (next_entry (&iter, FRC_PICKLE_TENSOR, &key, &value)) {
    *name_bytes += key->n;
    n++;
  }
  return n;
}

/* The state dict in a checkpoint that holds more than one. */
static const FrcPickleValue *
find_inner (const FrcPickleValue *root)
{
  static const char *const usual[] = { "model", "state_dict", "model_state_dict" };
  DictIter iter = { root->as.seq->first, 0 };
  const FrcPickleValue *key, *value, *found = NULL;
  gsize name_bytes;

  for (guint i = 0; i < G_N_ELEMENTS (usual); i++) {
    value = frc_pickle_lookup (root, usual[i]);
    if (value && value->kind == FRC_PICKLE_DICT && count_tensors (value, &name_bytes) > 0)
      return value;
  }
  while (next_entry (&iter, FRC_PICKLE_DICT, &key, &value))
    if (count_tensors (value, &name_bytes) > 0) {
      if (found)
        return NULL;
      found = value;
    }
  return found;
}

const FrcPickleValue *
frc_pth_find_state_dict (FrcPickle *p, const FrcPickleValue *root, GError **error)
{
  const FrcPickleValue *dict = root, *key, *value;
  gsize name_bytes;

  if (root->kind != FRC_PICKLE_DICT) {
    frc_weights_fail (p->weights, error, FRC_ERROR_UNSUPPORTED,
        "expected a dictionary of tensors, found %s", frc_pickle_kind_name (root->kind));
    return NULL;
  }
  if (count_tensors (root, &name_bytes) == 0)
    dict = find_inner (root);
  if (!dict) {
    frc_weights_fail (p->weights, error, FRC_ERROR_UNSUPPORTED,
        "expected a dictionary of tensors, or one that holds one; found none or several");
    return NULL;
  }
  DictIter iter = { dict->as.seq->first, 0 };
  while (next_entry (&iter, FRC_PICKLE_TENSOR, &key, &value))
    value->as.tensor->storage->wanted = TRUE;
  return dict;
}

/* ---- tensors ------------------------------------------------------------------------------ */

gboolean
frc_pth_storage_bytes (const FrcWeights *weights, const FrcPickleStorage *storage, guint64 *bytes,
    GError **error)
{
  char quoted[FRC_QUOTE_BYTES];

  if (!g_uint64_checked_mul (bytes, storage->elements, frc_dtype_size (storage->dtype)))
    return frc_weights_fail (weights, error, FRC_ERROR_FORMAT,
        "storage '%s': impossible size of %" G_GUINT64_FORMAT " elements",
        frc_quote (storage->key, storage->key_bytes, quoted), storage->elements);
  return TRUE;
}

static gboolean
fail_tensor (FrcWeights *weights, const FrcTensor *tensor, FrcError code, const char *what,
    GError **error)
{
  char quoted[FRC_QUOTE_BYTES];

  return frc_weights_fail (weights, error, code, "tensor '%s': %s",
      frc_quote (tensor->name, strlen (tensor->name), quoted), what);
}

static gboolean
read_sizes (const FrcPickleValue *tuple, guint64 sizes[FRC_MAX_DIMS])
{
  for (guint i = 0; i < tuple->n; i++) {
    if (tuple->as.items[i].kind != FRC_PICKLE_INT || tuple->as.items[i].as.integer < 0)
      return FALSE;
    sizes[i] = tuple->as.items[i].as.integer;
  }
  return TRUE;
}

/* offset + Σ (shape − 1) × stride; FALSE on overflow. All of the shape are ≥ 1. */
static gboolean
last_element (const FrcTensor *tensor, guint64 offset, guint64 *last)
{
  *last = offset;
  for (guint i = 0; i < tensor->n_dims; i++) {
    guint64 reach;
    if (!g_uint64_checked_mul (&reach, tensor->shape[i] - 1, tensor->stride[i]) ||
        !g_uint64_checked_add (last, *last, reach))
      return FALSE;
  }
  return TRUE;
}

/* Fills @tensor from @source; *@budget is how many elements all tensors may still have. */
static gboolean
read_tensor (FrcWeights *weights, FrcTensor *tensor, const FrcPickleTensor *source,
    guint64 *budget, GError **error)
{
  const FrcPickleStorage *storage = source->storage;
  guint64 elements, last;

  if (source->shape.n > FRC_MAX_DIMS)
    return fail_tensor (weights, tensor, FRC_ERROR_UNSUPPORTED, "more than 8 dimensions", error);
  if (source->stride.n != source->shape.n || !read_sizes (&source->shape, tensor->shape) ||
      !read_sizes (&source->stride, tensor->stride))
    return fail_tensor (weights, tensor, FRC_ERROR_FORMAT, "damaged shape or strides", error);
  tensor->dtype = storage->dtype;
  tensor->n_dims = source->shape.n;
  if (!frc_shape_elements (tensor->shape, tensor->n_dims, &elements))
    return fail_tensor (weights, tensor, FRC_ERROR_FORMAT, "impossible shape", error);
  if (elements > *budget)
    return fail_tensor (weights, tensor, FRC_ERROR_TOO_LARGE,
        "more elements than a file of this size holds", error);
  *budget -= elements;

  tensor->data = storage->data ? storage->data : (const guint8 *) tensor->name;
  if (elements == 0)
    return TRUE;
  if (!last_element (tensor, source->offset, &last) || last >= storage->view_elements ||
      !storage->data)
    return fail_tensor (weights, tensor, FRC_ERROR_FORMAT, "reaches outside of its storage", error);
  tensor->data += (storage->view_offset + source->offset) * frc_dtype_size (tensor->dtype);
  return TRUE;
}

gboolean
frc_pth_fill (FrcWeights *weights, FrcPickle *p, const FrcPickleValue *dict, GError **error)
{
  DictIter iter = { dict->as.seq->first, 0 };
  const FrcPickleValue *key, *value;
  gsize name_bytes, n = count_tensors (dict, &name_bytes);
  /* Tensors may share elements, and an expanded one has more than its storage: bounded, as whoever
   * reads them all takes memory for each. */
  guint64 budget = MAX (weights->size, MIN_ELEMENTS_LIMIT);

  gsize header = p->at - p->payload;
  if (n > (TABLE_BYTES_PER_HEADER_BYTE * header + TABLE_FIXED_BYTES) / (sizeof (FrcTensor) + 8))
    return frc_weights_fail (weights, error, FRC_ERROR_TOO_LARGE,
        "%" G_GSIZE_FORMAT " tensors in a pickle of %" G_GSIZE_FORMAT " bytes", n, header);
  if (!frc_weights_reserve (weights, n, 0, MIN (name_bytes, header), error))
    return FALSE;
  while (next_entry (&iter, FRC_PICKLE_TENSOR, &key, &value)) {
    FrcTensor *tensor = frc_weights_add (weights, key->as.text, key->n, error);
    if (!tensor || !read_tensor (weights, tensor, value->as.tensor, &budget, error))
      return FALSE;
  }
  return frc_weights_index (weights, error);
}
