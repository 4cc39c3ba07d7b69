/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A run is published by opening a gate: an atomic word that holds an "open" bit and the number of
 * workers inside. A worker that comes in time enters, takes tiles until there are none and leaves;
 * one that wakes too late finds the gate closed. The caller works too, closes the gate and waits
 * only for those inside, so a slow wake-up never delays a run.
 *
 * A thread begins with its own share of the tiles, the same part of every run, and then helps with
 * the others' shares: what a layer wrote is mostly in the cache of the core that reads it next.
 *
 * Sleeping: a worker counts itself as a sleeper before it looks at the epoch for the last time; the
 * caller advances the epoch before it looks at the count. Both are sequentially consistent, so one
 * of the two sees the other. The caller's wait for the last worker is the same in mirror image.
 */
#include "pool.h"
#include "frcnn.h"
#include "mem.h"

#include <stdatomic.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#define GATE_OPEN 0x80000000u
#define SPIN_US 100
#define SPIN_PAUSES 64 /* between two looks at the clock */

typedef struct {
  _Alignas (64) atomic_uint next; /* tile of its share to take next */
  guint end;                      /* of its share */
  FrcPool *pool;
  GThread *thread; /* NULL: the caller's entry */
  gpointer scratch;
} PoolThread;

struct _FrcPool {
  /* One run; written while the gate is closed and nobody is inside. */
  FrcTileFunc func;
  gpointer data;
  const gint *cancel;
  guint saved_control;
  gsize scratch_bytes;

  GMutex lock;
  GCond wake, done;

  _Alignas (64) atomic_uint gate;
  _Alignas (64) atomic_uint epoch; /* runs so far; also advanced to quit */
  atomic_uint sleepers;
  atomic_bool caller_waits, active, quit, left_out;

  guint n_started; /* workers that run, under the lock */
  guint n_threads;
  PoolThread threads[]; /* [0] is the caller */
};

/* ---- floating-point state: default rounding, exceptions masked, denormals flushed ---------- */

#ifdef __SSE2__
#define CONTROL_FLUSH (0x1f80 | 0x8000 | 0x0040) /* all masked | FTZ | DAZ */

static guint
control_set_flush (void)
{
  guint before = _mm_getcsr ();

  _mm_setcsr (CONTROL_FLUSH);
  return before;
}

static void
control_restore (guint control)
{
  _mm_setcsr (control);
}

#define cpu_relax() _mm_pause ()
#else
#define control_set_flush() 0
#define control_restore(control) ((void) (control))
#define cpu_relax() ((void) 0)
#endif

/* ---- work --------------------------------------------------------------------------------- */

static void
pool_share_out (FrcPool *pool, guint n_tiles)
{
  guint n = pool->n_threads, first = 0;

  for (guint i = 0; i < n; i++) {
    atomic_store_explicit (&pool->threads[i].next, first, memory_order_relaxed);
    first = pool->threads[i].end = (guint) ((guint64) n_tiles * (i + 1) / n);
  }
}

/* FALSE: cancelled. */
static gboolean
pool_take_share (FrcPool *pool, PoolThread *share, gpointer scratch)
{
  while (atomic_load_explicit (&share->next, memory_order_relaxed) < share->end) {
    guint tile = atomic_fetch_add_explicit (&share->next, 1, memory_order_relaxed);

    if (tile >= share->end)
      break;
    if (pool->cancel != NULL && g_atomic_int_get (pool->cancel)) {
      atomic_store_explicit (&pool->left_out, TRUE, memory_order_relaxed);
      return FALSE;
    }
    pool->func (pool->data, tile, scratch);
  }
  return TRUE;
}

/* Thread @self's share, then the others'. */
static void
pool_take_tiles (FrcPool *pool, guint self)
{
  for (guint i = 0; i < pool->n_threads; i++)
    if (!pool_take_share (pool, &pool->threads[(self + i) % pool->n_threads],
            pool->threads[self].scratch))
      return;
}

