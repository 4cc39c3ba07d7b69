/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One element's detector: a shared model, its labels, a plan for the stream's frames. One thread at
 * a time uses it.
 */
#ifndef FRC_GST_INFERENCE_H
#define FRC_GST_INFERENCE_H

#include "detectmeta.h"
#include "detectprops.h"
#include "labels.h"
#include "regions.h"
#include "testhooks.h"

typedef struct _FrcInference FrcInference;

FrcInference *frc_inference_new (const FrcDetectConfig *config, GError **error);
void frc_inference_free (FrcInference *inference);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FrcInference, frc_inference_free)

FrcLabelSet *frc_inference_get_labels (const FrcInference *inference);
const FrcModelInfo *frc_inference_get_model_info (const FrcInference *inference);
void frc_inference_set_hooks (FrcInference *inference, FrcTestHooks *hooks);
gboolean frc_inference_prepare (FrcInference *inference, const FrcImageInfo *info, GError **error);
gboolean frc_inference_run (FrcInference *inference, const FrcImage *image, const FrcTask *task,
    const FrcDetectTuning *tuning, const gint *cancel, FrcResult *result);

#endif
