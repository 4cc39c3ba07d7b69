/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the readers share. A reader is a function that finds the file's bytes in weights->file,
 * proves every size, and fills the table by frc_weights_reserve () and frc_weights_add ().
 *
 * Memory: the readers together stay ≤ 3 × file + 64 × header bytes + FRC_WEIGHTS_FIXED_BYTES, where
 * header bytes are the JSON header, or the pickles and the archive's directory.
 */
#ifndef FRC_WEIGHTS_PRIVATE_H
#define FRC_WEIGHTS_PRIVATE_H

#include "core/frcnn.h"
#include "weights.h"

#include <string.h>

#define FRC_WEIGHTS_MAX_FILE ((guint64) 8 << 30)
#define FRC_WEIGHTS_MAX_TENSORS 65536
#define FRC_WEIGHTS_FIXED_BYTES (96 << 10) /* inflate's state, small objects, small files */
#define FRC_QUOTE_BYTES 100

typedef struct {
  const char *key, *value;
} FrcWeightsPair;

struct _FrcWeights {
  char *path;         /* as given */
  char *shown;        /* path as valid UTF-8, for messages */
  const char *format; /* static */
  guint8 *file;       /* the whole file; NULL once nothing points into it */
  gsize size;         /* of the file, also afterwards */
  guint8 *storages;   /* unpacked from an archive, or NULL */
  gsize header_bytes; /* parsed as header so far; set on failure too */

  FrcTensor *tensors; /* room for max_tensors */
  guint n_tensors, max_tensors;
  guint32 *by_name; /* indices of tensors, sorted by name */
  FrcWeightsPair *pairs;
  guint n_pairs, max_pairs;
  char *text; /* names, keys and values, each with its NUL */
  gsize text_bytes, max_text_bytes;
};

/* Reads a copy of @size bytes as if they were the file @path. @header_bytes (nullable) is set on
 * success and on failure. Errors as frc_weights_open (). */
FrcWeights *frc_weights_open_memory (const guint8 *data, gsize size, const char *path,
    gsize *header_bytes, GError **error);

/* Sets @error to "'file': message"; always FALSE, for `return frc_weights_fail (…)`. */
gboolean frc_weights_fail (const FrcWeights *weights, GError **error, FrcError code,
    const char *format, ...) G_GNUC_PRINTF (4, 5);

/* Copies at most FRC_QUOTE_BYTES − 1 bytes of @text, which may be hostile, as printable ASCII; the
 * result is @out. */
const char *frc_quote (const void *text, gsize n, char out[FRC_QUOTE_BYTES]);

/* Takes memory for @n_tensors, @n_pairs, and @text_bytes of strings, their NULs not counted. Once a
 * file. TOO_LARGE over FRC_WEIGHTS_MAX_TENSORS. */
gboolean frc_weights_reserve (FrcWeights *weights, gsize n_tensors, gsize n_pairs,
    gsize text_bytes, GError **error);

/* The next tensor, zeroed but for its name. FORMAT when the name is not UTF-8 without NULs, or when
 * no room was reserved for it. */
FrcTensor *frc_weights_add (FrcWeights *weights, const void *name, gsize n, GError **error);

/* The next pair of metadata, valid UTF-8. FORMAT when no room was reserved for it. */
gboolean frc_weights_add_pair (FrcWeights *weights, const char *key, const char *value,
    GError **error);

/* Sorts the names when all tensors are there; FORMAT when one occurs twice. */
gboolean frc_weights_index (FrcWeights *weights, GError **error);

gsize frc_dtype_size (FrcDtype dtype);
const char *frc_dtype_name (FrcDtype dtype); /* as safetensors writes it: "F32", … */

/* Product of the shape; FALSE on overflow. */
gboolean frc_shape_elements (const guint64 *shape, guint n_dims, guint64 *elements);

guint16 frc_f16_from_f32 (gfloat value);  /* round to nearest even */
gfloat frc_f32_from_f16 (guint16 bits);

/* Round to nearest even. */
static inline guint16
frc_bf16_from_f32 (gfloat value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return bits >> 16 | 0x40;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static inline gfloat
frc_f32_from_bf16 (guint16 half)
{
  guint32 bits = (guint32) half << 16;
  gfloat value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

gboolean frc_safetensors_read (FrcWeights *weights, GError **error);
gboolean frc_pth_zip_read (FrcWeights *weights, GError **error);
gboolean frc_pth_legacy_read (FrcWeights *weights, GError **error);
gboolean frc_pickle_file_read (FrcWeights *weights, GError **error);
gboolean frc_caffemodel_read (FrcWeights *weights, GError **error);
/* Can the @n first bytes of a file of @size be a Caffe net's? */
gboolean frc_caffemodel_matches (const guint8 *start, gsize n, guint64 size);
gboolean frc_tensorflow_read (FrcWeights *weights, GError **error); /* inception_v2_graph.c */

#endif
