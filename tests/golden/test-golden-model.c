/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whole models, every stage on a small picture: the shipped default model against torchvision, and a
 * small frozen graph against TensorFlow.
 */
#include "golden.h"
#include "core/frcnn.h"

#include <string.h>

/* How near a precision comes: shares of a stage's largest magnitude, scores, pixels. */
typedef struct {
  FrcPrecision precision;
  gdouble stage, score, box;
} Accuracy;

static const Accuracy f32 = { FRC_PRECISION_F32, 1e-3, 1e-3, 0.05 };
static const Accuracy bf16 = { FRC_PRECISION_BF16, 0.03, 0.03, 1.0 };

typedef struct {
  const FrcWeights *golden;
  const Accuracy *accuracy;
  gboolean with_given_proposals;
  guint n_seen;
} Watch;

/* Stages behind the proposals are compared on the reference's own proposals only. */
static gboolean
is_behind_proposals (const char *name)
{
  return !strcmp (name, "box_roi_pool") || !strcmp (name, "class_logits") ||
         !strcmp (name, "box_regression");
}

static void
watch (const char *name, const gfloat *data, guint n, guint h, guint w, guint c, gsize ld,
    gpointer user_data)
{
  Watch *self = user_data;
  g_autofree char *key = g_strconcat ("about.", name, NULL);
  guint n_want;

  if (!frc_weights_find (self->golden, key) ||
      is_behind_proposals (name) != self->with_given_proposals)
    return;
  g_autofree gfloat *about = golden_read (self->golden, "about", name, NULL);
  g_autofree gfloat *want = golden_read (self->golden, "stage", name, &n_want);
  g_autofree gfloat *max = golden_read (self->golden, "max", name, NULL);
  g_autofree gfloat *ours = g_new (gfloat, n_want);

  g_assert_cmpuint (n, ==, (guint) about[0]);
  g_assert_cmpuint (h, ==, (guint) about[1]);
  g_assert_cmpuint (w, ==, (guint) about[2]);
  g_assert_cmpuint (c, ==, (guint) about[3]);
  for (guint i = 0; i < n_want; i++) {
    gsize at = (gsize) i * (guint) about[4];
    ours[i] = data[at / c * ld + at % c];
  }
  golden_assert_near (name, ours, want, n_want,
      self->accuracy->stage * max[0]);
  self->n_seen++;
}

/* A detection whose score is nearer to @threshold than the precision tells may come or go, and what
 * NMS weighs it against, too: those are left out, of f32 none. */
static void
check_found (const FrcWeights *golden, const Accuracy *accuracy, gfloat threshold,
    const FrcDetection *found, guint n)
{
  guint n_want, n_sure = 0;
  g_autofree gfloat *boxes = golden_read (golden, "", "boxes", NULL);
  g_autofree gfloat *scores = golden_read (golden, "", "scores", &n_want);
  g_autofree gfloat *labels = golden_read (golden, "", "labels", NULL);

  while (n_sure < n_want && scores[n_sure] >= threshold + accuracy->score)
    n_sure++;
  if (accuracy == &f32) {
    g_assert_cmpuint (n_sure, ==, n_want);
    g_assert_cmpuint (n, ==, n_want);
  }
  g_assert_cmpuint (n_sure, >, 0);
  g_assert_cmpuint (n, >=, n_sure);
  for (guint i = 0; i < n_sure; i++) {
    g_assert_cmpint (found[i].label_id, ==, (gint) labels[i]);
    golden_assert_near ("score", &found[i].score, scores + i, 1, accuracy->score);
    golden_assert_near ("box", &found[i].box.x1, boxes + i * 4, 4, accuracy->box);
  }
}

/* The reference's proposals in pixels of the picture. What lies on the far edge comes back as exactly
 * that from beyond it: a crop's last sample depends on it. */
static void
to_picture (gfloat *given, guint n, const FrcDetectorInfo *info, guint width, guint height)
{
  for (guint i = 0; i < n; i++) {
    guint from = i % 2 ? info->resized_height : info->resized_width;
    given[i] = (given[i] + (given[i] >= from)) * (i % 2 ? height : width) / from;
  }
}

static void
check_model (const char *file, const char *golden_file, guint n_labels, guint n_maps,
    const Accuracy *accuracy)
{
  g_autoptr (FrcWeights) golden = golden_open (golden_file);
  g_autoptr (GError) error = NULL;
  g_autoptr (FrcModel) model = frc_model_load (file, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (frc_model_get_info (model)->n_labels, ==, n_labels);

  const FrcTensor *picture = golden_tensor (golden, "", "picture");
  guint width = picture->shape[1], height = picture->shape[0], n, n_given;
  g_autofree gfloat *args = golden_read (golden, "", "args", NULL);
  g_autofree gfloat *given = golden_read (golden, "stage", "proposals", &n_given);
  FrcOptions options = { .threads = 2, .input_size = args[0], .precision = accuracy->precision };
  g_autoptr (FrcDetector) detector = frc_detector_new (model, &options, &error);
  FrcImage image = { { FRC_FORMAT_RGB, width, height }, { picture->data }, { (gint) width * 3 } };
  FrcQuery query = FRC_QUERY_INIT;
  FrcDetection found[100];
  FrcDetectorInfo info;
  Watch self = { golden, accuracy, FALSE, 0 };

  if (!detector && accuracy != &f32) {
    g_test_skip (error->message);
    return;
  }
  g_assert_no_error (error);
  query.score_threshold = args[2];
  frc_detector_set_observer (detector, watch, &self);
  g_assert_true (frc_detect (detector, &image, &query, found, G_N_ELEMENTS (found), &n, &error));
  g_assert_cmpuint (self.n_seen, ==, 1 + 3 * n_maps); /* input, maps, objectness, deltas */
  if (accuracy == &f32) /* a near-tie of proposals is decided otherwise by other roundings */
    check_found (golden, accuracy, args[2], found, n);

  frc_detector_get_info (detector, &info);
  to_picture (given, n_given, &info, width, height);
  query.proposals = (FrcBox *) given;
  query.n_proposals = n_given / 4;
  self = (Watch){ golden, accuracy, TRUE, 0 };
  g_assert_true (frc_detect (detector, &image, &query, found, G_N_ELEMENTS (found), &n, &error));
  g_assert_cmpuint (self.n_seen, ==, 3); /* pooled RoIs, logits, deltas */
  check_found (golden, accuracy, args[2], found, n);
}

static void
test_default_model (gconstpointer accuracy)
{
  check_model (MODEL_FILE, "default_model", 20, 3, accuracy);
}

static void
test_inception_v2 (gconstpointer accuracy)
{
  check_model (GOLDEN_DIR "/inception_v2.pb", "inception_v2", 3, 1, accuracy);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/golden/default-model", &f32, test_default_model);
  g_test_add_data_func ("/golden/default-model-bf16", &bf16, test_default_model);
  g_test_add_data_func ("/golden/inception-v2", &f32, test_inception_v2);
  g_test_add_data_func ("/golden/inception-v2-bf16", &bf16, test_inception_v2);
  return g_test_run ();
}
