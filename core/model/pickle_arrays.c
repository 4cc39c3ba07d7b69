/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * NumPy's arrays in pickles: _reconstruct () makes an empty one, and BUILD gives it (version, shape,
 * type, whether columns come first, bytes). The bytes stay where they are.
 * Source: NumPy's array_reduce () and array_setstate ().
 */
#include "pickle.h"

#include <string.h>

gboolean
frc_pickle_reduce_dtype (FrcPickle *p, const FrcPickleValue *arguments, FrcPickleValue *result,
    GError **error)
{
  static const struct {
    const char *name;
    FrcDtype dtype;
  } types[] = { { "f4", FRC_DTYPE_F32 }, { "f2", FRC_DTYPE_F16 }, { "f8", FRC_DTYPE_F64 },
    { "i8", FRC_DTYPE_I64 }, { "i4", FRC_DTYPE_I32 }, { "i2", FRC_DTYPE_I16 },
    { "i1", FRC_DTYPE_I8 }, { "u1", FRC_DTYPE_U8 }, { "b1", FRC_DTYPE_BOOL } };
  char quoted[FRC_QUOTE_BYTES];

  if (arguments->n == 0 || arguments->as.items[0].kind != FRC_PICKLE_STRING)
    return frc_pickle_fail_arguments (p, "a NumPy type", error);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (frc_pickle_is_text (&arguments->as.items[0], types[i].name)) {
      *result = (FrcPickleValue) { .kind = FRC_PICKLE_DTYPE, .as.integer = types[i].dtype };
      return TRUE;
    }
  return frc_weights_fail (p->weights, error, FRC_ERROR_UNSUPPORTED,
      "expected NumPy arrays of numbers, found the type '%s'",
      frc_quote (arguments->as.items[0].as.text, arguments->as.items[0].n, quoted));
}

/* An array without a place for its one element, until BUILD comes. */
gboolean
frc_pickle_reduce_array (FrcPickle *p, FrcPickleValue *result, GError **error)
{
  FrcPickleTensor *tensor = frc_pickle_take (p, sizeof *tensor, error);
  FrcPickleStorage *storage = tensor ? frc_pickle_take (p, sizeof *storage, error) : NULL;

  if (!storage)
    return FALSE;
  tensor->storage = storage;
  tensor->shape.kind = tensor->stride.kind = FRC_PICKLE_TUPLE;
  tensor->is_array = TRUE;
  *result = (FrcPickleValue) { .kind = FRC_PICKLE_TENSOR, .as.tensor = tensor };
  return TRUE;
}

static gboolean
fill (FrcPickle *p, FrcPickleTensor *tensor, const FrcPickleValue *dtype,
    const FrcPickleValue *bytes, GError **error)
{
  FrcPickleStorage *storage = tensor->storage;

  if (dtype->kind != FRC_PICKLE_DTYPE ||
      (bytes->kind != FRC_PICKLE_BYTES && bytes->kind != FRC_PICKLE_STRING)) /* Python 2's */
    return frc_pickle_fail_arguments (p, "a NumPy array", error);
  storage->dtype = (FrcDtype) dtype->as.integer;
  storage->elements = storage->view_elements = bytes->n / frc_dtype_size (storage->dtype);
  storage->data = bytes->as.text;
  return TRUE;
}

/* Strides in elements: the last side is the fastest, or the first one is. */
static gboolean
set_strides (FrcPickle *p, FrcPickleTensor *tensor, gboolean columns_first, GError **error)
{
  guint n = tensor->shape.n;
  guint64 stride = 1;

  tensor->stride = (FrcPickleValue) { .kind = FRC_PICKLE_TUPLE, .n = n };
  tensor->stride.as.items = frc_pickle_take (p, n * sizeof (FrcPickleValue), error);
  if (!tensor->stride.as.items)
    return FALSE;
  for (guint k = 0; k < n; k++) {
    guint i = columns_first ? k : n - 1 - k;
    const FrcPickleValue *side = &tensor->shape.as.items[i];
    if (side->kind != FRC_PICKLE_INT || side->as.integer < 0 || stride > G_MAXINT64)
      return frc_pickle_fail_arguments (p, "a NumPy array", error);
    tensor->stride.as.items[i] =
        (FrcPickleValue) { .kind = FRC_PICKLE_INT, .as.integer = (gint64) stride };
    if (!g_uint64_checked_mul (&stride, stride, (guint64) side->as.integer))
      return frc_pickle_fail_arguments (p, "a NumPy array", error);
  }
  return TRUE;
}

gboolean
frc_pickle_reduce_scalar (FrcPickle *p, const FrcPickleValue *arguments, FrcPickleValue *result,
    GError **error)
{
  const FrcPickleValue *items = arguments->as.items;

  if (arguments->n != 2)
    return frc_pickle_fail_arguments (p, "a NumPy number", error);
  return frc_pickle_reduce_array (p, result, error) &&
         fill (p, result->as.tensor, &items[0], &items[1], error);
}

static gboolean
build_array (FrcPickle *p, FrcPickleTensor *tensor, const FrcPickleValue *state, GError **error)
{
  const FrcPickleValue *items = state->as.items;

  if (state->kind != FRC_PICKLE_TUPLE || state->n != 5 || items[1].kind != FRC_PICKLE_TUPLE ||
      (items[3].kind != FRC_PICKLE_BOOL && items[3].kind != FRC_PICKLE_INT))
    return frc_pickle_fail_arguments (p, "a NumPy array", error);
  tensor->shape = items[1];
  return fill (p, tensor, &items[2], &items[4], error) &&
         set_strides (p, tensor, items[3].as.integer != 0, error);
}

/* (version, byte order, …): "<", or "|" where there is none. */
static gboolean
build_dtype (FrcPickle *p, const FrcPickleValue *state, GError **error)
{
  if (state->kind != FRC_PICKLE_TUPLE || state->n < 2 ||
      state->as.items[1].kind != FRC_PICKLE_STRING)
    return frc_pickle_fail_arguments (p, "a NumPy type", error);
  if (frc_pickle_is_text (&state->as.items[1], "<") ||
      frc_pickle_is_text (&state->as.items[1], "|"))
    return TRUE;
  return frc_weights_fail (p->weights, error, FRC_ERROR_UNSUPPORTED,
      "expected NumPy arrays with the low byte first, found others");
}

gboolean
frc_pickle_build (FrcPickle *p, FrcPickleValue *object, const FrcPickleValue *state,
    GError **error)
{
  if (object->kind == FRC_PICKLE_TENSOR && object->as.tensor->is_array)
    return build_array (p, object->as.tensor, state, error);
  if (object->kind == FRC_PICKLE_DTYPE)
    return build_dtype (p, state, error);
  return TRUE;
}
