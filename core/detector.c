/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The flow of data: pixels → trunk → proposals → RoI pooling → head → post-processing.
 */
#include "detector.h"
#include "stages/box_coder.h"
#include "stages/roi_pool.h"

static void
observe (FrcDetector *d, const char *name, FrcView v)
{
  if (d->observer)
    d->observer (name, v.data, v.n, v.h, v.w, v.c, v.ld, d->observer_data);
}

/* The plan's tensor @node, widened if it is narrow: looking inside may allocate. */
static void
observe_node (FrcDetector *d, const char *name, const FrcPlan *plan, gint node)
{
  FrcView view = frc_plan_view (plan, node);

  if (!d->observer || !plan->graph->narrow || plan->graph->nodes[node].is_wide) {
    observe (d, name, view);
    return;
  }
  FrcNarrowView narrow = frc_plan_narrow_view (plan, node);
  view.data = g_try_new (gfloat, (gsize) view.n * view.h * view.w * view.c + 1);
  view.ld = view.c;
  if (view.data) {
    frc_narrow_widen (&narrow, view.data);
    observe (d, name, view);
  }
  g_free (view.data);
}

static void
end_stage (FrcDetector *d, FrcStage stage, gint64 *since)
{
  gint64 now = g_get_monotonic_time ();

  d->stage_ns[stage] = (guint64) (now - *since) * 1000;
  *since = now;
}

/**
 * frc_detector_load:
 * @detector: prepared for images like this one
 * @image: pixels; they are free again on return
 * @rect: (nullable): the part to look at, inside the image; NULL = all
 *
 * Pixels → network input. Allocates nothing: a new rectangle is planned inside the memory that
 * prepare reserved.
 *
 * Returns: FALSE if the image is not of the prepared format and size, or the rectangle is empty or
 * not inside it
 */
gboolean
frc_detector_load (FrcDetector *d, const FrcImage *image, const FrcRect *rect)
{
  const FrcImageInfo *info = &image->info;
  FrcRect all = { 0, 0, info->width, info->height };
  gint64 start = g_get_monotonic_time ();

  d->is_loaded = FALSE;
  if (!rect)
    rect = &all;
  if (!d->is_prepared || info->format != d->image.format || info->width != d->image.width ||
      info->height != d->image.height || !rect->width || !rect->height ||
      rect->x >= info->width || rect->width > info->width - rect->x ||
      rect->y >= info->height || rect->height > info->height - rect->y)
    return FALSE;
  d->rect = *rect;
  frc_input_size (&d->config, rect->width, rect->height, &d->input);
  frc_plan_set_input (d->trunk, (FrcShape){ 1, d->input.padded_h, d->input.padded_w, 3 });
  FrcView input = frc_plan_view (d->trunk, d->network->input);
  frc_pool_begin (d->pool, NULL);
  frc_frame_read (d->reader, d->pool, image, rect, d->config.image_mean, d->config.image_std,
      &d->input.resize, &input);
  frc_pool_end (d->pool);
  d->is_loaded = TRUE;
  end_stage (d, FRC_STAGE_LOAD, &start);
  return TRUE;
}

static void
observe_trunk (FrcDetector *d)
{
  const FrcNetwork *network = d->network;
  guint n_anchors = d->config.n_sizes * d->config.n_ratios;

  observe (d, "input", frc_plan_view (d->trunk, network->input));
  for (guint l = 0; l < network->n_maps; l++) {
    FrcView rpn = frc_plan_view (d->trunk, network->rpn[l]), deltas = rpn;
    observe_node (d, frc_name ("features.%s", network->map_names[l]).s, d->trunk,
        network->maps[l]);
    rpn.c = n_anchors;
    observe (d, frc_name ("objectness.%u", l).s, rpn);
    deltas.data += n_anchors;
    deltas.c = 4 * n_anchors;
    observe (d, frc_name ("pred_bbox_deltas.%u", l).s, deltas);
  }
}

static void
propose (FrcDetector *d)
{
  const FrcNetwork *network = d->network;
  FrcView levels[FRC_MAX_LEVELS];

  for (guint l = 0; l < network->n_maps; l++)
    levels[l] = frc_plan_view (d->trunk, network->rpn[l]);
  d->n_rois = frc_proposals_run (&d->proposals, levels, &d->input, d->max_rois, d->pool, d->rois);
}

/* Proposals from outside, in pixels of the rectangle. */
static void
take_proposals (FrcDetector *d, const FrcBox *boxes, guint n)
{
  const FrcInputSize *input = &d->input;
  guint extent = d->config.pixel_extent;

  d->n_rois = MIN (n, d->max_rois);
  for (guint i = 0; i < d->n_rois; i++) {
    FrcBox box = frc_box_scale (boxes[i], input->to_network_x, input->to_network_y);
    box.x2 -= (gfloat) extent;
    box.y2 -= (gfloat) extent;
    d->rois[i] = frc_box_clip (box, input->resize.width, input->resize.height, extent);
  }
}

static void
pool_narrow_rois (FrcDetector *d, const FrcView *shapes)
{
  const FrcNetwork *network = d->network;
  FrcNarrowView maps[FRC_MAX_LEVELS], out = frc_plan_narrow_view (d->head, network->rois);

  for (guint l = 0; l < d->config.n_roi_levels; l++)
    maps[l] = frc_plan_narrow_view (d->trunk, network->maps[l]);
  frc_roi_pool_narrow_run (&d->config, network->head->narrow, d->pool, maps, shapes, &d->input,
      d->rois, d->roi_level, &out);
}

