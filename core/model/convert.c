/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A model's file written once more: as the project's own, with other numbers, with more metadata.
 */
#include "model.h"
#include "metadata.h"

#include <string.h>

static gboolean
parse_dtype (const char *name, FrcDtype *dtype, GError **error)
{
  if (!name || g_str_equal (name, "f32"))
    *dtype = FRC_DTYPE_F32;
  else if (g_str_equal (name, "f16"))
    *dtype = FRC_DTYPE_F16;
  else if (g_str_equal (name, "bf16"))
    *dtype = FRC_DTYPE_BF16;
  else {
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "unknown type '%s', expected f32, bf16 or f16", name);
    return FALSE;
  }
  return TRUE;
}

/* @keys, @values: what is to stand in the metadata besides; may grow. */
static gboolean
write_model (const FrcModel *model, const FrcWeights *weights, const char *const *labels,
    GPtrArray *keys, GPtrArray *values, FrcDtype dtype, const char *out, GError **error)
{
  frc_metadata_write (model->family->name, &model->config, labels, keys, values);
  g_ptr_array_add (keys, NULL);
  g_ptr_array_add (values, NULL);
  return frc_weights_save (weights, (const char *const *) keys->pdata,
      (const char *const *) values->pdata, dtype, out, error);
}

/* Whether each number of the file is the same as @dtype. */
static gboolean
keeps_numbers (const FrcWeights *weights, FrcDtype dtype)
{
  for (guint i = 0; i < frc_weights_count (weights); i++) {
    const FrcTensor *tensor = frc_weights_nth (weights, i);
    if (tensor->n_dims >= 2 && tensor->dtype != dtype &&
        (dtype != FRC_DTYPE_F32 || tensor->dtype > FRC_DTYPE_BF16))
      return FALSE;
  }
  return TRUE;
}

/* What `frcnn calibrate` measured, as it stands in the file. */
static void
keep_calibration (const FrcWeights *weights, GPtrArray *keys, GPtrArray *values)
{
  for (guint p = 0; p <= FRC_N_PRECISIONS; p++) {
    g_autofree char *key = p < FRC_N_PRECISIONS
        ? g_strconcat (FRC_METADATA_COST, frc_precision_name ((FrcPrecision) p), NULL)
        : g_strdup (FRC_METADATA_BOUNDS);
    const char *value = frc_weights_metadata (weights, key);
    if (!value)
      continue;
    g_ptr_array_add (keys, g_steal_pointer (&key));
    g_ptr_array_add (values, g_strdup (value));
  }
}

/**
 * frc_model_convert:
 * @in: any file that frc_model_load () reads
 * @family: (nullable): as there
 * @labels: (nullable): one a class without background, NULL-terminated; else the file's own, else
 *   the data set's that is known by its number of classes
 * @dtype: (nullable): "f32" (every bit is kept), "bf16" or "f16", of tensors with two and more
 *   dimensions; the others are always f32
 * @out: the safetensors file to write, with everything inside that running it takes
 *
 * What `frcnn calibrate` wrote into @in holds for its numbers and its family: where either changes,
 * @out has none of it.
 *
 * Returns: FALSE with an error; a file that was at @out is then untouched
 */
gboolean
frc_model_convert (const char *in, const char *family, const char *const *labels,
    const char *dtype, const char *out, GError **error)
{
  g_autoptr (FrcModel) model = frc_model_load (in, family, error);
  g_autoptr (FrcWeights) weights = model ? frc_weights_open (in, error) : NULL;
  FrcDtype type;

  if (!weights || !parse_dtype (dtype, &type, error))
    return FALSE;
  if (labels && g_strv_length ((char **) labels) != model->info.n_labels) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "%u labels were given, expected %u as %s has classes",
        g_strv_length ((char **) labels), model->info.n_labels, in);
    return FALSE;
  }
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) values = g_ptr_array_new_with_free_func (g_free);
  if (keeps_numbers (weights, type) &&
      g_strcmp0 (frc_weights_metadata (weights, "family"), model->family->name) == 0)
    keep_calibration (weights, keys, values);
  return write_model (model, weights, labels ? labels : (const char *const *) model->labels, keys,
      values, type, out, error);
}

/* Of the tensors with two and more dimensions; f32 if they differ. */
static FrcDtype
common_dtype (const FrcWeights *weights)
{
  FrcDtype common = FRC_DTYPE_F32;
  gboolean first = TRUE;

  for (guint i = 0; i < frc_weights_count (weights); i++) {
    const FrcTensor *tensor = frc_weights_nth (weights, i);
    if (tensor->n_dims < 2)
      continue;
    if (!first && tensor->dtype != common)
      return FRC_DTYPE_F32;
    common = tensor->dtype;
    first = FALSE;
  }
  return common <= FRC_DTYPE_BF16 ? common : FRC_DTYPE_F32;
}

gboolean
frc_model_annotate (FrcModel *model, const char *const *keys, const char *const *values,
    const char *out, GError **error)
{
  g_autoptr (FrcWeights) weights = frc_weights_open (model->path, error);
  g_autoptr (GPtrArray) all_keys = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) all_values = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; keys[i]; i++) {
    g_ptr_array_add (all_keys, g_strdup (keys[i]));
    g_ptr_array_add (all_values, g_strdup (values[i]));
  }
  return weights && write_model (model, weights, (const char *const *) model->labels, all_keys,
      all_values, common_dtype (weights), out, error);
}
