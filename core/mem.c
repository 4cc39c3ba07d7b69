/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mem.h"
#include "frcnn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 64
/* Blocks of this size and more lie on whole huge pages where the system has them: tensors and packed
 * weights are read in long strides, and a page table walk a page costs up to a fifth of a layer. */
#define HUGE_PAGE ((gsize) 2 << 20)

#ifdef FRC_TEST_HOOKS
static GMutex fail_lock;
static guint64 calls, fail_at;

guint64
frc_alloc_fail_at (guint64 k)
{
  g_mutex_lock (&fail_lock);
  guint64 before = calls;
  calls = 0;
  fail_at = k;
  g_mutex_unlock (&fail_lock);
  return before;
}

static gboolean
fails_now (void)
{
  g_mutex_lock (&fail_lock);
  gboolean fails = ++calls == fail_at;
  g_mutex_unlock (&fail_lock);
  return fails;
}
#else
#define fails_now() FALSE
#endif

gpointer
frc_alloc (gsize n, gsize size, const char *what, GError **error)
{
  gsize bytes;
  gpointer memory = NULL;

  if (fails_now () || !g_size_checked_mul (&bytes, n, size) || bytes > G_MAXSIZE - HUGE_PAGE ||
      posix_memalign (&memory, bytes < HUGE_PAGE ? ALIGNMENT : HUGE_PAGE, MAX (bytes, 1)) != 0) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_NO_MEMORY,
        "no memory for %s (%" G_GSIZE_FORMAT " × %" G_GSIZE_FORMAT " bytes)", what, n, size);
    return NULL;
  }
#ifdef MADV_HUGEPAGE
  if (bytes >= HUGE_PAGE)
    (void) madvise (memory, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* a hint, no more */
#endif
  return memory;
}

gpointer
frc_alloc0 (gsize n, gsize size, const char *what, GError **error)
{
  gpointer memory = frc_alloc (n, size, what, error);

  if (memory)
    memset (memory, 0, n * size);
  return memory;
}

void
frc_free (gpointer memory)
{
  free (memory);
}
