/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detector.h"
#include "mem.h"
#include "stages/roi_pool.h"

#include <math.h>

#define MAX_THREADS 256
#define MAX_INPUT_SIZE 4096

/* ---- making ------------------------------------------------------------------------------- */

static gboolean
apply_options (FrcConfig *config, const FrcOptions *options, GError **error)
{
  if (options->threads > MAX_THREADS || options->input_size > MAX_INPUT_SIZE ||
      options->max_proposals > FRC_MAX_TOP_N) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "%u threads, input size %u and %u proposals were asked for, expected at most %u, %u and %u",
        options->threads, options->input_size, options->max_proposals, MAX_THREADS,
        MAX_INPUT_SIZE, FRC_MAX_TOP_N);
    return FALSE;
  }
  if (options->input_size) {
    config->max_size = (guint) lrint ((gdouble) config->max_size * options->input_size /
        config->min_size);
    config->min_size = options->input_size;
  }
  if (options->max_proposals)
    config->rpn_post_nms_top_n = options->max_proposals;
  return TRUE;
}

/**
 * frc_detector_new:
 * @model: the detector takes a reference of its own
 * @options: (nullable): NULL = all defaults
 *
 * Starts the detector's threads and packs the model's weights, unless a detector of this precision
 * has done so; memory for images comes with frc_detector_prepare (). A precision that this CPU or the
 * model lacks is an error, FRC_PRECISION_AUTO never is.
 *
 * Returns: a detector, or NULL with an error
 */
FrcDetector *
frc_detector_new (FrcModel *model, const FrcOptions *options, GError **error)
{
  FrcOptions defaults = { 0 };
  FrcDetector *d = g_new0 (FrcDetector, 1);

  if (!options)
    options = &defaults;
  d->model = frc_model_ref (model);
  d->config = model->config;
  if (!apply_options (&d->config, options, error) ||
      !(d->pool = frc_pool_new (options->threads ? options->threads
                                                 : MIN (g_get_num_processors (), MAX_THREADS),
            error)) ||
      !(d->network = frc_precision_choose (model, options->precision, d->pool, &d->precision,
            error)))
    g_clear_pointer (&d, frc_detector_free);
  return d;
}

/* Frees what prepare made. */
static void
unprepare (FrcDetector *d)
{
  d->is_prepared = d->is_loaded = FALSE;
  g_clear_pointer (&d->reader, frc_frame_reader_free);
  g_clear_pointer (&d->trunk, frc_plan_free);
  g_clear_pointer (&d->head, frc_plan_free);
  frc_proposals_clear (&d->proposals);
  frc_postprocess_clear (&d->postprocess);
  frc_clear (&d->rois);
  frc_clear (&d->roi_level);
}

/** frc_detector_free: @detector: (nullable): joins its threads */
void
frc_detector_free (FrcDetector *d)
{
  if (!d)
    return;
  unprepare (d);
  frc_pool_free (d->pool);
  frc_model_unref (d->model);
  g_free (d);
}

/* No rectangle's input is larger than one of these two: its shorter side is at most min_size, its
 * longer one at most max_size. */
static gboolean
plan_trunk (FrcDetector *d, GError **error)
{
  guint shorter = frc_padded (&d->config, d->config.min_size);
  guint longer = frc_padded (&d->config, d->config.max_size);

  if (!(d->trunk = frc_plan_new (d->network->trunk, error)))
    return FALSE;
  frc_plan_grow (d->trunk, (FrcShape){ 1, shorter, longer, 3 });
  frc_plan_grow (d->trunk, (FrcShape){ 1, longer, shorter, 3 });
  return frc_plan_place (d->trunk, error);
}

static gboolean
plan_head (FrcDetector *d, GError **error)
{
  const FrcNetwork *network = d->network;
  guint pooled = d->config.pooled_size;

  if (!(d->head = frc_plan_new (network->head, error)))
    return FALSE;
  frc_plan_grow (d->head, (FrcShape){ d->max_rois, pooled, pooled,
      network->head->nodes[network->rois].channels });
  return frc_plan_place (d->head, error);
}

/* Cells of each level of the largest input, whose shapes plan_trunk () left in the plan. */
static gboolean
prepare_proposals (FrcDetector *d, GError **error)
{
  const FrcNetwork *network = d->network;
  guint max_cells[FRC_MAX_LEVELS];

  for (guint l = 0; l < network->n_maps; l++) {
    const FrcShape *shape = &d->trunk->shapes[network->rpn[l]];
    max_cells[l] = shape->h * shape->w;
  }
  return frc_proposals_init (&d->proposals, &d->config, max_cells, error);
}

