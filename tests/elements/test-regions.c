/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Zones, and regions of interest from upstream. The oracle is the core on each rectangle alone,
 * merged here by the definition of non-maximum suppression.
 */
#include "common.h"

#define W 192
#define H 144
#define FRAME (40 * GST_MSECOND)
#define EVERYTHING { .score_threshold = (gfloat) TEST_THRESHOLD, .nms_threshold = -1.0f, \
  .max_detections = MAX_FOUND }

static GstBuffer *picture;
static GstVideoInfo rgb;
static gdouble nms_threshold;

static void
setup (void)
{
  FrcModel *model = frc_model_load (test_model (), NULL, NULL);

  fail_unless (model != NULL);
  nms_threshold = (gdouble) frc_model_get_info (model)->box_nms_threshold;
  frc_model_unref (model);
  test_info (&rgb, GST_VIDEO_FORMAT_RGB, W, H);
  picture = test_rgb (W, H, 2);
}

static void
teardown (void)
{
  gst_buffer_unref (picture);
}

/* ---- the oracle ---- */

typedef struct {
  FrcDetection d;
  gint parent;
  guint order;
  gboolean gone;
} Found;

static Found found[64 * MAX_FOUND];
static guint n_found;
static Expected expected;
static gint parents[MAX_FOUND];

static int
by_score (const void *a, const void *b)
{
  const Found *x = a, *y = b;

  if (x->d.score != y->d.score)
    return x->d.score < y->d.score ? 1 : -1;
  return x->order < y->order ? -1 : 1;
}

static gdouble
iou (const FrcBox *a, const FrcBox *b)
{
  gdouble w = (gdouble) MIN (a->x2, b->x2) - MAX (a->x1, b->x1);
  gdouble h = (gdouble) MIN (a->y2, b->y2) - MAX (a->y1, b->y1);
  gdouble inter = MAX (w, 0) * MAX (h, 0);

  return inter / (((gdouble) a->x2 - a->x1) * (a->y2 - a->y1) +
      ((gdouble) b->x2 - b->x1) * (b->y2 - b->y1) - inter);
}

static void
add_rect (const FrcRect *rect, gint parent, const FrcRect *frame)
{
  const FrcQuery query = EVERYTHING;
  static Expected one;
  gfloat dx = (gfloat) rect->x - frame->x, dy = (gfloat) rect->y - frame->y;

  expect_detections (&rgb, picture, rect, &query, &one);
  for (guint i = 0; i < one.n; i++) {
    Found *f = &found[n_found];
    *f = (Found){ one.found[i], parent, n_found, FALSE };
    f->d.box = (FrcBox){ f->d.box.x1 + dx, f->d.box.y1 + dy, f->d.box.x2 + dx, f->d.box.y2 + dy };
    n_found++;
  }
}

/* Best first, each takes away what overlaps it and has its label; the best @max that are left. */
static void
merge (guint max)
{
  qsort (found, n_found, sizeof *found, by_score);
  expected.n = 0;
  for (guint i = 0; i < n_found; i++) {
    if (found[i].gone)
      continue;
    for (guint j = i + 1; j < n_found; j++)
      found[j].gone |= found[j].d.label_id == found[i].d.label_id &&
          iou (&found[i].d.box, &found[j].d.box) > nms_threshold;
    if (expected.n < max) {
      parents[expected.n] = found[i].parent;
      expected.found[expected.n++] = found[i].d;
    }
  }
}

static void
expect_rects (const FrcRect *rects, const gint *ids, guint n, guint max)
{
  const FrcRect frame = { 0, 0, W, H };

  n_found = 0;
  for (guint i = 0; i < n; i++)
    add_rect (&rects[i], ids ? ids[i] : 0, &frame);
  merge (max);
}

static void
round_expect (GstHarness *h, guint frame)
{
  GstBuffer *out = harness_round (h, gst_buffer_copy (picture), frame * FRAME);

  check_rois (out, &expected, W, H, 1, 0);
  gst_buffer_unref (out);
}

