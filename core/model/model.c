/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model.h"
#include "metadata.h"

#include <glib/gstdio.h>
#include <string.h>

static GMutex cache_lock;
static GCond cache_changed;
static GSList *cache;   /* of FrcModel, without a reference */
static GSList *loading; /* of FrcModel that a thread is reading: others wait for that file alone */

/* ---- making ------------------------------------------------------------------------------- */

static void
model_free (FrcModel *model)
{
  frc_network_clear (&model->unpacked);
  for (guint p = 0; p < FRC_N_PRECISIONS; p++) {
    frc_network_clear (&model->packed[p]);
    g_free (model->cost_text[p]);
  }
  g_clear_pointer (&model->bounds, g_hash_table_unref);
  g_mutex_clear (&model->network_lock);
  g_strfreev (model->labels);
  g_free (model->label_ids);
  g_free (model->wanted_family);
  g_free (model->path);
  g_free (model->name);
  g_free (model);
}

/* The family that was asked for, or that the file names, or that its tensors tell. */
static const FrcFamily *
choose_family (const FrcWeights *weights, const char *wanted, gboolean *guessed, GError **error)
{
  const char *named = wanted ? wanted : frc_weights_metadata (weights, "family");
  const FrcFamily *family;

  *guessed = FALSE;
  if (!named)
    return frc_family_identify (weights, guessed, error);
  family = frc_family_find (named);
  if (!family) {
    g_autofree char *known = g_strjoinv (", ", (char **) frc_family_names ());
    g_set_error (error, FRC_ERROR, wanted ? FRC_ERROR_ARGUMENT : FRC_ERROR_UNSUPPORTED,
        "%s: unknown family '%.80s', expected one of %s", frc_weights_path (weights), named, known);
  }
  return family;
}

static gboolean
check_config (const FrcModel *model, GError **error)
{
  const FrcConfig *config = &model->config;
  guint n = model->unpacked.n_maps;

  if (config->n_levels == n && config->n_roi_levels <= n && config->min_size <= config->max_size &&
      (config->pooling != FRC_POOLING_CROP_AND_RESIZE ||
          config->crop_size % config->pooled_size == 0))
    return TRUE;
  g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT,
      "%s: its metadata has anchors for %u maps, RoIs from %u, sizes %u … %u and crops of %u, "
      "expected %u maps, at most as many for RoIs, a min_size not above max_size, and crops of a "
      "multiple of %u", model->path, config->n_levels, config->n_roi_levels, config->min_size,
      config->max_size, config->crop_size, n, config->pooled_size);
  return FALSE;
}

/* A list with holes in it, where classes have none: FALSE if it has not @n other labels. */
static gboolean
skip_holes (FrcModel *model, guint n)
{
  guint16 *ids = g_new (guint16, n);
  guint found = 0;

  for (guint i = 0; model->labels[i]; i++)
    if (!g_str_equal (model->labels[i], FRC_LABEL_HOLE) && found++ < n)
      ids[found - 1] = i;
  if (found == n)
    model->label_ids = g_steal_pointer (&ids);
  g_free (ids);
  return found == n;
}

static gboolean
read_labels (FrcModel *model, const FrcWeights *weights, GError **error)
{
  guint n = model->unpacked.n_classes - 1;

  model->labels = frc_metadata_labels (weights);
  if (!model->labels && model->family->skips_holes && n == FRC_COCO_CLASSES)
    model->labels = g_strdupv ((char **) frc_labels_builtin (FRC_COCO_IDS));
  if (model->labels && g_strv_length (model->labels) != n && !skip_holes (model, n)) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT,
        "%s: its metadata has %u labels, expected %u as its tensors have classes", model->path,
        g_strv_length (model->labels), n);
    return FALSE;
  }
  if (!model->labels)
    model->labels = g_strdupv ((char **) frc_labels_builtin (n));
  return TRUE;
}

static guint64
count_parameters (const FrcWeights *weights)
{
  guint64 n = 0;

  for (guint i = 0; i < frc_weights_count (weights); i++) {
    const FrcTensor *tensor = frc_weights_nth (weights, i);
    if (!g_str_has_suffix (tensor->name, ".num_batches_tracked"))
      n += frc_tensor_elements (tensor);
  }
  return n;
}

