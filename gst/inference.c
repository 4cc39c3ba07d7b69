/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From the element's settings to detections of the core.
 */
#include "inference.h"

#include "merge.h"

#include <float.h>

struct _FrcInference
{
  FrcModel *model; /* shared by all elements on the same file */
  FrcLabelSet *labels;
  FrcDetector *detector;
  FrcImageInfo prepared; /* width 0 = not yet */
  gboolean merges;       /* there may be several regions a frame */
  FrcMerge merge;
  FrcTestHooks *hooks; /* (nullable): of the test build */
};

static gboolean
check_config (const FrcDetectConfig *config, GError **error)
{
  if (!frc_meta_type_is_built (config->meta_type)) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "meta-type: expected auto or roi because this build is without gstreamer-analytics, found "
        "%s; build with gstreamer-analytics 1.24 or later for the others",
        config->meta_type == FRC_META_ANALYTICS ? "analytics" : "both");
    return FALSE;
  }
  if (config->proposals == FRC_PROPOSALS_ROI_META && config->region != FRC_REGION_FULL_FRAME) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "proposals: roi-meta expected region=full-frame, found region=%s; set one of the two "
        "properties back to its default",
        config->region == FRC_REGION_ZONES ? "zones" : "roi-list");
    return FALSE;
  }
  return TRUE;
}

/**
 * frc_inference_new:
 * @config: what only changes below PAUSED
 *
 * Finds and loads the model, which elements on one file share, and makes a detector.
 *
 * Errors: FRC_ERROR_ARGUMENT for settings that do not go together; of frc_model_find (),
 * frc_model_load (), frc_label_set_new () and frc_detector_new ().
 */
FrcInference *
frc_inference_new (const FrcDetectConfig *config, GError **error)
{
  if (!check_config (config, error))
    return NULL;
  g_autofree char *path = frc_model_find (config->model, error);
  if (!path)
    return NULL;

  g_autoptr (FrcInference) self = g_new0 (FrcInference, 1);
  self->model = frc_model_load (path, config->family, error);
  if (!self->model)
    return NULL;
  self->labels = frc_label_set_new (self->model, config->labels, error);
  if (!self->labels)
    return NULL;

  FrcOptions options = { .threads = config->threads, .input_size = config->input_size,
    .max_proposals = config->max_proposals, .precision = config->precision };
  self->merges = config->region != FRC_REGION_FULL_FRAME;
  if (self->merges && !frc_merge_init (&self->merge, frc_label_set_size (self->labels), error))
    return NULL;
  self->detector = frc_detector_new (self->model, &options, error);
  return self->detector ? g_steal_pointer (&self) : NULL;
}

void
frc_inference_free (FrcInference *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->detector, frc_detector_free);
  frc_merge_clear (&self->merge);
  g_clear_pointer (&self->labels, frc_label_set_unref);
  g_clear_pointer (&self->model, frc_model_unref);
  g_free (self);
}

/** frc_inference_get_labels: borrowed. */
FrcLabelSet *
frc_inference_get_labels (const FrcInference *self)
{
  return self->labels;
}

/** frc_inference_get_model_info: borrowed. */
const FrcModelInfo *
frc_inference_get_model_info (const FrcInference *self)
{
  return frc_model_get_info (self->model);
}

/** frc_inference_set_hooks: @hooks: (nullable): outlives @self; only the test build reads it. */
void
frc_inference_set_hooks (FrcInference *self, FrcTestHooks *hooks)
{
  self->hooks = hooks;
}

/**
 * frc_inference_prepare:
 * @info: the frames to come
 *
 * Plans and allocates unless that was done for such frames. Errors: of frc_detector_prepare ().
 */
gboolean
frc_inference_prepare (FrcInference *self, const FrcImageInfo *info, GError **error)
{
  const FrcImageInfo *had = &self->prepared;

  if (had->width == info->width && had->height == info->height && had->format == info->format &&
      had->matrix == info->matrix && had->range == info->range)
    return TRUE;
  self->prepared.width = 0;
  if (!frc_detector_prepare (self->detector, info, error))
    return FALSE;
  self->prepared = *info;
  return TRUE;
}

