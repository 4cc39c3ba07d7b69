/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From the element's settings to detections of the core.
 */
#include "inference.h"

struct _FrcInference
{
  FrcModel *model; /* shared by all elements on the same file */
  FrcLabelSet *labels;
  FrcDetector *detector;
  FrcImageInfo prepared; /* width 0 = not yet */
};

static gboolean
check_meta_type (FrcMetaType type, GError **error)
{
  if (frc_meta_type_is_built (type))
    return TRUE;
  g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
      "meta-type: expected auto or roi because this build is without gstreamer-analytics, found "
      "%s; build with gstreamer-analytics 1.24 or later for the others",
      type == FRC_META_ANALYTICS ? "analytics" : "both");
  return FALSE;
}

/**
 * frc_inference_new:
 * @config: what only changes below PAUSED
 *
 * Finds and loads the model, which elements on one file share, and makes a detector.
 *
 * Errors: of frc_model_find (), frc_model_load (), frc_label_set_new () and frc_detector_new ().
 */
FrcInference *
frc_inference_new (const FrcDetectConfig *config, GError **error)
{
  if (!check_meta_type (config->meta_type, error))
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

  FrcOptions options = { .threads = config->threads, .input_size = config->input_size };
  self->detector = frc_detector_new (self->model, &options, error);
  return self->detector ? g_steal_pointer (&self) : NULL;
}

void
frc_inference_free (FrcInference *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->detector, frc_detector_free);
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

/**
 * frc_inference_run:
 * @image: as it was prepared for; not needed any more on return
 * @rect: inside the image
 * @cancel: read atomically; not 0 ends the run early
 * @result: (out): its running_time is left alone
 *
 * Allocates nothing. Returns: FALSE when it was cancelled; @result is then not valid.
 */
gboolean
frc_inference_run (FrcInference *self, const FrcImage *image, const FrcRect *rect,
    const FrcDetectTuning *tuning, const gint *cancel, FrcResult *result)
{
  FrcQuery query = {
    .score_threshold = (gfloat) tuning->threshold,
    .nms_threshold = (gfloat) tuning->nms_threshold,
    .max_detections = MIN (tuning->max_detections, FRC_MAX_DETECTIONS),
    .class_mask = tuning->class_mask ? g_bytes_get_data (tuning->class_mask, NULL) : NULL,
    .cancel = cancel,
  };

  result->valid = FALSE;
  result->n = 0;
  if (!frc_detector_load (self->detector, image, rect) ||
      !frc_detector_run (self->detector, &query, result->detections, FRC_MAX_DETECTIONS,
          &result->n))
    return FALSE;
  for (guint i = 0; i < result->n; i++)
    result->parent_ids[i] = FRC_NO_PARENT;
  result->rect = *rect;
  result->valid = TRUE;
  return TRUE;
}
