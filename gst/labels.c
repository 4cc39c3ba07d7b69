/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Class names: parsing of lists and files, lookup with a hint for typing mistakes.
 *
 * Labels are kept as quarks because that is what a region-of-interest meta stores.
 */
#include "labels.h"

#include <string.h>

#define MAX_LABEL_FILE (1 << 20) /* bytes; nobody has a longer list of names */

struct _FrcLabelSet
{
  gint refs;
  guint n;
  char *model_name;
  GQuark quarks[];
};

/* Splits at @delimiter, strips white space, drops empty entries. */
static GPtrArray *
split (const char *text, const char *delimiter)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  char **parts = g_strsplit (text, delimiter, -1);

  for (char **part = parts; *part; part++) {
    if (*g_strstrip (*part) != '\0')
      g_ptr_array_add (names, g_strdup (*part));
  }
  g_strfreev (parts);
  return names;
}

/* One name a line; names stay at their line, so an empty line in the middle is a class without a
 * name and only trailing ones are dropped. */
static GPtrArray *
read_file (const char *path, GError **error)
{
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, error);
  if (!file)
    return NULL;

  gsize size = g_mapped_file_get_length (file);
  const char *bytes = g_mapped_file_get_contents (file);
  if (size > MAX_LABEL_FILE || (size && !g_utf8_validate (bytes, size, NULL))) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT,
        "labels file %s: expected UTF-8 text of at most %d bytes, one label a line, found %s", path,
        MAX_LABEL_FILE, size > MAX_LABEL_FILE ? "a longer file" : "bytes that are not UTF-8");
    return NULL;
  }

  g_autofree char *text = g_strndup (bytes ? bytes : "", size);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  for (char **line = lines; *line; line++)
    g_ptr_array_add (names, g_strdup (g_strstrip (*line)));
  while (names->len && *(const char *) g_ptr_array_index (names, names->len - 1) == '\0')
    g_ptr_array_set_size (names, names->len - 1);
  return names;
}

static gboolean
is_background (const char *name)
{
  return g_str_equal (name, "background") || g_str_equal (name, "__background__");
}

/* The property's names without background, exactly as many as the model has classes. */
static GPtrArray *
read_override (const char *override, const FrcModelInfo *info, GError **error)
{
  gboolean is_file = g_file_test (override, G_FILE_TEST_IS_REGULAR);
  GPtrArray *names = is_file ? read_file (override, error) : split (override, ",");
  if (!names)
    return NULL;

  if (names->len == info->n_labels + 1 && is_background (g_ptr_array_index (names, 0)))
    g_ptr_array_remove_index (names, 0);
  if (names->len != info->n_labels) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "labels%s%s: expected %u labels (one more only if the first is \"background\") because "
        "model %s has %u classes, found %u%s",
        is_file ? " file " : "", is_file ? override : "", info->n_labels, info->path,
        info->n_labels, names->len,
        !is_file && names->len == 1 ? "; if a file was meant, there is no such file" : "");
    g_ptr_array_unref (names);
    return NULL;
  }
  return names;
}

static GQuark
quark_of (const char *name, guint label_id)
{
  if (name && *name)
    return g_quark_from_string (name);

  g_autofree char *fallback = g_strdup_printf ("class_%u", label_id);
  return g_quark_from_string (fallback);
}

/**
 * frc_label_set_new:
 * @model: whose classes are named
 * @override: (nullable): a comma list, or the path of an existing file with one label a line;
 *   NULL or empty = the model's own labels
 *
 * A class without a name, in the model or as an empty line of a file, is called `class_<id>`.
 *
 * Errors: FRC_ERROR_ARGUMENT when the count differs from the model's (both are named),
 * FRC_ERROR_FORMAT or a G_FILE_ERROR for a file that cannot be read. Returns: (transfer full).
 */
FrcLabelSet *
frc_label_set_new (const FrcModel *model, const char *override, GError **error)
{
  const FrcModelInfo *info = frc_model_get_info (model);
  g_autoptr (GPtrArray) names = NULL;

  if (override && *override) {
    names = read_override (override, info, error);
    if (!names)
      return NULL;
  }

  FrcLabelSet *set = g_try_malloc0 (sizeof *set + info->n_labels * sizeof (GQuark));
  if (!set) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_NO_MEMORY, "no memory for %u labels", info->n_labels);
    return NULL;
  }
  set->refs = 1;
  set->n = info->n_labels;
  set->model_name = g_strdup (info->name);
  for (guint i = 0; i < set->n; i++)
    set->quarks[i] =
        quark_of (names ? g_ptr_array_index (names, i) : frc_model_get_label (model, i), i);
  return set;
}

FrcLabelSet *
frc_label_set_ref (FrcLabelSet *set)
{
  g_atomic_int_inc (&set->refs);
  return set;
}

void
frc_label_set_unref (FrcLabelSet *set)
{
  if (!set || !g_atomic_int_dec_and_test (&set->refs))
    return;
  g_free (set->model_name);
  g_free (set);
}

/** frc_label_set_size: how many classes there are, background not counted. */
guint
frc_label_set_size (const FrcLabelSet *set)
{
  return set->n;
}

/** frc_label_set_quark: the name of @label_id as a quark; 0 when there is no such class. */
GQuark
frc_label_set_quark (const FrcLabelSet *set, gint label_id)
{
  return label_id >= 0 && (guint) label_id < set->n ? set->quarks[label_id] : 0;
}

