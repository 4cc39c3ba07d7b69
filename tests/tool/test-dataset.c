/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading datasets: what a small one of each layout holds, and what damaged ones are called.
 */
#include <glib/gstdio.h>
#include <string.h>
#include "core/frcnn.h"
#include "models/dataset.h"

static char *root;

static void
put (const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (root, name, NULL);
  g_autofree char *folder = g_path_get_dirname (path);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
remove_all (const char *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *child = g_build_filename (path, name, NULL);
    remove_all (child);
  }
  g_clear_pointer (&dir, g_dir_close);
  g_remove (path);
}

static void
begin (void)
{
  root = g_dir_make_tmp ("frcnn-dataset-XXXXXX", NULL);
  g_assert_nonnull (root);
}

static void
end (void)
{
  remove_all (root);
  g_clear_pointer (&root, g_free);
}

/* The dataset must be refused with a message that holds each of the words. */
static void
expect_error (const char *split, DatasetFormat format, const char *word, const char *other)
{
  Dataset dataset;
  g_autoptr (GError) error = NULL;
  g_assert_false (dataset_open (&dataset, root, split, NULL, format, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, word));
  g_assert_nonnull (strstr (error->message, other));
  dataset_clear (&dataset);
}

static const char dog[] =
    "<?xml version='1.0'?><annotation><filename>x.jpg</filename><object><name> dog </name>"
    "<difficult>1</difficult><bndbox><xmin>1</xmin><ymin>2.5</ymin><xmax>30</xmax><ymax>40</ymax>"
    "</bndbox></object></annotation>";
/* the object's own name stands behind those of its parts, which have boxes too */
static const char person[] =
    "<annotation><object><bndbox><ymax>9</ymax><xmax>8</xmax><ymin>3</ymin><xmin>2</xmin></bndbox>"
    "<part><name>head</name><bndbox><xmin>99</xmin><ymin>99</ymin><xmax>99</xmax><ymax>99</ymax>"
    "</bndbox></part><name>person</name></object><object><name>dog</name><bndbox><xmin>5</xmin>"
    "<ymin>5</ymin><xmax>6</xmax><ymax>6</ymax></bndbox></object></annotation>";

static void
test_voc (void)
{
  Dataset dataset;
  g_autoptr (GError) error = NULL;
  begin ();
  put ("Annotations/a.xml", dog);
  put ("Annotations/b.xml", person);
  put ("Annotations/c.xml", "<annotation><old><annotation><object><name>cat</name></object>"
                            "</annotation></old></annotation>");
  put ("JPEGImages/b.png", "");
  put ("ImageSets/Main/val.txt", "a\r\nb  -1\n\n  c\n");
  g_assert_true (dataset_open (&dataset, root, "val", NULL, DATASET_GUESS, &error));
  g_assert_no_error (error);
  g_assert_cmpint (dataset.format, ==, DATASET_VOC);
  g_assert_cmpuint (dataset.paths->len, ==, 3);
  g_assert_true (g_str_has_suffix (dataset.paths->pdata[0], "/JPEGImages/a.jpg"));
  g_assert_true (g_str_has_suffix (dataset.paths->pdata[1], "/JPEGImages/b.png"));
  g_assert_cmpuint (dataset.names->len, ==, 2);
  g_assert_cmpstr (dataset.names->pdata[0], ==, "dog");
  g_assert_cmpstr (dataset.names->pdata[1], ==, "person");
  g_assert_cmpuint (dataset.truths->len, ==, 3);
  const ApTruth *truths = (const ApTruth *) dataset.truths->data;
  const ApTruth expected[] = { { 0, 0, { 0, 1.5, 30, 40 }, TRUE }, { 1, 1, { 1, 2, 8, 9 }, FALSE },
    { 1, 0, { 4, 4, 6, 6 }, FALSE } };
  for (int i = 0; i < 3; i++) {
    g_assert_cmpuint (truths[i].image, ==, expected[i].image);
    g_assert_cmpuint (truths[i].label, ==, expected[i].label);
    g_assert_cmpint (truths[i].ignore, ==, expected[i].ignore);
    for (int k = 0; k < 4; k++)
      g_assert_cmpfloat (truths[i].box[k], ==, expected[i].box[k]);
  }
  dataset_clear (&dataset);
  end ();
}

static void
test_voc_errors (void)
{
  begin ();
  expect_error ("val", DATASET_GUESS, root, "neither a VOC dataset");
  expect_error ("val", DATASET_VOC, "val.txt", "ImageSets");
  expect_error (NULL, DATASET_VOC, "--split", root);
  put ("ImageSets/Main/val.txt", "a\n");
  expect_error ("val", DATASET_VOC, "a.xml", "Annotations");
  put ("Annotations/a.xml", "<annotation><object>");
  expect_error ("val", DATASET_VOC, "a.xml", "object");
  put ("Annotations/a.xml", "<annotation><object><name>dog</name></object></annotation>");
  expect_error ("val", DATASET_VOC, "a.xml", "xmin");
  put ("Annotations/a.xml", "<annotation><object><bndbox/></object></annotation>");
  expect_error ("val", DATASET_VOC, "a.xml", "<name>");
  put ("Annotations/a.xml", "<annotation><object><name>dog</name><bndbox><xmin>12a</xmin></bndbox>"
                            "</object></annotation>");
  expect_error ("val", DATASET_VOC, "12a", "xmin");
  put ("Annotations/a.xml", dog);
  put ("ImageSets/Main/val.txt", "a\na\n");
  expect_error ("val", DATASET_VOC, "val.txt", "twice");
  put ("ImageSets/Main/val.txt", "\n");
  expect_error ("val", DATASET_VOC, root, "no images");
  end ();
}

