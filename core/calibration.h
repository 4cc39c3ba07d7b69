/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Looks at what a model's layers take in on given images, and writes it into a new file.
 */
#ifndef FRC_CALIBRATION_H
#define FRC_CALIBRATION_H

#include "frcnn.h"

typedef struct _FrcCalibration FrcCalibration;

/* @options: (nullable): as for frc_detector_new (); the precision is f32. Takes a reference. */
FrcCalibration *frc_calibration_new (FrcModel *model, const FrcOptions *options, GError **error);
void frc_calibration_free (FrcCalibration *calibration);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FrcCalibration, frc_calibration_free)

/* Runs the model on an image. */
gboolean frc_calibration_add (FrcCalibration *calibration, const FrcImage *image, GError **error);
/* What @precision costs: points of mean AP, and in words on what that was measured. */
void frc_calibration_set_cost (FrcCalibration *calibration, FrcPrecision precision, gdouble points,
    const char *measured_on);
/* The model with the bounds so far and the costs, as a new file; see frc_model_convert (). */
gboolean frc_calibration_write (const FrcCalibration *calibration, const char *out, GError **error);

#endif
