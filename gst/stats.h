/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an element counts and times since start ().
 */
#ifndef FRC_GST_STATS_H
#define FRC_GST_STATS_H

#include <gst/gst.h>

#define FRC_STATS_WINDOW 256 /* inferences */
#define FRC_STATS_SLOTS 20   /* of the frame rate: 2 s */
#define FRC_STATS_SLOT_NS (100 * GST_MSECOND)

/* Guarded by its owner's lock. */
typedef struct {
  guint64 frames, inferred, held, skipped_late, detections;
  guint64 latencies[FRC_STATS_WINDOW]; /* ns; a ring of the last inferences */
  guint64 first_frame;                 /* clock, ns; 0 = none yet */
  guint64 slot_number[FRC_STATS_SLOTS]; /* clock / FRC_STATS_SLOT_NS */
  guint slot_frames[FRC_STATS_SLOTS];
} FrcStats;

void frc_stats_add_frame (FrcStats *stats, guint64 now);
void frc_stats_add_inference (FrcStats *stats, guint64 latency, guint detections);
guint64 frc_stats_p95_latency (const FrcStats *stats);
gdouble frc_stats_fps (const FrcStats *stats, guint64 now);
GstStructure *frc_stats_to_structure (const FrcStats *stats, guint64 now);

#endif