static GstHarness *
start_zones (GstElement **detect, const char *zones)
{
  *detect = make_detect ();
  gst_util_set_object_arg (G_OBJECT (*detect), "region", "zones");
  g_object_set (*detect, "zones", zones, NULL);
  return harness_for (*detect, &rgb);
}

/* ---- zones ---- */

GST_START_TEST (test_zones)
{
  static const struct {
    const char *zones;
    guint n;
    FrcRect rects[3]; /* largest first, as they are looked at */
  } cases[] = {
    { "0,0,96,144", 1, { { 0, 0, 96, 144 } } },
    { " 50% , 25%, 50%,50 % ;", 1, { { 96, 36, 96, 72 } } },
    { "0,0,60,50%;0,0,100%,100%;10,10,120,120", 3, { { 0, 0, W, H }, { 10, 10, 120, 120 },
        { 0, 0, 60, 72 } } }, /* they overlap: what two see is there once */
    { "-20,-20,120,100;120,90,1000,1000", 2, { { 0, 0, 100, 80 }, { 120, 90, 72, 54 } } },
    { "192,0,10,10;20,20,0,50;0,144,100%,1;30,20,100,100", 1, { { 30, 20, 100, 100 } } },
    { "0,0,0.4,100;500,500,1,1", 0, { { 0 } } }, /* less than half a pixel; outside */
  };
  GstElement *detect;
  GstHarness *h = start_zones (&detect, cases[__i__].zones);

  expect_rects (cases[__i__].rects, NULL, cases[__i__].n, 100);
  fail_unless (expected.n > 0 || cases[__i__].n == 0, "nothing to see in case %d", __i__);
  round_expect (h, 0);
  fail_unless_equals_uint64 (read_stat (detect, "inferred"), cases[__i__].n > 0);
  gst_harness_teardown (h);
}
GST_END_TEST