static gboolean
reserve_scratch (FrcDetector *d, guint width, GError **error)
{
  const FrcNetwork *network = d->network;
  gsize bytes = MAX (d->trunk->scratch_bytes, d->head->scratch_bytes);
  gsize pooling = frc_roi_pool_scratch_bytes (&d->config,
      frc_padded (&d->config, d->config.max_size), network->head->nodes[network->rois].channels);

  gsize reading = frc_frame_scratch_bytes (width);

  if (frc_resize_is_antialiased (&d->config))
    reading += frc_frame_antialias_bytes (d->reader);
  bytes = MAX (bytes, pooling);
  return frc_pool_reserve (d->pool, MAX (bytes, reading), error);
}

static gboolean
check_image_info (const FrcImageInfo *info, GError **error)
{
  if ((guint) info->format < FRC_N_FORMATS && info->width && info->height &&
      info->width <= FRC_MAX_IMAGE_SIZE && info->height <= FRC_MAX_IMAGE_SIZE)
    return TRUE;
  g_set_error (error, FRC_ERROR, FRC_ERROR_SHAPE,
      "an image of format %d and %u×%u pixels, expected a known format and 1×1 to %u×%u pixels",
      info->format, info->width, info->height, FRC_MAX_IMAGE_SIZE, FRC_MAX_IMAGE_SIZE);
  return FALSE;
}

/**
 * frc_detector_prepare:
 * @info: the images to come
 *
 * Plans and allocates for every rectangle of such an image; after it neither load nor run
 * allocates. Does nothing if the last call was for the same kind of image.
 *
 * Returns: FALSE with an error; the detector must then be prepared again
 */
gboolean
frc_detector_prepare (FrcDetector *d, const FrcImageInfo *info, GError **error)
{
  gboolean same_memory = d->is_prepared && info->width == d->image.width &&
                         info->height == d->image.height;

  if (!check_image_info (info, error))
    return FALSE;
  if (same_memory) {
    d->is_loaded = d->is_loaded && info->format == d->image.format;
    d->image = *info;
    return TRUE;
  }
  unprepare (d);
  d->max_rois = d->config.rpn_post_nms_top_n;
  d->reader = frc_frame_reader_new (d->model->kernels, info->width, info->height,
      frc_padded (&d->config, d->config.max_size), error);
  if (!d->reader ||
      (frc_resize_is_antialiased (&d->config) &&
          !frc_frame_reader_add_antialias (d->reader, error)) || !plan_trunk (d, error) || !plan_head (d, error) ||
      !prepare_proposals (d, error) ||
      !frc_postprocess_init (&d->postprocess, &d->config, d->max_rois,
          d->network->n_classes, error) ||
      !(d->rois = frc_alloc (d->max_rois, sizeof (FrcBox), "the proposals", error)) ||
      !(d->roi_level = frc_alloc (d->max_rois, 1, "the proposals' levels", error)) ||
      !reserve_scratch (d, info->width, error)) {
    unprepare (d);
    return FALSE;
  }
  d->postprocess.label_ids = d->model->label_ids;
  d->image = *info;
  d->is_prepared = TRUE;
  return TRUE;
}

/* ---- looking inside ----------------------------------------------------------------------- */

/**
 * frc_detector_set_observer:
 * @observer: (nullable): called at the end of each run, once a tensor
 *
 * Shows intermediate results. Names: "input", "features.N", "objectness.N", "pred_bbox_deltas.N",
 * "proposals", "box_roi_pool", "class_logits", "box_regression", "boxes", "scores", "labels".
 */
void
frc_detector_set_observer (FrcDetector *d, FrcObserver observer, gpointer user_data)
{
  d->observer = observer;
  d->observer_data = user_data;
}

/** frc_detector_get_stages: Returns: how many of @out were written, in the order of the flow */
guint
frc_detector_get_stages (const FrcDetector *d, FrcStageTime *out, guint capacity)
{
  static const char *const names[FRC_N_STAGES] = { "load", "trunk", "proposals", "roi_pool", "head",
    "postprocess" };
  guint n = MIN (capacity, FRC_N_STAGES);

  for (guint i = 0; i < n; i++) {
    const FrcPlan *plan = i == FRC_STAGE_TRUNK ? d->trunk : i == FRC_STAGE_HEAD ? d->head : NULL;
    out[i] = (FrcStageTime){ names[i], d->stage_ns[i], plan ? frc_plan_flops (plan) : 0 };
  }
  return n;
}

