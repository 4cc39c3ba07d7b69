/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metadata.h"
#include "../frcnn.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* One constant: a comma list of @count numbers at @offset, each in min … max; of an ENUM the number
 * of a name. */
typedef struct {
  const char *key;
  gsize offset;
  enum { UINT, FLOAT, DOUBLE, ENUM } type;
  guint count;
  gdouble min, max;
  const char *const *names; /* of an ENUM, NULL-terminated */
} Field;

#define FIELD(key, member, type, count, min, max) \
  { key, G_STRUCT_OFFSET (FrcConfig, member), type, count, min, max, NULL }
#define CHOICE(key, member, names) \
  { key, G_STRUCT_OFFSET (FrcConfig, member), ENUM, 1, 0, G_N_ELEMENTS (names) - 2, names }

/* In the order of their enums. */
static const char *const systems[] = { "torchvision", "detectron2", "caffe", "tensorflow", NULL };
static const char *const nms_rules[] = { "batched", "separate", "inclusive", NULL };
static const char *const poolings[] = { "roi_align", "roi_align_v2", "roi_max_pool",
  "crop_and_resize", NULL };
G_STATIC_ASSERT (G_N_ELEMENTS (systems) == FRC_N_RESIZE_RULES + 1);
G_STATIC_ASSERT (G_N_ELEMENTS (systems) == FRC_N_ANCHOR_RULES + 1);
G_STATIC_ASSERT (G_N_ELEMENTS (nms_rules) == FRC_N_NMS_RULES + 1);
G_STATIC_ASSERT (G_N_ELEMENTS (poolings) == FRC_N_POOLINGS + 1);
G_STATIC_ASSERT (sizeof (FrcPooling) == sizeof (guint) && sizeof (gboolean) == sizeof (guint));

