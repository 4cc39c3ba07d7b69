/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a pickle may name and build: storages, tensors, NumPy's arrays, ordered dictionaries. The
 * functions of Python that a pickle asks for are never called; what the few known ones return is built
 * here and in pickle_arrays.c instead.
 * Source: torch/_utils.py (_rebuild_…) and torch/serialization.py (persistent_id), torch 2.14.
 */
#include "pickle.h"

#include <string.h>

typedef enum {
  GLOBAL_ORDERED_DICT, GLOBAL_REBUILD_TENSOR, GLOBAL_REBUILD_TENSOR_V2, GLOBAL_REBUILD_PARAMETER,
  GLOBAL_STORAGE, GLOBAL_NDARRAY, GLOBAL_DTYPE, GLOBAL_RECONSTRUCT, GLOBAL_SCALAR
} GlobalKind;

static const struct {
  const char *module, *name;
  GlobalKind kind;
  FrcDtype dtype; /* of a storage */
} globals[] = {
  { "collections", "OrderedDict", GLOBAL_ORDERED_DICT, 0 },
  { "torch._utils", "_rebuild_tensor", GLOBAL_REBUILD_TENSOR, 0 },
  { "torch._utils", "_rebuild_tensor_v2", GLOBAL_REBUILD_TENSOR_V2, 0 },
  { "torch._utils", "_rebuild_parameter", GLOBAL_REBUILD_PARAMETER, 0 },
  { "torch", "FloatStorage", GLOBAL_STORAGE, FRC_DTYPE_F32 },
  { "torch", "HalfStorage", GLOBAL_STORAGE, FRC_DTYPE_F16 },
  { "torch", "BFloat16Storage", GLOBAL_STORAGE, FRC_DTYPE_BF16 },
  { "torch", "DoubleStorage", GLOBAL_STORAGE, FRC_DTYPE_F64 },
  { "torch", "LongStorage", GLOBAL_STORAGE, FRC_DTYPE_I64 },
  { "torch", "IntStorage", GLOBAL_STORAGE, FRC_DTYPE_I32 },
  { "torch", "ShortStorage", GLOBAL_STORAGE, FRC_DTYPE_I16 },
  { "torch", "CharStorage", GLOBAL_STORAGE, FRC_DTYPE_I8 },
  { "torch", "ByteStorage", GLOBAL_STORAGE, FRC_DTYPE_U8 },
  { "torch", "BoolStorage", GLOBAL_STORAGE, FRC_DTYPE_BOOL },
  { "torch.storage", "UntypedStorage", GLOBAL_STORAGE, FRC_DTYPE_U8 },
  { "numpy", "ndarray", GLOBAL_NDARRAY, 0 },
  { "numpy", "dtype", GLOBAL_DTYPE, 0 },
  { "numpy.core.multiarray", "_reconstruct", GLOBAL_RECONSTRUCT, 0 },
  { "numpy.core.multiarray", "scalar", GLOBAL_SCALAR, 0 },
  { "numpy._core.multiarray", "_reconstruct", GLOBAL_RECONSTRUCT, 0 }, /* NumPy 2's name */
  { "numpy._core.multiarray", "scalar", GLOBAL_SCALAR, 0 },
};

static gboolean
same_text (const guint8 *text, gsize n, const char *other)
{
  return strlen (other) == n && memcmp (text, other, n) == 0;
}

gboolean
frc_pickle_global (FrcPickle *p, const guint8 *module, gsize module_bytes, const guint8 *name,
    gsize name_bytes, FrcPickleValue *result, GError **error)
{
  char quoted_module[FRC_QUOTE_BYTES], quoted_name[FRC_QUOTE_BYTES];
  gboolean on_gpu = same_text (module, module_bytes, "torch.cuda"); /* before torch 1.0 */

  for (guint i = 0; i < G_N_ELEMENTS (globals); i++)
    if (same_text (name, name_bytes, globals[i].name) &&
        (same_text (module, module_bytes, globals[i].module) ||
            (on_gpu && globals[i].kind == GLOBAL_STORAGE))) {
      *result = (FrcPickleValue) { .kind = FRC_PICKLE_GLOBAL, .as.integer = i };
      return TRUE;
    }
  return frc_weights_fail (p->weights, error, FRC_ERROR_UNSUPPORTED,
      "expected only what a state dict needs, found that the pickle asks for '%s.%s'; "
      "nothing in it was run", frc_quote (module, module_bytes, quoted_module),
      frc_quote (name, name_bytes, quoted_name));
}

/* ---- sequences ---------------------------------------------------------------------------- */

