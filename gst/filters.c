/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lists in a text → what a frame is looked at with. Numbers are written as in C, in any locale.
 */
#include "filters.h"

#include <math.h>
#include <string.h>

/* ---- zones ---- */

/* One of x, y, w, h, with or without a %. */
static gboolean
parse_side (char *text, gboolean may_be_negative, gdouble *value, gboolean *is_share)
{
  char *end;

  g_strstrip (text);
  *value = g_ascii_strtod (text, &end);
  if (end == text || !isfinite (*value) || fabs (*value) > 1e6)
    return FALSE;
  end += strspn (end, " ");
  *is_share = *end == '%';
  end += *is_share;
  return *end == '\0' && (may_be_negative || *value >= 0);
}

static gboolean
parse_zone (const char *text, FrcZone *zone)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);

  if (g_strv_length (parts) != 4)
    return FALSE;
  for (guint i = 0; i < 4; i++) {
    if (!parse_side (parts[i], i < 2, &zone->side[i], &zone->is_share[i]))
      return FALSE;
  }
  return TRUE;
}

static gboolean
parse_zones (const char *text, GBytes **zones, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text ? text : "", ";", -1);
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (FrcZone));

  for (char **part = parts; *part; part++) {
    FrcZone zone;
    if (*g_strstrip (*part) == '\0')
      continue;
    if (!parse_zone (*part, &zone)) {
      g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
          "zones: expected x,y,width,height;... in pixels or with %% as shares of the frame, found "
          "\"%s\"",
          *part);
      return FALSE;
    }
    g_array_append_val (found, zone);
  }
  if (found->len)
    *zones = g_bytes_new (found->data, found->len * sizeof (FrcZone));
  return TRUE;
}

/** frc_filters_get_zones: borrowed; NULL and 0 when there are none. */
const FrcZone *
frc_filters_get_zones (const FrcFilters *filters, guint *n)
{
  gsize size = 0;
  const FrcZone *zones = filters->zones ? g_bytes_get_data (filters->zones, &size) : NULL;

  *n = size / sizeof (FrcZone);
  return zones;
}

/* ---- all of them ---- */

/**
 * frc_filters_parse:
 * @out: (out): empty after an error
 *
 * Errors: FRC_ERROR_ARGUMENT that names the property, what was expected and what was found; for an
 * unknown class the nearest label, too.
 */
gboolean
frc_filters_parse (FrcFilters *out, const FrcFilterTexts *texts, const FrcLabelSet *labels,
    GError **error)
{
  *out = (FrcFilters){ 0 };
  if (frc_label_set_mask (labels, texts->classes, "classes", &out->classes, error) &&
      frc_label_set_mask (labels, texts->region_classes, "region-classes", &out->region_classes,
          error) &&
      frc_label_set_thresholds (labels, texts->class_thresholds, "class-thresholds",
          &out->class_thresholds, error) &&
      parse_zones (texts->zones, &out->zones, error))
    return TRUE;
  frc_filters_clear (out);
  return FALSE;
}

static void
ref (GBytes *bytes)
{
  if (bytes)
    g_bytes_ref (bytes);
}

/** frc_filters_ref: makes a plain copy of the struct one that owns its lists, too. */
void
frc_filters_ref (FrcFilters *filters)
{
  ref (filters->classes);
  ref (filters->class_thresholds);
  ref (filters->region_classes);
  ref (filters->zones);
}

void
frc_filters_clear (FrcFilters *filters)
{
  g_clear_pointer (&filters->classes, g_bytes_unref);
  g_clear_pointer (&filters->class_thresholds, g_bytes_unref);
  g_clear_pointer (&filters->region_classes, g_bytes_unref);
  g_clear_pointer (&filters->zones, g_bytes_unref);
}

void
frc_filter_texts_clear (FrcFilterTexts *texts)
{
  g_clear_pointer (&texts->classes, g_free);
  g_clear_pointer (&texts->class_thresholds, g_free);
  g_clear_pointer (&texts->region_classes, g_free);
  g_clear_pointer (&texts->zones, g_free);
}
