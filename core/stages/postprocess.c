/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "postprocess.h"
#include "box_coder.h"
#include "../mem.h"

gboolean
frc_postprocess_init (FrcPostprocess *post, const FrcConfig *config, guint max_rois,
    guint n_classes, GError **error)
{
  const char *what = "the detections";
  guint capacity = max_rois * (n_classes - 1);

  *post = (FrcPostprocess){ .config = config, .n_classes = n_classes, .capacity = capacity };
  if (!(post->boxes = frc_alloc (capacity, sizeof (FrcBox), what, error)) ||
      !(post->scores = frc_alloc (capacity, sizeof (gfloat), what, error)) ||
      !(post->label = frc_alloc (capacity, sizeof (guint16), what, error)) ||
      !(post->keep = frc_alloc (capacity, sizeof (guint), what, error)) ||
      !(post->softmax = frc_alloc (n_classes, sizeof (gfloat), what, error)) ||
      !frc_nms_init (&post->nms, capacity, n_classes - 1, config->nms, error)) {
    frc_postprocess_clear (post);
    return FALSE;
  }
  if (config->box_detections_per_class)
    post->nms.max_per_group = config->box_detections_per_class;
  return TRUE;
}

void
frc_postprocess_clear (FrcPostprocess *post)
{
  frc_clear (&post->boxes);
  frc_clear (&post->scores);
  frc_clear (&post->label);
  frc_clear (&post->keep);
  frc_clear (&post->softmax);
  frc_nms_clear (&post->nms);
}

static void
softmax (const gfloat *logits, guint n, gfloat *out)
{
  gfloat max = logits[0], sum = 0;

  for (guint i = 1; i < n; i++)
    max = MAX (max, logits[i]);
  for (guint i = 0; i < n; i++)
    sum += out[i] = expf (logits[i] - max);
  for (guint i = 0; i < n; i++)
    out[i] /= sum;
}

static gfloat
threshold_of (const FrcQuery *query, guint label)
{
  gfloat own = query->class_thresholds ? query->class_thresholds[label] : -1;

  return own < 0 ? query->score_threshold : own;
}

/* The classes of one RoI that pass the query, behind the first @n candidates. @deltas: from class 0
 * on, or from class 1 on without those of background. */
static guint
collect (FrcPostprocess *post, const gfloat *logits, const gfloat *deltas, guint no_background,
    FrcBox proposal, const FrcBoxSpace *space, const FrcQuery *query, guint n)
{
  const FrcConfig *config = post->config;

  softmax (logits, post->n_classes, post->softmax);
  for (guint c = 1; c < post->n_classes; c++) {
    guint label = post->label_ids ? post->label_ids[c - 1] : c - 1;
    if (!(post->softmax[c] > threshold_of (query, label)) ||
        (query->class_mask && !query->class_mask[label]))
      continue;
    FrcBox box = frc_box_decode (proposal, deltas + 4 * (c - no_background), &config->box_coder,
        config->pixel_extent);
    if (!config->clips_after_nms)
      box = frc_box_clip (box, space->width, space->height, config->pixel_extent);
    if (!frc_box_is_large (box, config->box_min_size, config->pixel_extent))
      continue;
    post->boxes[n] = box;
    post->scores[n] = post->softmax[c];
    post->label[n++] = c - 1;
  }
  return n;
}

/* To half-open pixels of the frame; FALSE when nothing is left. */
static gboolean
take_to_frame (FrcBox *box, const FrcBoxSpace *space, gfloat extent)
{
  *box = frc_box_scale (*box, space->frame_x, space->frame_y);
  box->x2 += extent;
  box->y2 += extent;
  *box = frc_box_clip (*box, space->frame_width, space->frame_height, 0);
  return box->x2 > box->x1 && box->y2 > box->y1;
}

static gboolean
is_wanted_size (const FrcQuery *query, FrcBox box)
{
  gfloat w = box.x2 - box.x1, h = box.y2 - box.y1;

  return MIN (w, h) >= query->min_side && (query->max_side <= 0 || MAX (w, h) <= query->max_side);
}

guint
frc_postprocess_run (FrcPostprocess *post, const FrcView *head, const FrcBox *proposals,
    const FrcBoxSpace *space, const FrcQuery *query, guint max, const FrcPool *pool,
    FrcDetection *out)
{
  guint no_background = head->c < 5 * post->n_classes, n = 0, n_out = 0;

  for (guint r = 0; r < head->n; r++) {
    const gfloat *logits = head->data + r * head->ld, *deltas = logits + post->n_classes;
    FrcBox proposal = frc_box_scale (proposals[r], space->scale_x, space->scale_y);
    n = collect (post, logits, deltas, no_background, proposal, space, query, n);
  }
  n = frc_nms_run (&post->nms, post->boxes, post->scores, post->label, n, query->nms_threshold,
      n, pool, post->keep);
  for (guint k = 0; k < n && n_out < max; k++) {
    guint i = post->keep[k];
    FrcBox box = post->boxes[i];
    if (!take_to_frame (&box, space, post->config->pixel_extent))
      max -= !post->config->clips_after_nms; /* else what is empty went before the limit */
    else if (is_wanted_size (query, box))
      out[n_out++] = (FrcDetection){ box, post->scores[i],
        post->label_ids ? post->label_ids[post->label[i]] : post->label[i] };
  }
  return n_out;
}
