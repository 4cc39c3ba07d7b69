/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metadata.h"
#include "../frcnn.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* One constant: a comma list of @count numbers at @offset, each in min … max. */
typedef struct {
  const char *key;
  gsize offset;
  enum { UINT, FLOAT, DOUBLE } type;
  guint count;
  gdouble min, max;
} Field;

#define FIELD(key, member, type, count, min, max) \
  { key, G_STRUCT_OFFSET (FrcConfig, member), type, count, min, max }

/* n_levels, n_sizes and n_ratios come before the lists whose lengths they are. */
static const Field fields[] = {
  FIELD ("min_size", min_size, UINT, 1, 1, 4096),
  FIELD ("max_size", max_size, UINT, 1, 1, 8192),
  FIELD ("image_mean", image_mean, FLOAT, 3, -1000, 1000),
  FIELD ("image_std", image_std, FLOAT, 3, 1e-6, 1000),
  FIELD ("anchor_levels", n_levels, UINT, 1, 1, FRC_MAX_LEVELS),
  FIELD ("anchor_sizes_per_level", n_sizes, UINT, 1, 1, FRC_MAX_SIZES),
  FIELD ("anchor_ratios", n_ratios, UINT, 1, 1, FRC_MAX_RATIOS),
  FIELD ("rpn_pre_nms_top_n", rpn_pre_nms_top_n, UINT, 1, 1, FRC_MAX_TOP_N),
  FIELD ("rpn_post_nms_top_n", rpn_post_nms_top_n, UINT, 1, 1, FRC_MAX_TOP_N),
  FIELD ("rpn_nms_thresh", rpn_nms_threshold, FLOAT, 1, 0, 1),
  FIELD ("rpn_score_thresh", rpn_score_threshold, FLOAT, 1, 0, 1),
  FIELD ("roi_levels", n_roi_levels, UINT, 1, 1, FRC_MAX_LEVELS),
  FIELD ("roi_canonical_scale", canonical_scale, UINT, 1, 1, 8192),
  FIELD ("roi_sampling_ratio", sampling_ratio, UINT, 1, 1, 8),
  FIELD ("box_score_thresh", box_score_threshold, FLOAT, 1, 0, 1),
  FIELD ("box_nms_thresh", box_nms_threshold, FLOAT, 1, 0, 1),
  FIELD ("box_detections_per_img", box_detections_per_image, UINT, 1, 1, 1000),
  FIELD ("batch_norm_eps", batch_norm_eps, DOUBLE, 1, 0, 1),
};

static gdouble
get (const FrcConfig *config, const Field *field, guint i)
{
  const char *at = (const char *) config + field->offset;

  return field->type == UINT    ? ((const guint *) at)[i]
         : field->type == FLOAT ? ((const gfloat *) at)[i]
                                : ((const gdouble *) at)[i];
}

static void
set (FrcConfig *config, const Field *field, guint i, gdouble value)
{
  char *at = (char *) config + field->offset;

  if (field->type == UINT)
    ((guint *) at)[i] = (guint) value;
  else if (field->type == FLOAT)
    ((gfloat *) at)[i] = (gfloat) value;
  else
    ((gdouble *) at)[i] = value;
}

/* Parses a comma list of exactly @count numbers. */
static gboolean
parse_list (const char *text, guint count, gdouble min, gdouble max, gboolean whole, gdouble *out)
{
  for (guint i = 0; i < count; i++) {
    char *end;
    out[i] = g_ascii_strtod (text, &end);
    if (end == text || !(out[i] >= min && out[i] <= max) || (whole && out[i] != floor (out[i])) ||
        *end != (i + 1 < count ? ',' : '\0'))
      return FALSE;
    text = end + 1;
  }
  return TRUE;
}

