/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory: nothing is allocated between prepare and the last frame, by anyone in this process; and
 * every allocation that core makes in load and prepare may fail.
 */
#include "core/frcnn.h"
#include "core/mem.h"
#include "tests/support/synthetic.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
#define CAN_COUNT FALSE
static atomic_ulong allocations;
#else
#define CAN_COUNT TRUE
/* The C library's own allocator under other names: these definitions take its place, in the shared
 * libraries too, which is why they are visible. */
#pragma GCC visibility push(default)
extern void *__libc_malloc (size_t), *__libc_calloc (size_t, size_t),
    *__libc_realloc (void *, size_t), *__libc_memalign (size_t, size_t);
static atomic_ulong allocations;

void *
malloc (size_t size)
{
  atomic_fetch_add (&allocations, 1);
  return __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  atomic_fetch_add (&allocations, 1);
  return __libc_calloc (n, size);
}

void *
realloc (void *memory, size_t size)
{
  atomic_fetch_add (&allocations, 1);
  return __libc_realloc (memory, size);
}

int
posix_memalign (void **out, size_t alignment, size_t size)
{
  atomic_fetch_add (&allocations, 1);
  *out = __libc_memalign (alignment, size);
  return *out ? 0 : ENOMEM;
}

void *
aligned_alloc (size_t alignment, size_t size)
{
  atomic_fetch_add (&allocations, 1);
  return __libc_memalign (alignment, size);
}
#pragma GCC visibility pop
#endif

static char *folder;

static FrcModel *
load_family (const char *family, char **path)
{
  g_autoptr (GError) error = NULL;

  *path = g_strdup_printf ("%s/%s.safetensors", folder, family);
  frc_test_write_model (family, *path);
  FrcModel *model = frc_model_load (*path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (frc_model_get_info (model)->family, ==, family);
  return model;
}

#define WIDTH 230
#define HEIGHT 170

/* Fifty rectangles of every proportion, in turn with the whole image. */
static void
run_rectangles (FrcDetector *detector, guint *n_found)
{
  static guint8 pixels[HEIGHT][WIDTH * 3];
  FrcImage image = { { FRC_FORMAT_RGB, WIDTH, HEIGHT }, { pixels[0] }, { WIDTH * 3 } };
  FrcQuery query = FRC_QUERY_INIT;
  FrcDetection found[100];
  GRand *rand = g_rand_new_with_seed (3);
  g_autoptr (GError) error = NULL;
  guint rects[51][4];

  for (guint y = 0; y < HEIGHT; y++)
    for (guint x = 0; x < WIDTH * 3; x++)
      pixels[y][x] = (guint8) (x * y / 7 + 3 * x + g_rand_int_range (rand, 0, 40));
  for (guint i = 0; i < 51; i++) {
    rects[i][2] = i ? g_rand_int_range (rand, 1, WIDTH + 1) : WIDTH;
    rects[i][3] = i ? g_rand_int_range (rand, 1, HEIGHT + 1) : HEIGHT;
    rects[i][0] = g_rand_int_range (rand, 0, WIDTH - rects[i][2] + 1);
    rects[i][1] = g_rand_int_range (rand, 0, HEIGHT - rects[i][3] + 1);
  }
  g_rand_free (rand);
  query.score_threshold = 0.05f;
  g_assert_true (frc_detector_prepare (detector, &image.info, &error));
  *n_found = 0;
  gulong before = atomic_load (&allocations);
  for (guint i = 0; i < 51; i++) {
    FrcRect rect = { rects[i][0], rects[i][1], rects[i][2], rects[i][3] };
    guint n;
    g_assert_true (frc_detector_load (detector, &image, &rect));
    g_assert_true (frc_detector_run (detector, &query, found, 100, &n));
    *n_found += n;
    for (guint k = 0; k < n; k++)
      g_assert_true (found[k].box.x1 >= 0 && found[k].box.y1 >= 0 &&
                     found[k].box.x2 <= rect.width && found[k].box.y2 <= rect.height);
  }
  g_assert_cmpuint (atomic_load (&allocations) - before, ==, 0);
}

/* What this CPU does not run is an error that says so, and so is an operation without a kernel. */
static FrcDetector *
detector_of (FrcModel *model, FrcPrecision precision)
{
  FrcOptions options = { .threads = 2, .input_size = 64, .max_proposals = 20,
    .precision = precision };
  GError *error = NULL;
  FrcDetector *detector = frc_detector_new (model, &options, &error);

  if (!detector) {
    g_assert_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT);
    g_assert_true (strstr (error->message, "AVX512-BF16") ||
                   strstr (error->message, "'norm1' has no bf16 kernel"));
    g_error_free (error);
  }
  return detector;
}