gboolean
frc_pickle_append (FrcPickle *p, FrcPickleSeq *seq, const FrcPickleValue *items, gsize n,
    GError **error)
{
  if (n == 0)
    return TRUE;
  FrcPickleChunk *chunk = frc_pickle_take (p, sizeof *chunk + n * sizeof *items, error);
  if (!chunk)
    return FALSE;
  chunk->n = n;
  memcpy (chunk->items, items, n * sizeof *items);
  *(seq->last ? &seq->last->next : &seq->first) = chunk;
  seq->last = chunk;
  seq->n += n;
  return TRUE;
}

const FrcPickleValue *
frc_pickle_next (const FrcPickleChunk **chunk, gsize *i)
{
  while (*chunk && *i == (*chunk)->n) {
    *chunk = (*chunk)->next;
    *i = 0;
  }
  return *chunk ? &(*chunk)->items[(*i)++] : NULL;
}

gboolean
frc_pickle_is_text (const FrcPickleValue *value, const char *text)
{
  return value->kind == FRC_PICKLE_STRING && same_text (value->as.text, value->n, text);
}

const FrcPickleValue *
frc_pickle_lookup (const FrcPickleValue *dict, const char *key)
{
  const FrcPickleChunk *chunk = dict->as.seq->first;
  const FrcPickleValue *at, *value;
  gsize i = 0;

  while ((at = frc_pickle_next (&chunk, &i)) && (value = frc_pickle_next (&chunk, &i)))
    if (frc_pickle_is_text (at, key))
      return value;
  return NULL;
}

const char *
frc_pickle_kind_name (FrcPickleKind kind)
{
  static const char *const names[] = {
    [FRC_PICKLE_NONE] = "None", [FRC_PICKLE_BOOL] = "a truth value",
    [FRC_PICKLE_INT] = "a number", [FRC_PICKLE_FLOAT] = "a number",
    [FRC_PICKLE_LONG] = "a number", [FRC_PICKLE_STRING] = "a string",
    [FRC_PICKLE_BYTES] = "bytes", [FRC_PICKLE_TUPLE] = "a tuple", [FRC_PICKLE_LIST] = "a list",
    [FRC_PICKLE_DICT] = "a dictionary", [FRC_PICKLE_GLOBAL] = "a class",
    [FRC_PICKLE_STORAGE] = "a storage", [FRC_PICKLE_TENSOR] = "a tensor",
    [FRC_PICKLE_DTYPE] = "a NumPy type",
    [FRC_PICKLE_MARK] = "a mark",
  };
  return names[kind];
}

/* ---- objects ------------------------------------------------------------------------------ */

gboolean
frc_pickle_fail_arguments (FrcPickle *p, const char *what, GError **error)
{
  return frc_weights_fail (p->weights, error, FRC_ERROR_UNSUPPORTED,
      "the pickle describes %s in an unknown way, before byte %" G_GSIZE_FORMAT, what, p->at);
}

static gboolean
is_size (const FrcPickleValue *value)
{
  return value->kind == FRC_PICKLE_INT && value->as.integer >= 0;
}

/* OrderedDict (), or Python 2's OrderedDict ([[key, value], …]). */
static gboolean
reduce_ordered_dict (FrcPickle *p, const FrcPickleValue *arguments, FrcPickleValue *result,
    GError **error)
{
  *result = (FrcPickleValue) { .kind = FRC_PICKLE_DICT };
  result->as.seq = frc_pickle_take (p, sizeof *result->as.seq, error);
  if (!result->as.seq)
    return FALSE;
  if (arguments->n == 0)
    return TRUE;
  if (arguments->n != 1 || arguments->as.items[0].kind != FRC_PICKLE_LIST)
    return frc_pickle_fail_arguments (p, "an OrderedDict", error);

  const FrcPickleChunk *chunk = arguments->as.items[0].as.seq->first;
  const FrcPickleValue *pair;
  gsize i = 0;
  while ((pair = frc_pickle_next (&chunk, &i))) {
    const FrcPickleChunk *halves = pair->kind == FRC_PICKLE_LIST ? pair->as.seq->first : NULL;
    gsize half = 0;
    if (!halves || pair->as.seq->n != 2)
      return frc_pickle_fail_arguments (p, "an OrderedDict", error);
    const FrcPickleValue *key = frc_pickle_next (&halves, &half);
    const FrcPickleValue *value = frc_pickle_next (&halves, &half);
    if (!frc_pickle_append (p, result->as.seq, (FrcPickleValue[]) { *key, *value }, 2, error))
      return FALSE;
  }
  return TRUE;
}

