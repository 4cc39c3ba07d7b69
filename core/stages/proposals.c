/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proposals.h"
#include "anchors.h"
#include "box_coder.h"
#include "rank.h"
#include "../mem.h"

#define MIN_SIDE 1e-3f

static const gfloat unit_weights[4] = { 1, 1, 1, 1 };

gboolean
frc_proposals_init (FrcProposals *proposals, const FrcConfig *config, GError **error)
{
  const char *what = "the proposals";
  guint capacity = config->n_levels * config->rpn_pre_nms_top_n;

  *proposals = (FrcProposals){ .config = config, .capacity = capacity };
  for (guint l = 0; l < config->n_levels; l++)
    frc_anchors_base (config->sizes[l], config->n_sizes, config->ratios, config->n_ratios,
        proposals->base[l]);
  if (!(proposals->top = frc_alloc (config->rpn_pre_nms_top_n, sizeof (guint64), what, error)) ||
      !(proposals->boxes = frc_alloc (capacity, sizeof (FrcBox), what, error)) ||
      !(proposals->scores = frc_alloc (capacity, sizeof (gfloat), what, error)) ||
      !(proposals->level = frc_alloc (capacity, sizeof (guint16), what, error)) ||
      !(proposals->keep = frc_alloc (config->rpn_post_nms_top_n, sizeof (guint), what, error)) ||
      !frc_nms_init (&proposals->nms, capacity, config->n_levels, error)) {
    frc_proposals_clear (proposals);
    return FALSE;
  }
  return TRUE;
}

void
frc_proposals_clear (FrcProposals *proposals)
{
  frc_clear (&proposals->top);
  frc_clear (&proposals->boxes);
  frc_clear (&proposals->scores);
  frc_clear (&proposals->level);
  frc_clear (&proposals->keep);
  frc_nms_clear (&proposals->nms);
}

/* The best anchors of a level by logit, into top[]; an anchor's index is (y · w + x) · A + a. */
static guint
select_top (FrcProposals *proposals, const FrcView *map, guint n_anchors)
{
  guint limit = proposals->config->rpn_pre_nms_top_n, n = 0, index = 0;
  guint cells = map->h * map->w;
  gfloat worst = -G_MAXFLOAT;

  for (guint cell = 0; cell < cells; cell++) {
    const gfloat *logits = map->data + cell * map->ld;
    for (guint a = 0; a < n_anchors; a++, index++) {
      if (n == limit && !(logits[a] > worst))
        continue;
      n = frc_rank_offer (proposals->top, n, limit, frc_rank_key (logits[a], index));
      if (n == limit) {
        guint32 last = frc_rank_index (proposals->top[0]);
        worst = map->data[last / n_anchors * map->ld + last % n_anchors];
      }
    }
  }
  frc_rank_sort (proposals->top, n);
  return n;
}

/* Decodes the selected anchors of level @l behind the first @n candidates; returns the new count. */
static guint
decode_level (FrcProposals *proposals, guint l, const FrcView *map, guint padded_w, guint padded_h,
    guint width, guint height, guint n)
{
  const FrcConfig *config = proposals->config;
  guint n_anchors = config->n_sizes * config->n_ratios;
  guint stride_w = padded_w / map->w, stride_h = padded_h / map->h;
  guint n_top = select_top (proposals, map, n_anchors);

  for (guint k = 0; k < n_top; k++) {
    guint index = frc_rank_index (proposals->top[k]);
    guint a = index % n_anchors, cell = index / n_anchors;
    const gfloat *values = map->data + cell * map->ld;
    FrcBox anchor = frc_anchor_at (proposals->base[l][a], cell % map->w, cell / map->w, stride_w,
        stride_h);
    FrcBox box = frc_box_decode (anchor, values + n_anchors + 4 * a, unit_weights);
    gfloat score = 1.0f / (1.0f + expf (-values[a]));

    box = frc_box_clip (box, width, height);
    if (!frc_box_is_large (box, MIN_SIDE) || !(score >= config->rpn_score_threshold))
      continue;
    proposals->boxes[n] = box;
    proposals->scores[n] = score;
    proposals->level[n++] = l;
  }
  return n;
}

guint
frc_proposals_run (FrcProposals *proposals, const FrcView *levels, guint padded_w, guint padded_h,
    guint width, guint height, guint max, const FrcPool *pool, FrcBox *out)
{
  const FrcConfig *config = proposals->config;
  guint n = 0;

  for (guint l = 0; l < config->n_levels; l++)
    n = decode_level (proposals, l, &levels[l], padded_w, padded_h, width, height, n);
  n = frc_nms_run (&proposals->nms, proposals->boxes, proposals->scores, proposals->level, n,
      config->rpn_nms_threshold, MIN (max, config->rpn_post_nms_top_n), pool, proposals->keep);
  for (guint i = 0; i < n; i++)
    out[i] = proposals->boxes[proposals->keep[i]];
  return n;
}
