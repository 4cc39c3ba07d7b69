/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Properties that say something of labels: which colour, whether at all.
 */
#ifndef FRC_GST_LABEL_TABLES_H
#define FRC_GST_LABEL_TABLES_H

#include <glib.h>

GHashTable *frc_label_colors_parse (const char *text, GError **error);
guint32 frc_label_color (GHashTable *colors, const char *label);
GHashTable *frc_label_names_parse (const char *text, const char *property, GError **error);

#endif
