/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What overlapping regions both show is found twice: one suppression a class over all of them.
 */
#include "merge.h"

#include "../core/mem.h"

/** frc_merge_init: memory for FRC_MAX_REGIONS regions; FRC_ERROR_NO_MEMORY. */
gboolean
frc_merge_init (FrcMerge *merge, guint n_labels, GError **error)
{
  const guint capacity = FRC_MAX_REGIONS * FRC_MAX_DETECTIONS;
  const char *what = "the detections of several regions";

  *merge = (FrcMerge){ .capacity = capacity };
  if ((merge->found = frc_alloc (capacity, sizeof *merge->found, what, error)) &&
      (merge->parent_ids = frc_alloc (capacity, sizeof *merge->parent_ids, what, error)) &&
      (merge->boxes = frc_alloc (capacity, sizeof *merge->boxes, what, error)) &&
      (merge->scores = frc_alloc (capacity, sizeof *merge->scores, what, error)) &&
      (merge->labels = frc_alloc (capacity, sizeof *merge->labels, what, error)) &&
      (merge->keep = frc_alloc (capacity, sizeof *merge->keep, what, error)) &&
      frc_nms_init (&merge->nms, capacity, n_labels, FRC_NMS_SEPARATE, error))
    return TRUE;
  frc_merge_clear (merge);
  return FALSE;
}

void
frc_merge_clear (FrcMerge *merge)
{
  frc_clear (&merge->found);
  frc_clear (&merge->parent_ids);
  frc_clear (&merge->boxes);
  frc_clear (&merge->scores);
  frc_clear (&merge->labels);
  frc_clear (&merge->keep);
  frc_nms_clear (&merge->nms);
}

/** frc_merge_room: where the next region's detections go, FRC_MAX_DETECTIONS of them at most. */
FrcDetection *
frc_merge_room (FrcMerge *merge)
{
  return merge->found + merge->n;
}

/**
 * frc_merge_add:
 * @n: so many were written to frc_merge_room (), in pixels of @region
 * @frame: what the result's boxes are relative to
 */
void
frc_merge_add (FrcMerge *merge, guint n, const FrcRegion *region, const FrcRect *frame)
{
  gfloat dx = (gfloat) region->rect.x - frame->x, dy = (gfloat) region->rect.y - frame->y;

  for (guint i = merge->n; i < merge->n + n; i++) {
    FrcBox *box = &merge->found[i].box;
    *box = (FrcBox){ box->x1 + dx, box->y1 + dy, box->x2 + dx, box->y2 + dy };
    merge->boxes[i] = *box;
    merge->scores[i] = merge->found[i].score;
    merge->labels[i] = (guint16) merge->found[i].label_id;
    merge->parent_ids[i] = region->parent_id;
  }
  merge->n += n;
}

/** frc_merge_finish: the best @max go to @result; empties @merge. */
void
frc_merge_finish (FrcMerge *merge, gfloat nms_threshold, guint max, FrcResult *result)
{
  result->n = frc_nms_run (&merge->nms, merge->boxes, merge->scores, merge->labels, merge->n,
      nms_threshold, MIN (max, FRC_MAX_DETECTIONS), NULL, merge->keep);
  for (guint i = 0; i < result->n; i++) {
    result->detections[i] = merge->found[merge->keep[i]];
    result->parent_ids[i] = merge->parent_ids[merge->keep[i]];
  }
  merge->n = 0;
}
