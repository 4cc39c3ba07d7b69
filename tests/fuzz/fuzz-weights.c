/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Feeds damaged model files to the readers: no crash, an error that names the file or tensors that
 * can all be read, and memory within 3 × file + 64 × header bytes (+ FRC_WEIGHTS_FIXED_BYTES).
 *
 *   fuzz-weights [--seed N] [--count N] FILE…    N damaged copies of each file
 *   fuzz-weights --replay FILE…                  the files as they are
 *   fuzz-weights --bombs                         large inputs made to take much memory
 *
 * With -DFRC_LIBFUZZER it has no main (), for -fsanitize=fuzzer. Memory is watched when built with
 * AddressSanitizer, whose hooks see every allocation: ours, json-glib's, libzip's.
 */
#include "core/model/weights-private.h"
#include "bombs.h"
#include "mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "fuzzed.file"
#define MAX_READ (1 << 22)

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* ---- memory ------------------------------------------------------------------------------- */

static gsize in_use, peak;
static gboolean watching;

#ifdef __SANITIZE_ADDRESS__
int __sanitizer_install_malloc_and_free_hooks (
    void (*malloc_hook) (const volatile void *, gsize), void (*free_hook) (const volatile void *));
gsize __sanitizer_get_allocated_size (const volatile void *memory);

/* What glibc's allocator takes for @size bytes. */
static gsize
chunk_size (gsize size)
{
  return MAX (32, (size + 8 + 15) & ~(gsize) 15);
}

static void
on_malloc (const volatile void *memory, gsize size)
{
  if (watching && memory) {
    in_use += chunk_size (size);
    peak = MAX (peak, in_use);
  }
}

static void
on_free (const volatile void *memory)
{
  if (watching && memory) /* may be of before: then less is in use than at the start */
    in_use -= chunk_size (__sanitizer_get_allocated_size (memory));
}

static void
watch_memory (void)
{
  __sanitizer_install_malloc_and_free_hooks (on_malloc, on_free);
}
#else
#define watch_memory()
#endif

/* ---- one input ---------------------------------------------------------------------------- */

static struct {
  guint64 inputs, accepted, tensors, errors[FRC_ERROR_WRITE + 1];
  gssize largest_excess; /* of memory over 3 × file + 64 × header bytes */
} totals;

static void
fail (const char *what, const guint8 *data, gsize size)
{
  g_file_set_contents ("fuzz-finding.bin", (const char *) data, size, NULL);
  fprintf (stderr, "FINDING: %s; the input is in fuzz-finding.bin\n", what);
  abort ();
}

