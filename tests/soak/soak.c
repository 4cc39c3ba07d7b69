/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Many frames through fasterrcnndetect ! fasterrcnnoverlay ! fasterrcnnjson, while another thread
 * sets every property that may change while playing to one random value after the other, and reads
 * the others. Every 1,000 frames the caps change, to one of five; flushes, gaps, crop metas and
 * upstream ROI metas come at random. Small network input, so that a frame takes a millisecond or
 * so. Watches the resident memory of the process.
 *
 *   soak [--frames N] [--set "property=value ..."] [--pace US] [--max-growth KIB]
 *        [--seed N]
 *
 * Environment: see tests/elements/common.h.
 * Fails when a frame is missing, an error is posted, or memory grows by KIB or more after the first
 * 5,000 frames.
 */
#include "churn.h"
#include "tests/elements/common.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FRAMES_A_CAPS 1000
#define SETTLED 5000 /* frames after which memory must not grow: every caps was there once */

typedef struct {
  GstVideoInfo info;
  GstBuffer *picture;
} Source;

typedef struct {
  GRand *rand;
  GstHarness *harness;
  Source sources[5];
  guint64 out, rois;
  gint messages; /* atomic: they come from several threads */
} Soak;

static gint n_frames = 100000, pace, max_growth = -1, seed = 1;
static gchar *settings;

static const GOptionEntry entries[] = {
  { "frames", 0, 0, G_OPTION_ARG_INT, &n_frames, "How many frames (100000)", "N" },
  { "set", 0, 0, G_OPTION_ARG_STRING, &settings, "Properties of fasterrcnndetect", "TEXT" },
  { "pace", 0, 0, G_OPTION_ARG_INT, &pace, "Time between frames, for mode=async (0)", "US" },
  { "max-growth", 0, 0, G_OPTION_ARG_INT, &max_growth, "Of resident memory (not looked at)",
      "KIB" },
  { "seed", 0, 0, G_OPTION_ARG_INT, &seed, "Of all that is random (1)", "N" },
  { NULL },
};

static glong
resident_kib (void)
{
  glong pages = 0, resident = 0;
  FILE *file = fopen ("/proc/self/statm", "r");

  if (file) {
    if (fscanf (file, "%ld %ld", &pages, &resident) != 2)
      resident = 0;
    fclose (file);
  }
  return resident * (sysconf (_SC_PAGESIZE) / 1024);
}

/* ---- frames ---- */

static void
make_sources (Soak *soak)
{
  static const struct {
    GstVideoFormat format;
    guint width, height;
  } kinds[] = {
    { GST_VIDEO_FORMAT_I420, 160, 120 },
    { GST_VIDEO_FORMAT_RGB, 97, 131 },
    { GST_VIDEO_FORMAT_NV12, 200, 90 },
    { GST_VIDEO_FORMAT_BGRA, 64, 64 },
    { GST_VIDEO_FORMAT_YUY2, 161, 121 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (soak->sources); i++) {
    Source *source = &soak->sources[i];
    test_info (&source->info, kinds[i].format, kinds[i].width, kinds[i].height);
    source->picture = test_picture (&source->info, TEST_FRAME);
  }
}

/* What other elements leave on a frame. Ids are sometimes none, sometimes doubled. */
static void
add_upstream_metas (Soak *soak, const Source *source, GstBuffer *buffer)
{
  static const char *const labels[] = { "person", "car", "theirs" };
  guint width = (guint) source->info.width, height = (guint) source->info.height;

  for (gint n = g_rand_int_range (soak->rand, -3, 4); n > 0; n--) {
    guint x = (guint) g_rand_int_range (soak->rand, 0, (gint) width);
    guint y = (guint) g_rand_int_range (soak->rand, 0, (gint) height);
    gst_buffer_add_video_region_of_interest_meta (buffer,
        labels[g_rand_int_range (soak->rand, 0, 3)], x, y, width - x, height - y)->id =
        g_rand_int_range (soak->rand, 0, 5);
  }
  if (g_rand_int_range (soak->rand, 0, 50) == 0) {
    GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (buffer);
    crop->x = crop->y = 8;
    crop->width = crop->height = 48;
  }
}

static void
push_one (Soak *soak, guint frame)
{
  const Source *source = &soak->sources[frame / FRAMES_A_CAPS % G_N_ELEMENTS (soak->sources)];

  if (frame % FRAMES_A_CAPS == 0)
    harness_caps (soak->harness, &source->info);
  if (g_rand_int_range (soak->rand, 0, 500) == 0) {
    GstSegment segment;
    gst_segment_init (&segment, GST_FORMAT_TIME);
    gst_harness_push_event (soak->harness, gst_event_new_flush_start ());
    gst_harness_push_event (soak->harness, gst_event_new_flush_stop (TRUE));
    gst_harness_push_event (soak->harness, gst_event_new_segment (&segment));
  }

  GstBuffer *buffer = gst_buffer_copy (source->picture);
  GST_BUFFER_PTS (buffer) = frame * 40 * GST_MSECOND;
  GST_BUFFER_DURATION (buffer) = 40 * GST_MSECOND;
  if (g_rand_int_range (soak->rand, 0, 100) == 0)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_GAP);
  add_upstream_metas (soak, source, buffer);
  fail_unless_equals_int (gst_harness_push (soak->harness, buffer), GST_FLOW_OK);
  while ((buffer = gst_harness_try_pull (soak->harness))) {
    soak->out++;
    soak->rois += gst_buffer_get_n_meta (buffer, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE);
    gst_buffer_unref (buffer);
  }
  GstEvent *event;
  while ((event = gst_harness_try_pull_event (soak->harness)) ||
         (event = gst_harness_try_pull_upstream_event (soak->harness)))
    gst_event_unref (event);
}

