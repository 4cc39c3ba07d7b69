/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The container of named tensors: opening a file whatever its kind, the table, looking up names.
 */
#include "weights-private.h"
#include "graphdef.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC_BYTES 64 /* enough of a file's start to tell its kind */

typedef gboolean (*Reader) (FrcWeights *weights, GError **error);

gboolean
frc_weights_fail (const FrcWeights *weights, GError **error, FrcError code, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, FRC_ERROR, code, "'%s': %s", weights->shown, message);
  return FALSE;
}

const char *
frc_quote (const void *text, gsize n, char out[FRC_QUOTE_BYTES])
{
  const guint8 *bytes = text;
  gsize kept = MIN (n, FRC_QUOTE_BYTES - 4);

  for (gsize i = 0; i < kept; i++)
    out[i] = g_ascii_isprint (bytes[i]) ? (char) bytes[i] : '?';
  strcpy (out + kept, kept < n ? "..." : "");
  return out;
}

/* ---- the kinds of files ------------------------------------------------------------------- */

/* torch.save () starts its legacy stream with a pickle of this number, little-endian. */
static const guint8 torch_magic[10] = {
  0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19
};

/* Tells the kind of a file of @size bytes from the @n first ones. */
static Reader
choose_reader (FrcWeights *weights, const guint8 *start, gsize n, guint64 size, GError **error)
{
  if (size == 0) {
    frc_weights_fail (weights, error, FRC_ERROR_FORMAT, "expected a model file, found an empty one");
    return NULL;
  }
  if (n >= 4 && memcmp (start, "PK\3\4", 4) == 0) {
    weights->format = "pth (zip)";
    return frc_pth_zip_read;
  }
  if (memmem (start, n, torch_magic, sizeof torch_magic)) {
    weights->format = "pth (legacy)";
    return frc_pth_legacy_read;
  }
  if (n >= 9 && start[8] == '{') { /* the length before it may begin like anything */
    weights->format = "safetensors";
    return frc_safetensors_read;
  }
  if (frc_caffemodel_matches (start, n, size)) {
    weights->format = "caffemodel";
    return frc_caffemodel_read;
  }
  if (frc_graphdef_matches (start, n, size)) {
    weights->format = "TensorFlow graph";
    return frc_tensorflow_read;
  }
  if (n >= 2 && start[0] == 0x80 && start[1] <= 5) {
    weights->format = "pickle";
    return frc_pickle_file_read;
  }
  frc_weights_fail (weights, error, FRC_ERROR_FORMAT,
      "not a model file: expected safetensors, PyTorch's .pth, Detectron2's .pkl, Caffe's "
      ".caffemodel or a frozen TensorFlow graph, found the first bytes of none of them");
  return NULL;
}

/* ---- opening ------------------------------------------------------------------------------ */

static FrcWeights *
weights_new (const char *path)
{
  FrcWeights *weights = g_new0 (FrcWeights, 1);

  weights->path = g_strdup (path);
  weights->shown = g_filename_display_name (path);
  return weights;
}

static gboolean
fail_errno (FrcWeights *weights, int code, const char *what, GError **error)
{
  return frc_weights_fail (weights, error, FRC_ERROR_OPEN, "%s: %s", what, g_strerror (code));
}

