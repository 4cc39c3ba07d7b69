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

  *nms = (FrcNms){ .capacity = capacity, .n_groups = n_groups, .rule = rule,
    .max_per_group = G_MAXUINT };
  nms->keys = frc_alloc (capacity, sizeof (guint64), what, error);
  nms->x1 = nms->keys ? frc_alloc ((gsize) capacity * 5, sizeof (gfloat), what, error) : NULL;
  nms->rank = nms->x1 ? frc_alloc (capacity, sizeof (guint), what, error) : NULL;
  nms->suppressed = nms->rank ? frc_alloc ((gsize) capacity * 2, 1, what, error) : NULL;
  nms->start = nms->suppressed ? frc_alloc (n_groups + 1, sizeof (guint), what, error) : NULL;
  if (!nms->start) {
    frc_nms_clear (nms);
    return FALSE;
  }
  nms->y1 = nms->x1 + capacity;
  nms->x2 = nms->y1 + capacity;
  nms->y2 = nms->x2 + capacity;
  nms->area = nms->y2 + capacity;
  return TRUE;
}

void
frc_nms_clear (FrcNms *nms)
{
  frc_clear (&nms->keys);
  frc_clear (&nms->x1);
  frc_clear (&nms->rank);
  frc_clear (&nms->suppressed);
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

  memset (start, 0, (nms->n_groups + 1) * sizeof *start);
  for (guint i = 0; i < n; i++)
    start[group[i] + 1]++;
  for (guint g = 0; g < nms->n_groups; g++)
    start[g + 1] += start[g];
  for (guint r = 0; r < n; r++) {
    guint i = frc_rank_index (nms->keys[r]), at = start[group[i]]++;
    gfloat offset = group[i] * step;
    nms->x1[at] = boxes[i].x1 + offset;
    nms->y1[at] = boxes[i].y1 + offset;
    nms->x2[at] = boxes[i].x2 + offset + extent;
    nms->y2[at] = boxes[i].y2 + offset + extent;
    nms->area[at] = (nms->x2[at] - nms->x1[at]) * (nms->y2[at] - nms->y1[at]);
    nms->rank[at] = r;
  }
  /* Every start has moved to the next group's: move them back. */
  memmove (start + 1, start, nms->n_groups * sizeof *start);
  start[0] = 0;
}

/* Marks what box @i suppresses among @i + 1 … @end − 1. */
static void
suppress_from (const FrcNms *nms, guint i, guint end, gfloat threshold, guint8 *restrict suppressed)
{
  const gfloat *restrict x1 = nms->x1, *restrict y1 = nms->y1;
  const gfloat *restrict x2 = nms->x2, *restrict y2 = nms->y2, *restrict area = nms->area;
  const gfloat ax1 = x1[i], ay1 = y1[i], ax2 = x2[i], ay2 = y2[i], a = area[i];

  for (guint j = i + 1; j < end; j++) {
    gfloat w = (x2[j] < ax2 ? x2[j] : ax2) - (x1[j] > ax1 ? x1[j] : ax1);
    gfloat h = (y2[j] < ay2 ? y2[j] : ay2) - (y1[j] > ay1 ? y1[j] : ay1);
    gfloat inter = (w > 0 ? w : 0) * (h > 0 ? h : 0);
    suppressed[j] |= inter / (a + area[j] - inter) > threshold;
  }
}

/* Marks group @g's boxes that go; behind its @max surest all do. */
static void
suppress_group (const FrcNms *nms, guint g, gfloat threshold, guint max, guint8 *suppressed)
{
  guint end = nms->start[g + 1], n_keep = 0;

  for (guint i = nms->start[g]; i < end; i++) {
    if (suppressed[i])
      continue;
    if (++n_keep >= max) {
      memset (suppressed + i + 1, 1, end - i - 1);
      return;
    }
    suppress_from (nms, i, end, threshold, suppressed);
  }
}

guint
frc_nms_run (FrcNms *nms, const FrcBox *boxes, const gfloat *scores, const guint16 *group, guint n,
    gfloat threshold, guint max_keep, const FrcPool *pool, guint *keep)
{
  guint8 *in_group = nms->suppressed, *by_rank = in_group + nms->capacity;
  guint n_keep = 0;

  for (guint i = 0; i < n; i++)
    nms->keys[i] = frc_rank_key (scores[i], i);
  frc_rank_sort (nms->keys, n);
  sort_into_groups (nms, boxes, group, n);
  memset (in_group, 0, n);
  for (guint g = 0; g < nms->n_groups; g++) {
    if (pool && frc_pool_is_cancelled (pool))
      return 0;
    suppress_group (nms, g, threshold, MIN (max_keep, nms->max_per_group), in_group);
  }
  for (guint at = 0; at < n; at++)
    by_rank[nms->rank[at]] = in_group[at];
  for (guint r = 0; r < n && n_keep < max_keep; r++)
    if (!by_rank[r])
      keep[n_keep++] = frc_rank_index (nms->keys[r]);
  return n_keep;
}
