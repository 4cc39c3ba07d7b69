/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Zip archives in memory, for tests of what reads them.
 */
#ifndef FRC_TEST_ARCHIVE_H
#define FRC_TEST_ARCHIVE_H

#include <glib.h>

typedef struct {
  char *name;
  GByteArray *data;
  gboolean deflated;
} ArchiveEntry;

ArchiveEntry *archive_entry_new (const char *name, const void *data, gsize n);
void archive_entry_free (ArchiveEntry *entry);

/* An array of ArchiveEntry, or NULL when @data is no archive. */
GPtrArray *archive_unpack (const guint8 *data, gsize n);

/* The archive of @entries, checksums right; entries without a name or data are allowed. */
GByteArray *archive_pack (const GPtrArray *entries);

#endif