static gboolean
pool_enter (FrcPool *pool)
{
  guint gate = atomic_load (&pool->gate);

  while (gate & GATE_OPEN)
    if (atomic_compare_exchange_weak (&pool->gate, &gate, gate + 1))
      return TRUE;
  return FALSE;
}

static void
pool_leave (FrcPool *pool)
{
  if (atomic_fetch_sub (&pool->gate, 1) == 1 && atomic_load (&pool->caller_waits)) {
    g_mutex_lock (&pool->lock);
    g_cond_signal (&pool->done);
    g_mutex_unlock (&pool->lock);
  }
}

/* Spins until @word is no longer @value or the time is over. Only between begin and end. */
static void
pool_spin (FrcPool *pool, atomic_uint *word, guint value)
{
  gint64 until = 0;

  while (atomic_load_explicit (&pool->active, memory_order_relaxed)) {
    for (guint i = 0; i < SPIN_PAUSES; i++) {
      if (atomic_load_explicit (word, memory_order_relaxed) != value)
        return;
      cpu_relax ();
    }
    gint64 now = g_get_monotonic_time ();
    if (until == 0)
      until = now + SPIN_US;
    else if (now >= until)
      return;
  }
}

static void
worker_sleep (FrcPool *pool, guint seen)
{
  g_mutex_lock (&pool->lock);
  atomic_fetch_add (&pool->sleepers, 1);
  while (atomic_load (&pool->epoch) == seen)
    g_cond_wait (&pool->wake, &pool->lock);
  atomic_fetch_sub (&pool->sleepers, 1);
  g_mutex_unlock (&pool->lock);
}

static gpointer
worker_main (gpointer data)
{
  PoolThread *self = data;
  FrcPool *pool = self->pool;
  guint seen = 0;

  g_mutex_lock (&pool->lock);
  pool->n_started++;
  g_cond_signal (&pool->done);
  g_mutex_unlock (&pool->lock);
  control_set_flush ();
  for (;;) {
    pool_spin (pool, &pool->epoch, seen);
    if (atomic_load (&pool->epoch) == seen)
      worker_sleep (pool, seen);
    seen = atomic_load (&pool->epoch);
    if (atomic_load (&pool->quit))
      return NULL;
    if (pool_enter (pool)) {
      pool_take_tiles (pool, (guint) (self - pool->threads));
      pool_leave (pool);
    }
  }
}

static void
pool_wake_workers (FrcPool *pool)
{
  atomic_fetch_add (&pool->epoch, 1);
  if (atomic_load (&pool->sleepers) > 0) {
    g_mutex_lock (&pool->lock);
    g_cond_broadcast (&pool->wake);
    g_mutex_unlock (&pool->lock);
  }
}

static void
pool_wait_for_workers (FrcPool *pool)
{
  guint inside = atomic_fetch_and (&pool->gate, ~GATE_OPEN) & ~GATE_OPEN;

  while (inside > 0) {
    pool_spin (pool, &pool->gate, inside);
    guint now = atomic_load (&pool->gate);
    if (now == inside)
      break;
    inside = now;
  }
  if (inside == 0)
    return;
  g_mutex_lock (&pool->lock);
  atomic_store (&pool->caller_waits, TRUE);
  while (atomic_load (&pool->gate) != 0)
    g_cond_wait (&pool->done, &pool->lock);
  atomic_store (&pool->caller_waits, FALSE);
  g_mutex_unlock (&pool->lock);
}

gboolean
frc_pool_is_cancelled (const FrcPool *pool)
{
  return pool->cancel != NULL && g_atomic_int_get (pool->cancel);
}

