/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The job belongs to the streaming thread while the state is IDLE or DONE, to the worker's thread
 * while it is WAITING or RUNNING; it changes hands under the lock, so nothing else is shared.
 *
 * A reset begins a new generation: the job of an older one is cancelled, and what it found is
 * dropped.
 */
#include "worker.h"

#include "framecopy.h"

#include <string.h>

typedef enum { IDLE, WAITING, RUNNING, DONE } State;

struct _FrcWorker
{
  FrcInference *inference;
  GThread *thread;

  GMutex lock;
  GCond wake;
  /* guarded by the lock */
  State state;
  guint generation;
  gboolean interrupted; /* takes no job until the next reset */
  gboolean quit;

  gint cancel; /* atomic; set under the lock */

  /* the job */
  guint job_generation;
  FrcFrameCopy frame;
  FrcTask task;
  FrcDetectTuning tuning;
  FrcResult result; /* not valid: cancelled, or an error */
  GError *error;
  guint64 took; /* ns */
};

static void
run_job (FrcWorker *self)
{
  const FrcImage *image = frc_frame_copy_get (&self->frame);
  guint64 begin = gst_util_get_timestamp ();

  self->result.valid = FALSE;
  if (frc_inference_prepare (self->inference, &image->info, &self->error))
    frc_inference_run (self->inference, image, &self->task, &self->tuning, &self->cancel,
        &self->result);
  self->took = gst_util_get_timestamp () - begin;
}

static gpointer
worker_main (gpointer data)
{
  FrcWorker *self = data;

  g_mutex_lock (&self->lock);
  while (!self->quit) {
    if (self->state != WAITING) {
      g_cond_wait (&self->wake, &self->lock);
      continue;
    }
    self->state = RUNNING;
    if (self->job_generation == self->generation && !self->interrupted) {
      g_atomic_int_set (&self->cancel, 0);
      g_mutex_unlock (&self->lock);
      run_job (self);
      g_mutex_lock (&self->lock);
    } else {
      self->result.valid = FALSE;
    }
    self->state = DONE;
  }
  g_mutex_unlock (&self->lock);
  return NULL;
}

/**
 * frc_worker_new:
 * @inference: borrowed; only the worker's thread uses it until frc_worker_free ()
 *
 * Errors: FRC_ERROR_NO_MEMORY when there are no more threads.
 */
FrcWorker *
frc_worker_new (FrcInference *inference, GError **error)
{
  FrcWorker *self = g_new0 (FrcWorker, 1);
  g_autoptr (GError) reason = NULL;

  self->inference = inference;
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  self->thread = g_thread_try_new ("frcnn-async", worker_main, self, &reason);
  if (self->thread)
    return self;
  g_set_error (error, FRC_ERROR, FRC_ERROR_NO_MEMORY, "cannot start a thread for mode=async: %s",
      reason->message);
  frc_worker_free (self);
  return NULL;
}

/** frc_worker_free: ends a running inference early and joins. */
void
frc_worker_free (FrcWorker *self)
{
  if (!self)
    return;
  g_mutex_lock (&self->lock);
  self->quit = TRUE;
  g_atomic_int_set (&self->cancel, 1);
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
  if (self->thread)
    g_thread_join (self->thread);

  frc_frame_copy_clear (&self->frame);
  frc_detect_tuning_clear (&self->tuning);
  g_clear_error (&self->error);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->wake);
  g_free (self);
}

/** frc_worker_interrupt: ends a running inference early; no job is done until the next reset. */
void
frc_worker_interrupt (FrcWorker *self)
{
  g_mutex_lock (&self->lock);
  self->interrupted = TRUE;
  g_atomic_int_set (&self->cancel, 1);
  g_mutex_unlock (&self->lock);
}

/** frc_worker_reset: frames to come have nothing to do with those that were. */
void
frc_worker_reset (FrcWorker *self)
{
  g_mutex_lock (&self->lock);
  self->generation++;
  self->interrupted = FALSE;
  if (self->state == RUNNING)
    g_atomic_int_set (&self->cancel, 1);
  g_mutex_unlock (&self->lock);
}

/** frc_worker_is_free: whether it would take a frame now, once news were taken. */
gboolean
frc_worker_is_free (FrcWorker *self)
{
  g_mutex_lock (&self->lock);
  gboolean is_free = self->state == IDLE && !self->interrupted;
  g_mutex_unlock (&self->lock);
  return is_free;
}

/**
 * frc_worker_submit:
 * @image: its pixels are copied
 * @tuning: its lists are shared
 *
 * Only when it is free. Errors: FRC_ERROR_NO_MEMORY.
 */
gboolean
frc_worker_submit (FrcWorker *self, const FrcImage *image, const FrcTask *task,
    const FrcDetectTuning *tuning, gint64 running_time, GError **error)
{
  if (!frc_frame_copy_set (&self->frame, image, error))
    return FALSE;
  frc_task_copy (&self->task, task);
  frc_detect_tuning_clear (&self->tuning);
  frc_detect_tuning_copy (&self->tuning, tuning);
  self->result.running_time = running_time;

  g_mutex_lock (&self->lock);
  self->job_generation = self->generation;
  self->state = WAITING;
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
  return TRUE;
}

static void
copy_result (FrcResult *out, const FrcResult *result)
{
  out->valid = TRUE;
  out->running_time = result->running_time;
  out->rect = result->rect;
  out->n = result->n;
  memcpy (out->detections, result->detections, result->n * sizeof *out->detections);
  memcpy (out->parent_ids, result->parent_ids, result->n * sizeof *out->parent_ids);
}

/**
 * frc_worker_take:
 * @result: (out): written only for FRC_WORKER_RESULT
 * @took: (out): ns
 *
 * What came of the last job; each is told once. Errors: of frc_inference_prepare ().
 */
FrcWorkerNews
frc_worker_take (FrcWorker *self, FrcResult *result, guint64 *took, GError **error)
{
  g_mutex_lock (&self->lock);
  gboolean done = self->state == DONE;
  gboolean current = done && self->job_generation == self->generation;
  if (done)
    self->state = IDLE;
  g_mutex_unlock (&self->lock);

  /* From here on the job is the caller's. */
  if (done && self->error) {
    if (!current) {
      g_clear_error (&self->error);
      return FRC_WORKER_NOTHING;
    }
    g_propagate_error (error, g_steal_pointer (&self->error));
    return FRC_WORKER_FAILED;
  }
  if (!current || !self->result.valid)
    return FRC_WORKER_NOTHING;
  copy_result (result, &self->result);
  *took = self->took;
  return FRC_WORKER_RESULT;
}