static void
test_nothing_allocated (gconstpointer family)
{
  g_autofree char *path = NULL;
  FrcModel *model = load_family (family, &path);
  guint n_found;

  for (FrcPrecision p = FRC_PRECISION_F32; p <= FRC_PRECISION_BF16; p++) {
    g_autoptr (FrcDetector) detector = detector_of (model, p);
    FrcDetectorInfo info;
    if (!detector)
      continue;
    frc_detector_get_info (detector, &info);
    g_assert_cmpint (info.precision, ==, p);
    run_rectangles (detector, &n_found);
    g_test_message ("%s, %s: %u detections", (const char *) family, frc_precision_name (p), n_found);
    g_assert_cmpuint (n_found, >, 0);
  }
  frc_model_unref (model);
  g_unlink (path);
  if (!CAN_COUNT)
    g_test_message ("allocations are not counted under a sanitizer; the run is checked by it");
}

#ifdef FRC_TEST_HOOKS
/* Loads, makes a detector and prepares; TRUE if all of it worked. */
static gboolean
load_and_prepare (const char *path, GError **error)
{
  g_autoptr (FrcModel) model = frc_model_load (path, NULL, error);
  FrcOptions options = { .threads = 2, .input_size = 64 };
  g_autoptr (FrcDetector) detector = model ? frc_detector_new (model, &options, error) : NULL;
  FrcImageInfo info = { FRC_FORMAT_I420, 64, 48 };

  return detector && frc_detector_prepare (detector, &info, error);
}

static void
test_each_allocation_fails (void)
{
  g_autofree char *path = g_strdup_printf ("%s/fail.safetensors", folder);
  g_autoptr (GError) none = NULL;

  frc_test_write_model ("fasterrcnn_efficientnet_lite0_fpn", path);
  frc_alloc_fail_at (0);
  g_assert_true (load_and_prepare (path, &none));
  g_assert_no_error (none);
  guint64 n = frc_alloc_fail_at (0);
  g_assert_cmpuint (n, >, 100);
  for (guint64 k = 1; k <= n; k++) {
    g_autoptr (GError) error = NULL;
    frc_alloc_fail_at (k);
    g_assert_false (load_and_prepare (path, &error));
    g_assert_error (error, FRC_ERROR, FRC_ERROR_NO_MEMORY);
  }
  frc_alloc_fail_at (0);
  g_assert_true (load_and_prepare (path, &none));
  g_test_message ("each of %" G_GUINT64_FORMAT " allocations failed once", n);
  g_unlink (path);
}
#endif

#ifdef FRC_TEST_HOOKS
/* The narrow network is made with the first such detector: what fails then leaves nothing behind. */
static void
test_narrow_allocations_fail (void)
{
  g_autofree char *path = NULL;
  FrcModel *model = load_family ("fasterrcnn_mobilenet_v3_large_320_fpn", &path);
  FrcOptions options = { .threads = 2, .input_size = 64, .precision = FRC_PRECISION_BF16 };
  FrcDetector *detector = NULL;

  for (guint64 k = 1; !detector; k += 37) {
    g_autoptr (GError) error = NULL;
    frc_alloc_fail_at (k);
    detector = frc_detector_new (model, &options, &error);
    if (!detector && g_error_matches (error, FRC_ERROR, FRC_ERROR_ARGUMENT))
      break;
    if (!detector)
      g_assert_error (error, FRC_ERROR, FRC_ERROR_NO_MEMORY);
  }
  frc_alloc_fail_at (0);
  frc_detector_free (detector);
  frc_model_unref (model);
  g_unlink (path);
}
#endif

static void
test_model_is_shared (void)
{
  g_autofree char *path = NULL;
  FrcModel *model = load_family ("fasterrcnn_efficientnet_lite0_fpn", &path);
  FrcModel *again = frc_model_load (path, NULL, NULL);

  g_assert_true (model == again);
  frc_model_unref (again);
  frc_model_unref (model);
  g_unlink (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("frcnn-memory-XXXXXX", NULL);
  for (const char *const *name = frc_family_names (); *name; name++) {
    g_autofree char *path = g_strdup_printf ("/memory/nothing-allocated/%s", *name);
    g_test_add_data_func (path, *name, test_nothing_allocated);
  }
#ifdef FRC_TEST_HOOKS
  g_test_add_func ("/memory/each-allocation-fails", test_each_allocation_fails);
  g_test_add_func ("/memory/narrow-allocations-fail", test_narrow_allocations_fail);
#endif
  g_test_add_func ("/memory/model-is-shared", test_model_is_shared);
  int result = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  return result;
}
