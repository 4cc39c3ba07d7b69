/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The arithmetic of time in a pipeline: how much latency is told to it, and which frames are too
 * late to be looked at. Nothing here reads a clock.
 */
#ifndef FRC_GST_LATENCY_H
#define FRC_GST_LATENCY_H

#include <gst/gst.h>

#define FRC_NO_TIME G_MININT64
#define FRC_LATENCY_WINDOW 32 /* inferences */
#define FRC_LATENCY_STEP (5 * GST_MSECOND)
#define FRC_LATENCY_PAUSE (2 * GST_SECOND) /* between two messages */
#define FRC_LATENCY_LOW 64                 /* inferences below half before it is told */

/* Guarded by its owner's lock; all zero at first. */
typedef struct {
  guint64 took[FRC_LATENCY_WINDOW]; /* ns; a ring */
  guint64 n;                        /* inferences since the last reset */
  guint64 told;                     /* in the answer to the last query, ns */
  guint n_low;                      /* inferences in a row with less than half of that */
  guint64 last_message;             /* clock, ns; 0 = none yet */
} FrcLatency;

void frc_latency_reset (FrcLatency *latency);
void frc_latency_add (FrcLatency *latency, guint64 took);
guint64 frc_latency_get (const FrcLatency *latency);
guint64 frc_latency_tell (FrcLatency *latency);
gboolean frc_latency_needs_message (FrcLatency *latency, guint64 now);

/* What the pipeline asks of this element; guarded by its owner's lock. */
typedef struct {
  gboolean is_live;
  guint64 upstream;   /* latency of all that is in front of this element, ns */
  guint64 latency;    /* of the pipeline, from the last LATENCY event; GST_CLOCK_TIME_NONE */
  gint64 earliest;    /* running time before which a frame is late anyway; FRC_NO_TIME */
  gint64 last_chance; /* running time of the last frame in time, or since when there is none */
} FrcQos;

void frc_qos_init (FrcQos *qos);
void frc_qos_reset (FrcQos *qos);
void frc_qos_feedback (FrcQos *qos, guint64 timestamp, gint64 jitter);
gboolean frc_qos_is_late (const FrcQos *qos, gint64 frame, gint64 now, guint64 inference,
    guint64 own);
gboolean frc_qos_is_starved (FrcQos *qos, gint64 now, guint64 inference);

#endif