static const char *
activation_name (FrcActivation activation)
{
  static const char *const names[] = { "", " + relu", " + relu6", " + hardswish",
    " + hardsigmoid" };

  return names[activation];
}

static FrcName
operation_of (const FrcNode *node)
{
  const FrcConvSpec *s = &node->spec;
  const char *activation = activation_name (s->activation);
  const char *residual = node->in[1] >= 0 ? " + residual" : "";

  switch (node->op) {
    case FRC_OP_CONV:
      return frc_name ("conv %u×%u/%u%s%s", s->kernel_h, s->kernel_w, s->stride_h, residual,
          activation);
    case FRC_OP_LINEAR:
      return frc_name ("linear%s", activation);
    case FRC_OP_DEPTHWISE:
      return frc_name ("depthwise %u×%u/%u%s", s->kernel_h, s->kernel_w, s->stride_h, activation);
    case FRC_OP_MAX_POOL:
      return frc_name ("max pool %u×%u/%u", s->kernel_h, s->kernel_w, s->stride_h);
    case FRC_OP_AVERAGE_POOL:
      return frc_name ("average pool %u×%u/%u%s", s->kernel_h, s->kernel_w, s->stride_h,
          activation);
    case FRC_OP_CONCAT:
      return frc_name ("concatenate");
    case FRC_OP_LOCAL_NORM:
      return frc_name ("local norm %u×%u", s->kernel_h, s->kernel_w);
    case FRC_OP_GLOBAL_MEAN:
      return frc_name ("global mean");
    case FRC_OP_SCALE:
      return frc_name ("scale channels");
    case FRC_OP_ADD:
      return frc_name ("add%s", activation);
    case FRC_OP_INPUT:
    case FRC_OP_NONE:
      break;
  }
  return frc_name ("input");
}

static const char *
kernel_of (const FrcGraph *graph, const FrcNode *node)
{
  if (node->op == FRC_OP_INPUT)
    return "";
  if (node->narrow_conv)
    return frc_narrow_conv_kernel_name (node->narrow_conv);
  if (graph->narrow)
    return frc_narrow_kernels_name (graph->narrow);
  return node->conv ? frc_conv_kernel_name (node->conv) : frc_kernels_name (graph->kernels);
}

static void
describe_plan (const FrcPlan *plan, FrcLayerFunc func, gpointer user_data)
{
  const FrcGraph *graph = plan->graph;

  for (guint i = 0; i < graph->n_nodes; i++) {
    const FrcNode *node = &graph->nodes[i];
    const FrcShape *shape = &plan->shapes[i];
    if (node->op == FRC_OP_NONE)
      continue;
    FrcName operation = operation_of (node);
    FrcLayer layer = { .name = node->name, .operation = operation.s,
      .kernel = kernel_of (graph, node),
      .n = shape->n, .h = shape->h, .w = shape->w, .c = shape->c,
      .flops = frc_node_flops (graph, i, plan->shapes) };
    if (node->weights_of == FRC_NO_NODE)
      layer.weight_bytes = frc_node_weight_bytes (node);
    func (&layer, user_data);
  }
}

/**
 * frc_detector_foreach_layer:
 *
 * Calls @func for each layer of the plan, trunk then head, with the shapes of the last load (of the
 * largest input before the first). Does nothing before frc_detector_prepare ().
 */
void
frc_detector_foreach_layer (const FrcDetector *d, FrcLayerFunc func, gpointer user_data)
{
  if (!d->is_prepared)
    return;
  describe_plan (d->trunk, func, user_data);
  describe_plan (d->head, func, user_data);
}

/** frc_detector_get_info: fills @info; sizes are 0 before prepare and load */
void
frc_detector_get_info (const FrcDetector *d, FrcDetectorInfo *info)
{
  const FrcNetwork *network = d->network;

  *info = (FrcDetectorInfo){ .threads = frc_pool_get_threads (d->pool),
    .input_width = d->input.padded_w, .input_height = d->input.padded_h,
    .resized_width = d->input.resize.width, .resized_height = d->input.resize.height,
    .n_proposals = d->n_rois,
    .weight_bytes = frc_graph_weight_bytes (network->trunk) + frc_graph_weight_bytes (network->head),
    .cpu = frc_kernels_name (d->model->kernels), .precision = d->precision };
  if (d->is_prepared)
    info->arena_bytes = d->trunk->arena_bytes + d->head->arena_bytes;
}