/* Opens without ever waiting: a FIFO or a device is refused like a directory. −1 on error. */
static int
open_regular (FrcWeights *weights, guint64 *size, GError **error)
{
  struct stat info;
  int fd = open (weights->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

  if (fd < 0) {
    fail_errno (weights, errno, "expected a model file, found none that can be opened", error);
    return -1;
  }
  if (fstat (fd, &info) < 0)
    fail_errno (weights, errno, "cannot be examined", error);
  else if (S_ISDIR (info.st_mode))
    frc_weights_fail (weights, error, FRC_ERROR_OPEN, "expected a model file, found a directory");
  else if (!S_ISREG (info.st_mode))
    frc_weights_fail (weights, error, FRC_ERROR_OPEN, "expected a model file, found something that is not a regular file");
  else if ((guint64) info.st_size > FRC_WEIGHTS_MAX_FILE)
    frc_weights_fail (weights, error, FRC_ERROR_TOO_LARGE,
        "%" G_GUINT64_FORMAT " bytes, at most %" G_GUINT64_FORMAT " are read",
        (guint64) info.st_size, FRC_WEIGHTS_MAX_FILE);
  else {
    *size = info.st_size;
    return fd;
  }
  close (fd);
  return -1;
}

/* Reads until @n bytes or the end of file; −1 and errno on error. */
static gssize
read_fully (int fd, guint8 *out, gsize n)
{
  gsize done = 0;

  while (done < n) {
    gssize got = read (fd, out + done, n - done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    done += got;
  }
  return done;
}

static gboolean
read_file (FrcWeights *weights, int fd, guint64 size, GError **error)
{
  guint8 start[MAGIC_BYTES];
  gssize n = read_fully (fd, start, MIN (size, sizeof start));
  if (n < 0)
    return fail_errno (weights, errno, "cannot be read", error);

  /* The kind is known before the memory is taken. */
  Reader reader = choose_reader (weights, start, n, size, error);
  if (!reader)
    return FALSE;
  weights->file = frc_alloc (size, 1, weights->shown, error);
  if (!weights->file)
    return FALSE;
  weights->size = size;
  memcpy (weights->file, start, n);

  gssize rest = read_fully (fd, weights->file + n, size - n);
  if (rest < 0)
    return fail_errno (weights, errno, "cannot be read", error);
  if ((guint64) (n + rest) != size)
    return frc_weights_fail (weights, error, FRC_ERROR_OPEN, "became shorter while it was read");
  return reader (weights, error);
}

FrcWeights *
frc_weights_open (const char *path, GError **error)
{
  g_autoptr (FrcWeights) weights = weights_new (path);
  guint64 size;
  int fd = open_regular (weights, &size, error);

  if (fd < 0)
    return NULL;
  gboolean ok = read_file (weights, fd, size, error);
  close (fd);
  return ok ? g_steal_pointer (&weights) : NULL;
}

FrcWeights *
frc_weights_open_memory (const guint8 *data, gsize size, const char *path, gsize *header_bytes,
    GError **error)
{
  g_autoptr (FrcWeights) weights = weights_new (path);
  Reader reader = choose_reader (weights, data, MIN (size, MAGIC_BYTES), size, error);
  gboolean ok = FALSE;

  if (reader)
    weights->file = frc_alloc (size, 1, weights->shown, error);
  if (weights->file) {
    memcpy (weights->file, data, size);
    weights->size = size;
    ok = reader (weights, error);
  }
  if (header_bytes)
    *header_bytes = weights->header_bytes;
  return ok ? g_steal_pointer (&weights) : NULL;
}

void
frc_weights_free (FrcWeights *weights)
{
  if (!weights)
    return;
  g_free (weights->path);
  g_free (weights->shown);
  frc_free (weights->file);
  frc_free (weights->storages);
  frc_free (weights->tensors);
  frc_free (weights->by_name);
  frc_free (weights->pairs);
  frc_free (weights->text);
  g_free (weights);
}

/* ---- filling the table -------------------------------------------------------------------- */

gboolean
frc_weights_reserve (FrcWeights *weights, gsize n_tensors, gsize n_pairs, gsize text_bytes,
    GError **error)
{
  if (n_tensors > FRC_WEIGHTS_MAX_TENSORS || n_pairs > FRC_WEIGHTS_MAX_TENSORS)
    return frc_weights_fail (weights, error, FRC_ERROR_TOO_LARGE,
        "%" G_GSIZE_FORMAT " tensors and %" G_GSIZE_FORMAT " metadata entries, at most %d of each",
        n_tensors, n_pairs, FRC_WEIGHTS_MAX_TENSORS);
  weights->max_tensors = n_tensors;
  weights->max_pairs = n_pairs;
  weights->max_text_bytes = text_bytes + n_tensors + 2 * n_pairs;
  weights->tensors = frc_alloc0 (n_tensors, sizeof *weights->tensors, weights->shown, error);
  if (!weights->tensors)
    return FALSE;
  weights->by_name = frc_alloc (n_tensors, sizeof *weights->by_name, weights->shown, error);
  if (!weights->by_name)
    return FALSE;
  weights->pairs = frc_alloc (n_pairs, sizeof *weights->pairs, weights->shown, error);
  if (!weights->pairs)
    return FALSE;
  weights->text = frc_alloc (weights->max_text_bytes, 1, weights->shown, error);
  return weights->text != NULL;
}

/* NULL when it does not fit. */
static const char *
add_text (FrcWeights *weights, const void *text, gsize n)
{
  char *copy = weights->text + weights->text_bytes;

  if (n >= weights->max_text_bytes - weights->text_bytes)
    return NULL;
  memcpy (copy, text, n);
  copy[n] = 0;
  weights->text_bytes += n + 1;
  return copy;
}

FrcTensor *
frc_weights_add (FrcWeights *weights, const void *name, gsize n, GError **error)
{
  char quoted[FRC_QUOTE_BYTES];

  if (!g_utf8_validate_len (name, n, NULL)) {
    frc_weights_fail (weights, error, FRC_ERROR_FORMAT, "the tensor name '%s' is not valid UTF-8",
        frc_quote (name, n, quoted));
    return NULL;
  }
  const char *copy = weights->n_tensors < weights->max_tensors ? add_text (weights, name, n) : NULL;
  if (!copy) { /* only names that occur more than once are longer than the header they stand in */
    frc_weights_fail (weights, error, FRC_ERROR_FORMAT, "a tensor name repeats, near '%s'",
        frc_quote (name, n, quoted));
    return NULL;
  }
  FrcTensor *tensor = &weights->tensors[weights->n_tensors++];
  tensor->name = copy;
  return tensor;
}

gboolean
frc_weights_add_pair (FrcWeights *weights, const char *key, const char *value, GError **error)
{
  const char *copy = add_text (weights, key, strlen (key));
  const char *value_copy = copy ? add_text (weights, value, strlen (value)) : NULL;

  if (!value_copy || weights->n_pairs == weights->max_pairs)
    return frc_weights_fail (weights, error, FRC_ERROR_FORMAT, "metadata that repeats");
  weights->pairs[weights->n_pairs++] = (FrcWeightsPair) { copy, value_copy };
  return TRUE;
}

static gint
compare_names (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const FrcWeights *weights = user_data;
  const guint32 *i = a, *j = b;
  return strcmp (weights->tensors[*i].name, weights->tensors[*j].name);
}

gboolean
frc_weights_index (FrcWeights *weights, GError **error)
{
  char quoted[FRC_QUOTE_BYTES];
  guint32 *index = weights->by_name;

  for (guint i = 0; i < weights->n_tensors; i++)
    index[i] = i;
  g_qsort_with_data (index, weights->n_tensors, sizeof *index, compare_names, weights);
  for (guint i = 1; i < weights->n_tensors; i++) {
    const char *name = weights->tensors[index[i]].name;
    if (strcmp (weights->tensors[index[i - 1]].name, name) == 0)
      return frc_weights_fail (weights, error, FRC_ERROR_FORMAT, "two tensors have the name '%s'",
          frc_quote (name, strlen (name), quoted));
  }
  return TRUE;
}

/* ---- asking ------------------------------------------------------------------------------- */

const char *
frc_weights_path (const FrcWeights *weights)
{
  return weights->path;
}

const char *
frc_weights_format (const FrcWeights *weights)
{
  return weights->format;
}

guint
frc_weights_count (const FrcWeights *weights)
{
  return weights->n_tensors;
}

const FrcTensor *
frc_weights_nth (const FrcWeights *weights, guint i)
{
  return i < weights->n_tensors ? &weights->tensors[i] : NULL;
}

/* By halving the sorted index: unlike a hash table, names chosen to collide cannot slow it. */
const FrcTensor *
frc_weights_find (const FrcWeights *weights, const char *name)
{
  guint low = 0, high = weights->n_tensors;

  while (low < high) {
    guint middle = low + (high - low) / 2;
    const FrcTensor *tensor = &weights->tensors[weights->by_name[middle]];
    int order = strcmp (name, tensor->name);
    if (order == 0)
      return tensor;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

const char *
frc_weights_metadata (const FrcWeights *weights, const char *key)
{
  for (guint i = 0; i < weights->n_pairs; i++)
    if (strcmp (weights->pairs[i].key, key) == 0)
      return weights->pairs[i].value;
  return NULL;
}
