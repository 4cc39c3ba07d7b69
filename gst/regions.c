/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Zones and the regions of interest of a buffer → what to look at in its frame.
 */
#include "regions.h"

#include <math.h>
#include <string.h>

static guint64
area (const FrcRect *rect)
{
  return (guint64) rect->width * rect->height;
}

/* Keeps the @max largest, largest first, of equals the earlier ones. @rect is not empty. */
static void
add_region (FrcTask *task, guint max, const FrcRect *rect, gint parent_id)
{
  guint at = task->n_regions;

  while (at > 0 && area (&task->regions[at - 1].rect) < area (rect))
    at--;
  if (at >= max)
    return;
  guint behind = MIN (task->n_regions, max - 1) - at;
  memmove (&task->regions[at + 1], &task->regions[at], behind * sizeof *task->regions);
  task->regions[at] = (FrcRegion){ *rect, parent_id };
  task->n_regions = at + behind + 1;
}

/* ---- zones ---- */

/* Pixels of the frame's rectangle, cut off at its borders. */
static gboolean
zone_rect (const FrcZone *zone, const FrcRect *frame, FrcRect *out)
{
  gdouble pixels[4];

  for (guint i = 0; i < 4; i++) {
    gdouble whole = i % 2 ? frame->height : frame->width;
    pixels[i] = zone->is_share[i] ? zone->side[i] / 100 * whole : zone->side[i];
  }
  glong x1 = lrint (CLAMP (pixels[0], 0, frame->width));
  glong y1 = lrint (CLAMP (pixels[1], 0, frame->height));
  glong x2 = lrint (CLAMP (pixels[0] + pixels[2], 0, frame->width));
  glong y2 = lrint (CLAMP (pixels[1] + pixels[3], 0, frame->height));
  if (x2 <= x1 || y2 <= y1)
    return FALSE;
  *out = (FrcRect){ frame->x + (guint) x1, frame->y + (guint) y1, (guint) (x2 - x1),
    (guint) (y2 - y1) };
  return TRUE;
}

static void
add_zones (FrcTask *task, const FrcDetectTuning *tuning)
{
  guint n;
  const FrcZone *zones = frc_filters_get_zones (&tuning->filters, &n);

  for (guint i = 0; i < n; i++) {
    FrcRect rect;
    if (zone_rect (&zones[i], &task->rect, &rect))
      add_region (task, tuning->max_regions, &rect, FRC_NO_PARENT);
  }
}

/* ---- regions of interest of the buffer ---- */

/* The next one that counts and has something inside the frame, as pixels of the frame's rectangle. */
static GstVideoRegionOfInterestMeta *
next_roi (GstBuffer *buffer, gpointer *state, const FrcTask *task, const FrcDetectTuning *tuning,
    const FrcLabelSet *labels, FrcRect *out)
{
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, state,
              GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *) meta;
    if (!roi->w || !roi->h || roi->x >= task->rect.width || roi->y >= task->rect.height ||
        !frc_label_set_selects (labels, tuning->filters.region_classes, roi->roi_type))
      continue;
    *out = (FrcRect){ roi->x, roi->y, MIN (roi->w, task->rect.width - roi->x),
      MIN (roi->h, task->rect.height - roi->y) };
    return roi;
  }
  return NULL;
}

static void
add_rois (FrcTask *task, const FrcDetectTuning *tuning, const FrcLabelSet *labels,
    GstBuffer *buffer)
{
  GstVideoRegionOfInterestMeta *roi;
  gpointer state = NULL;
  FrcRect rect;

  while ((roi = next_roi (buffer, &state, task, tuning, labels, &rect))) {
    rect.x += task->rect.x;
    rect.y += task->rect.y;
    add_region (task, tuning->max_regions, &rect, roi->id);
  }
}

static void
add_proposals (FrcTask *task, const FrcDetectTuning *tuning, const FrcLabelSet *labels,
    GstBuffer *buffer)
{
  gpointer state = NULL;
  FrcRect r;

  task->has_proposals = TRUE;
  if (!buffer)
    task->proposals[task->n_proposals++] =
        (FrcBox){ 0, 0, task->rect.width, task->rect.height };
  while (buffer && task->n_proposals < FRC_MAX_PROPOSALS &&
         next_roi (buffer, &state, task, tuning, labels, &r))
    task->proposals[task->n_proposals++] =
        (FrcBox){ r.x, r.y, (gfloat) r.x + r.width, (gfloat) r.y + r.height };
  if (task->n_proposals > 0)
    add_region (task, 1, &task->rect, FRC_NO_PARENT);
}

/**
 * frc_task_init:
 * @config: region and proposals count
 * @buffer: (nullable): its ROI metas count where the settings say so; in roi-list mode they have
 *   their ids. NULL: as if there were one of the whole frame
 * @rect: of the stored frame: what metas are relative to
 */
void
frc_task_init (FrcTask *task, const FrcDetectConfig *config, const FrcDetectTuning *tuning,
    const FrcLabelSet *labels, GstBuffer *buffer, const FrcRect *rect)
{
  task->rect = *rect;
  task->n_regions = task->n_proposals = 0;
  task->has_proposals = FALSE;
  if (config->region == FRC_REGION_ZONES)
    add_zones (task, tuning);
  else if (config->region == FRC_REGION_ROI_LIST && buffer)
    add_rois (task, tuning, labels, buffer);
  else if (config->proposals == FRC_PROPOSALS_ROI_META)
    add_proposals (task, tuning, labels, buffer);
  else
    add_region (task, 1, rect, FRC_NO_PARENT);
}

/** frc_task_copy: copies what is in use. */
void
frc_task_copy (FrcTask *out, const FrcTask *task)
{
  out->rect = task->rect;
  out->n_regions = task->n_regions;
  memcpy (out->regions, task->regions, task->n_regions * sizeof *out->regions);
  out->has_proposals = task->has_proposals;
  out->n_proposals = task->n_proposals;
  memcpy (out->proposals, task->proposals, task->n_proposals * sizeof *out->proposals);
}
