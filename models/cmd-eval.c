/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `frcnn eval`: runs a model over the annotated images of a split and prints the average precision
 * of each class and their means.
 */
#include "dataset.h"
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  ToolSettings settings;
  char *split, *format, *images, *detections;
  gboolean json, quiet;
} Options;

/* One evaluation from start to end. */
typedef struct {
  const Options *options;
  const char *path; /* of the dataset */
  ToolSession session;
  Dataset dataset;
  GArray *finds; /* ApFind */
  FILE *out;     /* of --detections, or NULL */
  guint n_bad;   /* images that could not be read */
  gdouble seconds;
} Evaluation;

static gboolean
parse_format (const char *text, DatasetFormat *format, GError **error)
{
  *format = DATASET_GUESS;
  if (!text)
    return TRUE;
  if (strcmp (text, "voc") == 0)
    *format = DATASET_VOC;
  else if (strcmp (text, "coco") == 0)
    *format = DATASET_COCO;
  else
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "--format %s: expected voc or coco", text);
  return *format != DATASET_GUESS;
}

static const char *
class_name (const Evaluation *e, guint i)
{
  return g_ptr_array_index (e->dataset.names, i);
}

static void
keep_finds (Evaluation *e, guint image)
{
  for (guint i = 0; i < e->session.n_found; i++) {
    const FrcDetection *d = &e->session.found[i];
    const ApFind find = { image,
      dataset_class (&e->dataset, tool_session_label (&e->session, d->label_id)),
      (gdouble) d->score, { d->box.x1, d->box.y1, d->box.x2, d->box.y2 } };
    g_array_append_val (e->finds, find);
  }
}

/* Each line goes to the file at once: what was found is kept if the run is broken off. */
static gboolean
write_line (Evaluation *e, const char *path, const FrcImage *image, GError **error)
{
  g_autoptr (GString) line = g_string_new (NULL);
  tool_json_detections (line, path, image->info.width, image->info.height, &e->session);
  g_string_append_c (line, '\n');
  if (fwrite (line->str, 1, line->len, e->out) == line->len && fflush (e->out) == 0)
    return TRUE;
  g_set_error (error, FRC_ERROR, FRC_ERROR_WRITE, "%s: cannot write it: %s",
      e->options->detections, g_strerror (errno));
  return FALSE;
}

/* A bad image is told and left out: its objects count as missed. FALSE only if nothing can go on. */
static gboolean
evaluate_image (Evaluation *e, guint i, ToolProgress *progress, GError **error)
{
  const char *path = g_ptr_array_index (e->dataset.paths, i);
  ToolStill still;
  GError *bad = NULL;
  gboolean good = tool_still_open (&still, path, &bad)
      && tool_session_detect (&e->session, path, &still.image, &bad);
  if (good) {
    keep_finds (e, i);
    good = !e->out || write_line (e, path, &still.image, error);
  } else {
    e->n_bad++;
    tool_progress_hide (progress);
    tool_fail (NULL, bad);
    good = TRUE;
  }
  tool_still_clear (&still);
  return good;
}

static gboolean
evaluate_images (Evaluation *e, GError **error)
{
  ToolProgress progress;
  gboolean good = TRUE;
  tool_progress_start (&progress, "images", e->dataset.paths->len, e->options->quiet);
  for (guint i = 0; good && i < e->dataset.paths->len; i++) {
    good = evaluate_image (e, i, &progress, error);
    tool_progress_step (&progress);
  }
  tool_progress_finish (&progress);
  e->seconds = (gdouble) (g_get_monotonic_time () - progress.start_us) / G_TIME_SPAN_SECOND;
  return good;
}

