/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The small parts behind the elements, each alone: label sets, statistics, frame descriptions.
 */
#include "common.h"
#include "gst/frameinfo.h"
#include "gst/labels.h"
#include "gst/stats.h"

/* ---- statistics: times are given, so the figures are known ---- */

GST_START_TEST (test_stats_latencies)
{
  static FrcStats stats;

  fail_unless_equals_uint64 (frc_stats_p95_latency (&stats), 0);
  for (guint64 i = 1; i <= 100; i++)
    frc_stats_add_inference (&stats, i * 10, 2);
  fail_unless_equals_uint64 (frc_stats_p95_latency (&stats), 950);

  GstStructure *s = frc_stats_to_structure (&stats, 0);
  guint64 last, mean, inferred, detections;
  fail_unless (gst_structure_get (s, "last-latency", G_TYPE_UINT64, &last, "mean-latency",
      G_TYPE_UINT64, &mean, "inferred", G_TYPE_UINT64, &inferred, "detections", G_TYPE_UINT64,
      &detections, NULL));
  fail_unless_equals_uint64 (last, 1000);
  fail_unless_equals_uint64 (mean, 505);
  fail_unless_equals_uint64 (inferred, 100);
  fail_unless_equals_uint64 (detections, 200);
  gst_structure_free (s);

  /* Of the last 256 only: 300 slow ones, then 256 quick ones. */
  for (guint i = 0; i < 300; i++)
    frc_stats_add_inference (&stats, 1000000, 0);
  for (guint i = 0; i < 256; i++)
    frc_stats_add_inference (&stats, 5, 0);
  fail_unless_equals_uint64 (frc_stats_p95_latency (&stats), 5);
}
GST_END_TEST

GST_START_TEST (test_stats_fps)
{
  static FrcStats stats;
  const guint64 begin = 1000 * GST_SECOND;

  fail_unless_equals_float (frc_stats_fps (&stats, begin), 0.0);
  for (guint i = 0; i < 250; i++) /* 25 a second for 10 s */
    frc_stats_add_frame (&stats, begin + i * 40 * GST_MSECOND);
  gdouble fps = frc_stats_fps (&stats, begin + 10 * GST_SECOND - 1);
  fail_unless (fps > 24.0 && fps < 26.0, "%g", fps);
  fail_unless_equals_float (frc_stats_fps (&stats, begin + 13 * GST_SECOND), 0.0);

  /* Since the first frame, while that is less than 2 s ago. */
  stats = (FrcStats){ 0 };
  for (guint i = 0; i < 10; i++)
    frc_stats_add_frame (&stats, begin + i * 10 * GST_MSECOND);
  fps = frc_stats_fps (&stats, begin + 100 * GST_MSECOND);
  fail_unless (fps > 99.0 && fps < 101.0, "%g", fps);
}
GST_END_TEST

/* ---- labels ---- */

GST_START_TEST (test_label_mask)
{
  FrcModel *model = frc_model_load (test_model (), NULL, NULL);
  GError *error = NULL;
  FrcLabelSet *labels = frc_label_set_new (model, NULL, &error);
  GBytes *mask = NULL;
  gsize size;

  fail_unless (labels != NULL && error == NULL);
  fail_unless_equals_int (frc_label_set_size (labels), 20);
  fail_unless_equals_string (g_quark_to_string (frc_label_set_quark (labels, 11)), "dog");
  fail_unless_equals_int (frc_label_set_quark (labels, 20), 0);
  fail_unless_equals_int (frc_label_set_quark (labels, -1), 0);

  fail_unless (frc_label_set_mask (labels, NULL, "p", &mask, &error) && mask == NULL);
  fail_unless (frc_label_set_mask (labels, " , ", "p", &mask, &error) && mask == NULL);
  fail_unless (frc_label_set_mask (labels, "dog,, person ", "p", &mask, &error));
  const guint8 *bytes = g_bytes_get_data (mask, &size);
  fail_unless_equals_int (size, 20);
  for (guint i = 0; i < 20; i++)
    fail_unless_equals_int (bytes[i], i == 11 || i == 14);
  g_bytes_unref (mask);

  static const char *const near[][2] = { { "persn", "person" }, { "Dog", "dog" },
    { "trian", "train" }, { "motorbikes", "motorbike" } };
  for (guint i = 0; i < 4; i++) {
    fail_if (frc_label_set_mask (labels, near[i][0], "p", &mask, &error));
    char *quoted = g_strdup_printf ("nearest is \"%s\"", near[i][1]);
    fail_unless (strstr (error->message, quoted) != NULL, "%s", error->message);
    g_free (quoted);
    g_clear_error (&error);
  }
  frc_label_set_unref (labels);
  frc_model_unref (model);
}
GST_END_TEST

