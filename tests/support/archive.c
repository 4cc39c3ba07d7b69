/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive.h"

#include <string.h>
#include <zip.h>

ArchiveEntry *
archive_entry_new (const char *name, const void *data, gsize n)
{
  ArchiveEntry *entry = g_new0 (ArchiveEntry, 1);

  entry->name = g_strdup (name);
  entry->data = g_byte_array_new ();
  g_byte_array_append (entry->data, data, n);
  return entry;
}

void
archive_entry_free (ArchiveEntry *entry)
{
  g_free (entry->name);
  g_byte_array_unref (entry->data);
  g_free (entry);
}

GPtrArray *
archive_unpack (const guint8 *data, gsize n)
{
  zip_source_t *source = zip_source_buffer_create (data, n, 0, NULL);
  zip_t *zip = zip_open_from_source (source, ZIP_RDONLY, NULL);

  if (!zip) {
    zip_source_free (source);
    return NULL;
  }
  GPtrArray *entries = g_ptr_array_new_with_free_func ((GDestroyNotify) archive_entry_free);
  for (zip_int64_t i = 0; i < zip_get_num_entries (zip, 0); i++) {
    zip_stat_t info;
    zip_stat_index (zip, i, 0, &info);
    ArchiveEntry *entry = archive_entry_new (info.name, NULL, 0);
    g_byte_array_set_size (entry->data, info.size);
    zip_file_t *file = zip_fopen_index (zip, i, 0);
    g_assert_cmpint (zip_fread (file, entry->data->data, info.size), ==, info.size);
    zip_fclose (file);
    g_ptr_array_add (entries, entry);
  }
  zip_discard (zip);
  return entries;
}

GByteArray *
archive_pack (const GPtrArray *entries)
{
  zip_source_t *target = zip_source_buffer_create (NULL, 0, 0, NULL);
  zip_t *zip = zip_open_from_source (target, ZIP_CREATE | ZIP_TRUNCATE, NULL);
  GByteArray *packed = g_byte_array_new ();
  zip_stat_t info;

  g_assert_nonnull (zip);
  zip_source_keep (target);
  for (guint i = 0; i < entries->len; i++) {
    const ArchiveEntry *entry = entries->pdata[i];
    zip_source_t *data = zip_source_buffer (zip, entry->data->data, entry->data->len, 0);
    zip_int64_t index = zip_file_add (zip, entry->name, data, 0);
    if (index < 0) /* a name that is there already or is not UTF-8 */
      zip_source_free (data);
    else
      zip_set_file_compression (zip, index, entry->deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
  }
  if (zip_close (zip) < 0)
    zip_discard (zip);
  else if (zip_source_stat (target, &info) == 0 && zip_source_open (target) == 0) {
    g_byte_array_set_size (packed, info.size);
    g_assert_cmpint (zip_source_read (target, packed->data, info.size), ==, info.size);
    zip_source_close (target);
  }
  zip_source_free (target);
  return packed;
}
