/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proposals.h"
#include "anchors.h"
#include "box_coder.h"
#include "rank.h"
#include "../mem.h"

gboolean
frc_proposals_init (FrcProposals *proposals, const FrcConfig *config, const guint *max_cells,
    GError **error)
{
  const char *what = "the proposals";
  guint limit = config->rpn_pre_nms_top_n ? config->rpn_pre_nms_top_n : G_MAXUINT, most = 0;

  *proposals = (FrcProposals){ .config = config };
  for (guint l = 0; l < config->n_levels; l++) {
    frc_anchors_base (config, l, proposals->base[l]);
    proposals->top_n[l] = MIN (limit, max_cells[l] * config->n_sizes * config->n_ratios);
    proposals->capacity += proposals->top_n[l];
    most = MAX (most, proposals->top_n[l]);
  }
  if (!(proposals->top = frc_alloc (most, sizeof (guint64), what, error)) ||
      !(proposals->boxes = frc_alloc (proposals->capacity, sizeof (FrcBox), what, error)) ||
      !(proposals->scores = frc_alloc (proposals->capacity, sizeof (gfloat), what, error)) ||
      !(proposals->level = frc_alloc (proposals->capacity, sizeof (guint16), what, error)) ||
      !(proposals->keep = frc_alloc (config->rpn_post_nms_top_n, sizeof (guint), what, error)) ||
      !frc_nms_init (&proposals->nms, proposals->capacity, config->n_levels, config->nms, error)) {
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

/* One level of one input. An anchor's index is (y · w + x) · A + a. */
typedef struct {
  const FrcConfig *config;
  const FrcBox *base;
  const FrcView *map;
  guint n_anchors, stride_w, stride_h;
  gfloat width, height, min_side;
} Level;

static Level
level_of (const FrcProposals *proposals, guint l, const FrcView *map, const FrcInputSize *input)
{
  const FrcConfig *config = proposals->config;
  guint stride = config->strides[l];

  return (Level){ .config = config, .base = proposals->base[l], .map = map,
    .n_anchors = config->n_sizes * config->n_ratios,
    .stride_w = stride ? stride : input->padded_w / map->w,
    .stride_h = stride ? stride : input->padded_h / map->h,
    .width = input->resize.width, .height = input->resize.height,
    .min_side = config->rpn_min_size *
                (config->rpn_min_size_is_of_frame ? input->to_network_x : 1) };
}

static gfloat
logit_at (const Level *level, guint index)
{
  return level->map->data[index / level->n_anchors * level->map->ld + index % level->n_anchors];
}

/* The box of anchor @index; FALSE if it is too small. */
static gboolean
decode (const Level *level, guint index, FrcBox *box)
{
  const FrcConfig *config = level->config;
  guint a = index % level->n_anchors, cell = index / level->n_anchors, extent = config->pixel_extent;
  const gfloat *deltas = level->map->data + cell * level->map->ld + level->n_anchors + 4 * a;
  FrcBox anchor = frc_anchor_at (level->base[a], cell % level->map->w, cell / level->map->w,
      level->stride_w, level->stride_h);

  if (config->clips_anchors)
    anchor = frc_box_clip (anchor, level->width, level->height, extent);
  *box = frc_box_decode (anchor, deltas, &config->rpn_coder, extent);
  if (!config->clips_after_nms)
    *box = frc_box_clip (*box, level->width, level->height, extent);
  return frc_box_is_large (*box, level->min_side, extent);
}

/* The best anchors by logit, best first, into top[]. */
static guint
select_top (const Level *level, guint64 *top, guint limit)
{
  const FrcView *map = level->map;
  guint n = 0, index = 0, cells = map->h * map->w;
  gfloat worst = -G_MAXFLOAT;
  FrcBox box;

  for (guint cell = 0; cell < cells; cell++) {
    const gfloat *logits = map->data + cell * map->ld;
    for (guint a = 0; a < level->n_anchors; a++, index++) {
      if (n == limit && !(logits[a] > worst))
        continue;
      if (level->config->rpn_filters_first && !decode (level, index, &box))
        continue;
      n = frc_rank_offer (top, n, limit, frc_rank_key (logits[a], index));
      if (n == limit)
        worst = logit_at (level, frc_rank_index (top[0]));
    }
  }
  frc_rank_sort (top, n);
  return n;
}

/* Decodes the selected anchors of level @l behind the first @n candidates; returns the new count. */
static guint
decode_level (FrcProposals *proposals, guint l, const FrcView *map, const FrcInputSize *input,
    guint n)
{
  const FrcConfig *config = proposals->config;
  Level level = level_of (proposals, l, map, input);
  guint n_top = select_top (&level, proposals->top, proposals->top_n[l]);

  for (guint k = 0; k < n_top; k++) {
    guint index = frc_rank_index (proposals->top[k]);
    gfloat logit = logit_at (&level, index), sigmoid = 1.0f / (1.0f + expf (-logit));
    if (!decode (&level, index, &proposals->boxes[n]) || !(sigmoid >= config->rpn_score_threshold))
      continue;
    proposals->scores[n] = config->rpn_ranks_logits ? logit : sigmoid;
    proposals->level[n++] = l;
  }
  return n;
}

guint
frc_proposals_run (FrcProposals *proposals, const FrcView *levels, const FrcInputSize *input,
    guint max, const FrcPool *pool, FrcBox *out)
{
  const FrcConfig *config = proposals->config;
  guint n = 0, n_out = 0;

  for (guint l = 0; l < config->n_levels; l++)
    n = decode_level (proposals, l, &levels[l], input, n);
  n = frc_nms_run (&proposals->nms, proposals->boxes, proposals->scores, proposals->level, n,
      config->rpn_nms_threshold, MIN (max, config->rpn_post_nms_top_n), pool, proposals->keep);
  for (guint i = 0; i < n; i++) {
    FrcBox box = proposals->boxes[proposals->keep[i]];
    if (config->clips_after_nms) {
      box = frc_box_clip (box, input->resize.width, input->resize.height, config->pixel_extent);
      if (!(box.x2 > box.x1 && box.y2 > box.y1))
        continue;
    }
    out[n_out++] = box;
  }
  return n_out;
}