gboolean
frc_pool_run (FrcPool *pool, FrcTileFunc func, gpointer data, guint n_tiles)
{
  pool->func = func;
  pool->data = data;
  pool_share_out (pool, n_tiles);
  atomic_store_explicit (&pool->left_out, FALSE, memory_order_relaxed);
  if (pool->n_threads == 1 || n_tiles <= 1) {
    pool_take_tiles (pool, 0);
  } else {
    atomic_store (&pool->gate, GATE_OPEN);
    pool_wake_workers (pool);
    pool_take_tiles (pool, 0);
    pool_wait_for_workers (pool);
  }
  return !atomic_load_explicit (&pool->left_out, memory_order_relaxed);
}

/* ---- begin, end --------------------------------------------------------------------------- */

void
frc_pool_begin (FrcPool *pool, const gint *cancel)
{
  pool->cancel = cancel;
  pool->saved_control = control_set_flush ();
  atomic_store (&pool->active, TRUE);
}

void
frc_pool_end (FrcPool *pool)
{
  atomic_store (&pool->active, FALSE);
  control_restore (pool->saved_control);
  pool->cancel = NULL;
}

/* ---- life --------------------------------------------------------------------------------- */

/* See pool.h. FRC_ERROR_NO_MEMORY also when the system has no more threads. */
FrcPool *
frc_pool_new (guint n_threads, GError **error)
{
  GError *thread_error = NULL;
  FrcPool *pool;

  n_threads = MAX (n_threads, 1);
  pool = frc_alloc0 (1, sizeof (FrcPool) + n_threads * sizeof (PoolThread), "a thread pool", error);
  if (pool == NULL)
    return NULL;
  g_mutex_init (&pool->lock);
  g_cond_init (&pool->wake);
  g_cond_init (&pool->done);
  pool->n_threads = 1;
  for (guint i = 1; i < n_threads; i++) {
    pool->threads[i].pool = pool;
    pool->threads[i].thread =
        g_thread_try_new ("frcnn", worker_main, &pool->threads[i], &thread_error);
    if (pool->threads[i].thread == NULL) {
      g_set_error (error, FRC_ERROR, FRC_ERROR_NO_MEMORY, "cannot start thread %u of %u: %s", i + 1,
          n_threads, thread_error->message);
      g_error_free (thread_error);
      frc_pool_free (pool);
      return NULL;
    }
    pool->n_threads = i + 1;
  }
  /* A thread allocates while it starts, which must not fall into a frame. */
  g_mutex_lock (&pool->lock);
  while (pool->n_started + 1 < n_threads)
    g_cond_wait (&pool->done, &pool->lock);
  g_mutex_unlock (&pool->lock);
  return pool;
}

void
frc_pool_free (FrcPool *pool)
{
  if (pool == NULL)
    return;
  atomic_store (&pool->quit, TRUE);
  pool_wake_workers (pool);
  for (guint i = 0; i < pool->n_threads; i++) {
    if (pool->threads[i].thread != NULL)
      g_thread_join (pool->threads[i].thread);
    frc_free (pool->threads[i].scratch);
  }
  g_mutex_clear (&pool->lock);
  g_cond_clear (&pool->wake);
  g_cond_clear (&pool->done);
  frc_free (pool);
}

guint
frc_pool_get_threads (const FrcPool *pool)
{
  return pool->n_threads;
}

/* See pool.h. After a failure the pool still works, with less scratch than asked for. */
gboolean
frc_pool_reserve (FrcPool *pool, gsize bytes, GError **error)
{
  if (bytes <= pool->scratch_bytes)
    return TRUE;
  pool->scratch_bytes = 0;
  for (guint i = 0; i < pool->n_threads; i++) {
    frc_free (pool->threads[i].scratch);
    pool->threads[i].scratch = NULL;
  }
  for (guint i = 0; i < pool->n_threads; i++) {
    pool->threads[i].scratch = frc_alloc (1, bytes, "a thread's scratch", error);
    if (pool->threads[i].scratch == NULL)
      return FALSE;
  }
  pool->scratch_bytes = bytes;
  return TRUE;
}