static void
read_all (const FrcWeights *weights)
{
  for (guint i = 0; i < frc_weights_count (weights); i++) {
    const FrcTensor *tensor = frc_weights_nth (weights, i);
    guint64 n = frc_tensor_elements (tensor);
    g_assert_true (frc_weights_find (weights, tensor->name) == tensor);
    if (n > MAX_READ)
      continue;
    gfloat *values = malloc (n * sizeof *values + 1);
    frc_tensor_read_f32 (tensor, values);
    free (values);
    totals.tensors++;
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  gsize header_bytes = 0;
  const gsize base = (gsize) 1 << 40; /* memory of before may be freed while watching */

  in_use = peak = base;
  watching = TRUE;
  FrcWeights *weights = frc_weights_open_memory (data, size, FILE_NAME, &header_bytes, &error);
  watching = FALSE;

  gssize excess = (gssize) (peak - base) - (gssize) (3 * size + 64 * header_bytes);
  totals.inputs++;
  totals.largest_excess = MAX (totals.largest_excess, excess);
  if (excess > FRC_WEIGHTS_FIXED_BYTES)
    fail ("memory over the bound", data, size);
  if ((weights == NULL) != (error != NULL))
    fail ("neither tensors nor an error, or both", data, size);
  if (error) {
    if (error->domain != FRC_ERROR || !strstr (error->message, FILE_NAME) ||
        error->code == FRC_ERROR_NO_MEMORY)
      fail (error->message, data, size);
    totals.errors[error->code]++;
    return 0;
  }
  totals.accepted++;
  read_all (weights);
  frc_weights_free (weights);
  return 0;
}

/* ---- many inputs -------------------------------------------------------------------------- */

#ifndef FRC_LIBFUZZER
static void
print_totals (void)
{
  printf ("%" G_GUINT64_FORMAT " inputs: %" G_GUINT64_FORMAT " read (%" G_GUINT64_FORMAT
      " tensors), refused: %" G_GUINT64_FORMAT " damaged, %" G_GUINT64_FORMAT " unsupported, %"
      G_GUINT64_FORMAT " too large; no finding\n", totals.inputs, totals.accepted, totals.tensors,
      totals.errors[FRC_ERROR_FORMAT], totals.errors[FRC_ERROR_UNSUPPORTED],
      totals.errors[FRC_ERROR_TOO_LARGE]);
#ifdef __SANITIZE_ADDRESS__
  printf ("memory: at most 3 x file + 64 x header + %" G_GSSIZE_FORMAT " bytes (%d are allowed)\n",
      totals.largest_excess, FRC_WEIGHTS_FIXED_BYTES);
#else
  printf ("memory was not watched: build with -fsanitize=address\n");
#endif
}

static void
fuzz (FuzzSeed **seeds, guint n_seeds, guint count, guint32 seed_number)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed_number);

  for (guint k = 0; k < count; k++)
    for (guint i = 0; i < n_seeds; i++) {
      const FuzzSeed *other = seeds[g_rand_int (random) % n_seeds];
      g_autoptr (GByteArray) input = fuzz_mutate (seeds[i], other, random);
      LLVMFuzzerTestOneInput (input->data, input->len);
    }
}

static void
explode (const char *name, const guint8 *data, gsize size, gpointer user_data)
{
  LLVMFuzzerTestOneInput (data, size);
  printf ("%-28s %8" G_GSIZE_FORMAT " bytes, memory %" G_GSIZE_FORMAT "\n", name, size,
      peak - ((gsize) 1 << 40));
}

int
main (int argc, char **argv)
{
  gint count = 1000, seed_number = 1;
  gboolean replay = FALSE, bombs = FALSE;
  g_auto (GStrv) files = NULL;
  g_autoptr (GError) error = NULL;
  const GOptionEntry options[] = {
    { "count", 0, 0, G_OPTION_ARG_INT, &count, "damaged copies of each file", "N" },
    { "seed", 0, 0, G_OPTION_ARG_INT, &seed_number, "of the random numbers", "N" },
    { "replay", 0, 0, G_OPTION_ARG_NONE, &replay, "the files as they are", NULL },
    { "bombs", 0, 0, G_OPTION_ARG_NONE, &bombs, "large inputs made to take much memory", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, "FILE…" }, { NULL }
  };

  /* GLib's slices would keep what is freed: its memory could not be told from a leak. */
  if (!g_getenv ("G_SLICE")) {
    g_setenv ("G_SLICE", "always-malloc", TRUE);
    execv ("/proc/self/exe", argv);
  }
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || !(files || bombs)) {
    fprintf (stderr, "%s\n", error ? error->message : "no files given");
    return 2;
  }

  guint n = files ? g_strv_length (files) : 0;
  g_autofree FuzzSeed **seeds = g_new0 (FuzzSeed *, n);
  watch_memory ();
  for (guint i = 0; i < n; i++) {
    seeds[i] = fuzz_seed_load (files[i]);
    LLVMFuzzerTestOneInput (seeds[i]->data->data, seeds[i]->data->len);
  }
  if (bombs)
    bombs_foreach (explode, NULL);
  if (!replay && n > 0)
    fuzz (seeds, n, count, seed_number);
  for (guint i = 0; i < n; i++)
    fuzz_seed_free (seeds[i]);
  print_totals ();
  return 0;
}
#endif
