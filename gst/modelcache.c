/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Models in use, keyed by what the file is (device, inode, size, time of change) and not by how its
 * path is spelled. A model lives as long as one element uses it; a file that was replaced is
 * another model.
 */
#include "modelcache.h"

#include <glib/gstdio.h>

struct _FrcModelUse
{
  char *key;
  guint users;
  GMutex loading; /* held while the file is read; other files are not kept waiting */
  FrcModel *model;
};

static GMutex cache_lock;
static GHashTable *cache; /* key → FrcModelUse; NULL while nothing is in use */

static char *
key_of (const char *path, const char *family)
{
  GStatBuf st;

  if (g_stat (path, &st) != 0)
    return g_strdup_printf ("?:%s:%s", path, family ? family : "");
  return g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ":%" G_GINT64_FORMAT
      ":%" G_GINT64_FORMAT ".%09ld:%s",
      (guint64) st.st_dev, (guint64) st.st_ino, (gint64) st.st_size, (gint64) st.st_mtim.tv_sec,
      (long) st.st_mtim.tv_nsec, family ? family : "");
}

static FrcModelUse *
use_acquire (char *key)
{
  g_mutex_lock (&cache_lock);
  if (!cache)
    cache = g_hash_table_new (g_str_hash, g_str_equal);
  FrcModelUse *use = g_hash_table_lookup (cache, key);
  if (use) {
    g_free (key);
  } else {
    use = g_new0 (FrcModelUse, 1);
    use->key = key;
    g_mutex_init (&use->loading);
    g_hash_table_insert (cache, use->key, use);
  }
  use->users++;
  g_mutex_unlock (&cache_lock);
  return use;
}

/**
 * frc_model_use_begin:
 * @path: a model file
 * @family: (nullable): as for frc_model_load ()
 *
 * Loads the file, or joins those who loaded it already. Errors: those of frc_model_load ().
 * Returns: (transfer full): end with frc_model_use_end ().
 */
FrcModelUse *
frc_model_use_begin (const char *path, const char *family, GError **error)
{
  FrcModelUse *use = use_acquire (key_of (path, family));

  g_mutex_lock (&use->loading);
  if (!use->model)
    use->model = frc_model_load (path, family, error);
  gboolean loaded = use->model != NULL;
  g_mutex_unlock (&use->loading);

  if (!loaded) {
    frc_model_use_end (use);
    return NULL;
  }
  return use;
}

/** frc_model_use_end: the last user's end frees the model. NULL is fine. */
void
frc_model_use_end (FrcModelUse *use)
{
  if (!use)
    return;

  g_mutex_lock (&cache_lock);
  gboolean last = --use->users == 0;
  if (last) {
    g_hash_table_remove (cache, use->key);
    if (g_hash_table_size (cache) == 0)
      g_clear_pointer (&cache, g_hash_table_unref);
  }
  g_mutex_unlock (&cache_lock);

  if (last) {
    g_clear_pointer (&use->model, frc_model_unref);
    g_mutex_clear (&use->loading);
    g_free (use->key);
    g_free (use);
  }
}

/** frc_model_use_get: the model, borrowed. */
FrcModel *
frc_model_use_get (const FrcModelUse *use)
{
  return use->model;
}