/* Classes that the dataset has objects of and the model has no label for are worth a line. */
static void
tell_unknown_classes (Evaluation *e)
{
  const guint n_labels = frc_model_get_info (e->session.model)->n_labels;
  g_autoptr (GHashTable) labels = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GString) unknown = g_string_new (NULL);
  g_autofree gboolean *present = g_new0 (gboolean, e->dataset.names->len + 1);
  guint n = 0;
  for (guint i = 0; i < n_labels; i++)
    g_hash_table_add (labels, (char *) tool_session_label (&e->session, (gint) i));
  for (guint i = 0; i < e->dataset.truths->len; i++)
    present[g_array_index (e->dataset.truths, ApTruth, i).label] = TRUE;
  for (guint i = 0; i < e->dataset.names->len; i++)
    if (present[i] && !g_hash_table_contains (labels, class_name (e, i)))
      g_string_append_printf (unknown, "%s%s", n++ ? ", " : "", class_name (e, i));
  if (n > 0)
    tool_complain ("%u of the dataset's classes are no labels of the model and count as 0: %s", n,
        unknown->str);
}

static int
compare_names (const void *a, const void *b, gpointer user_data)
{
  const Evaluation *e = user_data;
  return strcmp (class_name (e, *(const guint *) a), class_name (e, *(const guint *) b));
}

/* The numbers of the classes that have objects, by name; *n of them. */
static guint *
order_classes (const Evaluation *e, const ApClass *classes, guint *n)
{
  guint *order = g_new (guint, e->dataset.names->len + 1);
  *n = 0;
  for (guint i = 0; i < e->dataset.names->len; i++)
    if (classes[i].n_truths > 0)
      order[(*n)++] = i;
  g_qsort_with_data (order, (gint) *n, sizeof *order, compare_names, (gpointer) e);
  return order;
}

static void
print_row (const char *name, const ApClass *c)
{
  printf ("%-20s %8" G_GSIZE_FORMAT " %8" G_GSIZE_FORMAT " %9.2f %9.2f %9.2f\n", name, c->n_truths,
      c->n_finds, 100 * c->eleven, 100 * c->area, 100 * c->coco);
}

static void
print_table (const Evaluation *e, const ApClass *classes, const ApClass *mean)
{
  const gboolean voc = e->dataset.format == DATASET_VOC;
  g_autofree char *took = tool_progress_time (e->seconds);
  guint n;
  g_autofree guint *order = order_classes (e, classes, &n);
  printf ("%-20s %8s %8s %9s %9s %9s\n", "class", "objects", "found", "11-point", "area", ".50:.95");
  for (guint i = 0; i < n; i++)
    print_row (class_name (e, order[i]), &classes[order[i]]);
  print_row ("mean", mean);
  printf ("\n%s on %s, %u images in %s (%.1f a second)\n",
      frc_model_get_info (e->session.model)->name, e->path, e->dataset.paths->len, took,
      e->seconds > 0 ? e->dataset.paths->len / e->seconds : 0.0);
  printf ("mean AP, VOC 11-point, IoU .50         %6.2f\n", 100 * mean->eleven);
  printf ("mean AP, VOC area, IoU .50             %6.2f\n", 100 * mean->area);
  printf ("mean AP, COCO, IoU .50:.95, %-10s %6.2f\n", voc ? "area" : "101 points",
      100 * mean->coco);
}

static void
append_scores (GString *out, const ApClass *c)
{
  tool_json_key (out, "objects");
  g_string_append_printf (out, "%" G_GSIZE_FORMAT, c->n_truths);
  tool_json_key (out, "detections");
  g_string_append_printf (out, "%" G_GSIZE_FORMAT, c->n_finds);
  tool_json_key (out, "ap_voc_11point");
  tool_json_number (out, c->eleven);
  tool_json_key (out, "ap_voc_area");
  tool_json_number (out, c->area);
  tool_json_key (out, "ap_coco");
  tool_json_number (out, c->coco);
}

