/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Inference on a thread of its own, for mode=async. It has one frame at a time, a copy of its
 * pixels: never a GstBuffer.
 *
 * frc_worker_interrupt () may be called by any thread; all else by the one that owns the frames.
 */
#ifndef FRC_GST_WORKER_H
#define FRC_GST_WORKER_H

#include "inference.h"

typedef struct _FrcWorker FrcWorker;

typedef enum {
  FRC_WORKER_NOTHING, /* no news */
  FRC_WORKER_RESULT,
  FRC_WORKER_FAILED
} FrcWorkerNews;

FrcWorker *frc_worker_new (FrcInference *inference, GError **error);
void frc_worker_free (FrcWorker *worker);
void frc_worker_interrupt (FrcWorker *worker);
void frc_worker_reset (FrcWorker *worker);
gboolean frc_worker_is_free (FrcWorker *worker);
gboolean frc_worker_submit (FrcWorker *worker, const FrcImage *image, const FrcTask *task,
    const FrcDetectTuning *tuning, gint64 running_time, GError **error);
FrcWorkerNews frc_worker_take (FrcWorker *worker, FrcResult *result, guint64 *took,
    GError **error);

#endif