static void
pool_rois (FrcDetector *d)
{
  const FrcNetwork *network = d->network;
  const FrcConfig *config = &d->config;
  FrcView maps[FRC_MAX_LEVELS];

  for (guint l = 0; l < config->n_roi_levels; l++)
    maps[l] = frc_plan_view (d->trunk, network->maps[l]);
  frc_plan_set_input (d->head,
      (FrcShape){ d->n_rois, config->pooled_size, config->pooled_size, maps[0].c });
  if (network->head->narrow) {
    pool_narrow_rois (d, maps);
    return;
  }
  FrcView out = frc_plan_view (d->head, network->rois);
  frc_roi_pool_run (config, d->model->kernels, d->pool, maps, &d->input, d->rois, d->roi_level,
      &out);
}

static void
observe_head (FrcDetector *d)
{
  const FrcNetwork *network = d->network;
  FrcView logits = frc_plan_view (d->head, network->predictions), deltas = logits;

  observe (d, "proposals", (FrcView){ &d->rois[0].x1, 1, d->n_rois, 1, 4, 4 });
  observe_node (d, "box_roi_pool", d->head, network->rois);
  logits.c = network->n_classes;
  observe (d, "class_logits", logits);
  deltas.data += network->n_classes;
  deltas.c -= network->n_classes;
  observe (d, "box_regression", deltas);
}

static guint
postprocess (FrcDetector *d, const FrcQuery *query, FrcDetection *out, guint capacity)
{
  const FrcInputSize *input = &d->input;
  FrcBoxSpace space = { input->resize.width, input->resize.height, 1, 1, d->rect.width,
    d->rect.height, input->to_frame_x, input->to_frame_y };
  FrcView head = frc_plan_view (d->head, d->network->predictions);
  FrcQuery resolved = *query;
  guint max = query->max_detections ? query->max_detections : d->config.box_detections_per_image;

  if (d->config.box_decodes_in_frame)
    space = (FrcBoxSpace){ d->rect.width, d->rect.height, input->to_frame_x, input->to_frame_y,
      d->rect.width, d->rect.height, 1, 1 };
  if (query->nms_threshold < 0)
    resolved.nms_threshold = d->config.box_nms_threshold;
  return frc_postprocess_run (&d->postprocess, &head, d->rois, &space, &resolved,
      MIN (max, capacity), d->pool, out);
}

static void
observe_detections (FrcDetector *d, const FrcDetection *found, guint n)
{
  if (!d->observer || !n)
    return;
  g_autofree gfloat *labels = g_new (gfloat, n);
  gsize ld = sizeof (FrcDetection) / sizeof (gfloat);
  for (guint i = 0; i < n; i++)
    labels[i] = found[i].label_id + 1;
  observe (d, "boxes", (FrcView){ (gfloat *) &found->box, 1, n, 1, 4, ld });
  observe (d, "scores", (FrcView){ (gfloat *) &found->score, 1, n, 1, 1, ld });
  observe (d, "labels", (FrcView){ labels, 1, n, 1, 1, 1 });
}

static gboolean
run_stages (FrcDetector *d, const FrcQuery *query, FrcDetection *out, guint capacity, guint *n)
{
  gint64 start = g_get_monotonic_time ();

  if (!frc_plan_run (d->trunk, d->pool))
    return FALSE;
  end_stage (d, FRC_STAGE_TRUNK, &start);
  if (query->proposals)
    take_proposals (d, query->proposals, query->n_proposals);
  else
    propose (d);
  if (frc_pool_is_cancelled (d->pool))
    return FALSE;
  end_stage (d, FRC_STAGE_PROPOSALS, &start);
  pool_rois (d);
  end_stage (d, FRC_STAGE_ROI_POOL, &start);
  if (!frc_plan_run (d->head, d->pool))
    return FALSE;
  end_stage (d, FRC_STAGE_HEAD, &start);
  *n = postprocess (d, query, out, capacity);
  end_stage (d, FRC_STAGE_POSTPROCESS, &start);
  return !frc_pool_is_cancelled (d->pool);
}

/**
 * frc_detector_run:
 * @detector: loaded
 * @query: what to keep; its cancel flag is read at least every 20 ms of work
 * @out: (out caller-allocates): detections by score descending
 * @capacity: room in @out; the best ones are kept
 * @n: (out): how many there are
 *
 * Network input → detections, in pixels of the loaded rectangle. Allocates nothing. The input stays
 * loaded: another query may follow.
 *
 * Returns: FALSE if nothing is loaded or the run was cancelled; @n is then 0
 */
gboolean
frc_detector_run (FrcDetector *d, const FrcQuery *query, FrcDetection *out, guint capacity,
    guint *n)
{
  *n = 0;
  if (!d->is_loaded)
    return FALSE;
  frc_pool_begin (d->pool, query->cancel);
  gboolean done = run_stages (d, query, out, capacity, n);
  frc_pool_end (d->pool);
  if (!done) {
    *n = 0;
    return FALSE;
  }
  if (d->observer) {
    observe_trunk (d);
    observe_head (d);
    observe_detections (d, out, *n);
  }
  return TRUE;
}

/**
 * frc_detect:
 *
 * Prepares for the image if it is of another kind than the last one, loads all of it and runs.
 * Parameters are those of frc_detector_prepare (), _load () and _run ().
 *
 * Returns: FALSE with @error set
 */
gboolean
frc_detect (FrcDetector *d, const FrcImage *image, const FrcQuery *query, FrcDetection *out,
    guint capacity, guint *n, GError **error)
{
  *n = 0;
  if (!frc_detector_prepare (d, &image->info, error))
    return FALSE;
  if (frc_detector_load (d, image, NULL) && frc_detector_run (d, query, out, capacity, n))
    return TRUE;
  g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "the detection was cancelled");
  return FALSE;
}
