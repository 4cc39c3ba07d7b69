/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the readers of both layouts share, and which of them reads a given path.
 */
#include "dataset.h"

#include <string.h>
#include "core/frcnn.h"

/* The number of the class `name`, which is added where it is new. */
guint
dataset_class (Dataset *dataset, const char *name)
{
  guint id = GPOINTER_TO_UINT (g_hash_table_lookup (dataset->name_ids, name));
  if (id == 0) {
    char *copy = g_strdup (name);
    g_ptr_array_add (dataset->names, copy);
    id = dataset->names->len;
    g_hash_table_insert (dataset->name_ids, copy, GUINT_TO_POINTER (id));
  }
  return id - 1;
}

static gboolean
has (const char *path, const char *entry, GFileTest test)
{
  g_autofree char *full = g_build_filename (path, entry, NULL);
  return g_file_test (full, test);
}

static DatasetFormat
guess_format (const char *path)
{
  if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
    return DATASET_COCO;
  if (has (path, "Annotations", G_FILE_TEST_IS_DIR) && has (path, "ImageSets", G_FILE_TEST_IS_DIR))
    return DATASET_VOC;
  return has (path, "annotations", G_FILE_TEST_IS_DIR) ? DATASET_COCO : DATASET_GUESS;
}

/* Reads the annotations of `split`; `images` (nullable) is the folder of the images where it is not
 * the layout's own. Free with dataset_clear (), after a failure too. */
gboolean
dataset_open (Dataset *dataset, const char *path, const char *split, const char *images,
    DatasetFormat format, GError **error)
{
  *dataset = (Dataset) { .format = format == DATASET_GUESS ? guess_format (path) : format,
    .paths = g_ptr_array_new_with_free_func (g_free),
    .names = g_ptr_array_new_with_free_func (g_free),
    .truths = g_array_new (FALSE, FALSE, sizeof (ApTruth)),
    .name_ids = g_hash_table_new (g_str_hash, g_str_equal) };
  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_OPEN, "%s: no such dataset", path);
    return FALSE;
  }
  gboolean good = FALSE;
  if (dataset->format == DATASET_VOC)
    good = dataset_read_voc (dataset, path, split, images, error);
  else if (dataset->format == DATASET_COCO)
    good = dataset_read_coco (dataset, path, split, images, error);
  else
    g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT,
        "%s: neither a VOC dataset (Annotations, ImageSets/Main, JPEGImages) nor a COCO one "
        "(annotations/instances_%s.json)", path, split ? split : "NAME");
  if (good && dataset->paths->len == 0) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT, "%s: split %s lists no images", path,
        split ? split : "(none)");
    good = FALSE;
  }
  return good;
}

void
dataset_clear (Dataset *dataset)
{
  g_clear_pointer (&dataset->paths, g_ptr_array_unref);
  g_clear_pointer (&dataset->names, g_ptr_array_unref);
  g_clear_pointer (&dataset->truths, g_array_unref);
  g_clear_pointer (&dataset->name_ids, g_hash_table_unref);
}