/* n_levels, n_sizes and n_ratios come before the lists whose lengths they are. */
static const Field fields[] = {
  CHOICE ("resize", resize, systems),
  FIELD ("min_size", min_size, UINT, 1, 1, 4096),
  FIELD ("max_size", max_size, UINT, 1, 1, 8192),
  FIELD ("size_divisor", size_divisor, UINT, 1, 1, 256),
  FIELD ("image_mean", image_mean, FLOAT, 3, -1000, 1000),
  FIELD ("image_std", image_std, FLOAT, 3, 1e-6, 1000),
  FIELD ("batch_norm_eps", batch_norm_eps, DOUBLE, 1, 0, 1),
  FIELD ("pixel_extent", pixel_extent, UINT, 1, 0, 1),
  CHOICE ("nms", nms, nms_rules),
  FIELD ("clips_after_nms", clips_after_nms, UINT, 1, 0, 1),
  CHOICE ("anchors", anchors, systems),
  FIELD ("anchor_levels", n_levels, UINT, 1, 1, FRC_MAX_LEVELS),
  FIELD ("anchor_sizes_per_level", n_sizes, UINT, 1, 1, FRC_MAX_SIZES),
  FIELD ("anchor_ratios", n_ratios, UINT, 1, 1, FRC_MAX_RATIOS),
  FIELD ("anchor_strides", strides, UINT, FRC_MAX_LEVELS, 0, 1024),
  FIELD ("anchor_offset", anchor_offset, FLOAT, 1, -1024, 1024),
  FIELD ("clips_anchors", clips_anchors, UINT, 1, 0, 1),
  FIELD ("rpn_bbox_weights", rpn_coder.weights, FLOAT, 4, 1e-3, 1e3),
  FIELD ("rpn_bbox_clip", rpn_coder.clip, FLOAT, 1, 0, 1e31),
  FIELD ("rpn_pre_nms_top_n", rpn_pre_nms_top_n, UINT, 1, 0, FRC_MAX_PRE_NMS_TOP_N),
  FIELD ("rpn_post_nms_top_n", rpn_post_nms_top_n, UINT, 1, 1, FRC_MAX_TOP_N),
  FIELD ("rpn_nms_thresh", rpn_nms_threshold, FLOAT, 1, 0, 1),
  FIELD ("rpn_score_thresh", rpn_score_threshold, FLOAT, 1, 0, 1),
  FIELD ("rpn_min_size", rpn_min_size, FLOAT, 1, 0, 1024),
  FIELD ("rpn_min_size_is_of_frame", rpn_min_size_is_of_frame, UINT, 1, 0, 1),
  FIELD ("rpn_filters_first", rpn_filters_first, UINT, 1, 0, 1),
  FIELD ("rpn_ranks_logits", rpn_ranks_logits, UINT, 1, 0, 1),
  CHOICE ("roi_pooling", pooling, poolings),
  FIELD ("roi_levels", n_roi_levels, UINT, 1, 1, FRC_MAX_LEVELS),
  FIELD ("roi_canonical_scale", canonical_scale, UINT, 1, 1, 8192),
  FIELD ("roi_ratio_eps", roi_ratio_eps, FLOAT, 1, 0, 1),
  FIELD ("roi_level_eps", roi_level_eps, FLOAT, 1, 0, 1),
  FIELD ("roi_sampling_ratio", sampling_ratio, UINT, 1, 0, 8),
  FIELD ("roi_crop_size", crop_size, UINT, 1, 1, 64),
  FIELD ("box_bbox_weights", box_coder.weights, FLOAT, 4, 1e-3, 1e3),
  FIELD ("box_bbox_clip", box_coder.clip, FLOAT, 1, 0, 1e31),
  FIELD ("box_decodes_in_frame", box_decodes_in_frame, UINT, 1, 0, 1),
  FIELD ("box_min_size", box_min_size, FLOAT, 1, 0, 1024),
  FIELD ("box_score_thresh", box_score_threshold, FLOAT, 1, 0, 1),
  FIELD ("box_nms_thresh", box_nms_threshold, FLOAT, 1, 0, 1),
  FIELD ("box_detections_per_class", box_detections_per_class, UINT, 1, 0, 1000),
  FIELD ("box_detections_per_img", box_detections_per_image, UINT, 1, 1, 1000),
};

static gdouble
get (const FrcConfig *config, const Field *field, guint i)
{
  const char *at = (const char *) config + field->offset;

  return field->type == FLOAT    ? ((const gfloat *) at)[i]
         : field->type == DOUBLE ? ((const gdouble *) at)[i]
                                 : ((const guint *) at)[i];
}

static void
set (FrcConfig *config, const Field *field, guint i, gdouble value)
{
  char *at = (char *) config + field->offset;

  if (field->type == FLOAT)
    ((gfloat *) at)[i] = (gfloat) value;
  else if (field->type == DOUBLE)
    ((gdouble *) at)[i] = value;
  else
    ((guint *) at)[i] = (guint) value;
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
read_choice (const FrcWeights *weights, const Field *field, FrcConfig *config, GError **error)
{
  const char *text = frc_weights_metadata (weights, field->key);

  for (guint i = 0; field->names[i]; i++)
    if (g_str_equal (field->names[i], text)) {
      set (config, field, 0, i);
      return TRUE;
    }
  g_autofree char *known = g_strjoinv (", ", (char **) field->names);
  g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT,
      "%s: metadata '%s' is \"%.60s\", expected one of %s", frc_weights_path (weights), field->key,
      text, known);
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
  gdouble values[FRC_MAX_LEVELS];

  for (guint f = 0; f < G_N_ELEMENTS (fields); f++) {
    const Field *field = &fields[f];
    const char *text = frc_weights_metadata (weights, field->key);
    if (!text)
      continue;
    if (field->type == ENUM) {
      if (!read_choice (weights, field, config, error))
        return FALSE;
      continue;
    }
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

#define EXACT_FLOAT "%.9g"
#define EXACT_DOUBLE "%.17g"

static void
append_number (GString *s, gdouble value, const char *format)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (s->len)
    g_string_append_c (s, ',');
  g_string_append (s, g_ascii_formatd (text, sizeof text, format, value));
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
    const Field *field = &fields[f];
    GString *s = g_string_new (NULL);
    if (field->type == ENUM)
      g_string_append (s, field->names[(guint) get (config, field, 0)]);
    for (guint i = 0; i < field->count && field->type != ENUM; i++)
      append_number (s, get (config, field, i),
          field->type == DOUBLE ? EXACT_DOUBLE : EXACT_FLOAT);
    append_pair (keys, values, field->key, g_string_free (s, FALSE));
  }
  GString *sizes = g_string_new (NULL), *ratios = g_string_new (NULL);
  for (guint l = 0; l < config->n_levels; l++)
    for (guint i = 0; i < config->n_sizes; i++)
      append_number (sizes, config->sizes[l][i], EXACT_FLOAT);
  for (guint i = 0; i < config->n_ratios; i++)
    append_number (ratios, config->ratios[i], EXACT_FLOAT);
  append_pair (keys, values, "anchor_sizes", g_string_free (sizes, FALSE));
  append_pair (keys, values, "anchor_aspect_ratios", g_string_free (ratios, FALSE));
}