static void
print_json (const Evaluation *e, const ApClass *classes, const ApClass *mean)
{
  g_autoptr (GString) out = g_string_new ("{");
  guint n;
  g_autofree guint *order = order_classes (e, classes, &n);
  tool_json_key (out, "model");
  tool_json_string (out, frc_model_get_info (e->session.model)->name);
  tool_json_key (out, "dataset");
  tool_json_string (out, e->path);
  tool_json_key (out, "format");
  tool_json_string (out, e->dataset.format == DATASET_VOC ? "voc" : "coco");
  tool_json_key (out, "images");
  g_string_append_printf (out, "%u", e->dataset.paths->len);
  tool_json_key (out, "seconds");
  tool_json_number (out, e->seconds);
  tool_json_key (out, "mean");
  g_string_append_c (out, '{');
  append_scores (out, mean);
  g_string_append_c (out, '}');
  tool_json_key (out, "classes");
  g_string_append_c (out, '[');
  for (guint i = 0; i < n; i++) {
    g_string_append (out, i ? ", {" : "{");
    tool_json_key (out, "label");
    tool_json_string (out, class_name (e, order[i]));
    append_scores (out, &classes[order[i]]);
    g_string_append_c (out, '}');
  }
  g_string_append (out, "]}\n");
  fwrite (out->str, 1, out->len, stdout);
}

/* All classes' average precisions, to be freed, and their mean. */
static ApClass *
score (const Evaluation *e, ApClass *mean)
{
  const ApInput input = { (const ApTruth *) e->dataset.truths->data,
    (const ApFind *) e->finds->data, e->dataset.truths->len, e->finds->len, e->dataset.paths->len };
  const ApMatch match = e->dataset.format == DATASET_VOC ? AP_MATCH_VOC : AP_MATCH_COCO;
  const guint n = e->dataset.names->len;
  ApClass *classes = g_new0 (ApClass, n + 1);
  for (guint i = 0; i < n; i++)
    ap_class_compute (&classes[i], &input, i, match);
  ap_mean (mean, classes, n);
  return classes;
}

static void
report (const Evaluation *e)
{
  ApClass mean;
  g_autofree ApClass *classes = score (e, &mean);
  if (e->options->json)
    print_json (e, classes, &mean);
  else
    print_table (e, classes, &mean);
}

/* Everything that can be wrong is found before --detections is opened and the work begins. */
static gboolean
prepare (Evaluation *e, const char *model, GError **error)
{
  const Options *options = e->options;
  DatasetFormat format;
  if (!tool_settings_check (&options->settings, error)
      || !parse_format (options->format, &format, error)
      || !dataset_open (&e->dataset, e->path, options->split, options->images, format, error)
      || !tool_session_open (&e->session, model, &options->settings, error))
    return FALSE;
  if (options->detections && !(e->out = fopen (options->detections, "w"))) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_WRITE, "%s: cannot write it: %s", options->detections,
        g_strerror (errno));
    return FALSE;
  }
  tell_unknown_classes (e);
  return TRUE;
}

static void
clear (Evaluation *e)
{
  tool_session_close (&e->session);
  dataset_clear (&e->dataset);
  g_array_unref (e->finds);
}

static gboolean
run (const Options *options, const char *model, const char *path, GError **error)
{
  Evaluation e = { .options = options, .path = path,
    .finds = g_array_new (FALSE, FALSE, sizeof (ApFind)) };
  gboolean good = prepare (&e, model, error) && evaluate_images (&e, error);
  if (e.out && fclose (e.out) != 0 && good) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_WRITE, "%s: cannot write it: %s", options->detections,
        g_strerror (errno));
    good = FALSE;
  }
  if (good)
    report (&e);
  if (good && e.n_bad > 0) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_OPEN,
        "%u of %u images could not be read: their objects count as missed", e.n_bad,
        e.dataset.paths->len);
    good = FALSE;
  }
  clear (&e);
  return good;
}

/* The mean average precision that `settings` reach, 0 … 1: VOC's area at IoU .50, or COCO's; `metric`
 * (to be freed) says which, and on what it was measured. */
