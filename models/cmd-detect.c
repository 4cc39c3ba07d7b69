/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `frcnn detect`: objects in stills, as a table, as JSON lines, as pictures, stage by stage.
 */
#include "tool.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  ToolSettings settings;
  gboolean json;
  char *draw_dir, *stages_dir;
} Options;

/* The stages of one image on their way to files; the first failure is kept. */
typedef struct {
  const char *folder;
  GError *error;
} Dump;

static void
dump_stage (const char *name, const gfloat *data, guint n, guint h, guint w, guint c, gsize ld,
    gpointer user_data)
{
  Dump *dump = user_data;
  if (dump->error)
    return;
  g_autofree char *safe = g_strdelimit (g_strdup (name), G_DIR_SEPARATOR_S, '_');
  g_autofree char *file = g_strconcat (safe, ".npy", NULL);
  g_autofree char *path = g_build_filename (dump->folder, file, NULL);
  tool_npy_write (path, data, n, h, w, c, ld, &dump->error);
}

/* The image's name without its folder and ending, made different from those already used. */
static char *
unique_stem (GHashTable *used, const char *path)
{
  g_autofree char *base = g_path_get_basename (path);
  char *dot = strrchr (base, '.');
  if (dot && dot != base)
    *dot = '\0';
  g_autofree char *stem = g_strdup (base);
  for (guint i = 2; !g_hash_table_add (used, g_strdup (stem)); i++) {
    g_free (stem);
    stem = g_strdup_printf ("%s-%u", base, i);
  }
  return g_steal_pointer (&stem);
}

static void
print_table (const char *path, const ToolStill *still, const ToolSession *session)
{
  printf ("%s: %ux%u, %u object%s\n", path, still->image.info.width, still->image.info.height,
      session->n_found, session->n_found == 1 ? "" : "s");
  for (guint i = 0; i < session->n_found; i++) {
    const FrcDetection *found = &session->found[i];
    printf ("  %-16s %5.3f   %7.1f %7.1f  to %7.1f %7.1f\n",
        tool_session_label (session, found->label_id), (gdouble) found->score,
        (gdouble) found->box.x1, (gdouble) found->box.y1, (gdouble) found->box.x2,
        (gdouble) found->box.y2);
  }
}

static void
print_json (const char *path, const ToolStill *still, const ToolSession *session)
{
  g_autoptr (GString) line = g_string_new (NULL);
  tool_json_detections (line, path, still->image.info.width, still->image.info.height, session);
  g_string_append_c (line, '\n');
  fwrite (line->str, 1, line->len, stdout);
}

/* Runs the detector with an observer that writes each stage below `folder`. */
static gboolean
detect_and_dump (ToolSession *session, const char *path, const FrcImage *image,
    const char *folder, GError **error)
{
  Dump dump = { folder, NULL };
  if (!tool_make_directory (folder, error))
    return FALSE;
  frc_detector_set_observer (session->detector, dump_stage, &dump);
  gboolean good = tool_session_detect (session, path, image, error);
  frc_detector_set_observer (session->detector, NULL, NULL);
  if (good && dump.error) {
    g_propagate_error (error, g_steal_pointer (&dump.error));
    good = FALSE;
  }
  g_clear_error (&dump.error);
  return good;
}

static gboolean
detect_still (ToolSession *session, const Options *options, const char *path, const char *stem,
    gboolean alone, GError **error)
{
  ToolStill still;
  gboolean good = tool_still_open (&still, path, error);
  if (good && options->stages_dir) {
    g_autofree char *folder =
        alone ? g_strdup (options->stages_dir) : g_build_filename (options->stages_dir, stem, NULL);
    good = detect_and_dump (session, path, &still.image, folder, error);
  } else if (good) {
    good = tool_session_detect (session, path, &still.image, error);
  }
  if (good && options->json)
    print_json (path, &still, session);
  else if (good)
    print_table (path, &still, session);
  if (good && options->draw_dir) {
    g_autofree char *file = g_strconcat (stem, "-detected.png", NULL);
    g_autofree char *picture = g_build_filename (options->draw_dir, file, NULL);
    good = tool_still_draw (&still, session, picture, error);
  }
  tool_still_clear (&still);
  return good;
}

static gboolean
run (const Options *options, const char *model, char **images, int n_images, GError **error)
{
  ToolSession session;
  if (options->draw_dir && !tool_make_directory (options->draw_dir, error))
    return FALSE;
  if (options->stages_dir && !tool_make_directory (options->stages_dir, error))
    return FALSE;
  if (!tool_session_open (&session, model, &options->settings, error))
    return FALSE;
  g_autoptr (GHashTable) used = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  gboolean all_good = TRUE;
  for (int i = 0; i < n_images; i++) {
    GError *image_error = NULL;
    g_autofree char *stem = unique_stem (used, images[i]);
    if (!detect_still (&session, options, images[i], stem, n_images == 1, &image_error))
      all_good = tool_fail (NULL, image_error);
    fflush (stdout);
  }
  tool_session_close (&session);
  return all_good;
}

static const char description[] =
    "The stored pixels count: EXIF orientation is not applied, alpha is left out.\n"
    "With --json each image is one line:\n"
    "  {\"image\", \"width\", \"height\", \"objects\": [{\"label\", \"label_id\", \"score\", \"box\"}]}\n"
    "Boxes are x1, y1, x2, y2 in pixels of the image, 0-based, half-open; best score first.\n"
    "--draw writes DIR/NAME-detected.png. --dump-stages writes DIR/STAGE.npy for one image,\n"
    "DIR/NAME/STAGE.npy for several. A bad image is told on stderr; the others still run.";

int
tool_detect (int argc, char **argv)
{
  Options options = { .settings = { .threshold = 0.5 } };
  const GOptionEntry entries[] = {
    { "json", 'j', 0, G_OPTION_ARG_NONE, &options.json, "One JSON line an image", NULL },
    { "draw", 'd', 0, G_OPTION_ARG_FILENAME, &options.draw_dir, "Write pictures with boxes", "DIR" },
    { "threshold", 't', 0, G_OPTION_ARG_DOUBLE, &options.settings.threshold,
        "Keep scores above T (default 0.5)", "T" },
    { "input-size", 's', 0, G_OPTION_ARG_INT, &options.settings.input_size,
        "Shorter side of the network input (default: the model's)", "N" },
    { "dump-stages", 0, 0, G_OPTION_ARG_FILENAME, &options.stages_dir,
        "Write each intermediate result as .npy, float32, NCHW", "DIR" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &options.settings.threads,
        "Threads (default 0: one a core)", "N" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &options.settings.precision,
        "auto (default), f32, bf16 or int8", "P" },
    { "family", 'f', 0, G_OPTION_ARG_STRING, &options.settings.family,
        "The model's family, where its file cannot tell", "NAME" },
    { NULL },
  };
  GError *error = NULL;
  gboolean good = tool_parse (&argc, &argv, entries, "MODEL IMAGE...",
      "Find objects in stills. MODEL is a file or `default`.", description);
  if (good && argc < 3)
    good = tool_fail ("detect", g_error_new (FRC_ERROR, FRC_ERROR_ARGUMENT,
        "expected a MODEL and at least one IMAGE (frcnn detect --help)"));
  if (good && !run (&options, argv[1], argv + 2, argc - 2, &error))
    good = error ? tool_fail (NULL, error) : FALSE;
  good = tool_finish_stdout () && good;
  tool_settings_clear (&options.settings);
  g_free (options.draw_dir);
  g_free (options.stages_dir);
  return good ? TOOL_EXIT_OK : TOOL_EXIT_BAD;
}