/* (storage, offset, shape, stride), in version 2 followed by (requires_grad, hooks[, metadata]). */
static gboolean
reduce_tensor (FrcPickle *p, GlobalKind kind, const FrcPickleValue *arguments,
    FrcPickleValue *result, GError **error)
{
  const FrcPickleValue *argument = arguments->as.items;
  gboolean right_count = kind == GLOBAL_REBUILD_TENSOR
      ? arguments->n == 4 : arguments->n == 6 || arguments->n == 7;

  if (!right_count || argument[0].kind != FRC_PICKLE_STORAGE || !is_size (&argument[1]) ||
      argument[2].kind != FRC_PICKLE_TUPLE || argument[3].kind != FRC_PICKLE_TUPLE)
    return frc_pickle_fail_arguments (p, "a tensor", error);
  FrcPickleTensor *tensor = frc_pickle_take (p, sizeof *tensor, error);
  if (!tensor)
    return FALSE;
  tensor->storage = argument[0].as.storage;
  tensor->offset = argument[1].as.integer;
  tensor->shape = argument[2];
  tensor->stride = argument[3];
  *result = (FrcPickleValue) { .kind = FRC_PICKLE_TENSOR, .as.tensor = tensor };
  return TRUE;
}

/* (tensor, requires_grad, hooks): the tensor. */
static gboolean
reduce_parameter (FrcPickle *p, const FrcPickleValue *arguments, FrcPickleValue *result,
    GError **error)
{
  if (arguments->n != 3 || arguments->as.items[0].kind != FRC_PICKLE_TENSOR)
    return frc_pickle_fail_arguments (p, "a parameter", error);
  *result = arguments->as.items[0];
  return TRUE;
}

gboolean
frc_pickle_reduce (FrcPickle *p, const FrcPickleValue *callable, const FrcPickleValue *arguments,
    FrcPickleValue *result, GError **error)
{
  if (callable->kind != FRC_PICKLE_GLOBAL || arguments->kind != FRC_PICKLE_TUPLE)
    return frc_pickle_fail_arguments (p, "an object", error);
  GlobalKind kind = globals[callable->as.integer].kind;
  switch (kind) {
  case GLOBAL_ORDERED_DICT:
    return reduce_ordered_dict (p, arguments, result, error);
  case GLOBAL_REBUILD_TENSOR:
  case GLOBAL_REBUILD_TENSOR_V2:
    return reduce_tensor (p, kind, arguments, result, error);
  case GLOBAL_REBUILD_PARAMETER:
    return reduce_parameter (p, arguments, result, error);
  case GLOBAL_DTYPE:
    return frc_pickle_reduce_dtype (p, arguments, result, error);
  case GLOBAL_RECONSTRUCT:
    return frc_pickle_reduce_array (p, result, error);
  case GLOBAL_SCALAR:
    return frc_pickle_reduce_scalar (p, arguments, result, error);
  default:
    return frc_pickle_fail_arguments (p, "an object", error);
  }
}

/* Old torch: (key, offset, elements) of a part of the storage. */
static gboolean
read_view (FrcPickleStorage *storage, const FrcPickleValue *view)
{
  if (view->kind == FRC_PICKLE_NONE)
    return TRUE;
  if (view->kind != FRC_PICKLE_TUPLE || view->n != 3 || !is_size (&view->as.items[1]) ||
      !is_size (&view->as.items[2]))
    return FALSE;
  storage->view_offset = view->as.items[1].as.integer;
  storage->view_elements = view->as.items[2].as.integer;
  return storage->view_offset <= storage->elements &&
      storage->view_elements <= storage->elements - storage->view_offset;
}

gboolean
frc_pickle_persistent (FrcPickle *p, const FrcPickleValue *id, FrcPickleValue *result,
    GError **error)
{
  const FrcPickleValue *item = id->as.items;

  if (id->kind != FRC_PICKLE_TUPLE || id->n < 5 || id->n > 6 ||
      !frc_pickle_is_text (&item[0], "storage") || item[1].kind != FRC_PICKLE_GLOBAL ||
      globals[item[1].as.integer].kind != GLOBAL_STORAGE || item[2].kind != FRC_PICKLE_STRING ||
      !is_size (&item[4]))
    return frc_pickle_fail_arguments (p, "a storage", error);

  FrcPickleStorage *storage = frc_pickle_take (p, sizeof *storage, error);
  if (!storage)
    return FALSE;
  storage->dtype = globals[item[1].as.integer].dtype;
  storage->key = item[2].as.text;
  storage->key_bytes = item[2].n;
  storage->elements = storage->view_elements = item[4].as.integer;
  if (id->n == 6 && !read_view (storage, &item[5]))
    return frc_pickle_fail_arguments (p, "a part of a storage", error);
  *p->next_storage = storage;
  p->next_storage = &storage->next;
  p->n_storages++;
  *result = (FrcPickleValue) { .kind = FRC_PICKLE_STORAGE, .as.storage = storage };
  return TRUE;
}
