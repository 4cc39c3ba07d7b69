/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * PASCAL VOC's layout: an XML file an image, a list of image names a split.
 */
#include "dataset.h"

#include <math.h>
#include <string.h>
#include "core/frcnn.h"

/* What of annotation/object has been read so far. The depth tells an object's own name from that of
 * one of its parts. */
typedef struct {
  Dataset *dataset;
  guint image;
  GString *text;
  char *name;
  gdouble corner[4]; /* xmin, ymin, xmax, ymax as written, NAN where not yet */
  gboolean difficult;
} Reading;

static const char *const corner_names[4] = { "xmin", "ymin", "xmax", "ymax" };

static gboolean
inside (GMarkupParseContext *context, const char *const *path)
{
  const GSList *stack = g_markup_parse_context_get_element_stack (context);
  guint n = 0;
  while (path[n])
    n++;
  for (; stack && n > 0; stack = stack->next)
    if (strcmp (stack->data, path[--n]) != 0)
      return FALSE;
  return !stack && n == 0;
}

static const char *const object_path[] = { "annotation", "object", NULL };
static const char *const name_path[] = { "annotation", "object", "name", NULL };
static const char *const difficult_path[] = { "annotation", "object", "difficult", NULL };

static void
start_element (GMarkupParseContext *context, const char *element, const char **names,
    const char **values, gpointer user_data, GError **error)
{
  Reading *reading = user_data;
  g_string_truncate (reading->text, 0);
  if (!inside (context, object_path))
    return;
  g_clear_pointer (&reading->name, g_free);
  reading->difficult = FALSE;
  for (int i = 0; i < 4; i++)
    reading->corner[i] = NAN;
}

static gboolean
read_number (Reading *reading, const char *element, gdouble *out, GError **error)
{
  char *end;
  *out = g_ascii_strtod (g_strstrip (reading->text->str), &end);
  if (end != reading->text->str && *end == '\0' && isfinite (*out))
    return TRUE;
  g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT, "<%s> is '%s', expected a number", element,
      reading->text->str);
  return FALSE;
}

static void
finish_object (Reading *reading, GError **error)
{
  const gdouble *c = reading->corner;
  if (!reading->name || reading->name[0] == '\0') {
    g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT, "an object without a <name>");
    return;
  }
  for (int i = 0; i < 4; i++)
    if (isnan (c[i])) {
      g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT, "object '%s' has no <%s>", reading->name,
          corner_names[i]);
      return;
    }
  const ApTruth truth = { reading->image, dataset_class (reading->dataset, reading->name),
    { c[0] - 1, c[1] - 1, c[2], c[3] }, reading->difficult };
  g_array_append_val (reading->dataset->truths, truth);
}

static void
end_element (GMarkupParseContext *context, const char *element, gpointer user_data, GError **error)
{
  Reading *reading = user_data;
  const char *corner_path[] = { "annotation", "object", "bndbox", element, NULL };
  gdouble number;
  if (inside (context, object_path)) {
    finish_object (reading, error);
  } else if (inside (context, name_path)) {
    g_free (reading->name);
    reading->name = g_strdup (g_strstrip (reading->text->str));
  } else if (inside (context, difficult_path)) {
    if (read_number (reading, element, &number, error))
      reading->difficult = number != 0;
  } else if (inside (context, corner_path)) {
    for (int i = 0; i < 4; i++)
      if (strcmp (element, corner_names[i]) == 0 && !read_number (reading, element,
                                                        &reading->corner[i], error))
        return;
  }
  g_string_truncate (reading->text, 0);
}

static void
add_text (GMarkupParseContext *context, const char *text, gsize length, gpointer user_data,
    GError **error)
{
  Reading *reading = user_data;
  g_string_append_len (reading->text, text, (gssize) length);
}

static gboolean
read_annotation (Dataset *dataset, guint image, const char *path, GError **error)
{
  static const GMarkupParser parser = { start_element, end_element, add_text, NULL, NULL };
  g_autofree char *contents = NULL;
  gsize length;
  if (!g_file_get_contents (path, &contents, &length, error))
    return FALSE;
  Reading reading = { .dataset = dataset, .image = image, .text = g_string_new (NULL) };
  GMarkupParseContext *context =
      g_markup_parse_context_new (&parser, G_MARKUP_PREFIX_ERROR_POSITION, &reading, NULL);
  const gboolean good = g_markup_parse_context_parse (context, contents, (gssize) length, error)
      && g_markup_parse_context_end_parse (context, error);
  g_markup_parse_context_free (context);
  g_string_free (reading.text, TRUE);
  g_free (reading.name);
  if (!good)
    g_prefix_error (error, "%s: ", path);
  return good;
}

/* DATASET/JPEGImages/ID with the first ending that exists; .jpg where none does, and opening the
 * image will say so. */
static char *
image_path (const char *folder, const char *id)
{
  static const char *const endings[] = { ".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG" };
  for (guint i = 0; i < G_N_ELEMENTS (endings); i++) {
    g_autofree char *file = g_strconcat (id, endings[i], NULL);
    g_autofree char *path = g_build_filename (folder, file, NULL);
    if (g_file_test (path, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&path);
  }
  g_autofree char *file = g_strconcat (id, ".jpg", NULL);
  return g_build_filename (folder, file, NULL);
}

static gboolean
add_image (Dataset *dataset, GHashTable *seen, const char *list, const char *root,
    const char *folder, const char *id, GError **error)
{
  if (!g_hash_table_add (seen, g_strdup (id))) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT, "%s: image %s is listed twice", list, id);
    return FALSE;
  }
  g_autofree char *file = g_strconcat (id, ".xml", NULL);
  g_autofree char *annotation = g_build_filename (root, "Annotations", file, NULL);
  const guint image = dataset->paths->len;
  g_ptr_array_add (dataset->paths, image_path (folder, id));
  return read_annotation (dataset, image, annotation, error);
}

/* The first word of each line of ImageSets/Main/SPLIT.txt names an image. */
gboolean
dataset_read_voc (Dataset *dataset, const char *path, const char *split, const char *images,
    GError **error)
{
  if (!split) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "%s: --split NAME is needed (a list in ImageSets/Main)", path);
    return FALSE;
  }
  g_autofree char *file = g_strconcat (split, ".txt", NULL);
  g_autofree char *list = g_build_filename (path, "ImageSets", "Main", file, NULL);
  g_autofree char *folder =
      images ? g_strdup (images) : g_build_filename (path, "JPEGImages", NULL);
  g_autofree char *contents = NULL;
  if (!g_file_get_contents (list, &contents, NULL, error))
    return FALSE;
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_auto (GStrv) lines = g_strsplit (contents, "\n", -1);
  for (char **line = lines; *line; line++) {
    const char *id = g_strstrip (*line);
    (*line)[strcspn (id, " \t")] = '\0';
    if (*id && !add_image (dataset, seen, list, path, folder, id, error))
      return FALSE;
  }
  return TRUE;
}