gboolean
tool_evaluate (const char *model, const ToolSettings *settings, const char *dataset,
    const char *split, gboolean quiet, gdouble *precision, char **metric, GError **error)
{
  const Options options = { .settings = *settings, .split = (char *) split, .quiet = quiet };
  Evaluation e = { .options = &options, .path = dataset,
    .finds = g_array_new (FALSE, FALSE, sizeof (ApFind)) };
  gboolean good = prepare (&e, model, error) && evaluate_images (&e, error);
  if (good) {
    const gboolean voc = e.dataset.format == DATASET_VOC;
    g_autofree char *name = g_path_get_basename (dataset);
    ApClass mean;
    g_free (score (&e, &mean));
    *precision = voc ? mean.area : mean.coco;
    *metric = g_strdup_printf ("mean AP, %s, on %s %s, %u image%s",
        voc ? "VOC area, IoU .50" : "COCO, IoU .50:.95", name, split, e.dataset.paths->len,
        e.dataset.paths->len == 1 ? "" : "s");
  }
  clear (&e);
  return good;
}

static const char description[] =
    "voc:  DATASET/Annotations, ImageSets/Main/NAME.txt, JPEGImages. Difficult objects count\n"
    "      neither way; boxes become 0-based and half-open.\n"
    "coco: DATASET/annotations/instances_NAME.json, or DATASET is such a file; images in NAME,\n"
    "      images/NAME, images or JPEGImages beside. Crowds count neither way; at most 100\n"
    "      detections of a class an image. Categories meet labels by name.\n"
    "Three means are printed: VOC 11-point and VOC area at IoU .50, and COCO's mean over IoU .50\n"
    "to .95 (voc: area under the curve; coco: COCO's matching and 101 points).\n"
    "--detections writes one JSON line an image, as `frcnn detect --json` does.";

int
tool_eval (int argc, char **argv)
{
  Options o = { .settings = { .threshold = 0.05 } };
  const GOptionEntry entries[] = {
    { "split", 0, 0, G_OPTION_ARG_STRING, &o.split, "The split, such as val", "NAME" },
    { "format", 0, 0, G_OPTION_ARG_STRING, &o.format, "Default: told by the files", "voc|coco" },
    { "images", 0, 0, G_OPTION_ARG_FILENAME, &o.images, "Where the images are", "DIR" },
    { "detections", 'o', 0, G_OPTION_ARG_FILENAME, &o.detections, "Write what was found", "OUT" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &o.json, "One JSON object on one line", NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &o.quiet, "No progress on stderr", NULL },
    { "threshold", 't', 0, G_OPTION_ARG_DOUBLE, &o.settings.threshold,
        "Keep scores above T (default 0.05)", "T" },
    { "input-size", 's', 0, G_OPTION_ARG_INT, &o.settings.input_size,
        "Shorter side of the network input (default: the model's)", "N" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &o.settings.threads, "Threads (default 0: one a core)",
        "N" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &o.settings.precision,
        "auto (default), f32, bf16 or int8", "P" },
    { "family", 'f', 0, G_OPTION_ARG_STRING, &o.settings.family,
        "The model's family, where its file cannot tell", "NAME" },
    { NULL },
  };
  GError *error = NULL;
  gboolean good = tool_parse (&argc, &argv, entries, "MODEL DATASET",
      "Mean average precision of a model on a dataset. MODEL is a file or `default`.", description);
  if (good && argc != 3)
    good = tool_fail ("eval", g_error_new (FRC_ERROR, FRC_ERROR_ARGUMENT,
        "expected a MODEL and a DATASET, got %d argument%s (frcnn eval --help)", argc - 1,
        argc == 2 ? "" : "s"));
  if (good && !run (&o, argv[1], argv[2], &error))
    good = tool_fail (NULL, error);
  good = tool_finish_stdout () && good;
  tool_settings_clear (&o.settings);
  g_free (o.split);
  g_free (o.format);
  g_free (o.images);
  g_free (o.detections);
  return good ? TOOL_EXIT_OK : TOOL_EXIT_BAD;
}