/* While playing: other zones, fewer of them, a limit of objects over all zones. */
GST_START_TEST (test_zones_live)
{
  const FrcRect rects[] = { { 0, 0, 150, 144 }, { 4, 2, 146, 140 }, { 40, 40, 80, 80 } };
  const FrcRect other = { 20, 0, 150, 130 };
  GstElement *detect;
  GstHarness *h = start_zones (&detect, "40,40,80,80;0,0,150,144;4,2,146,140");

  expect_rects (rects, NULL, 3, 100);
  round_expect (h, 0);
  guint n = expected.n;
  fail_unless (n_found > n && n > 2, "zones share no object: %u of %u", n, n_found);
  g_object_set (detect, "max-regions", 2, NULL);
  expect_rects (rects, NULL, 2, 100);
  round_expect (h, 1);
  g_object_set (detect, "max-regions", 1, NULL);
  expect_rects (rects, NULL, 1, 100);
  round_expect (h, 2);
  g_object_set (detect, "max-regions", 8, "max-detections", 2, NULL);
  expect_rects (rects, NULL, 3, 2);
  round_expect (h, 3);
  g_object_set (detect, "zones", "20,0,150,130", "max-detections", 100, NULL);
  expect_rects (&other, NULL, 1, 100);
  round_expect (h, 4);

  g_object_set (detect, "zones", "", NULL); /* region=zones needs some */
  GstMessage *message = pop_message (detect, GST_MESSAGE_WARNING);
  fail_unless (message != NULL);
  gst_message_unref (message);
  round_expect (h, 5);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Zones are of the rectangle that a crop meta names, as boxes are. */
GST_START_TEST (test_zones_in_a_crop)
{
  const FrcRect crop = { 30, 20, 120, 110 }, left = { 30, 20, 60, 110 }, part = { 50, 40, 100, 90 };
  GstElement *detect;
  GstHarness *h = start_zones (&detect, "0,0,50%,100%;20,20,500,500");
  GstBuffer *buffer = gst_buffer_copy (picture);
  GstVideoCropMeta *meta = gst_buffer_add_video_crop_meta (buffer);

  meta->x = crop.x;
  meta->y = crop.y;
  meta->width = crop.width;
  meta->height = crop.height;
  n_found = 0;
  add_rect (&part, 0, &crop);
  add_rect (&left, 0, &crop);
  merge (100);
  fail_unless (expected.n > 0);
  GstBuffer *out = harness_round (h, buffer, 0);
  check_rois (out, &expected, crop.width, crop.height, 1, 0);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

/* max-size is a share of the frame, not of the zone. */
GST_START_TEST (test_sizes_in_zones)
{
  const FrcRect rect = { 20, 0, 150, 130 };
  GstElement *detect;
  GstHarness *h = start_zones (&detect, "20,0,150,130");
  gdouble limit = 0.45;
  guint n = 0;

  g_object_set (detect, "max-size", limit, NULL);
  expect_rects (&rect, NULL, 1, 100);
  for (guint i = 0; i < expected.n; i++) {
    const FrcBox *b = &expected.found[i].box;
    if (MAX (b->x2 - b->x1, b->y2 - b->y1) <= limit * W)
      expected.found[n++] = expected.found[i];
  }
  fail_unless (n > 0 && n < expected.n, "%u of %u", n, expected.n);
  expected.n = n;
  round_expect (h, 0);
  gst_harness_teardown (h);
}
GST_END_TEST

/* ---- regions of interest ---- */

static GstVideoRegionOfInterestMeta *
add_roi (GstBuffer *buffer, const char *type, gint id, const FrcRect *r)
{
  GstVideoRegionOfInterestMeta *roi = gst_buffer_add_video_region_of_interest_meta (buffer, type,
      r->x, r->y, r->width, r->height);

  roi->id = id;
  return roi;
}

static GstHarness *
start_with (GstElement **detect, const char *property, const char *value)
{
  *detect = make_detect ();
  gst_util_set_object_arg (G_OBJECT (*detect), property, value);
  return harness_for (*detect, &rgb);
}

static void
check_parents (GstBuffer *buffer, guint others)
{
  guint pixels = 0;

  for (guint i = 0; i < expected.n; i++) {
    Expected one = { 1, { expected.found[i] } };
    if (!count_visible (&one, W, H))
      continue;
    fail_unless_equals_int (nth_roi (buffer, others + pixels)->parent_id, parents[i]);
    pixels++;
  }
  fail_unless_equals_int (count_rois (buffer), others + pixels);
}

/* Two overlapping ones with ids; those that lie outside, have no size or another label are left
 * alone; the largest ones first. */
GST_START_TEST (test_roi_list)
{
  const FrcRect rects[] = { { 0, 0, 130, 144 }, { 60, 10, 132, 134 } };
  const FrcRect far = { 192, 0, 10, 10 }, flat = { 10, 10, 0, 20 }, huge = { 60, 10, G_MAXUINT,
    G_MAXUINT }, other = { 5, 5, 150, 120 };
  const gint ids[] = { 7, 9 };
  GstElement *detect;
  GstHarness *h = start_with (&detect, "region", "roi-list");

  g_object_set (detect, "region-classes", "person", NULL);
  for (guint pass = 0; pass < 3; pass++) {
    GstBuffer *buffer = gst_buffer_copy (picture);
    if (pass == 1)
      g_object_set (detect, "max-regions", 1, NULL);
    if (pass == 2)
      g_object_set (detect, "max-regions", 8, "region-classes", "dog", NULL);
    add_roi (buffer, "person", 3, &far);
    add_roi (buffer, "person", 4, &flat);
    add_roi (buffer, "person", 7, &rects[0]);
    add_roi (buffer, "face", 8, &other); /* no label of ours */
    add_roi (buffer, "person", 9, &huge);
    expect_rects (rects, ids, pass == 2 ? 0 : 2 - pass, 100);
    if (pass == 1)
      fail_unless (rects[0].width * rects[0].height > rects[1].width * rects[1].height);
    fail_unless (expected.n > 0 || pass == 2);
    GstBuffer *out = harness_round (h, buffer, pass * FRAME);
    check_rois (out, &expected, W, H, 10, 0);
    check_parents (out, 5);
    gst_buffer_unref (out);
  }
  gst_harness_teardown (h);
}
GST_END_TEST

/* Ids that are 0 or doubled are replaced first, so that a parent is one. */
GST_START_TEST (test_roi_list_ids)
{
  const FrcRect rects[] = { { 0, 0, 130, 144 }, { 60, 10, 130, 130 }, { 40, 40, 100, 100 } };
  const gint ids[] = { 7, 8, 9 };
  GstElement *detect;
  GstHarness *h = start_with (&detect, "region", "roi-list");
  GstBuffer *buffer = gst_buffer_copy (picture);

  add_roi (buffer, "person", 7, &rects[0]);
  add_roi (buffer, "person", 7, &rects[1]);
  add_roi (buffer, "person", 0, &rects[2]);
  expect_rects (rects, ids, 3, 100);
  GstBuffer *out = harness_round (h, buffer, 0);
  for (guint i = 0; i < 3; i++)
    fail_unless_equals_int (nth_roi (out, i)->id, ids[i]);
  check_rois (out, &expected, W, H, 10, 0);
  check_parents (out, 3);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}
GST_END_TEST

/* No region of interest: nothing is looked at, and the result is that there is nothing. */
GST_START_TEST (test_roi_list_empty)
{
  const FrcRect rect = { 0, 0, 130, 144 };
  const gint id = 1;
  GstElement *detect;
  GstHarness *h = start_with (&detect, "region", "roi-list");

  expected.n = 0;
  round_expect (h, 0);
  fail_unless_equals_uint64 (read_stat (detect, "inferred"), 0);
  GstBuffer *buffer = gst_buffer_copy (picture);
  add_roi (buffer, "person", 1, &rect);
  expect_rects (&rect, &id, 1, 100);
  GstBuffer *out = harness_round (h, buffer, FRAME);
  check_rois (out, &expected, W, H, 2, 0);
  gst_buffer_unref (out);
  expected.n = 0;
  round_expect (h, 2);
  fail_unless_equals_uint64 (read_stat (detect, "inferred"), 1);
  gst_harness_teardown (h);
}
GST_END_TEST

/* More than max-regions can be at all. */
GST_START_TEST (test_many_rois)
{
  GstElement *detect;
  GstHarness *h = start_with (&detect, "region", "roi-list");
  GstBuffer *buffer = gst_buffer_copy (picture);
  FrcRect largest[3] = { { 6, 4, 79 + 40, 79 + 30 }, { 6, 4, 78 + 40, 78 + 30 },
    { 6, 4, 77 + 40, 77 + 30 } };
  const gint ids[] = { 80, 79, 78 };

  for (guint i = 0; i < 80; i++)
    add_roi (buffer, "person", (gint) i + 1, &(FrcRect){ 6, 4, i + 40, i + 30 });
  g_object_set (detect, "max-regions", 3, NULL);
  expect_rects (largest, ids, 3, 100);
  GstBuffer *out = harness_round (h, gst_buffer_copy (buffer), 0);
  check_rois (out, &expected, W, H, 81, 0);
  check_parents (out, 80);
  gst_buffer_unref (out);
  g_object_set (detect, "max-regions", 64, NULL);
  gst_buffer_unref (harness_round (h, buffer, FRAME));
  gst_harness_teardown (h);
}
GST_END_TEST

static Suite *
regions_suite (void)
{
  Suite *suite = suite_create ("regions");
  TCase *tc = tcase_create ("regions");

  tcase_set_timeout (tc, 60);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, test_zones, 0, 6);
  tcase_add_test (tc, test_zones_live);
  tcase_add_test (tc, test_zones_in_a_crop);
  tcase_add_test (tc, test_sizes_in_zones);
  tcase_add_test (tc, test_roi_list);
  tcase_add_test (tc, test_roi_list_ids);
  tcase_add_test (tc, test_roi_list_empty);
  tcase_add_test (tc, test_many_rois);
  return suite;
}

GST_CHECK_MAIN (regions)
