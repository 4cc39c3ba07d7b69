/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nms.h"
#include "rank.h"
#include "../mem.h"

/* torchvision's batched_nms () leaves the coordinate trick above 4000 coordinates on a CPU. */
#define COORDINATE_TRICK_MAX 1000

gboolean
frc_nms_init (FrcNms *nms, guint capacity, guint n_groups, FrcNmsRule rule, GError **error)
{
  const char *what = "non-maximum suppression";
  const FrcKernels *kernels = frc_kernels_get (NULL, error);
  gsize room = (gsize) capacity + FRC_OVERLAP_BLOCK;

  *nms = (FrcNms){ .capacity = capacity, .n_groups = n_groups, .rule = rule,
    .max_per_group = G_MAXUINT };
  if (!kernels || !(nms->keys = frc_alloc (capacity, 2 * sizeof (guint64), what, error)) ||
      !(nms->boxes.x1 = frc_alloc0 (room, 5 * sizeof (gfloat), what, error)) ||
      !(nms->rank = frc_alloc (capacity, sizeof (guint), what, error)) ||
      !(nms->stays = frc_alloc (capacity, 1, what, error)) ||
      !(nms->start = frc_alloc (n_groups + 1, sizeof (guint), what, error))) {
    frc_nms_clear (nms);
    return FALSE;
  }
  nms->kernels = kernels->overlap;
  nms->spare = nms->keys + capacity;
  nms->boxes.y1 = nms->boxes.x1 + room;
  nms->boxes.x2 = nms->boxes.y1 + room;
  nms->boxes.y2 = nms->boxes.x2 + room;
  nms->boxes.area = nms->boxes.y2 + room;
  return TRUE;
}

void
frc_nms_clear (FrcNms *nms)
{
  frc_clear (&nms->keys);
  frc_clear (&nms->boxes.x1);
  frc_clear (&nms->rank);
  frc_clear (&nms->stays);
  frc_clear (&nms->start);
}

static gfloat
largest_coordinate (const FrcBox *boxes, guint n)
{
  gfloat max = 0;

  for (guint i = 0; i < n; i++)
    max = MAX (max, MAX (MAX (boxes[i].x1, boxes[i].y1), MAX (boxes[i].x2, boxes[i].y2)));
  return max;
}

/* Fills the arrays: one run a group, by rank within it. */
static void
sort_into_groups (FrcNms *nms, const FrcBox *boxes, const guint16 *group, guint n)
{
  gboolean moves = nms->rule == FRC_NMS_BATCHED && n <= COORDINATE_TRICK_MAX;
  gfloat step = moves ? largest_coordinate (boxes, n) + 1 : 0;
  gfloat extent = nms->rule == FRC_NMS_INCLUSIVE;
  guint *start = nms->start;
  FrcBoxArrays *to = &nms->boxes;

  memset (start, 0, (nms->n_groups + 1) * sizeof *start);
  for (guint i = 0; i < n; i++)
    start[group[i] + 1]++;
  for (guint g = 0; g < nms->n_groups; g++)
    start[g + 1] += start[g];
  for (guint r = 0; r < n; r++) {
    guint i = frc_rank_index (nms->keys[r]), at = start[group[i]]++;
    gfloat offset = group[i] * step;
    to->x1[at] = boxes[i].x1 + offset;
    to->y1[at] = boxes[i].y1 + offset;
    to->x2[at] = boxes[i].x2 + offset + extent;
    to->y2[at] = boxes[i].y2 + offset + extent;
    to->area[at] = (to->x2[at] - to->x1[at]) * (to->y2[at] - to->y1[at]);
    nms->rank[at] = r;
  }
  /* Every start has moved to the next group's: move them back. */
  memmove (start + 1, start, nms->n_groups * sizeof *start);
  start[0] = 0;
}

/* Box @from takes the place of box @to, which nobody asks for again. */
static void
move_box (FrcBoxArrays *boxes, guint from, guint to)
{
  boxes->x1[to] = boxes->x1[from];
  boxes->y1[to] = boxes->y1[from];
  boxes->x2[to] = boxes->x2[from];
  boxes->y2[to] = boxes->y2[from];
  boxes->area[to] = boxes->area[from];
}

/* Which of group @g's boxes stay, at most @max. A block of boxes meets all that stayed before it,
 * which are moved to the group's beginning, then the blocks' own, one by one. */
static void
choose_of_group (FrcNms *nms, guint g, gfloat threshold, guint max)
{
  FrcBoxArrays *boxes = &nms->boxes;
  guint first = nms->start[g], end = nms->start[g + 1], kept = first;

  for (guint at = first; at < end && kept - first < max; at += FRC_OVERLAP_BLOCK) {
    guint n = MIN (end - at, FRC_OVERLAP_BLOCK);
    guint64 left = G_MAXUINT64 >> (FRC_OVERLAP_BLOCK - n);
    left &= ~nms->kernels->mask (boxes, at, n, first, kept, threshold);
    for (guint64 bit; left && kept - first < max; left &= ~bit) {
      guint i = at + (guint) __builtin_ctzll (left);
      bit = left & -left;
      nms->stays[nms->rank[i]] = TRUE;
      if (left != bit)
        left &= ~nms->kernels->mask (boxes, at, n, i, i + 1, threshold) | bit;
      move_box (boxes, i, kept++);
    }
  }
}

guint
frc_nms_run (FrcNms *nms, const FrcBox *boxes, const gfloat *scores, const guint16 *group, guint n,
    gfloat threshold, guint max_keep, const FrcPool *pool, guint *keep)
{
  guint n_keep = 0;

  for (guint i = 0; i < n; i++)
    nms->keys[i] = frc_rank_key (scores[i], i);
  frc_rank_sort (nms->keys, nms->spare, n);
  sort_into_groups (nms, boxes, group, n);
  memset (nms->stays, FALSE, n);
  for (guint g = 0; g < nms->n_groups; g++) {
    if (pool && frc_pool_is_cancelled (pool))
      return 0;
    choose_of_group (nms, g, threshold, MIN (max_keep, nms->max_per_group));
  }
  for (guint r = 0; r < n && n_keep < max_keep; r++)
    if (nms->stays[r])
      keep[n_keep++] = frc_rank_index (nms->keys[r]);
  return n_keep;
}