/* Levenshtein distance of the first 63 bytes, case ignored. */
static guint
edit_distance (const char *a, const char *b)
{
  guint row[64];
  guint n = MIN (strlen (b), G_N_ELEMENTS (row) - 1);

  for (guint j = 0; j <= n; j++)
    row[j] = j;
  for (guint i = 1; i < G_N_ELEMENTS (row) && a[i - 1]; i++) {
    guint diagonal = row[0];
    row[0] = i;
    for (guint j = 1; j <= n; j++) {
      guint differs = g_ascii_tolower (a[i - 1]) != g_ascii_tolower (b[j - 1]);
      guint best = MIN (MIN (row[j], row[j - 1]) + 1, diagonal + differs);
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[n];
}

static const char *
nearest (const FrcLabelSet *set, const char *name)
{
  const char *found = "";
  guint least = G_MAXUINT;

  for (guint i = 0; i < set->n; i++) {
    const char *label = g_quark_to_string (set->quarks[i]);
    guint distance = edit_distance (name, label);
    if (distance < least) {
      least = distance;
      found = label;
    }
  }
  return found;
}

/* Sets the bytes of the classes that are called @name, one a class. */
static gboolean
mark (const FrcLabelSet *set, const char *name, const char *property, guint8 *bytes,
    GError **error)
{
  GQuark quark = g_quark_try_string (name);
  gboolean known = FALSE;

  for (guint i = 0; quark && i < set->n; i++) {
    if (set->quarks[i] == quark)
      bytes[i] = known = TRUE;
  }
  if (!known)
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "%s: expected labels of model %s, found \"%s\", which it does not have; the nearest is "
        "\"%s\"",
        property, set->model_name, name, nearest (set, name));
  return known;
}

/**
 * frc_label_set_mask:
 * @names: (nullable): a comma list; NULL or empty = every class
 * @property: whose value @names is, for the message
 * @mask: (out) (nullable): a byte a class, 1 = named; NULL for every class
 *
 * A name that several classes have selects all of them.
 *
 * Errors: FRC_ERROR_ARGUMENT that names the unknown label and the one nearest to it.
 */
gboolean
frc_label_set_mask (const FrcLabelSet *set, const char *names, const char *property, GBytes **mask,
    GError **error)
{
  *mask = NULL;
  if (!names)
    return TRUE;
  g_autoptr (GPtrArray) wanted = split (names, ",");
  if (wanted->len == 0)
    return TRUE;

  g_autofree guint8 *bytes = g_malloc0 (MAX (set->n, 1));
  for (guint k = 0; k < wanted->len; k++) {
    if (!mark (set, g_ptr_array_index (wanted, k), property, bytes, error))
      return FALSE;
  }
  *mask = g_bytes_new_take (g_steal_pointer (&bytes), set->n);
  return TRUE;
}

/* `name:threshold`; cuts @entry at its last colon. */
static gboolean
parse_threshold (char *entry, const char *property, gfloat *threshold, GError **error)
{
  char *colon = strrchr (entry, ':'), *end = NULL;
  gdouble value = colon ? g_ascii_strtod (colon + 1, &end) : -1.0;

  if (!colon || end == colon + 1 || *end != '\0' || !(value >= 0.0 && value <= 1.0)) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "%s: expected label:threshold,... with thresholds from 0 to 1, found \"%s\"", property,
        entry);
    return FALSE;
  }
  *colon = '\0';
  g_strstrip (entry);
  *threshold = (gfloat) value;
  return TRUE;
}

/**
 * frc_label_set_thresholds:
 * @text: (nullable): a comma list of label:threshold; of two for one label the later one counts
 * @property: whose value @text is, for the message
 * @thresholds: (out) (nullable): a gfloat a class, -1 where none is named; NULL for none at all
 *
 * Errors: as frc_label_set_mask (), and what is not a label and a number from 0 to 1.
 */
gboolean
frc_label_set_thresholds (const FrcLabelSet *set, const char *text, const char *property,
    GBytes **thresholds, GError **error)
{
  g_autoptr (GPtrArray) entries = split (text ? text : "", ",");

  *thresholds = NULL;
  if (entries->len == 0)
    return TRUE;

  g_autofree gfloat *values = g_new (gfloat, MAX (set->n, 1));
  g_autofree guint8 *named = g_malloc (MAX (set->n, 1));
  for (guint i = 0; i < set->n; i++)
    values[i] = -1.0f;
  for (guint k = 0; k < entries->len; k++) {
    char *entry = g_ptr_array_index (entries, k);
    gfloat threshold;
    memset (named, 0, set->n);
    if (!parse_threshold (entry, property, &threshold, error) ||
        !mark (set, entry, property, named, error))
      return FALSE;
    for (guint i = 0; i < set->n; i++)
      values[i] = named[i] ? threshold : values[i];
  }
  *thresholds = g_bytes_new_take (g_steal_pointer (&values), set->n * sizeof (gfloat));
  return TRUE;
}

/**
 * frc_label_set_selects:
 * @mask: (nullable): of frc_label_set_mask ()
 *
 * Returns: whether what is called @name is selected; a name that is no label only without a mask.
 */
gboolean
frc_label_set_selects (const FrcLabelSet *set, GBytes *mask, GQuark name)
{
  const guint8 *bytes = mask ? g_bytes_get_data (mask, NULL) : NULL;

  if (!bytes)
    return TRUE;
  for (guint i = 0; i < set->n; i++) {
    if (bytes[i] && set->quarks[i] == name)
      return TRUE;
  }
  return FALSE;
}