static FrcQuery
make_query (const FrcTask *task, const FrcDetectTuning *tuning, const gint *cancel)
{
  const FrcFilters *filters = &tuning->filters;
  guint shorter = MIN (task->rect.width, task->rect.height);
  guint longer = MAX (task->rect.width, task->rect.height);
  FrcQuery query = {
    .score_threshold = (gfloat) tuning->threshold,
    .nms_threshold = (gfloat) tuning->nms_threshold,
    .max_detections = MIN (tuning->max_detections, FRC_MAX_DETECTIONS),
    .min_side = (gfloat) (tuning->min_size * shorter),
    .max_side = tuning->max_size < 1.0 ? MAX ((gfloat) (tuning->max_size * longer), FLT_MIN) : 0,
    .cancel = cancel,
  };

  if (filters->classes)
    query.class_mask = g_bytes_get_data (filters->classes, NULL);
  if (filters->class_thresholds)
    query.class_thresholds = g_bytes_get_data (filters->class_thresholds, NULL);
  if (task->has_proposals) {
    query.proposals = task->proposals;
    query.n_proposals = task->n_proposals;
  }
  return query;
}

static gboolean
run_region (FrcInference *self, const FrcImage *image, const FrcRect *rect, const FrcQuery *query,
    FrcDetection *out, guint *n)
{
#ifdef FRC_TEST_HOOKS
  frc_test_hooks_wait (self->hooks, query->cancel);
#endif
  return frc_detector_load (self->detector, image, rect) &&
         frc_detector_run (self->detector, query, out, FRC_MAX_DETECTIONS, n);
}

static gboolean
run_whole (FrcInference *self, const FrcImage *image, const FrcTask *task, const FrcQuery *query,
    FrcResult *result)
{
  if (!run_region (self, image, &task->regions[0].rect, query, result->detections, &result->n))
    return FALSE;
  for (guint i = 0; i < result->n; i++)
    result->parent_ids[i] = FRC_NO_PARENT;
  return TRUE;
}

/* max-detections counts what is left of all regions. */
static gboolean
run_regions (FrcInference *self, const FrcImage *image, const FrcTask *task,
    const FrcQuery *query, FrcResult *result)
{
  FrcMerge *merge = &self->merge;
  FrcQuery each = *query;

  merge->n = 0;
  each.max_detections = FRC_MAX_DETECTIONS;
  for (guint r = 0; r < task->n_regions; r++) {
    const FrcRegion *region = &task->regions[r];
    guint n;
    if (!run_region (self, image, &region->rect, &each, frc_merge_room (merge), &n))
      return FALSE;
    frc_merge_add (merge, n, region, &task->rect);
  }
  gfloat threshold = query->nms_threshold;
  if (threshold < 0)
    threshold = frc_model_get_info (self->model)->box_nms_threshold;
  frc_merge_finish (merge, threshold, query->max_detections, result);
  return TRUE;
}

/**
 * frc_inference_run:
 * @image: as it was prepared for; not needed any more on return
 * @task: its rectangles are inside the image
 * @cancel: read atomically; not 0 ends the run early
 * @result: (out): its running_time is left alone
 *
 * Allocates nothing. Returns: FALSE when it was cancelled; @result is then not valid.
 */
gboolean
frc_inference_run (FrcInference *self, const FrcImage *image, const FrcTask *task,
    const FrcDetectTuning *tuning, const gint *cancel, FrcResult *result)
{
  FrcQuery query = make_query (task, tuning, cancel);

  result->valid = FALSE;
  result->n = 0;
  if (!(self->merges ? run_regions : run_whole) (self, image, task, &query, result))
    return FALSE;
  result->rect = task->rect;
  result->valid = TRUE;
  return TRUE;
}