static void
fill_info (FrcModel *model, const FrcWeights *weights, gboolean guessed)
{
  const FrcConfig *c = &model->config;

  model->info = (FrcModelInfo){ .path = model->path, .name = model->name,
    .family = model->family->name, .family_guessed = guessed,
    .n_labels = model->label_ids ? g_strv_length (model->labels) : model->unpacked.n_classes - 1,
    .min_size = c->min_size, .max_size = c->max_size,
    .n_anchor_levels = c->n_levels, .anchors_per_cell = c->n_sizes * c->n_ratios,
    .rpn_pre_nms_top_n = c->rpn_pre_nms_top_n, .rpn_post_nms_top_n = c->rpn_post_nms_top_n,
    .rpn_nms_threshold = c->rpn_nms_threshold, .rpn_score_threshold = c->rpn_score_threshold,
    .box_score_threshold = c->box_score_threshold, .box_nms_threshold = c->box_nms_threshold,
    .box_detections_per_image = c->box_detections_per_image,
    .n_parameters = count_parameters (weights) };
  memcpy (model->info.image_mean, c->image_mean, sizeof c->image_mean);
  memcpy (model->info.image_std, c->image_std, sizeof c->image_std);
}

static char *
name_of_path (const char *path)
{
  char *name = g_path_get_basename (path), *dot = strrchr (name, '.');

  if (dot && dot != name)
    *dot = '\0';
  return name;
}

static gboolean
read_calibration (FrcModel *model, const FrcWeights *weights, GError **error)
{
  GError *bad = NULL;

  for (guint p = 0; p < FRC_N_PRECISIONS; p++) {
    const char *text =
        frc_metadata_cost (weights, frc_precision_name ((FrcPrecision) p), &model->cost[p]);
    if (!text)
      model->cost[p] = G_MAXDOUBLE;
    model->cost_text[p] = g_strdup (text);
  }
  model->bounds = frc_metadata_bounds (weights, &bad);
  model->info.has_int8_bounds = model->bounds != NULL;
  model->info.bf16_cost = model->cost_text[FRC_PRECISION_BF16];
  model->info.int8_cost = model->cost_text[FRC_PRECISION_INT8];
  if (bad)
    g_propagate_error (error, bad);
  return !bad;
}

/* Reads the file of a new model. */
static gboolean
model_read (FrcModel *model, GError **error)
{
  g_autoptr (FrcWeights) weights = frc_weights_open (model->path, error);
  gboolean guessed;

  if (!weights)
    return FALSE;
  model->family = choose_family (weights, model->wanted_family, &guessed, error);
  if (!model->family)
    return FALSE;
  model->family->configure (&model->config, weights);
  if (!frc_metadata_read (weights, &model->config, error) ||
      !frc_network_build (&model->unpacked, model->family, &model->config, weights, model->kernels,
          error) ||
      !check_config (model, error) || !read_labels (model, weights, error))
    return FALSE;
  fill_info (model, weights, guessed);
  return read_calibration (model, weights, error);
}

/* ---- sharing ------------------------------------------------------------------------------ */

static void
identify_file (const char *path, FrcFileId *id)
{
  GStatBuf st;

  if (g_stat (path, &st) == 0)
    *id = (FrcFileId){ st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec };
}

static FrcModel *
find_same (GSList *models, const FrcModel *wanted)
{
  for (GSList *l = models; l; l = l->next) {
    FrcModel *model = l->data;
    if (memcmp (&model->id, &wanted->id, sizeof model->id) == 0 &&
        model->kernels == wanted->kernels &&
        g_strcmp0 (model->wanted_family, wanted->wanted_family) == 0)
      return model;
  }
  return NULL;
}

/**
 * frc_model_load:
 * @path: a model file of a format and family that is known (frc_family_names ()); what it is, is
 *   told by its content
 * @family: (nullable): the family, where the file alone cannot tell: torchvision's two MobileNet
 *   models have the same tensors. Without it the file's own metadata decides, then "_320_" in the
 *   file's name, else the larger input (FrcModelInfo.family_guessed tells that nothing chose)
 *
 * Reads and checks a model; detectors pack its weights for what they compute with. The same unchanged
 * file and family while a model of it lives yields that model: its weights are in memory once.
 *
 * Returns: a reference, or NULL with an error of the domain FRC_ERROR that names the file, what was
 * expected and what was found
 */
