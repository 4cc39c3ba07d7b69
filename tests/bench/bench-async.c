/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What mode=async adds to the way of a frame: 1920x1080 frames, 30 a second, as a camera gives them.
 *
 *   bench-async [SECONDS [THREADS [FORMAT]]]     20 seconds, threads=0 (one a core), I420
 *
 * Prints milliseconds from a frame's arrival at the element to its arrival behind it, of the clock
 * and of the thread's CPU time: all frames, and those that the worker took a copy of.
 */
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <stdlib.h>
#include <time.h>

#define WIDTH 1920
#define HEIGHT 1080
#define RATE 30
#define WARM_UP 30

typedef struct {
  gdouble clock, cpu; /* ms */
} Time;

static Time
now (void)
{
  struct timespec clock, cpu;

  clock_gettime (CLOCK_MONOTONIC, &clock);
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &cpu);
  return (Time){ clock.tv_sec * 1e3 + clock.tv_nsec / 1e6, cpu.tv_sec * 1e3 + cpu.tv_nsec / 1e6 };
}

static int
compare (const void *a, const void *b)
{
  gdouble x = *(const gdouble *) a, y = *(const gdouble *) b;
  return (x > y) - (x < y);
}

/* @share of @values, which it sorts, are not above it. */
static gdouble
quantile (gdouble *values, guint n, gdouble share)
{
  qsort (values, n, sizeof *values, compare);
  return n ? values[MIN ((guint) (n * share), n - 1)] : 0;
}

static guint64
read_stat (GstElement *detect, const char *name)
{
  GstStructure *stats;
  guint64 value = 0;

  g_object_get (detect, "stats", &stats, NULL);
  gst_structure_get_uint64 (stats, name, &value);
  gst_structure_free (stats);
  return value;
}

/* Noise, so that no cache line is like another. */
static GstBuffer *
make_frame (GstVideoFormat format)
{
  GRand *rand = g_rand_new_with_seed (1);
  GstVideoInfo info;
  GstMapInfo map;

  gst_video_info_set_format (&info, format, WIDTH, HEIGHT);
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  for (gsize i = 0; i + 4 <= map.size; i += 4)
    *(guint32 *) (map.data + i) = g_rand_int (rand);
  gst_buffer_unmap (buffer, &map);
  g_rand_free (rand);
  return buffer;
}

/* Waits until the frame's time, then pushes it. */
static Time
push_frame (GstHarness *h, GstBuffer *frame, guint i, gdouble begin)
{
  GstBuffer *buffer = gst_buffer_copy (frame);
  gdouble wait = begin + i * 1e3 / RATE - now ().clock;

  GST_BUFFER_PTS (buffer) = gst_util_uint64_scale (i, GST_SECOND, RATE);
  if (wait > 0)
    g_usleep ((gulong) (wait * 1e3));
  Time before = now ();
  gst_harness_push (h, buffer);
  Time after = now ();
  gst_buffer_unref (gst_harness_pull (h));
  return (Time){ after.clock - before.clock, after.cpu - before.cpu };
}

static void
measure (GstHarness *h, GstBuffer *frame, guint n, const char *format, guint threads)
{
  g_autofree gdouble *clock = g_new (gdouble, n), *cpu = g_new (gdouble, n);
  g_autofree gdouble *taken = g_new (gdouble, n);
  gdouble begin = now ().clock;
  guint n_taken = 0;

  for (guint i = 0; i < WARM_UP; i++)
    push_frame (h, frame, i, begin);
  guint64 inferred = read_stat (h->element, "inferred");
  for (guint i = 0; i < n; i++) {
    Time time = push_frame (h, frame, WARM_UP + i, begin);
    clock[i] = time.clock;
    cpu[i] = time.cpu;
  }
  inferred = read_stat (h->element, "inferred") - inferred;
  /* As many as there were inferences are slower than the rest: those with a copy. */
  gdouble least = quantile (cpu, n, 1 - (gdouble) inferred / n);
  for (guint i = 0; i < n; i++) {
    if (cpu[i] >= least)
      taken[n_taken++] = cpu[i];
  }
  g_print ("mode=async, %dx%d %s, %d a second, %u frames, threads=%u of %u cores: added p50 %.3f "
      "p99 %.3f max %.3f ms; CPU time p50 %.3f p99 %.3f max %.3f ms, of copied frames p50 %.3f ms; "
      "%.1f inferences a second, %.1f ms each\n",
      WIDTH, HEIGHT, format, RATE, n, threads, g_get_num_processors (), quantile (clock, n, 0.5),
      quantile (clock, n, 0.99), quantile (clock, n, 1), quantile (cpu, n, 0.5),
      quantile (cpu, n, 0.99), quantile (cpu, n, 1), quantile (taken, n_taken, 0.5),
      (gdouble) inferred * RATE / n, read_stat (h->element, "mean-latency") / 1e6);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  gint seconds = argc > 1 ? atoi (argv[1]) : 20, threads = argc > 2 ? atoi (argv[2]) : 0;
  const char *format = argc > 3 ? argv[3] : "I420";
  g_autofree char *caps = g_strdup_printf (
      "video/x-raw,format=%s,width=%d,height=%d,framerate=%d/1", format, WIDTH, HEIGHT, RATE);

  if (seconds < 1 || threads < 0 || threads > 256 ||
      gst_video_format_from_string (format) == GST_VIDEO_FORMAT_UNKNOWN) {
    g_printerr ("usage: %s [SECONDS [THREADS [FORMAT]]]\n", argv[0]);
    return 2;
  }
  GstElement *detect = gst_element_factory_make ("fasterrcnndetect", NULL);
  gst_util_set_object_arg (G_OBJECT (detect), "mode", "async");
  g_object_set (detect, "threads", (guint) threads, NULL);
  GstHarness *h = gst_harness_new_with_element (detect, "sink", "src");
  gst_harness_set_src_caps_str (h, caps);
  GstBuffer *frame = make_frame (gst_video_format_from_string (format));
  measure (h, frame, (guint) (seconds * RATE), format, (guint) threads);
  gst_buffer_unref (frame);
  gst_harness_teardown (h);
  gst_object_unref (detect);
  return 0;
}
