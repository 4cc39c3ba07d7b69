/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A process that holds more than one detector, and a BLAS of its own: detectors get on equally fast,
 * and the host's number of BLAS threads stays what it was.
 */
#include "core/frcnn.h"
#include "tests/support/synthetic.h"

#include <dlfcn.h>
#include <glib/gstdio.h>

#define WIDTH 230
#define HEIGHT 170
#define DETECTORS 2
#define RUN_US (G_USEC_PER_SEC / 2)
#define FACTOR 3
#define ATTEMPTS 3 /* the machine has other work, too */

static char *folder;

static FrcModel *
load_model (void)
{
  g_autofree char *path = g_strdup_printf ("%s/model.safetensors", folder);
  GError *error = NULL;

  frc_test_write_model ("fasterrcnn_efficientnet_lite0_fpn", path);
  FrcModel *model = frc_model_load (path, NULL, &error);
  g_assert_no_error (error);
  g_unlink (path);
  return model;
}

static FrcDetector *
detector_of (FrcModel *model, guint threads)
{
  FrcOptions options = { .threads = threads, .input_size = 64, .max_proposals = 20 };
  GError *error = NULL;
  FrcDetector *detector = frc_detector_new (model, &options, &error);

  g_assert_no_error (error);
  return detector;
}

static void
detect_once (FrcDetector *detector)
{
  static guint8 pixels[HEIGHT][WIDTH * 3];
  FrcImage image = { { FRC_FORMAT_RGB, WIDTH, HEIGHT }, { pixels[0] }, { WIDTH * 3 } };
  FrcQuery query = FRC_QUERY_INIT;
  FrcDetection found[100];
  GError *error = NULL;
  guint n;

  frc_detect (detector, &image, &query, found, G_N_ELEMENTS (found), &n, &error);
  g_assert_no_error (error);
}

typedef struct {
  FrcDetector *detector;
  GThread *thread;
  gint *go;
  guint frames;
} Runner;

static gpointer
run_for_a_while (gpointer data)
{
  Runner *runner = data;

  while (!g_atomic_int_get (runner->go))
    g_usleep (100);
  for (gint64 end = g_get_monotonic_time () + RUN_US; g_get_monotonic_time () < end;
       runner->frames++)
    detect_once (runner->detector);
  return NULL;
}

/* The most frames that one of the detectors saw, for one that another saw. */
static gdouble
race (FrcDetector *const *detectors)
{
  Runner runners[DETECTORS];
  guint least = G_MAXUINT, most = 0;
  gint go = FALSE;

  for (guint i = 0; i < DETECTORS; i++) {
    runners[i] = (Runner){ .detector = detectors[i], .go = &go };
    runners[i].thread = g_thread_new ("runner", run_for_a_while, &runners[i]);
  }
  g_atomic_int_set (&go, TRUE);
  for (guint i = 0; i < DETECTORS; i++) {
    g_thread_join (runners[i].thread);
    least = MIN (least, runners[i].frames);
    most = MAX (most, runners[i].frames);
  }
  g_test_message ("%u to %u frames", least, most);
  return least ? (gdouble) most / least : G_MAXDOUBLE;
}

/* Two detectors of two threads each, from two threads at the same time. */
static void
test_detectors_are_fair (void)
{
  FrcModel *model = load_model ();
  FrcDetector *detectors[DETECTORS];
  gdouble factor = G_MAXDOUBLE;

  for (guint i = 0; i < DETECTORS; i++) {
    detectors[i] = detector_of (model, 2);
    detect_once (detectors[i]);
  }
  for (guint attempt = 0; attempt < ATTEMPTS && factor > FACTOR; attempt++)
    factor = race (detectors);
  g_assert_cmpfloat (factor, <=, FACTOR);
  for (guint i = 0; i < DETECTORS; i++)
    frc_detector_free (detectors[i]);
  frc_model_unref (model);
}

/* Also where matrix products are the BLAS's. */
static void
test_blas_is_left_alone (void)
{
  int (*get_threads) (void) = (int (*) (void)) dlsym (RTLD_DEFAULT, "openblas_get_num_threads");
  void (*set_threads) (int) = (void (*) (int)) dlsym (RTLD_DEFAULT, "openblas_set_num_threads");
  g_autofree char *cpu = g_strdup (g_getenv ("FRC_CPU"));

  if (!get_threads || !set_threads) {
    g_test_skip ("this BLAS is not OpenBLAS");
    return;
  }
  for (guint round = 0; round < 2; round++) {
    g_setenv ("FRC_CPU", round ? "baseline" : "", TRUE);
    for (int threads = 1; threads <= 2; threads++) {
      set_threads (threads);
      int before = get_threads ();
      FrcModel *model = load_model ();
      FrcDetector *detector = detector_of (model, 2);
      detect_once (detector);
      g_assert_cmpint (get_threads (), ==, before);
      frc_detector_free (detector);
      frc_model_unref (model);
      g_assert_cmpint (get_threads (), ==, before);
    }
  }
  if (cpu)
    g_setenv ("FRC_CPU", cpu, TRUE);
  else
    g_unsetenv ("FRC_CPU");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("frcnn-sharing-XXXXXX", NULL);
  g_test_add_func ("/sharing/detectors-are-fair", test_detectors_are_fair);
  g_test_add_func ("/sharing/blas-is-left-alone", test_blas_is_left_alone);
  int result = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  return result;
}