/* ---- the elements ---- */

static GstBusSyncReply
count_message (GstBus *bus, GstMessage *message, gpointer data)
{
  Soak *soak = data;

  g_atomic_int_inc (&soak->messages);
  fail_if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR, "an error was posted");
  gst_message_unref (message);
  return GST_BUS_DROP;
}

static GstElement *
make_elements (Soak *soak)
{
  g_autofree gchar *text = g_strdup_printf ("fasterrcnndetect name=detect model=\"%s\" threads=2 "
      "input-size=32 max-proposals=20 threshold=0.02 %s ! fasterrcnnoverlay name=overlay ! "
      "fasterrcnnjson location=/dev/null", test_model (), settings ? settings : "");
  g_autoptr (GError) error = NULL;
  GstElement *bin = gst_parse_bin_from_description (text, TRUE, &error);

  fail_unless (error == NULL, "%s", error ? error->message : "");
  g_autoptr (GstBus) bus = gst_bus_new ();
  gst_bus_set_sync_handler (bus, count_message, soak, NULL);
  gst_element_set_bus (bin, bus);
  return bin;
}

/* ---- the run ---- */

/* Returns: by how many KiB memory grew after the first frames. */
static glong
run (Soak *soak)
{
  glong settled = 0, most = 0;

  for (guint frame = 0; frame < (guint) n_frames; frame++) {
    push_one (soak, frame);
    if (pace > 0)
      g_usleep ((gulong) pace);
    if ((frame + 1) % FRAMES_A_CAPS)
      continue;
    glong now = resident_kib ();
    if (frame < SETTLED)
      settled = most = MAX (settled, now);
    most = MAX (most, now);
    printf ("%7u frames  %8ld KiB resident  %+ld\n", frame + 1, now, now - settled);
    fflush (stdout);
  }
  return most - settled;
}

static void
print_totals (const Soak *soak, GstElement *detect, guint64 changes)
{
  g_autoptr (GstStructure) stats = NULL;

  g_object_get (detect, "stats", &stats, NULL);
  g_autofree gchar *told = gst_structure_to_string (stats);
  printf ("%" G_GUINT64_FORMAT " frames out, %" G_GUINT64_FORMAT " metas, %d messages, %"
      G_GUINT64_FORMAT " changes of properties\n%s\n", soak->out, soak->rois, soak->messages,
      changes, told);
}

GST_START_TEST (test_soak)
{
  Soak soak = { .rand = g_rand_new_with_seed ((guint32) seed) };
  GstElement *bin = make_elements (&soak);
  GstElement *detect = gst_bin_get_by_name (GST_BIN (bin), "detect");
  GstElement *overlay = gst_bin_get_by_name (GST_BIN (bin), "overlay");

  make_sources (&soak);
  soak.harness = harness_for (bin, NULL);
  Churn *churn = churn_start ((GObject *[]){ G_OBJECT (detect), G_OBJECT (overlay), NULL },
      (guint32) seed + 1);
  glong growth = run (&soak);
  print_totals (&soak, detect, churn_stop (churn));
  fail_unless_equals_int (soak.out, n_frames);
  fail_unless (read_stat (detect, "detections") > 0, "nothing was found in any frame");
  printf ("memory: %+ld KiB at most after the first %d frames\n", growth, SETTLED);
  fail_unless (max_growth < 0 || growth < max_growth, "memory grew by %ld KiB", growth);

  gst_harness_teardown (soak.harness);
  for (guint i = 0; i < G_N_ELEMENTS (soak.sources); i++)
    gst_buffer_unref (soak.sources[i].picture);
  gst_object_unref (detect);
  gst_object_unref (overlay);
  g_rand_free (soak.rand);
}
GST_END_TEST

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error)) {
    fprintf (stderr, "soak: %s\n", error->message);
    return 2;
  }
  /* Else the kernel turns large blocks into huge pages whenever it finds time: 2 MiB at once become
   * resident of what was reserved long before. */
  prctl (PR_SET_THP_DISABLE, 1, 0, 0, 0);
  gst_check_init (&argc, &argv);

  Suite *suite = suite_create ("soak");
  TCase *tc = tcase_create ("soak");
  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_soak);
  SRunner *runner = srunner_create (suite);
  srunner_set_fork_status (runner, CK_NOFORK); /* then no timeout either */
  srunner_run_all (runner, CK_NORMAL);
  int failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  g_free (settings);
  return failed ? 1 : 0;
}
