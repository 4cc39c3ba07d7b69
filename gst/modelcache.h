/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One FrcModel for all elements that name the same file.
 */
#ifndef FRC_GST_MODEL_CACHE_H
#define FRC_GST_MODEL_CACHE_H

#include "../core/frcnn.h"

typedef struct _FrcModelUse FrcModelUse;

FrcModelUse *frc_model_use_begin (const char *path, const char *family, GError **error);
void frc_model_use_end (FrcModelUse *use);
FrcModel *frc_model_use_get (const FrcModelUse *use);

#endif