FrcModel *
frc_model_load (const char *path, const char *family, GError **error)
{
  const FrcKernels *kernels = frc_kernels_get (NULL, error);
  FrcModel *shared;

  if (!kernels)
    return NULL;
  FrcModel *model = g_new0 (FrcModel, 1);
  model->ref_count = 1;
  model->path = g_strdup (path);
  model->name = name_of_path (path);
  model->wanted_family = g_strdup (family);
  model->kernels = kernels;
  g_mutex_init (&model->network_lock);
  identify_file (path, &model->id); /* of a file that is not there: all zeros, like its error */

  g_mutex_lock (&cache_lock);
  while (find_same (loading, model))
    g_cond_wait (&cache_changed, &cache_lock);
  if ((shared = find_same (cache, model)))
    shared->ref_count++;
  else
    loading = g_slist_prepend (loading, model);
  g_mutex_unlock (&cache_lock);
  if (shared) {
    model_free (model);
    return shared;
  }

  gboolean ok = model_read (model, error);
  g_mutex_lock (&cache_lock);
  loading = g_slist_remove (loading, model);
  if (ok)
    cache = g_slist_prepend (cache, model);
  g_cond_broadcast (&cache_changed);
  g_mutex_unlock (&cache_lock);
  if (ok)
    return model;
  model_free (model);
  return NULL;
}

/* For a second precision the file is read once more: weights are kept packed only. */
static gboolean
read_again (FrcModel *model, GError **error)
{
  FrcFileId id = { 0 };

  identify_file (model->path, &id);
  if (memcmp (&id, &model->id, sizeof id) != 0) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_OPEN,
        "%s: the file has changed since it was loaded, its weights are needed once more",
        model->path);
    return FALSE;
  }
  g_autoptr (FrcWeights) weights = frc_weights_open (model->path, error);
  return weights && frc_network_build (&model->unpacked, model->family, &model->config, weights,
      model->kernels, error);
}

static gboolean
pack_network (FrcModel *model, FrcPrecision precision, FrcPool *pool, GError **error)
{
  const FrcNarrowKernels *narrow = NULL;

  if (precision != FRC_PRECISION_F32 && !(narrow = frc_narrow_kernels (model->kernels, error)))
    return FALSE;
  if (!model->unpacked.trunk && !read_again (model, error))
    return FALSE;
  FrcNetwork network = model->unpacked;
  model->unpacked = (FrcNetwork){ 0 };
  if (!frc_network_pack (&network, narrow,
          precision == FRC_PRECISION_INT8 ? model->bounds : NULL, pool, error))
    return FALSE;
  model->packed[precision] = network;
  return TRUE;
}

const FrcNetwork *
frc_model_network (FrcModel *model, FrcPrecision precision, FrcPool *pool, GError **error)
{
  FrcNetwork *network = &model->packed[precision];

  if (precision == FRC_PRECISION_INT8 && !model->bounds) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_UNSUPPORTED,
        "%s holds no bounds of its layers' inputs: `frcnn calibrate` measures them; or choose auto, "
        "f32 or bf16", model->path);
    return NULL;
  }
  g_mutex_lock (&model->network_lock);
  gboolean packed = network->trunk || pack_network (model, precision, pool, error);
  g_mutex_unlock (&model->network_lock);
  return packed ? network : NULL;
}

/** frc_model_ref: Returns: @model */
FrcModel *
frc_model_ref (FrcModel *model)
{
  g_mutex_lock (&cache_lock);
  model->ref_count++;
  g_mutex_unlock (&cache_lock);
  return model;
}

/** frc_model_unref: @model: (nullable) */
void
frc_model_unref (FrcModel *model)
{
  if (!model)
    return;
  g_mutex_lock (&cache_lock);
  gboolean last = --model->ref_count == 0;
  if (last)
    cache = g_slist_remove (cache, model);
  g_mutex_unlock (&cache_lock);
  if (last)
    model_free (model);
}

/** frc_model_get_info: Returns: owned by the model */
const FrcModelInfo *
frc_model_get_info (const FrcModel *model)
{
  return &model->info;
}

/** frc_model_get_label: Returns: (nullable): the label, NULL if there is none or no such id */
const char *
frc_model_get_label (const FrcModel *model, gint label_id)
{
  if (!model->labels || label_id < 0 || label_id >= (gint) model->info.n_labels)
    return NULL;
  return model->labels[label_id];
}
