/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The properties that are lists in a text: class names, thresholds a class, zones.
 */
#ifndef FRC_GST_FILTERS_H
#define FRC_GST_FILTERS_H

#include "labels.h"

/* One rectangle as it was written: x, y, width, height. */
typedef struct {
  gdouble side[4];
  gboolean is_share[4]; /* hundredths of the frame's width or height, else pixels */
} FrcZone;

/* As the user wrote them; NULL = unset. */
typedef struct {
  char *classes, *class_thresholds, *region_classes, *zones;
} FrcFilterTexts;

/* What the texts mean for one model: immutable and shared; NULL = unset or empty. */
typedef struct {
  GBytes *classes;          /* a guint8 a label, 0 = not wanted */
  GBytes *class_thresholds; /* a gfloat a label, negative = the property threshold */
  GBytes *region_classes;   /* as classes */
  GBytes *zones;            /* FrcZone */
} FrcFilters;

gboolean frc_filters_parse (FrcFilters *out, const FrcFilterTexts *texts,
    const FrcLabelSet *labels, GError **error);
void frc_filters_ref (FrcFilters *filters);
void frc_filters_clear (FrcFilters *filters);
void frc_filter_texts_clear (FrcFilterTexts *texts);
const FrcZone *frc_filters_get_zones (const FrcFilters *filters, guint *n);

#endif
