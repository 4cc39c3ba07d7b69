/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The pool: every tile once with 1 … 4 threads, cancelling, scratch, and the floating-point state
 * inside and after.
 */
#include "core/pool.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#define MAX_THREADS 4
#define TILES 1000
#define RUNS 300

typedef struct {
  gint counts[TILES];
  gint cancel, cancel_after; /* tiles; 0: never */
  gint done;
  pthread_mutex_t lock;
  gsize scratch_bytes;
  gint bad_scratch, bad_denormal;
} Job;

static void
count_tile (gpointer data, guint tile, gpointer scratch)
{
  Job *job = data;

  pthread_mutex_lock (&job->lock);
  job->counts[tile]++;
  if (++job->done == job->cancel_after)
    g_atomic_int_set (&job->cancel, 1);
  pthread_mutex_unlock (&job->lock);
}

static void
test_each_once (void)
{
  for (guint threads = 1; threads <= MAX_THREADS; threads++)
    for (guint bracket = 0; bracket < 2; bracket++) {
      FrcPool *pool = frc_pool_new (threads, NULL);
      g_assert_cmpuint (frc_pool_get_threads (pool), ==, threads);
      if (bracket)
        frc_pool_begin (pool, NULL);
      for (guint run = 0; run < RUNS; run++) {
        Job job = {{0}};
        guint tiles = run % 7 == 0 ? run % 2 : run * 37 % TILES;
        g_assert_true (frc_pool_run (pool, count_tile, &job, tiles));
        for (guint i = 0; i < TILES; i++)
          g_assert_cmpint (job.counts[i], ==, i < tiles);
        if (run % 50 == 0)
          g_usleep (300); /* long enough for the others to fall asleep */
      }
      if (bracket)
        frc_pool_end (pool);
      frc_pool_free (pool);
    }
}

static void
test_cancel (void)
{
  for (guint threads = 1; threads <= MAX_THREADS; threads++) {
    FrcPool *pool = frc_pool_new (threads, NULL);
    Job job = {{0}};
    guint started = 0;

    job.cancel_after = 10;
    frc_pool_begin (pool, &job.cancel);
    g_assert_false (frc_pool_run (pool, count_tile, &job, TILES));
    frc_pool_end (pool);
    for (guint i = 0; i < TILES; i++) {
      g_assert_cmpint (job.counts[i], <=, 1);
      started += job.counts[i];
    }
    g_assert_cmpuint (started, >=, 10);
    g_assert_cmpuint (started, <, 10 + threads); /* a tile under way is finished, no more taken */

    /* Cancelled by the last tile of all: nothing was left out. */
    memset (&job, 0, sizeof job);
    job.cancel_after = TILES;
    frc_pool_begin (pool, &job.cancel);
    g_assert_true (frc_pool_run (pool, count_tile, &job, TILES));
    /* The flag is still up: the next run does nothing; after end it no longer counts. */
    g_assert_false (frc_pool_run (pool, count_tile, &job, 5));
    frc_pool_end (pool);
    g_assert_true (frc_pool_run (pool, count_tile, &job, 5));
    frc_pool_free (pool);
  }
}

static void
scratch_tile (gpointer data, guint tile, gpointer scratch)
{
  Job *job = data;

  /* Whoever else had this memory would change it meanwhile. */
  memset (scratch, tile & 0xff, job->scratch_bytes);
  g_usleep (20);
  for (gsize i = 0; i < job->scratch_bytes; i++)
    if (((guint8 *) scratch)[i] != (tile & 0xff) || (uintptr_t) scratch % 64 != 0)
      g_atomic_int_set (&job->bad_scratch, 1);
}

static void
test_scratch (void)
{
  FrcPool *pool = frc_pool_new (MAX_THREADS, NULL);
  Job job = {{0}};

  for (job.scratch_bytes = 1; job.scratch_bytes < 100000; job.scratch_bytes *= 10) {
    g_assert_true (frc_pool_reserve (pool, job.scratch_bytes, NULL));
    g_assert_true (frc_pool_reserve (pool, 1, NULL)); /* does not shrink it */
    g_assert_true (frc_pool_run (pool, scratch_tile, &job, 100));
    g_assert_cmpint (job.bad_scratch, ==, 0);
  }
  GError *error = NULL;
  g_assert_false (frc_pool_reserve (pool, G_MAXSIZE - 1, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  frc_pool_free (pool);
  frc_pool_free (NULL);
}

#ifdef __SSE2__
static void
denormal_tile (gpointer data, guint tile, gpointer scratch)
{
  Job *job = data;
  volatile gfloat small = 1e-30f, denormal = 1e-40f;

  if (small * 1e-10f != 0 || denormal * 1e20f != 0)
    g_atomic_int_set (&job->bad_denormal, 1);
  g_usleep (100); /* so that every thread gets a tile */
}

static void
test_floating_point_state (void)
{
  const guint states[] = {0x1f80, 0x1f80 | 0x6000, 0x1f80 | 0x8040 | 0x3f};
  guint before = _mm_getcsr ();

  for (guint threads = 1; threads <= MAX_THREADS; threads++)
    for (guint i = 0; i < G_N_ELEMENTS (states); i++) {
      FrcPool *pool = frc_pool_new (threads, NULL);
      Job job = {{0}};

      _mm_setcsr (states[i]);
      frc_pool_begin (pool, NULL);
      frc_pool_run (pool, denormal_tile, &job, 8 * threads);
      frc_pool_end (pool);
      g_assert_cmphex (_mm_getcsr (), ==, states[i]);
      g_assert_cmpint (job.bad_denormal, ==, 0);
      /* Without begin the caller's state is its own. */
      frc_pool_run (pool, count_tile, &job, 100);
      g_assert_cmphex (_mm_getcsr (), ==, states[i]);
      frc_pool_free (pool);
    }
  _mm_setcsr (before);
}
#endif

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pool/each-once", test_each_once);
  g_test_add_func ("/pool/cancel", test_cancel);
  g_test_add_func ("/pool/scratch", test_scratch);
#ifdef __SSE2__
  g_test_add_func ("/pool/floating-point-state", test_floating_point_state);
#endif
  return g_test_run ();
}
