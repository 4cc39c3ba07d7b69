/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Hooks of the test build (-Dtest_hooks=true): a test makes inferences slow, or stops them at a
 * gate. Nothing of this is in a normal build.
 *
 *   static FrcTestHooks hooks;
 *   g_object_set_data (G_OBJECT (detect), FRC_TEST_HOOKS_KEY, &hooks);   before start ()
 *   g_atomic_int_set (&hooks.delay_ms, 200);       every inference takes 200 ms longer from now on
 *   g_atomic_int_set (&hooks.gate_closed, TRUE);   every inference waits until it is FALSE again
 *
 * Both kinds of waiting end at once when the inference is cancelled.
 */
#ifndef FRC_GST_TEST_HOOKS_H
#define FRC_GST_TEST_HOOKS_H

#include <glib.h>

#define FRC_TEST_HOOKS_KEY "frc-test-hooks"

/* Read and written atomically. */
typedef struct {
  gint delay_ms;
  gint gate_closed;
  gint waiting; /* inferences that are waiting just now */
  gint begun;   /* inferences so far, cancelled and warm-up ones included */
} FrcTestHooks;

#ifdef FRC_TEST_HOOKS
/* Called in front of each inference. */
static inline void
frc_test_hooks_wait (FrcTestHooks *hooks, const gint *cancel)
{
  if (!hooks)
    return;
  gint64 until =
      g_get_monotonic_time () + g_atomic_int_get (&hooks->delay_ms) * G_GINT64_CONSTANT (1000);

  g_atomic_int_inc (&hooks->begun);
  g_atomic_int_inc (&hooks->waiting);
  while (!g_atomic_int_get (cancel) &&
         (g_atomic_int_get (&hooks->gate_closed) || g_get_monotonic_time () < until))
    g_usleep (500);
  g_atomic_int_add (&hooks->waiting, -1);
}
#endif

#endif
