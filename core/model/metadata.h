/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A detector's constants and labels as the __metadata__ of an own model file.
 */
#ifndef FRC_METADATA_H
#define FRC_METADATA_H

#include "config.h"
#include "weights.h"

/* Overrides @config by what @weights' metadata says. FALSE with FORMAT for a value out of bounds. */
gboolean frc_metadata_read (const FrcWeights *weights, FrcConfig *config, GError **error);
/* The labels, or NULL if there are none. Free with g_strfreev (). */
char **frc_metadata_labels (const FrcWeights *weights);
/* Appends keys and values (owned by the arrays, NULL-terminated). @labels is nullable. */
void frc_metadata_write (const char *family, const FrcConfig *config, const char *const *labels,
    GPtrArray *keys, GPtrArray *values);

#endif
