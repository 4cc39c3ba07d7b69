/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads the stream that torch.save () wrote before torch 1.6, and still writes with
 * _use_new_zipfile_serialization=False: pickles of a magic number, 1001, facts about the system,
 * the object and a list of storage keys; then for each key an i64 count and so many elements.
 * Source: torch/serialization.py, _legacy_save () and _legacy_load ().
 */
#include "pth.h"
#include "core/mem.h"

#include <string.h>

#define PROTOCOL_VERSION 1001

static gboolean
fail_damaged (FrcWeights *weights, const char *what, GError **error)
{
  return frc_weights_fail (weights, error, FRC_ERROR_FORMAT,
      "damaged PyTorch stream: expected %s", what);
}

/* The three pickles before the object. */
static gboolean
read_preamble (FrcWeights *weights, FrcPickle *p, GError **error)
{
  FrcPickleValue value;
  const FrcPickleValue *little;

  if (!frc_pickle_run (p, &value, error))
    return FALSE;
  if (value.kind != FRC_PICKLE_LONG) /* its bytes were compared when the file was opened */
    return fail_damaged (weights, "the magic number", error);
  if (!frc_pickle_run (p, &value, error))
    return FALSE;
  if (value.kind != FRC_PICKLE_INT || value.as.integer != PROTOCOL_VERSION)
    return fail_damaged (weights, "protocol version 1001", error);
  if (!frc_pickle_run (p, &value, error))
    return FALSE;
  little = value.kind == FRC_PICKLE_DICT ? frc_pickle_lookup (&value, "little_endian") : NULL;
  if (!little || little->kind != FRC_PICKLE_BOOL)
    return fail_damaged (weights, "the byte order", error);
  if (!little->as.integer)
    return frc_weights_fail (weights, error, FRC_ERROR_UNSUPPORTED, "big-endian data");
  return TRUE;
}

static gint
compare_key (const FrcPickleStorage *storage, const guint8 *key, gsize n)
{
  if (storage->key_bytes != n)
    return storage->key_bytes < n ? -1 : 1;
  return n > 0 ? memcmp (storage->key, key, n) : 0;
}

static gint
compare_storages (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const FrcPickleStorage *x = *(FrcPickleStorage *const *) a;
  const FrcPickleStorage *y = *(FrcPickleStorage *const *) b;
  return compare_key (x, y->key, y->key_bytes);
}

/* The first of the storages with that key, or @n. */
static gsize
find_first (FrcPickleStorage **sorted, gsize n, const FrcPickleValue *key)
{
  gsize low = 0, high = n;

  while (low < high) {
    gsize middle = low + (high - low) / 2;
    if (compare_key (sorted[middle], key->as.text, key->n) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low < n && compare_key (sorted[low], key->as.text, key->n) == 0 ? low : n;
}

/* Gives the storage of @key, wherever it is used, its data at byte *@at of the file. */
static gboolean
place_storage (FrcWeights *weights, FrcPickleStorage **sorted, gsize n, const FrcPickleValue *key,
    gsize *at, GError **error)
{
  char quoted[FRC_QUOTE_BYTES];
  guint64 elements, bytes;
  gsize first = key->kind == FRC_PICKLE_STRING ? find_first (sorted, n, key) : n;

  if (first == n)
    return fail_damaged (weights, "the key of a storage that a tensor uses", error);
  if (weights->size - *at < sizeof elements)
    return frc_weights_fail (weights, error, FRC_ERROR_FORMAT,
        "truncated: expected storage '%s', found the end", frc_quote (key->as.text, key->n, quoted));
  memcpy (&elements, weights->file + *at, sizeof elements);
  elements = GUINT64_FROM_LE (elements);
  *at += sizeof elements;
  if (!g_uint64_checked_mul (&bytes, elements, frc_dtype_size (sorted[first]->dtype)) ||
      bytes > weights->size - *at)
    return frc_weights_fail (weights, error, FRC_ERROR_FORMAT,
        "truncated: expected storage '%s' of %" G_GUINT64_FORMAT " elements, found %" G_GSIZE_FORMAT
        " more bytes", frc_quote (key->as.text, key->n, quoted), elements, weights->size - *at);

  for (gsize i = first; i < n && compare_key (sorted[i], key->as.text, key->n) == 0; i++) {
    if (sorted[i]->dtype != sorted[first]->dtype || sorted[i]->elements > elements ||
        sorted[i]->data)
      return fail_damaged (weights, "one description of each storage", error);
    sorted[i]->data = weights->file + *at;
  }
  *at += bytes;
  return TRUE;
}

static gboolean
place_storages (FrcWeights *weights, FrcPickle *p, const FrcPickleValue *keys, GError **error)
{
  gsize n = 0, i = 0, at = p->at;
  const FrcPickleValue *key;
  gboolean ok = TRUE;

  if (keys->kind != FRC_PICKLE_LIST)
    return fail_damaged (weights, "a list of storages", error);
  FrcPickleStorage **sorted = frc_alloc (p->n_storages, sizeof *sorted, weights->shown, error);
  if (!sorted)
    return FALSE;
  for (FrcPickleStorage *storage = p->storages; storage; storage = storage->next)
    sorted[n++] = storage;
  g_qsort_with_data (sorted, n, sizeof *sorted, compare_storages, NULL);

  const FrcPickleChunk *chunk = keys->as.seq->first;
  while (ok && (key = frc_pickle_next (&chunk, &i)))
    ok = place_storage (weights, sorted, n, key, &at, error);
  frc_free (sorted);
  return ok;
}

static gboolean
read_stream (FrcWeights *weights, FrcPickle *p, GError **error)
{
  FrcPickleValue root, keys;

  if (!read_preamble (weights, p, error) || !frc_pickle_run (p, &root, error))
    return FALSE;
  const FrcPickleValue *dict = frc_pth_find_state_dict (p, &root, error);
  return dict && frc_pickle_run (p, &keys, error) &&
      place_storages (weights, p, &keys, error) && frc_pth_fill (weights, p, dict, error);
}

/**
 * frc_pth_legacy_read:
 * @weights: with the file in memory; tensors will borrow from it
 *
 * Errors: FORMAT, UNSUPPORTED (opcodes, globals, big-endian data), TOO_LARGE, NO_MEMORY.
 */
gboolean
frc_pth_legacy_read (FrcWeights *weights, GError **error)
{
  FrcPickle pickle;

  frc_pickle_init (&pickle, weights, weights->file, weights->size);
  gboolean ok = read_stream (weights, &pickle, error);
  weights->header_bytes = pickle.at;
  frc_pickle_clear (&pickle);
  return ok;
}
