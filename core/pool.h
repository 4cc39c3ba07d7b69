/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The detector's own threads. The calling thread is one of them: a pool of 1 starts none.
 */
#ifndef FRC_POOL_H
#define FRC_POOL_H

#include <glib.h>

typedef struct _FrcPool FrcPool;

/* One tile of work. @scratch is this thread's own memory, 64-byte aligned, as many bytes as the
 * last frc_pool_reserve () asked for; its contents are undefined. */
typedef void (*FrcTileFunc) (gpointer data, guint tile, gpointer scratch);

FrcPool *frc_pool_new (guint n_threads, GError **error); /* n_threads ≥ 1 */
void frc_pool_free (FrcPool *pool);                      /* joins; NULL is fine */
guint frc_pool_get_threads (const FrcPool *pool);

/* Makes every thread's scratch at least @bytes. Not while a run is under way. */
gboolean frc_pool_reserve (FrcPool *pool, gsize bytes, GError **error);

/* Brackets one inference: between begin and end idle threads spin briefly (≤ 100 µs) before they
 * sleep, and every thread that works for the pool, the caller's included, flushes denormals; end
 * restores the caller's floating-point state. @cancel (nullable) is read between tiles. */
void frc_pool_begin (FrcPool *pool, const gint *cancel);
void frc_pool_end (FrcPool *pool);

/* Runs tiles 0 … n_tiles − 1, each once, in any order on any thread, and returns when all are done.
 * FALSE: cancelled, some tiles were left out. Allocates nothing. */
gboolean frc_pool_is_cancelled (const FrcPool *pool); /* since begin; FALSE outside of a bracket */
gboolean frc_pool_run (FrcPool *pool, FrcTileFunc func, gpointer data, guint n_tiles);

#endif
