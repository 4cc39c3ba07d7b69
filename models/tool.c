/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What every call needs: arguments, errors in one line, a model with its detector.
 */
#include "tool.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_THREADS 1024
#define MAX_PROPOSALS 2000

/* One line on stderr, "frcnn: ...", whatever the text holds: line breaks become spaces. */
void
tool_complain (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_strchomp (text);
  g_strdelimit (text, "\r\n", ' ');
  fflush (stdout);
  fprintf (stderr, "frcnn: %s\n", text);
}

/* Prints and frees `error` (transfer full). Returns FALSE always, so that a caller can return it. */
gboolean
tool_fail (const char *call, GError *error)
{
  if (call)
    tool_complain ("%s: %s", call, error ? error->message : "failed");
  else
    tool_complain ("%s", error ? error->message : "failed");
  g_clear_error (&error);
  return FALSE;
}

/* Parses the options of one call. `usage` names the positional arguments, which stay in argv.
 * --help prints and exits with 0; anything unknown is one line on stderr and FALSE. */
gboolean
tool_parse (int *argc, char ***argv, const GOptionEntry *entries, const char *usage,
    const char *summary, const char *description)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *call = g_strdup ((*argv)[0]);
  g_autofree char *program = g_strdup_printf ("frcnn %s", call);
  g_autoptr (GOptionContext) context = g_option_context_new (usage);
  g_option_context_set_summary (context, summary);
  if (description)
    g_option_context_set_description (context, description);
  g_option_context_add_main_entries (context, entries, NULL);
  g_set_prgname (program);
  if (!g_option_context_parse (context, argc, argv, &error))
    return tool_fail (call, g_steal_pointer (&error));
  /* "--" ends the options and is no argument itself */
  if (*argc > 1 && strcmp ((*argv)[1], "--") == 0) {
    for (int i = 1; i < *argc; i++)
      (*argv)[i] = (*argv)[i + 1];
    (*argc)--;
  }
  return TRUE;
}

/* "640x480" → 640, 480, each 1 … FRC_MAX_IMAGE_SIZE. */
gboolean
tool_parse_size (const char *text, guint *width, guint *height, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, "x", 3);
  guint64 size[2] = { 0, 0 };
  gboolean good = g_strv_length (parts) == 2;
  for (int i = 0; good && i < 2; i++)
    good = g_ascii_string_to_unsigned (parts[i], 10, 1, FRC_MAX_IMAGE_SIZE, &size[i], NULL);
  if (!good) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "'%s' is no size: expected WIDTHxHEIGHT in pixels, each 1 to %d, such as 640x480", text,
        FRC_MAX_IMAGE_SIZE);
    return FALSE;
  }
  *width = (guint) size[0];
  *height = (guint) size[1];
  return TRUE;
}

gboolean
tool_make_directory (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0777) == 0 && g_file_test (path, G_FILE_TEST_IS_DIR))
    return TRUE;
  g_set_error (error, FRC_ERROR, FRC_ERROR_WRITE, "%s: cannot make this directory: %s", path,
      g_strerror (errno ? errno : ENOTDIR));
  return FALSE;
}

/* Flushes stdout; a full disk is an error like any other. */
gboolean
tool_finish_stdout (void)
{
  if (fflush (stdout) == 0 && !ferror (stdout))
    return TRUE;
  tool_complain ("cannot write the output: %s", g_strerror (errno));
  return FALSE;
}

gboolean
tool_settings_check (const ToolSettings *settings, GError **error)
{
  if (settings->threads < 0 || settings->threads > MAX_THREADS)
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "--threads %d: expected 0 (one a core) to %d", settings->threads, MAX_THREADS);
  else if (settings->input_size < 0 || settings->input_size > FRC_MAX_IMAGE_SIZE)
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "--input-size %d: expected 0 (the model's) to %d pixels", settings->input_size,
        FRC_MAX_IMAGE_SIZE);
  else if (settings->max_proposals < 0 || settings->max_proposals > MAX_PROPOSALS)
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "--max-proposals %d: expected 0 (the model's) to %d", settings->max_proposals, MAX_PROPOSALS);
  else if (!(settings->threshold >= 0 && settings->threshold <= 1))
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "--threshold %g: expected 0 to 1",
        settings->threshold);
  else
    return TRUE;
  return FALSE;
}

void
tool_settings_clear (ToolSettings *settings)
{
  g_clear_pointer (&settings->family, g_free);
  g_clear_pointer (&settings->precision, g_free);
}

/* `name` is a file, or `default`. A family that the file could not tell is told on stderr. */
FrcModel *
tool_model_open (const char *name, const char *family, GError **error)
{
  g_autofree char *path = frc_model_find (name, error);
  FrcModel *model = path ? frc_model_load (path, family, error) : NULL;
  if (model && frc_model_get_info (model)->family_guessed)
    tool_complain ("%s: the file fits more than one family, taken as %s (--family chooses)", name,
        frc_model_get_info (model)->family);
  return model;
}

/* Opens the model and a detector for it. On failure the session is empty. */
gboolean
tool_session_open (ToolSession *session, const char *model, const ToolSettings *settings,
    GError **error)
{
  *session = (ToolSession) { .query = FRC_QUERY_INIT };
  FrcOptions options = { .threads = (guint) settings->threads,
    .input_size = (guint) settings->input_size,
    .max_proposals = (guint) settings->max_proposals };
  if (!tool_settings_check (settings, error)
      || (settings->precision
          && !frc_precision_parse (settings->precision, &options.precision, error)))
    return FALSE;
  session->model = tool_model_open (model, settings->family, error);
  if (!session->model)
    return FALSE;
  session->detector = frc_detector_new (session->model, &options, error);
  if (!session->detector) {
    tool_session_close (session);
    return FALSE;
  }
  session->query.score_threshold = (gfloat) settings->threshold;
  session->capacity = MAX (1, frc_model_get_info (session->model)->box_detections_per_image);
  session->found = g_new0 (FrcDetection, session->capacity);
  return TRUE;
}

/* Fills session->found with the objects of `image`, scores descending. `path` is for the error. */
gboolean
tool_session_detect (ToolSession *session, const char *path, const FrcImage *image, GError **error)
{
  session->n_found = 0;
  if (frc_detect (session->detector, image, &session->query, session->found, session->capacity,
          &session->n_found, error))
    return TRUE;
  g_prefix_error (error, "%s: ", path);
  return FALSE;
}

/* The label's name; a class without one is written as its number. Never NULL. */
const char *
tool_session_label (const ToolSession *session, gint label_id)
{
  const char *label = frc_model_get_label (session->model, label_id);
  if (label)
    return label;
  g_autofree char *number = g_strdup_printf ("class %d", label_id);
  return g_intern_string (number);
}

void
tool_session_close (ToolSession *session)
{
  g_clear_pointer (&session->detector, frc_detector_free);
  g_clear_pointer (&session->model, frc_model_unref);
  g_clear_pointer (&session->found, g_free);
}
