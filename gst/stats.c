/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counters, latencies of the last inferences, frames a second. Times are in ns of one monotonic
 * clock, given by the caller.
 */
#include "stats.h"

#include <stdlib.h>
#include <string.h>

/** frc_stats_add_frame: a frame came at clock time @now. */
void
frc_stats_add_frame (FrcStats *stats, guint64 now)
{
  guint64 number = now / FRC_STATS_SLOT_NS;
  guint slot = number % FRC_STATS_SLOTS;

  if (stats->slot_number[slot] != number) {
    stats->slot_number[slot] = number;
    stats->slot_frames[slot] = 0;
  }
  stats->slot_frames[slot]++;
  stats->frames++;
  if (!stats->first_frame)
    stats->first_frame = MAX (now, 1);
}

/** frc_stats_add_inference: one took @latency ns and found @detections objects. */
void
frc_stats_add_inference (FrcStats *stats, guint64 latency, guint detections)
{
  stats->latencies[stats->inferred % FRC_STATS_WINDOW] = latency;
  stats->inferred++;
  stats->detections += detections;
}

static guint
window_size (const FrcStats *stats)
{
  return MIN (stats->inferred, FRC_STATS_WINDOW);
}

static guint64
last_latency (const FrcStats *stats)
{
  return stats->inferred ? stats->latencies[(stats->inferred - 1) % FRC_STATS_WINDOW] : 0;
}

static guint64
mean_latency (const FrcStats *stats)
{
  guint n = window_size (stats);
  guint64 sum = 0;

  for (guint i = 0; i < n; i++)
    sum += stats->latencies[i];
  return n ? sum / n : 0;
}

static int
compare (const void *a, const void *b)
{
  guint64 x = *(const guint64 *) a, y = *(const guint64 *) b;
  return (x > y) - (x < y);
}

/** frc_stats_p95_latency: 95 % of the last 256 inferences took no longer, ns; 0 without any. */
guint64
frc_stats_p95_latency (const FrcStats *stats)
{
  guint n = window_size (stats);
  guint64 sorted[FRC_STATS_WINDOW];

  if (n == 0)
    return 0;
  memcpy (sorted, stats->latencies, n * sizeof *sorted);
  qsort (sorted, n, sizeof *sorted, compare);
  return sorted[(n * 95 + 99) / 100 - 1];
}

/** frc_stats_fps: frames a second over the last 2 s, or since the first frame if that is less. */
gdouble
frc_stats_fps (const FrcStats *stats, guint64 now)
{
  guint64 current = now / FRC_STATS_SLOT_NS, oldest = current - MIN (current, FRC_STATS_SLOTS - 1);
  guint64 from = MAX (oldest * FRC_STATS_SLOT_NS, stats->first_frame);
  guint frames = 0;

  if (!stats->first_frame || now <= from)
    return 0.0;
  for (guint i = 0; i < FRC_STATS_SLOTS; i++) {
    if (stats->slot_number[i] >= oldest && stats->slot_number[i] <= current)
      frames += stats->slot_frames[i];
  }
  return (gdouble) frames * GST_SECOND / (now - from);
}

/** frc_stats_to_structure: what the property `stats` reads. Returns: (transfer full). */
GstStructure *
frc_stats_to_structure (const FrcStats *stats, guint64 now)
{
  return gst_structure_new ("fasterrcnndetect-stats",
      "frames", G_TYPE_UINT64, stats->frames,
      "inferred", G_TYPE_UINT64, stats->inferred,
      "held", G_TYPE_UINT64, stats->held,
      "skipped-late", G_TYPE_UINT64, stats->skipped_late,
      "detections", G_TYPE_UINT64, stats->detections,
      "last-latency", G_TYPE_UINT64, last_latency (stats),
      "mean-latency", G_TYPE_UINT64, mean_latency (stats),
      "p95-latency", G_TYPE_UINT64, frc_stats_p95_latency (stats),
      "fps", G_TYPE_DOUBLE, frc_stats_fps (stats, now), NULL);
}
