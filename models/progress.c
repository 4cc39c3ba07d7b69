/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Progress on stderr: on a terminal a bar that is redrawn, elsewhere a plain line every tenth of the
 * work and at least every ten seconds.
 */
#include "tool.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define BAR_WIDTH 30
#define REDRAW_US (100 * G_TIME_SPAN_MILLISECOND)
#define LINE_US (10 * G_TIME_SPAN_SECOND)

/* "8 s", "2 min 05 s", "1 h 02 min". */
char *
tool_progress_time (gdouble seconds)
{
  const guint64 s = seconds > 0 && seconds < 1e9 ? (guint64) ceil (seconds) : 0;
  if (s < 60)
    return g_strdup_printf ("%u s", (guint) s);
  if (s < 3600)
    return g_strdup_printf ("%u min %02u s", (guint) (s / 60), (guint) (s % 60));
  return g_strdup_printf ("%u h %02u min", (guint) (s / 3600), (guint) (s / 60 % 60));
}

static void
show (ToolProgress *progress, gint64 now)
{
  const gdouble elapsed = (gdouble) (now - progress->start_us) / G_TIME_SPAN_SECOND;
  const gdouble rate = elapsed > 0 ? progress->done / elapsed : 0;
  const gdouble left = rate > 0 ? (progress->total - progress->done) / rate : 0;
  g_autofree char *eta = tool_progress_time (left);
  progress->shown_us = now;
  if (progress->terminal) {
    char bar[BAR_WIDTH + 1];
    const guint filled = (guint) ((guint64) progress->done * BAR_WIDTH / progress->total);
    for (guint i = 0; i < BAR_WIDTH; i++)
      bar[i] = i < filled ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    fprintf (stderr, "\r\033[K[%s] %u/%u %s, %.1f a second, %s left", bar, progress->done,
        progress->total, progress->what, rate, eta);
  } else {
    fprintf (stderr, "%u/%u %s (%u %%), %.1f a second, %s left\n", progress->done,
        progress->total, progress->what, (guint) ((guint64) progress->done * 100 / progress->total),
        rate, eta);
  }
  fflush (stderr);
}

/* `what` is static text in the plural. */
void
tool_progress_start (ToolProgress *progress, const char *what, guint total, gboolean quiet)
{
  const gint64 now = g_get_monotonic_time ();
  *progress = (ToolProgress) { .what = what, .total = MAX (1, total), .start_us = now,
    .shown_us = now, .terminal = isatty (STDERR_FILENO) == 1, .quiet = quiet };
}

/* One more is done. */
void
tool_progress_step (ToolProgress *progress)
{
  const gint64 now = g_get_monotonic_time ();
  const guint tenth = MAX (1, progress->total / 10);
  progress->done = MIN (progress->done + 1, progress->total);
  if (progress->quiet)
    return;
  const gboolean due = progress->terminal
      ? now - progress->shown_us >= REDRAW_US || progress->done == progress->total
      : now - progress->shown_us >= LINE_US || progress->done % tenth == 0;
  if (due)
    show (progress, now);
}

/* Clears the bar, so that another line can be printed; the next step draws it again. */
void
tool_progress_hide (ToolProgress *progress)
{
  if (progress->terminal && !progress->quiet)
    fputs ("\r\033[K", stderr);
}

void
tool_progress_finish (ToolProgress *progress)
{
  tool_progress_hide (progress);
}
