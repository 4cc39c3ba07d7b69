/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "synthetic.h"
#include "caffe.h"
#include "detectron2.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  char name[160];
  guint shape[4], n_dims;
  gsize n;
} Entry;

static gboolean
parse (char *line, Entry *entry)
{
  char *space = strchr (line, ' ');

  if (*line == '#' || !space)
    return FALSE;
  *space = '\0';
  g_strlcpy (entry->name, line, sizeof entry->name);
  g_auto (GStrv) sides = g_strsplit (space + 1, "x", 4);
  entry->n = 1;
  entry->n_dims = g_strv_length (sides);
  for (guint i = 0; i < entry->n_dims; i++)
    entry->n *= entry->shape[i] = (guint) g_ascii_strtoull (sides[i], NULL, 10);
  return TRUE;
}

/* Uniform weights that keep activations in range: residual sums grow by themselves, MobileNetV3's
 * hard-swish and squeeze-and-excitation take away. Class predictors much more, so that scores
 * spread. */
static gfloat
amplitude (const Entry *entry, gfloat gain)
{
  gfloat fan_in = (gfloat) (entry->n / entry->shape[0]);
  gboolean boxes = strstr (entry->name, "bbox_pred") || strstr (entry->name, "BoxEncoding");
  gboolean predictor = boxes || strstr (entry->name, "cls_") ||
                       strstr (entry->name, "ClassPredictor");

  if (boxes)
    return 0.3f / sqrtf (fan_in);
  return (predictor ? 30.0f : gain) / sqrtf (fan_in);
}

static void
fill (const Entry *entry, gfloat gain, GRand *rand, gfloat *out)
{
  gboolean one = g_str_has_suffix (entry->name, "running_var") ||
                 (entry->n_dims == 1 && g_str_has_suffix (entry->name, "weight"));
  gfloat a = entry->n_dims > 1 ? amplitude (entry, gain) : 0;

  for (gsize i = 0; i < entry->n; i++)
    out[i] = one ? 1 : (gfloat) g_rand_double_range (rand, -1, 1) * a;
}

/* Files of other frameworks, written as those have them. */
static gboolean
write_foreign (const char *family, const char *path)
{
  g_autoptr (GByteArray) file = NULL;

  if (strstr (family, "vgg16") || strstr (family, "zf"))
    file = caffe_small_net (family, CAFFE_V2);
  else if (strstr (family, "detectron2"))
    file = detectron2_small_model (PICKLE_NUMPY1, DETECTRON2_R50);
  return file && g_file_set_contents (path, (char *) file->data, file->len, NULL);
}

void
frc_test_write_model (const char *family, const char *path)
{
  if (write_foreign (family, path))
    return;
  const char *folder = g_getenv ("FRC_TEST_FAMILIES");
  const char *list = strstr (family, "_320_") ? "fasterrcnn_mobilenet_v3_large_fpn" : family;
  g_autofree char *file = g_strdup_printf ("%s/%s.txt", folder ? folder : ".", list);
  g_autofree char *text = NULL;
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  g_autoptr (GString) header = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  gsize offset = 0;

  g_file_get_contents (file, &text, NULL, &error);
  g_assert_no_error (error);
  g_string_append_printf (header, "{\"__metadata__\":{\"family\":\"%s\"}", family);
  for (char *line = strtok (text, "\n"); line; line = strtok (NULL, "\n")) {
    Entry entry;
    if (!parse (line, &entry))
      continue;
    g_string_append_printf (header, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[", entry.name);
    for (guint d = 0; d < entry.n_dims; d++)
      g_string_append_printf (header, "%s%u", d ? "," : "", entry.shape[d]);
    g_string_append_printf (header, "],\"data_offsets\":[%zu,%zu]}", offset,
        offset + entry.n * sizeof (gfloat));
    offset += entry.n * sizeof (gfloat);
    g_array_append_val (entries, entry);
  }
  g_string_append_c (header, '}');
  while (header->len % 8)
    g_string_append_c (header, ' ');

  FILE *out = fopen (path, "wb");
  GRand *rand = g_rand_new_with_seed (1);
  guint64 length = GUINT64_TO_LE (header->len);
  g_assert_nonnull (out);
  fwrite (&length, sizeof length, 1, out);
  fwrite (header->str, 1, header->len, out);
  for (guint i = 0; i < entries->len; i++) {
    const Entry *entry = &g_array_index (entries, Entry, i);
    g_autofree gfloat *values = g_new (gfloat, entry->n);
    gfloat gain = strstr (family, "mobilenet") ? 2.28f : strstr (family, "inception") ? 2.45f : 1.5f;
    fill (entry, gain, rand, values);
    g_assert_cmpuint (fwrite (values, sizeof (gfloat), entry->n, out), ==, entry->n);
  }
  g_assert_cmpint (fclose (out), ==, 0);
  g_rand_free (rand);
}
