/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writes safetensors. The header lists tensors in their order; the data has the f32 ones first, so
 * that each lies at a multiple of its element's size, as readers that map files like it.
 */
#include "rounding.h"
#include "weights-private.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_ALIGNMENT 8

/* Where the header goes: nowhere, to learn its length, or to the file. */
typedef struct {
  FILE *file; /* (nullable) */
  guint64 bytes;
} Sink;

static void put (Sink *sink, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
put (Sink *sink, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  gint n = sink->file ? vfprintf (sink->file, format, arguments)
                      : vsnprintf (NULL, 0, format, arguments);
  va_end (arguments);
  sink->bytes += MAX (n, 0);
}

static void
put_string (Sink *sink, const char *text)
{
  put (sink, "\"");
  for (; *text; text++)
    if (*text == '"' || *text == '\\')
      put (sink, "\\%c", *text);
    else if ((guchar) *text < 0x20)
      put (sink, "\\u%04x", (guint) *text);
    else
      put (sink, "%c", *text);
  put (sink, "\"");
}

/* ---- what is written ---------------------------------------------------------------------- */

static gboolean
is_written (const FrcTensor *tensor)
{
  return tensor->dtype <= FRC_DTYPE_F64;
}

static FrcDtype
written_dtype (const FrcTensor *tensor, FrcDtype dtype)
{
  return tensor->n_dims <= 1 ? FRC_DTYPE_F32 : dtype;
}

/* Whether @tensor belongs to the @pass-th part of the data: 0 is f32, 1 the smaller ones. */
static gboolean
is_in_pass (const FrcTensor *tensor, FrcDtype dtype, guint pass)
{
  return is_written (tensor) && (written_dtype (tensor, dtype) != FRC_DTYPE_F32) == pass;
}

/* @offsets: where each tensor's data begins. Returns the elements of the largest. */
static guint64
place_data (const FrcWeights *weights, FrcDtype dtype, guint64 *offsets)
{
  guint64 at = 0, largest = 0;

  for (guint pass = 0; pass < 2; pass++)
    for (guint i = 0; i < weights->n_tensors; i++) {
      const FrcTensor *tensor = &weights->tensors[i];
      if (!is_in_pass (tensor, dtype, pass))
        continue;
      guint64 elements = frc_tensor_elements (tensor);
      offsets[i] = at;
      at += elements * frc_dtype_size (written_dtype (tensor, dtype));
      largest = MAX (largest, elements);
    }
  return largest;
}

/* A filter: what one output of a layer is made with, a tensor's elements over its first side. */
static guint64
largest_filter (const FrcWeights *weights)
{
  guint64 largest = 0;

  for (guint i = 0; i < weights->n_tensors; i++) {
    const FrcTensor *tensor = &weights->tensors[i];
    if (tensor->n_dims > 1 && tensor->shape[0] > 0)
      largest = MAX (largest, frc_tensor_elements (tensor) / tensor->shape[0]);
  }
  return largest;
}

static void
put_header (Sink *sink, const FrcWeights *weights, const char *const *keys,
    const char *const *values, FrcDtype dtype, const guint64 *offsets)
{
  const char *separator = "";

  put (sink, "{");
  if (keys && keys[0]) {
    put (sink, "\"__metadata__\":");
    for (guint i = 0; keys[i]; i++) {
      put (sink, "%c", i ? ',' : '{');
      put_string (sink, keys[i]);
      put (sink, ":");
      put_string (sink, values[i]);
    }
    put (sink, "}");
    separator = ",";
  }
  for (guint i = 0; i < weights->n_tensors; i++) {
    const FrcTensor *tensor = &weights->tensors[i];
    FrcDtype written = written_dtype (tensor, dtype);
    if (!is_written (tensor))
      continue;
    put (sink, "%s", separator);
    separator = ",";
    put_string (sink, tensor->name);
    put (sink, ":{\"dtype\":\"%s\",\"shape\":[", frc_dtype_name (written));
    for (guint d = 0; d < tensor->n_dims; d++)
      put (sink, "%s%" G_GUINT64_FORMAT, d ? "," : "", tensor->shape[d]);
    put (sink, "],\"data_offsets\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}", offsets[i],
        offsets[i] + frc_tensor_elements (tensor) * frc_dtype_size (written));
  }
  put (sink, "}");
  while (sink->bytes % HEADER_ALIGNMENT)
    put (sink, " ");
}

/* Room for the largest tensor and the largest filter of one. */
typedef struct {
  gfloat *values;
  FrcRoundingMove *moves;
  guint16 *halves;
} Scratch;

static void
write_f32 (gfloat *values, guint64 n, FILE *file)
{
  for (guint64 i = 0; i < n; i++) {
    guint32 bits;
    memcpy (&bits, values + i, sizeof bits);
    bits = GUINT32_TO_LE (bits);
    memcpy (values + i, &bits, sizeof bits);
  }
  fwrite (values, sizeof *values, n, file);
}

static void
write_tensor (const FrcTensor *tensor, FrcDtype dtype, const Scratch *scratch, FILE *file)
{
  guint64 n = frc_tensor_elements (tensor);

  frc_tensor_read_f32 (tensor, scratch->values);
  if (dtype == FRC_DTYPE_F32 || n == 0) {
    write_f32 (scratch->values, n, file);
    return;
  }
  guint64 filters = tensor->shape[0], per_filter = n / filters;
  for (guint64 f = 0; f < filters; f++) {
    frc_round_filter (scratch->values + f * per_filter, per_filter, dtype, scratch->moves,
        scratch->halves);
    for (guint64 i = 0; i < per_filter; i++)
      scratch->halves[i] = GUINT16_TO_LE (scratch->halves[i]);
    fwrite (scratch->halves, sizeof *scratch->halves, per_filter, file);
  }
}

/* Errors of writing are looked at once, by ferror () at the end. */
static void
write_all (const FrcWeights *weights, const char *const *keys, const char *const *values,
    FrcDtype dtype, const guint64 *offsets, const Scratch *scratch, FILE *file)
{
  Sink measure = { NULL, 0 }, sink = { file, 0 };

  put_header (&measure, weights, keys, values, dtype, offsets);
  guint64 header_bytes = GUINT64_TO_LE (measure.bytes);
  fwrite (&header_bytes, sizeof header_bytes, 1, file);
  put_header (&sink, weights, keys, values, dtype, offsets);
  for (guint pass = 0; pass < 2; pass++)
    for (guint i = 0; i < weights->n_tensors; i++)
      if (is_in_pass (&weights->tensors[i], dtype, pass))
        write_tensor (&weights->tensors[i], written_dtype (&weights->tensors[i], dtype), scratch,
            file);
}

/* ---- the file ----------------------------------------------------------------------------- */

static gboolean
fail_write (const char *path, const char *cause, GError **error)
{
  g_autofree char *shown = g_filename_display_name (path);

  g_set_error (error, FRC_ERROR, FRC_ERROR_WRITE, "'%s': cannot be written: %s", shown, cause);
  return FALSE;
}

/* Writes a new file beside @path, then gives it that name. */
static gboolean
replace_file (const FrcWeights *weights, const char *const *keys, const char *const *values,
    FrcDtype dtype, const guint64 *offsets, const Scratch *scratch, const char *path, GError **error)
{
  g_autofree char *beside = g_strconcat (path, ".XXXXXX", NULL);
  struct stat info;

  if (stat (path, &info) == 0 && !S_ISREG (info.st_mode))
    return fail_write (path, "it exists and is not a regular file", error);
  int fd = g_mkstemp_full (beside, O_WRONLY | O_CLOEXEC, 0666);
  FILE *file = fd < 0 ? NULL : fdopen (fd, "wb");
  if (!file) {
    int code = errno;
    if (fd >= 0) {
      close (fd);
      g_unlink (beside);
    }
    return fail_write (path, g_strerror (code), error);
  }

  errno = 0;
  write_all (weights, keys, values, dtype, offsets, scratch, file);
  gboolean failed = ferror (file) != 0;
  int code = errno;
  if (fclose (file) != 0 && !failed) {
    failed = TRUE;
    code = errno;
  }
  if (!failed && g_rename (beside, path) != 0) {
    failed = TRUE;
    code = errno;
  }
  if (!failed)
    return TRUE;
  g_unlink (beside);
  return fail_write (path, g_strerror (code), error);
}

gboolean
frc_weights_save (const FrcWeights *weights, const char *const *keys, const char *const *values,
    FrcDtype dtype, const char *path, GError **error)
{
  Scratch scratch = { 0 };
  gboolean ok = FALSE;

  if (dtype > FRC_DTYPE_BF16) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "cannot write weights as %s; expected F32, F16 or BF16", frc_dtype_name (dtype));
    return FALSE;
  }
  guint64 *offsets = frc_alloc0 (weights->n_tensors, sizeof *offsets, path, error);
  if (offsets) {
    guint64 largest = place_data (weights, dtype, offsets), filter = largest_filter (weights);
    ok = (scratch.values = frc_alloc (largest, sizeof *scratch.values, path, error)) &&
         (scratch.moves = frc_alloc (filter, sizeof *scratch.moves, path, error)) &&
         (scratch.halves = frc_alloc (filter, sizeof *scratch.halves, path, error)) &&
         replace_file (weights, keys, values, dtype, offsets, &scratch, path, error);
  }
  frc_free (scratch.values);
  frc_free (scratch.moves);
  frc_free (scratch.halves);
  frc_free (offsets);
  return ok;
}
