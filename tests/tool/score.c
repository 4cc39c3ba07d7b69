/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * score FORMAT DATASET SPLIT DETECTIONS.jsonl: the three means of a file of detections, so that the
 * tool's average precision can be held against another evaluator's on the very same file (eval.sh).
 */
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include "models/dataset.h"

/* "x/000123.jpg" and "000123" are the same image. */
static char *
image_stem (const char *path)
{
  char *stem = g_path_get_basename (path);
  char *dot = strrchr (stem, '.');
  if (dot)
    *dot = '\0';
  return stem;
}

static void
read_line (Dataset *dataset, GHashTable *images, GArray *finds, const char *line)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  if (!json_parser_load_from_data (parser, line, -1, NULL))
    g_error ("not JSON: %s", line);
  JsonObject *object = json_node_get_object (json_parser_get_root (parser));
  g_autofree char *stem = image_stem (json_object_get_string_member (object, "image"));
  const guint image = GPOINTER_TO_UINT (g_hash_table_lookup (images, stem));
  JsonArray *objects = json_object_get_array_member (object, "objects");
  for (guint i = 0; image > 0 && i < json_array_get_length (objects); i++) {
    JsonObject *one = json_array_get_object_element (objects, i);
    JsonArray *box = json_object_get_array_member (one, "box");
    ApFind find = { image - 1,
      dataset_class (dataset, json_object_get_string_member (one, "label")),
      json_object_get_double_member (one, "score"), { 0 } };
    for (guint k = 0; k < 4; k++)
      find.box[k] = json_array_get_double_element (box, k);
    g_array_append_val (finds, find);
  }
}

static void
print_means (Dataset *dataset, GArray *finds)
{
  const ApMatch match = dataset->format == DATASET_VOC ? AP_MATCH_VOC : AP_MATCH_COCO;
  const ApInput input = { (const ApTruth *) dataset->truths->data, (const ApFind *) finds->data,
    dataset->truths->len, finds->len, dataset->paths->len };
  g_autofree ApClass *classes = g_new0 (ApClass, dataset->names->len + 1);
  ApClass mean;
  for (guint i = 0; i < dataset->names->len; i++)
    ap_class_compute (&classes[i], &input, i, match);
  ap_mean (&mean, classes, dataset->names->len);
  printf ("11-point %.6f\narea     %.6f\n.50:.95  %.6f\n", mean.eleven, mean.area, mean.coco);
}

int
main (int argc, char **argv)
{
  Dataset dataset;
  GError *error = NULL;
  g_autofree char *contents = NULL;
  if (argc != 5) {
    fputs ("usage: score voc|coco DATASET SPLIT DETECTIONS.jsonl\n", stderr);
    return 2;
  }
  if (!dataset_open (&dataset, argv[2], argv[3], NULL,
          strcmp (argv[1], "voc") == 0 ? DATASET_VOC : DATASET_COCO, &error)
      || !g_file_get_contents (argv[4], &contents, NULL, &error)) {
    fprintf (stderr, "score: %s\n", error->message);
    return 1;
  }
  g_autoptr (GHashTable) images = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GArray) finds = g_array_new (FALSE, FALSE, sizeof (ApFind));
  for (guint i = 0; i < dataset.paths->len; i++)
    g_hash_table_insert (images, image_stem (dataset.paths->pdata[i]), GUINT_TO_POINTER (i + 1));
  g_auto (GStrv) lines = g_strsplit (g_strchomp (contents), "\n", -1);
  for (guint i = 0; lines[i]; i++)
    read_line (&dataset, images, finds, lines[i]);
  print_means (&dataset, finds);
  dataset_clear (&dataset);
  return 0;
}
