/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One element's detector: a shared model, its labels, a plan for the stream's frames, and the flag
 * that ends an inference early.
 */
#ifndef FRC_GST_INFERENCE_H
#define FRC_GST_INFERENCE_H

#include "detectmeta.h"
#include "detectprops.h"
#include "labels.h"

typedef struct _FrcInference FrcInference;

FrcInference *frc_inference_new (const FrcDetectConfig *config, GError **error);
void frc_inference_free (FrcInference *inference);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FrcInference, frc_inference_free)

FrcLabelSet *frc_inference_get_labels (const FrcInference *inference);
const FrcModelInfo *frc_inference_get_model_info (const FrcInference *inference);
gboolean frc_inference_prepare (FrcInference *inference, const FrcImageInfo *info, GError **error);
gboolean frc_inference_run (FrcInference *inference, const FrcImage *image, const FrcRect *rect,
    const FrcDetectTuning *tuning, const gint *cancel, FrcResult *result);

#endif
