/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proposals.h"
#include "anchors.h"
#include "box_coder.h"
#include "rank.h"
#include "../mem.h"

#define ROOM 4      /* times the candidates that are looked for: keys at a time */
#define FEW 1024    /* the surest: often they are enough */
#define MORE 4      /* times as many where they are not */

gboolean
frc_proposals_init (FrcProposals *proposals, const FrcConfig *config, const guint *max_cells,
    GError **error)
{
  const char *what = "the proposals";
  guint limit = config->rpn_pre_nms_top_n ? config->rpn_pre_nms_top_n : G_MAXUINT, most = 0;

  *proposals = (FrcProposals){ .config = config };
  for (guint l = 0; l < config->n_levels; l++) {
    frc_anchors_base (config, l, proposals->base[l]);
    guint all = max_cells[l] * config->n_sizes * config->n_ratios;
    proposals->top_n[l] = MIN (limit, all);
    proposals->capacity += proposals->top_n[l];
    proposals->room[l] = config->rpn_filters_first ? all
        : MIN (all, ROOM * proposals->top_n[l] + config->n_sizes * config->n_ratios);
    most = MAX (most, proposals->room[l]);
  }
  if (!(proposals->keys = frc_alloc (most, 2 * sizeof (guint64), what, error)) ||
      !(proposals->boxes = frc_alloc (proposals->capacity, sizeof (FrcBox), what, error)) ||
      !(proposals->scores = frc_alloc (proposals->capacity, sizeof (gfloat), what, error)) ||
      !(proposals->level = frc_alloc (proposals->capacity, sizeof (guint16), what, error)) ||
      !(proposals->keep = frc_alloc (config->rpn_post_nms_top_n, sizeof (guint), what, error)) ||
      !frc_nms_init (&proposals->nms, proposals->capacity, config->n_levels, config->nms, error)) {
    frc_proposals_clear (proposals);
    return FALSE;
  }
  proposals->spare = proposals->keys + most;
  return TRUE;
}

void
frc_proposals_clear (FrcProposals *proposals)
{
  frc_clear (&proposals->keys);
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

/* The keys of all anchors, or of at least the @limit best, into @keys, which has @room. */
static guint
gather_keys (const Level *level, guint64 *keys, guint room, guint limit)
{
  const FrcView *map = level->map;
  guint n = 0, index = 0, cells = map->h * map->w;
  guint64 worst = 0;

  for (guint cell = 0; cell < cells; cell++) {
    const gfloat *logits = map->data + cell * map->ld;
    if (n + level->n_anchors > room) {
      worst = frc_rank_select (keys, n, limit);
      n = limit;
    }
    for (guint a = 0; a < level->n_anchors; a++, index++) {
      guint64 key = frc_rank_key (logits[a], index);
      keys[n] = key;
      n += key > worst;
    }
  }
  return n;
}

/* One level's candidates: keys [0, done) have been looked at, boxes go to [.., end). */
typedef struct {
  Level level;
  guint l, n_keys, done, end;
} Candidates;

/* Level @l's, whose boxes begin behind the first @n. */
static Candidates
candidates_of (FrcProposals *proposals, guint l, const FrcView *map, const FrcInputSize *input,
    guint n)
{
  Candidates c = { .level = level_of (proposals, l, map, input), .l = l,
    .end = n + proposals->top_n[l] };
  guint limit = proposals->config->rpn_filters_first ? G_MAXUINT : proposals->top_n[l];

  c.n_keys = gather_keys (&c.level, proposals->keys, proposals->room[l], limit);
  if (limit < c.n_keys) {
    frc_rank_select (proposals->keys, c.n_keys, limit);
    c.n_keys = limit;
  }
  return c;
}

/* Decodes the best @n_keys that are left behind the first @n boxes; returns the new count. */
static guint
decode_next (FrcProposals *proposals, Candidates *c, guint n_keys, guint n)
{
  const FrcConfig *config = proposals->config;
  guint64 *keys = proposals->keys + c->done;
  guint left = c->n_keys - c->done;

  n_keys = MIN (n_keys, left);
  c->done += n_keys;
  frc_rank_select (keys, left, n_keys);
  frc_rank_sort (keys, proposals->spare, n_keys);
  for (guint k = 0; k < n_keys && n < c->end; k++) {
    guint index = frc_rank_index (keys[k]);
    gfloat logit = logit_at (&c->level, index), sigmoid = 1.0f / (1.0f + expf (-logit));
    if (!decode (&c->level, index, &proposals->boxes[n]) ||
        !(sigmoid >= config->rpn_score_threshold))
      continue;
    proposals->scores[n] = config->rpn_ranks_logits ? logit : sigmoid;
    proposals->level[n++] = c->l;
  }
  return n;
}

static guint
choose (FrcProposals *proposals, guint n, guint max, const FrcPool *pool)
{
  return frc_nms_run (&proposals->nms, proposals->boxes, proposals->scores, proposals->level, n,
      proposals->config->rpn_nms_threshold, max, pool, proposals->keep);
}

/* What stays of the surest candidates stays whatever comes behind them: of one level, the others are
 * looked at only as long as there are too few. */
static guint
choose_of_one_level (FrcProposals *proposals, const FrcView *map, const FrcInputSize *input,
    guint max, const FrcPool *pool)
{
  Candidates c = candidates_of (proposals, 0, map, input, 0);
  guint n = 0, n_keep = 0;

  for (guint few = FEW; n_keep < max && n < c.end && c.done < c.n_keys; few *= MORE) {
    n = decode_next (proposals, &c, few, n);
    n_keep = choose (proposals, n, max, pool);
  }
  return n_keep;
}

static guint
choose_of_levels (FrcProposals *proposals, const FrcView *levels, const FrcInputSize *input,
    guint max, const FrcPool *pool)
{
  guint n = 0;

  for (guint l = 0; l < proposals->config->n_levels; l++) {
    Candidates c = candidates_of (proposals, l, &levels[l], input, n);
    n = decode_next (proposals, &c, c.n_keys, n);
  }
  return choose (proposals, n, max, pool);
}

guint
frc_proposals_run (FrcProposals *proposals, const FrcView *levels, const FrcInputSize *input,
    guint max, const FrcPool *pool, FrcBox *out)
{
  const FrcConfig *config = proposals->config;
  guint n, n_out = 0;

  max = MIN (max, config->rpn_post_nms_top_n);
  n = config->n_levels == 1 ? choose_of_one_level (proposals, levels, input, max, pool)
                            : choose_of_levels (proposals, levels, input, max, pool);
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
