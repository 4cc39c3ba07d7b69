/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `frcnn convert`: any readable model into the project's own self-contained safetensors file.
 */
#include "tool.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

/* Labels, one a line of `path`. An empty line at the end is none. */
static char **
read_label_file (const char *path, GError **error)
{
  g_autofree char *contents = NULL;
  gsize length;
  if (!g_file_get_contents (path, &contents, &length, error))
    return NULL;
  if (strlen (contents) != length || !g_utf8_validate (contents, (gssize) length, NULL)) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT, "%s: expected UTF-8 text, a label a line", path);
    return NULL;
  }
  char **lines = g_strsplit (g_strchomp (contents), "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    if (*g_strstrip (lines[i]) != '\0')
      continue;
    g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT, "%s: line %u is empty, expected a label", path,
        i + 1);
    g_strfreev (lines);
    return NULL;
  }
  if (!lines[0]) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT, "%s: the file is empty, expected labels", path);
    g_clear_pointer (&lines, g_strfreev);
  }
  return lines;
}

/* `text` is a file with a label a line, or the labels themselves with commas between. */
static char **
parse_labels (const char *text, GError **error)
{
  if (g_file_test (text, G_FILE_TEST_EXISTS) || strchr (text, G_DIR_SEPARATOR))
    return read_label_file (text, error);
  char **labels = g_strsplit (text, ",", -1);
  for (guint i = 0; labels[i]; i++)
    if (*g_strstrip (labels[i]) == '\0') {
      g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "--labels: label %u of '%s' is empty",
          i + 1, text);
      g_clear_pointer (&labels, g_strfreev);
      return NULL;
    }
  if (!labels[0]) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "--labels: no label given");
    g_clear_pointer (&labels, g_strfreev);
  }
  return labels;
}

static gboolean
check_dtype (const char *dtype, GError **error)
{
  static const char *const known[] = { "f32", "f16", "bf16", NULL };
  if (g_strv_contains (known, dtype))
    return TRUE;
  g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "--dtype %s: expected f32, f16 or bf16", dtype);
  return FALSE;
}

/* What `frcnn calibrate` measured does not hold for other numbers or another family. */
static gboolean
tell_of_calibration (const char *in, const FrcModelInfo *written, GError **error)
{
  g_autoptr (FrcModel) before = frc_model_load (in, NULL, error);
  if (!before)
    return FALSE;
  const FrcModelInfo *info = frc_model_get_info (before);
  if ((info->has_int8_bounds && !written->has_int8_bounds)
      || (info->bf16_cost && !written->bf16_cost) || (info->int8_cost && !written->int8_cost))
    tool_complain ("%s: without the calibration of %s, which holds for its own numbers and family: "
        "frcnn calibrate makes another", written->path, in);
  return TRUE;
}

/* Says what came out, read back from the file itself. */
static gboolean
report (const char *in, const char *out, GError **error)
{
  g_autoptr (FrcModel) model = frc_model_load (out, NULL, error);
  if (!model)
    return FALSE;
  const FrcModelInfo *info = frc_model_get_info (model);
  GStatBuf status;
  const guint64 size = g_stat (out, &status) == 0 ? (guint64) status.st_size : 0;
  printf ("%s: %s, %u labels, %" G_GUINT64_FORMAT " parameters, %" G_GUINT64_FORMAT " bytes\n", out,
      info->family, info->n_labels, info->n_parameters, size);
  return tell_of_calibration (in, info, error);
}

static gboolean
run (const char *in, const char *out, const char *family, const char *labels_text,
    const char *dtype, GError **error)
{
  g_auto (GStrv) labels = NULL;
  if (!check_dtype (dtype, error))
    return FALSE;
  if (labels_text && !(labels = parse_labels (labels_text, error)))
    return FALSE;
  g_autofree char *path = frc_model_find (in, error);
  return path && frc_model_convert (path, family, (const char *const *) labels, dtype, out, error)
      && report (path, out, error);
}

static const char description[] =
    "OUT holds all that running it takes: tensors, family, labels, sizes, mean and standard\n"
    "deviation, anchors, thresholds. --dtype f32 keeps every bit; f16 and bf16 halve the file and\n"
    "leave tensors of one dimension f32. What frcnn calibrate wrote into IN stays where the numbers\n"
    "do, as when f16 becomes f32.";

int
tool_convert (int argc, char **argv)
{
  g_autofree char *family = NULL, *labels = NULL, *dtype = NULL;
  const GOptionEntry entries[] = {
    { "labels", 'l', 0, G_OPTION_ARG_FILENAME, &labels,
        "Labels without background: a,b,c or a file with one a line", "a,b,c|FILE" },
    { "dtype", 0, 0, G_OPTION_ARG_STRING, &dtype, "f32 (default), f16 or bf16", "TYPE" },
    { "family", 'f', 0, G_OPTION_ARG_STRING, &family,
        "The model's family, where its file cannot tell", "NAME" },
    { NULL },
  };
  GError *error = NULL;
  gboolean good = tool_parse (&argc, &argv, entries, "IN OUT.safetensors",
      "Write any readable model as one self-contained file.", description);
  if (good && argc != 3)
    good = tool_fail ("convert", g_error_new (FRC_ERROR, FRC_ERROR_ARGUMENT,
        "expected IN and OUT, got %d argument%s (frcnn convert --help)", argc - 1,
        argc == 2 ? "" : "s"));
  if (good && !run (argv[1], argv[2], family, labels, dtype ? dtype : "f32", &error))
    good = tool_fail (NULL, error);
  good = tool_finish_stdout () && good;
  return good ? TOOL_EXIT_OK : TOOL_EXIT_BAD;
}
