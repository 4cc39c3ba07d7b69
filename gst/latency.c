/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "latency.h"

/* ---- latency ---- */

/** frc_latency_reset: other frames are coming; what was told stays told. */
void
frc_latency_reset (FrcLatency *latency)
{
  latency->n = latency->n_low = 0;
}

/** frc_latency_add: an inference took @took ns. */
void
frc_latency_add (FrcLatency *latency, guint64 took)
{
  latency->took[latency->n++ % FRC_LATENCY_WINDOW] = took;
  latency->n_low = frc_latency_get (latency) < latency->told / 2 ? latency->n_low + 1 : 0;
}

/** frc_latency_get: the longest of the last 32 inferences, rounded up to 5 ms; 0 without any. */
guint64
frc_latency_get (const FrcLatency *latency)
{
  guint64 longest = 0;

  for (guint i = 0; i < MIN (latency->n, FRC_LATENCY_WINDOW); i++)
    longest = MAX (longest, latency->took[i]);
  return (longest + FRC_LATENCY_STEP - 1) / FRC_LATENCY_STEP * FRC_LATENCY_STEP;
}

/** frc_latency_tell: what to answer a query now; that is remembered as told. */
guint64
frc_latency_tell (FrcLatency *latency)
{
  latency->told = frc_latency_get (latency);
  latency->n_low = 0;
  return latency->told;
}

/**
 * frc_latency_needs_message:
 * @now: clock, ns
 *
 * TRUE when the pipeline should ask again: more than was told, or less than half of it for 64
 * inferences; at most every 2 s. Call only if the message is then posted.
 */
gboolean
frc_latency_needs_message (FrcLatency *latency, guint64 now)
{
  if (frc_latency_get (latency) <= latency->told && latency->n_low < FRC_LATENCY_LOW)
    return FALSE;
  if (latency->last_message && now - latency->last_message < FRC_LATENCY_PAUSE)
    return FALSE;
  latency->last_message = MAX (now, 1);
  return TRUE;
}

/* ---- quality of service ---- */

void
frc_qos_init (FrcQos *qos)
{
  *qos = (FrcQos){ .latency = GST_CLOCK_TIME_NONE };
  frc_qos_reset (qos);
}

/** frc_qos_reset: after a flush or another segment: what downstream said is over. */
void
frc_qos_reset (FrcQos *qos)
{
  qos->earliest = qos->last_chance = FRC_NO_TIME;
}

/** frc_qos_feedback: a QOS event: the frame of running time @timestamp came @jitter ns too late. */
void
frc_qos_feedback (FrcQos *qos, guint64 timestamp, gint64 jitter)
{
  qos->earliest = jitter > 0 && timestamp < G_MAXINT64 - (guint64) jitter
                      ? (gint64) timestamp + jitter
                      : FRC_NO_TIME;
}

/**
 * frc_qos_is_late:
 * @frame: its running time; FRC_NO_TIME: never late
 * @now: running time by the clock; FRC_NO_TIME without a running clock
 * @inference: how long one may take, ns
 * @own: the latency that this element tells
 *
 * Live: the frame has to be where it is shown at running time + latency, an inference included; as
 * long as nobody told the latency it is what it has to become at least. In any pipeline: downstream
 * said that a frame as early as this one comes too late.
 */
gboolean
frc_qos_is_late (const FrcQos *qos, gint64 frame, gint64 now, guint64 inference, guint64 own)
{
  guint64 latency = GST_CLOCK_TIME_IS_VALID (qos->latency) ? qos->latency : qos->upstream + own;

  if (frame == FRC_NO_TIME)
    return FALSE;
  if (qos->earliest != FRC_NO_TIME && frame < qos->earliest)
    return TRUE;
  return qos->is_live && now != FRC_NO_TIME &&
         now + (gint64) inference > frame + (gint64) latency;
}

/**
 * frc_qos_is_starved:
 *
 * For a frame that is late: TRUE when nothing was looked at for a second and for twice as long as
 * an inference takes: then the pipeline leaves this element too little time for any result.
 */
gboolean
frc_qos_is_starved (FrcQos *qos, gint64 now, guint64 inference)
{
  if (now == FRC_NO_TIME)
    return FALSE;
  if (qos->last_chance == FRC_NO_TIME)
    qos->last_chance = now;
  return now - qos->last_chance > (gint64) MAX (GST_SECOND, 2 * inference);
}
