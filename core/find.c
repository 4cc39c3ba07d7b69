/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frcnn.h"

#include <dlfcn.h>
#include <string.h>

#define DEFAULT_FILE "voc20_lite0_fpn.safetensors"

/* Where a default model lies, seen from the folder of the plugin or the tool: the build tree, then
 * an install prefix (lib/TRIPLET/gstreamer-1.0, lib/gstreamer-1.0, bin). */
static const char *const nearby[] = { ".", "../models", "../../../share/fasterrcnn",
  "../../share/fasterrcnn", "../share/fasterrcnn" };

/* The file that contains this code, or NULL. For a program that was started through PATH the loader
 * knows no more than its bare name. */
static char *
own_file (void)
{
  Dl_info self;

  if (!dladdr ((gpointer) frc_model_find, &self) || !self.dli_fname)
    return NULL;
  if (!strchr (self.dli_fname, '/'))
    return g_file_read_link ("/proc/self/exe", NULL);
  return g_canonicalize_filename (self.dli_fname, NULL);
}

/**
 * frc_model_find:
 * @name: (nullable): a path, or NULL or "default" for the default model
 *
 * The default model is the file that FRC_MODEL names, else the one beside the plugin or program
 * that contains this code, else the one in the data folder.
 *
 * Returns: (transfer full): a path; NULL with OPEN, naming the places, if there is no default model
 */
char *
frc_model_find (const char *name, GError **error)
{
  const char *environment = g_getenv ("FRC_MODEL");
  g_autoptr (GString) tried = g_string_new (NULL);

  if (name && !g_str_equal (name, "default"))
    return g_strdup (name);
  if (environment && *environment)
    return g_strdup (environment);
  g_autofree char *own = own_file ();
  if (own) {
    g_autofree char *folder = g_path_get_dirname (own);
    for (guint i = 0; i < G_N_ELEMENTS (nearby); i++) {
      g_autofree char *joined = g_build_filename (folder, nearby[i], DEFAULT_FILE, NULL);
      g_autofree char *path = g_canonicalize_filename (joined, NULL);
      if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
        return g_steal_pointer (&path);
      g_string_append_printf (tried, "%s, ", path);
    }
  }
  if (g_file_test (FRC_MODEL_DIR "/" DEFAULT_FILE, G_FILE_TEST_IS_REGULAR))
    return g_strdup (FRC_MODEL_DIR "/" DEFAULT_FILE);
  g_set_error (error, FRC_ERROR, FRC_ERROR_OPEN,
      "the default model is not installed: expected it as %s%s; set FRC_MODEL to a model file",
      tried->str, FRC_MODEL_DIR "/" DEFAULT_FILE);
  return NULL;
}