/* ---- calibration -------------------------------------------------------------------------- */

/* "name min max"; the name may have spaces. */
static gboolean
parse_bounds (char *line, FrcBounds *bounds)
{
  for (guint i = 0; i < 2; i++) {
    char *end, *space = strrchr (line, ' ');
    if (!space)
      return FALSE;
    gdouble value = g_ascii_strtod (space + 1, &end);
    if (end == space + 1 || *end || !(fabs (value) <= 1e30))
      return FALSE;
    *space = '\0';
    *(i ? &bounds->min : &bounds->max) = (gfloat) value;
  }
  return *line && bounds->min <= bounds->max;
}

GHashTable *
frc_metadata_bounds (const FrcWeights *weights, GError **error)
{
  const char *text = frc_weights_metadata (weights, FRC_METADATA_BOUNDS);

  if (!text)
    return NULL;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GHashTable *table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (guint i = 0; lines[i]; i++) {
    g_autofree char *line = g_strdup (lines[i]);
    FrcBounds bounds;
    if (!parse_bounds (line, &bounds)) {
      g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT,
          "%s: metadata '" FRC_METADATA_BOUNDS "' has the line \"%.80s\", expected a layer's name, "
          "the least and the greatest value of its input", frc_weights_path (weights), lines[i]);
      g_hash_table_unref (table);
      return NULL;
    }
    g_hash_table_insert (table, g_steal_pointer (&line), g_memdup2 (&bounds, sizeof bounds));
  }
  return table;
}

char *
frc_metadata_bounds_text (GHashTable *bounds)
{
  GString *text = g_string_new (NULL);
  GList *names = g_list_sort (g_hash_table_get_keys (bounds), (GCompareFunc) strcmp);

  for (GList *l = names; l; l = l->next) {
    const FrcBounds *b = g_hash_table_lookup (bounds, l->data);
    char min[G_ASCII_DTOSTR_BUF_SIZE], max[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_printf (text, "%s%s %s %s", text->len ? "\n" : "", (char *) l->data,
        g_ascii_formatd (min, sizeof min, "%.6g", b->min),
        g_ascii_formatd (max, sizeof max, "%.6g", b->max));
  }
  g_list_free (names);
  return g_string_free (text, FALSE);
}

const char *
frc_metadata_cost (const FrcWeights *weights, const char *precision, gdouble *points)
{
  g_autofree char *key = g_strconcat (FRC_METADATA_COST, precision, NULL);
  const char *text = frc_weights_metadata (weights, key);
  char *end = NULL;

  if (text)
    *points = g_ascii_strtod (text, &end);
  return end != text ? text : NULL;
}
