/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * COCO's layout: one JSON file of images, categories and annotations a split.
 */
#include "dataset.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>
#include "core/frcnn.h"

#define MAX_NESTING 32

/* The parser recurses: a file nested deeper than any such file is refused before it runs. */
static gboolean
check_nesting (const char *text, gsize length, GError **error)
{
  guint depth = 0;
  gboolean in_string = FALSE;
  for (gsize i = 0; i < length; i++) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        i++;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = TRUE;
    } else if ((c == '{' || c == '[') && ++depth > MAX_NESTING) {
      g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT, "nested deeper than %d", MAX_NESTING);
      return FALSE;
    } else if ((c == '}' || c == ']') && depth > 0) {
      depth--;
    }
  }
  return TRUE;
}

static gboolean
get_number (JsonNode *node, gdouble *out)
{
  if (!node || !JSON_NODE_HOLDS_VALUE (node) || (json_node_get_value_type (node) != G_TYPE_INT64
                                                    && json_node_get_value_type (node) != G_TYPE_DOUBLE))
    return FALSE;
  *out = json_node_get_double (node);
  return isfinite (*out);
}

static gboolean
get_id (JsonObject *object, const char *key, gint64 *out)
{
  JsonNode *node = json_object_get_member (object, key);
  if (!node || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return FALSE;
  *out = json_node_get_int (node);
  return TRUE;
}

static const char *
get_string (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);
  if (!node || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}

static JsonArray *
get_array (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);
  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static JsonObject *
get_element (JsonArray *array, guint i)
{
  JsonNode *node = json_array_get_element (array, i);
  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static gboolean
complain (GError **error, const char *list, guint i, const char *expected)
{
  g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT, "%s[%u]: expected %s", list, i, expected);
  return FALSE;
}

/* The folder of the images: given, or the first of the usual places that holds `file`. */
static char *
image_path (const char *root, const char *split, const char *images, const char *file)
{
  if (images)
    return g_build_filename (images, file, NULL);
  g_autofree char *nested = g_build_filename ("images", split, NULL);
  const char *const places[] = { split ? split : "images", nested, "images", "JPEGImages" };
  for (guint i = 0; i < G_N_ELEMENTS (places); i++) {
    g_autofree char *path = g_build_filename (root, places[i], file, NULL);
    if (g_file_test (path, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&path);
  }
  g_autofree char *beside = g_build_filename (root, file, NULL);
  if (g_file_test (beside, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&beside);
  return g_build_filename (root, split ? split : "images", file, NULL);
}

typedef struct {
  gint64 id;
  const char *file;
} Picture;

static int
compare_pictures (const void *a, const void *b)
{
  const gint64 one = ((const Picture *) a)->id, other = ((const Picture *) b)->id;
  return one < other ? -1 : one > other;
}

/* Image ids → numbers, in the order of the ids. `numbers` maps an id to its number + 1. */
static gboolean
read_images (Dataset *dataset, JsonArray *list, GHashTable *numbers, const char *root,
    const char *split, const char *images, GError **error)
{
  const guint n = json_array_get_length (list);
  g_autofree Picture *pictures = g_new (Picture, n + 1);
  for (guint i = 0; i < n; i++) {
    JsonObject *object = get_element (list, i);
    if (!object || !get_id (object, "id", &pictures[i].id)
        || !(pictures[i].file = get_string (object, "file_name")))
      return complain (error, "images", i, "an object with an id and a file_name");
  }
  qsort (pictures, n, sizeof *pictures, compare_pictures);
  for (guint i = 0; i < n; i++) {
    if (i > 0 && pictures[i].id == pictures[i - 1].id) {
      g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT,
          "images: id %" G_GINT64_FORMAT " appears twice", pictures[i].id);
      return FALSE;
    }
    gint64 *key = g_memdup2 (&pictures[i].id, sizeof pictures[i].id);
    g_hash_table_insert (numbers, key, GUINT_TO_POINTER (i + 1));
    g_ptr_array_add (dataset->paths, image_path (root, split, images, pictures[i].file));
  }
  return TRUE;
}

static gboolean
read_categories (Dataset *dataset, JsonArray *list, GHashTable *numbers, GError **error)
{
  for (guint i = 0; i < json_array_get_length (list); i++) {
    JsonObject *object = get_element (list, i);
    const char *name = object ? get_string (object, "name") : NULL;
    gint64 id;
    if (!name || !get_id (object, "id", &id))
      return complain (error, "categories", i, "an object with an id and a name");
    const guint number = dataset_class (dataset, name);
    g_hash_table_insert (numbers, g_memdup2 (&id, sizeof id), GUINT_TO_POINTER (number + 1));
  }
  return TRUE;
}

/* bbox is x, y, width, height. iscrowd is 0 or 1, and true or false in some files. */
static gboolean
read_annotation (Dataset *dataset, JsonObject *object, GHashTable *images, GHashTable *classes,
    guint i, GError **error)
{
  gint64 image_id, category_id;
  JsonArray *box = object ? get_array (object, "bbox") : NULL;
  gdouble b[4];
  gboolean good = box && json_array_get_length (box) == 4;
  for (guint k = 0; good && k < 4; k++)
    good = get_number (json_array_get_element (box, k), &b[k]);
  if (!good || !get_id (object, "image_id", &image_id)
      || !get_id (object, "category_id", &category_id))
    return complain (error, "annotations", i,
        "an object with an image_id, a category_id and a bbox of four numbers");
  const guint image = GPOINTER_TO_UINT (g_hash_table_lookup (images, &image_id));
  const guint class = GPOINTER_TO_UINT (g_hash_table_lookup (classes, &category_id));
  if (image == 0 || class == 0)
    return complain (error, "annotations", i,
        image == 0 ? "an image_id of the file's images" : "a category_id of the file's categories");
  JsonNode *crowd = json_object_get_member (object, "iscrowd");
  const ApTruth truth = { image - 1, class - 1, { b[0], b[1], b[0] + b[2], b[1] + b[3] },
    crowd && JSON_NODE_HOLDS_VALUE (crowd)
        && (json_node_get_value_type (crowd) == G_TYPE_BOOLEAN ? json_node_get_boolean (crowd)
                                                                : json_node_get_int (crowd) != 0) };
  g_array_append_val (dataset->truths, truth);
  return TRUE;
}

static gboolean
read_root (Dataset *dataset, JsonNode *node, const char *root, const char *split,
    const char *images, GError **error)
{
  JsonObject *object = node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  JsonArray *pictures = object ? get_array (object, "images") : NULL;
  JsonArray *categories = object ? get_array (object, "categories") : NULL;
  JsonArray *annotations = object ? get_array (object, "annotations") : NULL;
  if (!pictures || !categories || !annotations) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT,
        "no COCO instances file: expected the lists images, categories and annotations");
    return FALSE;
  }
  g_autoptr (GHashTable) image_ids = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  g_autoptr (GHashTable) class_ids = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  if (!read_images (dataset, pictures, image_ids, root, split, images, error)
      || !read_categories (dataset, categories, class_ids, error))
    return FALSE;
  for (guint i = 0; i < json_array_get_length (annotations); i++)
    if (!read_annotation (dataset, get_element (annotations, i), image_ids, class_ids, i, error))
      return FALSE;
  return TRUE;
}