static const char instances[] =
    "{\"info\": {}, \"images\": [{\"id\": 9, \"file_name\": \"nine.jpg\"},"
    "  {\"id\": 4, \"file_name\": \"four.jpg\", \"width\": 5}],"
    " \"categories\": [{\"id\": 18, \"name\": \"dog\"}, {\"id\": 1, \"name\": \"person\"}],"
    " \"annotations\": [{\"id\": 1, \"image_id\": 9, \"category_id\": 1, \"bbox\": [1, 2.5, 10, 20],"
    "    \"iscrowd\": 0, \"segmentation\": [[1, 2, 3]]},"
    "  {\"id\": 2, \"image_id\": 4, \"category_id\": 18, \"bbox\": [0, 0, 3, 4], \"iscrowd\": 1}]}";

static void
check_coco (const char *path, const char *split)
{
  Dataset dataset;
  g_autoptr (GError) error = NULL;
  g_assert_true (dataset_open (&dataset, path, split, NULL, DATASET_GUESS, &error));
  g_assert_no_error (error);
  g_assert_cmpint (dataset.format, ==, DATASET_COCO);
  /* in the order of the ids */
  g_assert_cmpuint (dataset.paths->len, ==, 2);
  g_assert_true (g_str_has_suffix (dataset.paths->pdata[0], "/val/four.jpg"));
  g_assert_true (g_str_has_suffix (dataset.paths->pdata[1], "/images/nine.jpg"));
  g_assert_cmpuint (dataset.truths->len, ==, 2);
  const ApTruth *truths = (const ApTruth *) dataset.truths->data;
  g_assert_cmpuint (truths[0].image, ==, 1);
  g_assert_cmpstr (dataset.names->pdata[truths[0].label], ==, "person");
  g_assert_false (truths[0].ignore);
  g_assert_cmpfloat (truths[0].box[0], ==, 1);
  g_assert_cmpfloat (truths[0].box[1], ==, 2.5);
  g_assert_cmpfloat (truths[0].box[2], ==, 11);
  g_assert_cmpfloat (truths[0].box[3], ==, 22.5);
  g_assert_cmpuint (truths[1].image, ==, 0);
  g_assert_cmpstr (dataset.names->pdata[truths[1].label], ==, "dog");
  g_assert_true (truths[1].ignore);
  dataset_clear (&dataset);
}

static void
test_coco (void)
{
  begin ();
  put ("annotations/instances_val.json", instances);
  put ("val/four.jpg", "");
  put ("images/nine.jpg", "");
  check_coco (root, "val");
  g_autofree char *file = g_build_filename (root, "annotations", "instances_val.json", NULL);
  check_coco (file, "val");
  end ();
}

static void
test_coco_errors (void)
{
  static const struct {
    const char *text, *word;
  } cases[] = {
    { "{\"images\": []}", "categories" },
    { "[1, 2]", "no COCO instances" },
    { "{\"images\": 3, \"categories\": [], \"annotations\": []}", "images" },
    { "{\"images\": [7], \"categories\": [], \"annotations\": []}", "images[0]" },
    { "{\"images\": [{\"id\": \"x\", \"file_name\": \"a\"}], \"categories\": [],"
      " \"annotations\": []}", "images[0]" },
    { "{\"images\": [{\"id\": 1, \"file_name\": \"a\"}, {\"id\": 1, \"file_name\": \"b\"}],"
      " \"categories\": [], \"annotations\": []}", "twice" },
    { "{\"images\": [], \"categories\": [{\"id\": 1}], \"annotations\": []}", "categories[0]" },
    { "{\"images\": [], \"categories\": [], \"annotations\": [{\"image_id\": 1, \"category_id\": 1,"
      " \"bbox\": [1, 2, 3]}]}", "four numbers" },
    { "{\"images\": [], \"categories\": [], \"annotations\": [{\"image_id\": 1, \"category_id\": 1,"
      " \"bbox\": [1, 2, 3, 4]}]}", "image_id" },
    { "{\"images\": [{\"id\": 1, \"file_name\": \"a\"}], \"categories\": [], \"annotations\":"
      " [{\"image_id\": 1, \"category_id\": 1, \"bbox\": [1, 2, 3, 4]}]}", "category_id" },
    { "{\"images\": [], \"categories\": [], \"annotations\": []}", "no images" },
    { "{\"images\": [", "instances_val.json" },
  };
  begin ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    put ("annotations/instances_val.json", cases[i].text);
    expect_error ("val", DATASET_COCO, cases[i].word, root);
  }
  g_autoptr (GString) deep = g_string_new (NULL);
  for (int i = 0; i < 1000000; i++)
    g_string_append_c (deep, '[');
  put ("annotations/instances_val.json", deep->str);
  expect_error ("val", DATASET_COCO, "nested", "instances_val.json");
  end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dataset/voc", test_voc);
  g_test_add_func ("/dataset/voc-errors", test_voc_errors);
  g_test_add_func ("/dataset/coco", test_coco);
  g_test_add_func ("/dataset/coco-errors", test_coco_errors);
  return g_test_run ();
}