static gboolean
value_error (const FrcWeights *weights, const char *key, guint count, gdouble min, gdouble max,
    GError **error)
{
  g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT,
      "%s: metadata '%s' is \"%.60s\", expected %u number%s between %g and %g",
      frc_weights_path (weights), key, frc_weights_metadata (weights, key), count,
      count == 1 ? "" : "s", min, max);
  return FALSE;
}

static gboolean
read_anchors (const FrcWeights *weights, FrcConfig *config, GError **error)
{
  gdouble values[FRC_MAX_LEVELS * FRC_MAX_SIZES];
  const char *sizes = frc_weights_metadata (weights, "anchor_sizes");
  const char *ratios = frc_weights_metadata (weights, "anchor_aspect_ratios");
  guint n = config->n_levels * config->n_sizes;

  if (sizes) {
    if (!parse_list (sizes, n, 1, 8192, FALSE, values))
      return value_error (weights, "anchor_sizes", n, 1, 8192, error);
    for (guint i = 0; i < n; i++)
      config->sizes[i / config->n_sizes][i % config->n_sizes] = (gfloat) values[i];
  }
  if (ratios) {
    if (!parse_list (ratios, config->n_ratios, 0.01, 100, FALSE, values))
      return value_error (weights, "anchor_aspect_ratios", config->n_ratios, 0.01, 100, error);
    for (guint i = 0; i < config->n_ratios; i++)
      config->ratios[i] = (gfloat) values[i];
  }
  return TRUE;
}

gboolean
frc_metadata_read (const FrcWeights *weights, FrcConfig *config, GError **error)
{
  gdouble values[3];

  for (guint f = 0; f < G_N_ELEMENTS (fields); f++) {
    const Field *field = &fields[f];
    const char *text = frc_weights_metadata (weights, field->key);
    if (!text)
      continue;
    if (!parse_list (text, field->count, field->min, field->max, field->type == UINT, values))
      return value_error (weights, field->key, field->count, field->min, field->max, error);
    for (guint i = 0; i < field->count; i++)
      set (config, field, i, values[i]);
  }
  return read_anchors (weights, config, error);
}

char **
frc_metadata_labels (const FrcWeights *weights)
{
  const char *text = frc_weights_metadata (weights, "labels");

  return text && *text ? g_strsplit (text, "\n", -1) : NULL;
}

static void
append_number (GString *s, gdouble value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (s->len)
    g_string_append_c (s, ',');
  g_string_append (s, g_ascii_formatd (text, sizeof text, "%.9g", value));
}

static void
append_pair (GPtrArray *keys, GPtrArray *values, const char *key, char *value)
{
  g_ptr_array_add (keys, g_strdup (key));
  g_ptr_array_add (values, value);
}

void
frc_metadata_write (const char *family, const FrcConfig *config, const char *const *labels,
    GPtrArray *keys, GPtrArray *values)
{
  append_pair (keys, values, "format", g_strdup ("frcnn"));
  append_pair (keys, values, "family", g_strdup (family));
  if (labels)
    append_pair (keys, values, "labels", g_strjoinv ("\n", (char **) labels));
  for (guint f = 0; f < G_N_ELEMENTS (fields); f++) {
    GString *s = g_string_new (NULL);
    for (guint i = 0; i < fields[f].count; i++)
      append_number (s, get (config, &fields[f], i));
    append_pair (keys, values, fields[f].key, g_string_free (s, FALSE));
  }
  GString *sizes = g_string_new (NULL), *ratios = g_string_new (NULL);
  for (guint l = 0; l < config->n_levels; l++)
    for (guint i = 0; i < config->n_sizes; i++)
      append_number (sizes, config->sizes[l][i]);
  for (guint i = 0; i < config->n_ratios; i++)
    append_number (ratios, config->ratios[i]);
  append_pair (keys, values, "anchor_sizes", g_string_free (sizes, FALSE));
  append_pair (keys, values, "anchor_aspect_ratios", g_string_free (ratios, FALSE));
  g_ptr_array_add (keys, NULL);
  g_ptr_array_add (values, NULL);
}
