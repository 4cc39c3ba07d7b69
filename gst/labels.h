/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The names of a model's classes as an element uses them: the model's own, or those of a property.
 */
#ifndef FRC_GST_LABELS_H
#define FRC_GST_LABELS_H

#include "../core/frcnn.h"

typedef struct _FrcLabelSet FrcLabelSet; /* immutable, reference counted, safe to share */

FrcLabelSet *frc_label_set_new (const FrcModel *model, const char *override, GError **error);
FrcLabelSet *frc_label_set_ref (FrcLabelSet *set);
void frc_label_set_unref (FrcLabelSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FrcLabelSet, frc_label_set_unref)

guint frc_label_set_size (const FrcLabelSet *set);
GQuark frc_label_set_quark (const FrcLabelSet *set, gint label_id);
gboolean frc_label_set_mask (const FrcLabelSet *set, const char *names, const char *property,
    GBytes **mask, GError **error);
gboolean frc_label_set_thresholds (const FrcLabelSet *set, const char *text, const char *property,
    GBytes **thresholds, GError **error);
gboolean frc_label_set_selects (const FrcLabelSet *set, GBytes *mask, GQuark name);

#endif
