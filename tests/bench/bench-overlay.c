/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What fasterrcnnoverlay takes for a frame, by format and by who draws.
 *
 *   bench-overlay [FRAMES [FORMAT...]]     of 1920x1080 with ten boxes; 200 frames, every format
 *
 * Prints milliseconds of the thread's CPU time and of the clock, median and 99th percentile:
 * drawing into the frame, attaching a composition, and drawing with a blurred label.
 */
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WIDTH 1920
#define HEIGHT 1080
#define BOXES 10
#define WARM_UP 20

static const char *const all[] = { "I420", "YV12", "NV12", "NV21", "Y42B", "Y444", "YUY2", "UYVY",
  "GRAY8", "RGB", "BGR", "RGBA", "BGRA", "ARGB", "ABGR", "RGBx", "BGRx", "xRGB", "xBGR", NULL };

typedef enum { DRAW, ATTACH, BLUR, N_MODES } Mode;
static const char *const mode_names[N_MODES] = { "draw", "attach", "blur" };

static gdouble
now_ms (clockid_t clock)
{
  struct timespec time;

  clock_gettime (clock, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static GstHarness *
make_harness (const char *format, Mode mode)
{
  GstHarness *h = gst_harness_new ("fasterrcnnoverlay");
  g_autofree char *fields = g_strdup_printf (
      "format=%s,width=%d,height=%d,framerate=30/1", format, WIDTH, HEIGHT);
  g_autofree char *caps = g_strdup_printf ("video/x-raw,%s", fields);

  if (mode == BLUR)
    g_object_set (h->element, "blur", "person", NULL);
  if (mode == ATTACH) {
    g_autofree char *with = g_strdup_printf (
        "video/x-raw(memory:SystemMemory,meta:GstVideoOverlayComposition),%s", fields);
    gst_harness_set_sink_caps_str (h, with);
    gst_harness_add_propose_allocation_meta (h, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  }
  gst_harness_set_src_caps_str (h, caps);
  return h;
}

/* Ten boxes of usual sizes all over the frame, a fifth of them persons. */
static GstBuffer *
make_frame (const char *format)
{
  static const char *const labels[] = { "person", "car", "dog", "bicycle", "motorbike" };
  GstVideoInfo info;

  gst_video_info_set_format (&info, gst_video_format_from_string (format), WIDTH, HEIGHT);
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
  gst_buffer_memset (buffer, 0, 0x60, -1);
  for (guint i = 0; i < BOXES; i++) {
    GstVideoRegionOfInterestMeta *roi = gst_buffer_add_video_region_of_interest_meta (buffer,
        labels[i % G_N_ELEMENTS (labels)], 31 + i % 5 * 370, 51 + i / 5 * 510, 300, 400);
    gst_video_region_of_interest_meta_add_param (roi,
        gst_structure_new ("detection", "confidence", G_TYPE_DOUBLE, 0.5 + i * 0.05, NULL));
  }
  return buffer;
}

static void
drop_composition (GstBuffer *buffer)
{
  GstVideoOverlayCompositionMeta *meta = gst_buffer_get_video_overlay_composition_meta (buffer);

  if (meta)
    gst_buffer_remove_meta (buffer, (GstMeta *) meta);
}

static int
compare (const void *a, const void *b)
{
  gdouble x = *(const gdouble *) a, y = *(const gdouble *) b;

  return (x > y) - (x < y);
}

static void
print_times (const char *name, gdouble *times, guint n)
{
  qsort (times, n, sizeof *times, compare);
  g_print ("  %s median %6.3f  p99 %6.3f", name, times[n / 2], times[(n - 1) * 99 / 100]);
}

static void
measure (const char *format, Mode mode, guint n)
{
  GstHarness *h = make_harness (format, mode);
  GstBuffer *buffer = make_frame (format);
  g_autofree gdouble *cpu = g_new (gdouble, n), *wall = g_new (gdouble, n);

  for (guint i = 0; i < n + WARM_UP; i++) {
    gdouble cpu_begin = now_ms (CLOCK_THREAD_CPUTIME_ID), begin = now_ms (CLOCK_MONOTONIC);
    if (gst_harness_push (h, buffer) != GST_FLOW_OK)
      g_error ("%s, %s: the element does not take the frame", format, mode_names[mode]);
    if (i >= WARM_UP) {
      cpu[i - WARM_UP] = now_ms (CLOCK_THREAD_CPUTIME_ID) - cpu_begin;
      wall[i - WARM_UP] = now_ms (CLOCK_MONOTONIC) - begin;
    }
    buffer = gst_harness_pull (h);
    if ((mode == ATTACH) != (gst_buffer_get_video_overlay_composition_meta (buffer) != NULL))
      g_error ("%s, %s: the wrong one draws", format, mode_names[mode]);
    drop_composition (buffer);
  }
  g_print ("%-6s %-7s", format, mode_names[mode]);
  print_times ("cpu ms", cpu, n);
  print_times ("  wall ms", wall, n);
  g_print ("\n");
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  gint n = argc > 1 ? atoi (argv[1]) : 200;
  const char *const *formats = argc > 2 ? (const char *const *) argv + 2 : all;

  if (n < 1) {
    g_printerr ("usage: %s [FRAMES [FORMAT...]]\n", argv[0]);
    return 2;
  }
  for (; *formats; formats++) {
    for (Mode mode = 0; mode < N_MODES; mode++)
      measure (*formats, mode, (guint) n);
  }
  return 0;
}
