/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `frcnn calibrate`: what a model's layers take in on given images, for int8, and what bf16 and int8
 * cost on a labelled set, into a new file.
 */
#include "core/calibration.h"
#include "tool.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  ToolSettings settings;
  char *out, *dataset, *split;
  gboolean quiet;
} Options;

static gboolean
add_images (FrcCalibration *calibration, char **paths, guint n, gboolean quiet, GError **error)
{
  ToolProgress progress;
  gboolean good = TRUE;
  tool_progress_start (&progress, "images", n, quiet);
  for (guint i = 0; good && i < n; i++) {
    ToolStill still;
    good = tool_still_open (&still, paths[i], error)
        && frc_calibration_add (calibration, &still.image, error);
    tool_still_clear (&still);
    tool_progress_step (&progress);
  }
  tool_progress_finish (&progress);
  return good;
}

/* How precise the written file is with one precision, and what that costs against f32. One that this
 * machine does not run stays unknown. */
static gboolean
measure (FrcCalibration *calibration, const Options *options, FrcPrecision precision,
    gdouble *best, GError **error)
{
  ToolSettings settings = options->settings;
  g_autofree char *metric = NULL;
  GError *bad = NULL;
  gdouble reached;
  settings.precision = (char *) frc_precision_name (precision);
  if (!tool_evaluate (options->out, &settings, options->dataset, options->split, options->quiet,
          &reached, &metric, &bad)) {
    const gboolean unknown = precision != FRC_PRECISION_F32
        && g_error_matches (bad, FRC_ERROR, FRC_ERROR_ARGUMENT);
    if (unknown)
      return tool_fail ("calibrate", bad) || TRUE;
    g_propagate_error (error, bad);
    return FALSE;
  }
  if (precision == FRC_PRECISION_F32) {
    *best = reached;
    printf ("f32    %6.2f  %s\n", 100 * reached, metric);
    return TRUE;
  }
  const gdouble cost = 100 * (*best - reached);
  printf ("%-5s  %6.2f  costs %.2f points\n", frc_precision_name (precision), 100 * reached, cost);
  frc_calibration_set_cost (calibration, precision, cost, metric);
  return TRUE;
}

static gboolean
measure_all (FrcCalibration *calibration, const Options *options, GError **error)
{
  gdouble best = 0;
  for (FrcPrecision p = FRC_PRECISION_F32; p < FRC_N_PRECISIONS; p++)
    if (!measure (calibration, options, p, &best, error))
      return FALSE;
  return frc_calibration_write (calibration, options->out, error);
}

static gboolean
check (const Options *options, guint n_images, GError **error)
{
  if (n_images == 0)
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "expected a MODEL and images (frcnn calibrate --help)");
  else if (!options->out)
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "expected -o OUT, the file to write");
  else if (!options->dataset != !options->split)
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "--eval and --split belong together");
  else
    return TRUE;
  return FALSE;
}

static gboolean
run (const Options *options, const char *name, char **paths, guint n, GError **error)
{
  if (!check (options, n, error) || !tool_settings_check (&options->settings, error))
    return FALSE;
  g_autoptr (FrcModel) model = tool_model_open (name, options->settings.family, error);
  const FrcOptions detector = { .threads = (guint) options->settings.threads };
  g_autoptr (FrcCalibration) calibration =
      model ? frc_calibration_new (model, &detector, error) : NULL;
  return calibration && add_images (calibration, paths, n, options->quiet, error)
      && frc_calibration_write (calibration, options->out, error)
      && (!options->dataset || measure_all (calibration, options, error));
}

static const char description[] =
    "Give images of the kind that the model was trained on, a hundred or more, and none of DATASET's\n"
    "split. OUT is MODEL with the bounds of its layers' inputs, so that precision int8 can be asked\n"
    "for. With --eval, OUT also tells what bf16 and int8 cost there in mean average precision, and\n"
    "precision auto takes the fastest that costs at most 0.5 points.";

int
tool_calibrate (int argc, char **argv)
{
  Options o = { .settings = { .threshold = 0.05 } };
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &o.out, "The file to write", "OUT" },
    { "eval", 0, 0, G_OPTION_ARG_FILENAME, &o.dataset, "A labelled set, as for `frcnn eval`",
        "DATASET" },
    { "split", 0, 0, G_OPTION_ARG_STRING, &o.split, "Its split, such as val", "NAME" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &o.settings.threads, "Threads (default 0: one a core)",
        "N" },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &o.quiet, "No progress on stderr", NULL },
    { "family", 'f', 0, G_OPTION_ARG_STRING, &o.settings.family,
        "The model's family, where its file cannot tell", "NAME" },
    { NULL },
  };
  GError *error = NULL;
  gboolean good = tool_parse (&argc, &argv, entries, "MODEL IMAGE...",
      "Measure a model for int8 and bf16. MODEL is a file or `default`.", description);
  if (good && !run (&o, argc > 1 ? argv[1] : "", argv + 2, argc > 2 ? (guint) argc - 2 : 0, &error))
    good = tool_fail (error && error->code == FRC_ERROR_ARGUMENT ? "calibrate" : NULL, error);
  good = tool_finish_stdout () && good;
  tool_settings_clear (&o.settings);
  g_free (o.out);
  g_free (o.dataset);
  g_free (o.split);
  return good ? TOOL_EXIT_OK : TOOL_EXIT_BAD;
}