/* An empty line is a class without a name, and such a class can be chosen by its number. */
GST_START_TEST (test_class_without_name)
{
  char *folder = test_folder (), *path = g_build_filename (folder, "labels.txt", NULL);
  FrcModel *model = frc_model_load (test_model (), NULL, NULL);
  GBytes *mask = NULL;

  fail_unless (g_file_set_contents (path,
      "a\nb\n\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\nq\nr\ns\nt\n\n\n", -1, NULL));
  FrcLabelSet *labels = frc_label_set_new (model, path, NULL);
  fail_unless (labels != NULL);
  fail_unless_equals_string (g_quark_to_string (frc_label_set_quark (labels, 2)), "class_2");
  fail_unless (frc_label_set_mask (labels, "class_2", "p", &mask, NULL));
  fail_unless_equals_int (((const guint8 *) g_bytes_get_data (mask, NULL))[2], 1);
  g_bytes_unref (mask);
  frc_label_set_unref (labels);
  frc_model_unref (model);
  g_free (path);
  remove_folder (folder);
}
GST_END_TEST

/* ---- frames ---- */

GST_START_TEST (test_image_info)
{
  GstVideoInfo video;
  FrcImageInfo info;

  test_info (&video, all_formats[__i__], 33, 21);
  fail_unless (frc_image_info_from_video (&info, &video));
  fail_unless_equals_int (info.format, __i__);
  fail_unless_equals_int (info.width, 33);
  fail_unless_equals_int (info.height, 21);
  test_info (&video, GST_VIDEO_FORMAT_I420_10LE, 33, 21);
  fail_if (frc_image_info_from_video (&info, &video));
}
GST_END_TEST

GST_START_TEST (test_matrix_and_range)
{
  static const struct {
    const char *colorimetry;
    guint height;
    FrcMatrix matrix;
    FrcRange range;
  } cases[] = {
    { "bt601", 720, FRC_MATRIX_BT601, FRC_RANGE_LIMITED },
    { "bt709", 100, FRC_MATRIX_BT709, FRC_RANGE_LIMITED },
    { "smpte240m", 100, FRC_MATRIX_SMPTE240M, FRC_RANGE_LIMITED },
    { "bt2020", 100, FRC_MATRIX_BT2020, FRC_RANGE_LIMITED },
    { "1:4:0:0", 100, FRC_MATRIX_BT601, FRC_RANGE_FULL },
    { "1:3:0:0", 100, FRC_MATRIX_BT709, FRC_RANGE_FULL },
    { "2:2:0:0", 100, FRC_MATRIX_FCC, FRC_RANGE_LIMITED },
    { "0:0:0:0", 576, FRC_MATRIX_BT601, FRC_RANGE_LIMITED },
    { "0:0:0:0", 577, FRC_MATRIX_BT709, FRC_RANGE_LIMITED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstVideoInfo video;
    FrcImageInfo info;
    test_info (&video, GST_VIDEO_FORMAT_I420, 64, cases[i].height);
    fail_unless (gst_video_colorimetry_from_string (&video.colorimetry, cases[i].colorimetry));
    fail_unless (frc_image_info_from_video (&info, &video));
    fail_unless (info.matrix == cases[i].matrix && info.range == cases[i].range, "%s",
        cases[i].colorimetry);
  }
}
GST_END_TEST

static Suite *
helpers_suite (void)
{
  Suite *suite = suite_create ("helpers");
  TCase *tc = tcase_create ("helpers");

  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_stats_latencies);
  tcase_add_test (tc, test_stats_fps);
  tcase_add_test (tc, test_label_mask);
  tcase_add_test (tc, test_class_without_name);
  tcase_add_loop_test (tc, test_image_info, 0, FRC_N_FORMATS);
  tcase_add_test (tc, test_matrix_and_range);
  return suite;
}

GST_CHECK_MAIN (helpers)
