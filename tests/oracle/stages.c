/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * stages MODEL [--family F] [--threshold T] [--threads N] [--input-size N]
 *
 * Runs libfrcnn for the oracle. Each line of standard input is a job of tab-separated fields:
 *   PIXELS  raw RGB, width × height × 3 bytes
 *   WIDTH, HEIGHT
 *   OUT     a directory
 *   GIVEN   "-", or a file of proposals: raw f32 x1, y1, x2, y2 in pixels of the image
 *   DUMP    1: every stage goes to OUT/<name>.npy as [n, h, w, c] f32; 0: none
 * OUT/detections.npy is always written: [n, 6] f32 of x1, y1, x2, y2, score, label_id. Answers "ok
 * N-PROPOSALS RESIZED-WIDTH RESIZED-HEIGHT SECONDS" or "error MESSAGE" on a line, and goes on.
 */
#include "core/frcnn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY 4096

typedef struct {
  const char *dir;
  gboolean failed;
} Dump;

/* Writes @rows × @c values, @ld apart, under a version 1.0 .npy header with @shape. */
static gboolean
npy_write (const char *dir, const char *name, const char *shape, const gfloat *data, gsize rows,
    gsize c, gsize ld)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.npy", dir, name);
  char header[118];
  FILE *file = fopen (path, "wb");
  gboolean ok;

  if (!file)
    return FALSE;
  memset (header, ' ', sizeof header);
  header[sizeof header - 1] = '\n';
  {
    g_autofree char *text = g_strdup_printf (
        "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    memcpy (header, text, MIN (strlen (text), sizeof header - 1));
  }
  ok = fwrite ("\x93NUMPY\x01\x00\x76\x00", 1, 10, file) == 10 &&
       fwrite (header, 1, sizeof header, file) == sizeof header;
  for (gsize i = 0; ok && i < rows; i++)
    ok = fwrite (data + i * ld, sizeof *data, c, file) == c;
  return fclose (file) == 0 && ok;
}

static void
observe (const char *name, const gfloat *data, guint n, guint h, guint w, guint c, gsize ld,
    gpointer user_data)
{
  Dump *dump = user_data;
  g_autofree char *shape = g_strdup_printf ("%u, %u, %u, %u", n, h, w, c);

  if (!npy_write (dump->dir, name, shape, data, (gsize) n * h * w, c, ld))
    dump->failed = TRUE;
}

static gboolean
write_found (const char *dir, const FrcDetection *found, guint n)
{
  g_autofree gfloat *rows = g_new0 (gfloat, n * 6 + 1);
  g_autofree char *shape = g_strdup_printf ("%u, 6", n);

  for (guint i = 0; i < n; i++) {
    memcpy (rows + i * 6, &found[i].box, sizeof found[i].box);
    rows[i * 6 + 4] = found[i].score;
    rows[i * 6 + 5] = found[i].label_id;
  }
  return npy_write (dir, "detections", shape, rows, n, 6, 6);
}

/* Returns NULL, or what went wrong. */
static char *
run_job (FrcDetector *detector, gfloat threshold, char **field)
{
  static FrcDetection found[CAPACITY];
  g_autofree char *pixels = NULL, *given = NULL;
  g_autoptr (GError) error = NULL;
  gsize size, given_size = 0;
  guint width = atoi (field[1]), height = atoi (field[2]), n = 0;
  FrcImage image = { { FRC_FORMAT_RGB, width, height }, { NULL }, { (gint) width * 3 } };
  FrcQuery query = FRC_QUERY_INIT;
  Dump dump = { field[3], FALSE };
  FrcDetectorInfo info;
  gint64 start;

  if (!g_file_get_contents (field[0], &pixels, &size, &error))
    return g_strdup (error->message);
  if (size != (gsize) width * height * 3)
    return g_strdup_printf ("%s: %u × %u × 3 bytes expected", field[0], width, height);
  if (strcmp (field[4], "-") && !g_file_get_contents (field[4], &given, &given_size, &error))
    return g_strdup (error->message);
  image.plane[0] = (guint8 *) pixels;
  query.score_threshold = threshold;
  query.proposals = (FrcBox *) given;
  query.n_proposals = given_size / sizeof (FrcBox);
  frc_detector_set_observer (detector, atoi (field[5]) ? observe : NULL, &dump);
  start = g_get_monotonic_time ();
  if (!frc_detect (detector, &image, &query, found, CAPACITY, &n, &error))
    return g_strdup (error->message);
  if (!write_found (field[3], found, n) || dump.failed)
    return g_strdup_printf ("%s: cannot write", field[3]);
  frc_detector_get_info (detector, &info);
  printf ("ok %u %u %u %.6f\n", info.n_proposals, info.resized_width, info.resized_height,
      (g_get_monotonic_time () - start) / 1e6);
  return NULL;
}

int
main (int argc, char **argv)
{
  char *family = NULL, *precision = NULL, line[8192];
  gdouble threshold = 0.05;
  FrcOptions options = { 0 };
  const GOptionEntry entries[] = {
    { "family", 0, 0, G_OPTION_ARG_STRING, &family, NULL, "F" },
    { "threshold", 0, 0, G_OPTION_ARG_DOUBLE, &threshold, NULL, "T" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &options.threads, NULL, "N" },
    { "input-size", 0, 0, G_OPTION_ARG_INT, &options.input_size, NULL, "N" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &precision, NULL, "P" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("MODEL");
  g_autoptr (GError) error = NULL;
  g_autoptr (FrcModel) model = NULL;
  g_autoptr (FrcDetector) detector = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (g_option_context_parse (context, &argc, &argv, &error) && argc == 2 &&
      (!precision || frc_precision_parse (precision, &options.precision, &error)))
    model = frc_model_load (argv[1], family, &error);
  if (model)
    detector = frc_detector_new (model, &options, &error);
  if (!detector) {
    fprintf (stderr, "stages: %s\n", error ? error->message : "one MODEL expected");
    return 1;
  }
  while (fgets (line, sizeof line, stdin)) {
    g_auto (GStrv) field = g_strsplit (g_strchomp (line), "\t", -1);
    g_autofree char *problem = g_strv_length (field) == 6
                                   ? run_job (detector, threshold, field)
                                   : g_strdup ("six fields expected");

    if (problem)
      printf ("error %s\n", problem);
    fflush (stdout);
  }
  g_free (family);
  g_free (precision);
  return 0;
}
