/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory whose size comes from a file, from caps or from a model: never g_malloc (), which aborts.
 */
#ifndef FRC_MEM_H
#define FRC_MEM_H

#include <glib.h>

/* 64-byte aligned; NULL with FRC_ERROR_NO_MEMORY that names @what and the size. Contents undefined;
 * frc_alloc0 () zeroes. n × size is checked for overflow. Free with frc_free (). */
gpointer frc_alloc (gsize n, gsize size, const char *what, GError **error);
gpointer frc_alloc0 (gsize n, gsize size, const char *what, GError **error);
void frc_free (gpointer memory); /* NULL is fine */
#define frc_clear(pp) g_clear_pointer (pp, frc_free)

#ifdef FRC_TEST_HOOKS
/* Test builds only: the k-th call from now on (1 = the next) fails; 0 = none. Returns how many
 * calls there were since the last setting. Process-wide. */
guint64 frc_alloc_fail_at (guint64 k);
#endif

#endif
