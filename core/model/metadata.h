/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A detector's constants and labels as the __metadata__ of an own model file.
 */
#ifndef FRC_METADATA_H
#define FRC_METADATA_H

#include "config.h"
#include "../kernels/narrow.h"
#include "weights.h"

/* Overrides @config by what @weights' metadata says. FALSE with FORMAT for a value out of bounds. */
gboolean frc_metadata_read (const FrcWeights *weights, FrcConfig *config, GError **error);
/* The labels, or NULL if there are none. Free with g_strfreev (). */
char **frc_metadata_labels (const FrcWeights *weights);
/* Appends keys and values (owned by the arrays). @labels is nullable. */
void frc_metadata_write (const char *family, const FrcConfig *config, const char *const *labels,
    GPtrArray *keys, GPtrArray *values);

/* What `frcnn calibrate` adds. A layer's name → FrcBounds of its input; NULL if there are none, or
 * with FORMAT if they cannot be read. */
#define FRC_METADATA_BOUNDS "int8_bounds"
GHashTable *frc_metadata_bounds (const FrcWeights *weights, GError **error);
char *frc_metadata_bounds_text (GHashTable *bounds);
/* What the precision of this name costs: a number of points of mean AP, and on what that was measured.
 * NULL if nothing is known of it. */
#define FRC_METADATA_COST "precision_cost_" /* and the name */
const char *frc_metadata_cost (const FrcWeights *weights, const char *precision, gdouble *points);

#endif