/* DATASET/annotations/x.json and DATASET/x.json both have DATASET as the root of their images. */
static char *
root_of (const char *file)
{
  g_autofree char *folder = g_path_get_dirname (file);
  g_autofree char *name = g_path_get_basename (folder);
  return strcmp (name, "annotations") == 0 ? g_path_get_dirname (folder)
                                           : g_steal_pointer (&folder);
}

gboolean
dataset_read_coco (Dataset *dataset, const char *path, const char *split, const char *images,
    GError **error)
{
  const gboolean is_file = g_file_test (path, G_FILE_TEST_IS_REGULAR);
  if (!is_file && !split) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "%s: --split NAME is needed (annotations/instances_NAME.json)", path);
    return FALSE;
  }
  g_autofree char *name = g_strdup_printf ("instances_%s.json", split ? split : "");
  g_autofree char *file =
      is_file ? g_strdup (path) : g_build_filename (path, "annotations", name, NULL);
  g_autofree char *root = is_file ? root_of (path) : g_strdup (path);
  g_autofree char *contents = NULL;
  gsize length;
  if (!g_file_get_contents (file, &contents, &length, error))
    return FALSE;
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  if (check_nesting (contents, length, error)
      && json_parser_load_from_data (parser, contents, (gssize) length, error)
      && read_root (dataset, json_parser_get_root (parser), root, split, images, error))
    return TRUE;
  g_prefix_error (error, "%s: ", file);
  return FALSE;
}
