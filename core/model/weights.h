/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Named tensors, from whichever file format. One reader a format: each yields an FrcWeights, and
 * nothing above this header knows where tensors came from.
 *
 * Readers are written for hostile files: every size is proven against the file before it is used,
 * and memory stays ≤ 3 × file + 64 × header bytes.
 */
#ifndef FRC_WEIGHTS_H
#define FRC_WEIGHTS_H

#include <glib.h>

#define FRC_MAX_DIMS 8

typedef enum {
  FRC_DTYPE_F32, FRC_DTYPE_F16, FRC_DTYPE_BF16, FRC_DTYPE_F64,
  FRC_DTYPE_I64, FRC_DTYPE_I32, FRC_DTYPE_I16, FRC_DTYPE_I8, FRC_DTYPE_U8, FRC_DTYPE_BOOL
} FrcDtype;

typedef struct {
  const char *name;
  FrcDtype dtype;
  guint n_dims;                 /* 0 = scalar */
  guint64 shape[FRC_MAX_DIMS];
  guint64 stride[FRC_MAX_DIMS]; /* in elements; proven to stay inside the storage */
  const guint8 *data;           /* element 0; borrowed from the FrcWeights; unaligned */
} FrcTensor;

typedef struct _FrcWeights FrcWeights;

/* Opens @path and tells its kind by content. Errors name the file, what was expected and found:
 * OPEN (missing, a directory, unreadable), FORMAT (empty, truncated, unknown), UNSUPPORTED,
 * TOO_LARGE, NO_MEMORY. Free with frc_weights_free (). */
FrcWeights *frc_weights_open (const char *path, GError **error);
void frc_weights_free (FrcWeights *weights);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FrcWeights, frc_weights_free)

const char *frc_weights_path (const FrcWeights *weights);
const char *frc_weights_format (const FrcWeights *weights); /* "safetensors", "pth (zip)", … */
guint frc_weights_count (const FrcWeights *weights);
const FrcTensor *frc_weights_nth (const FrcWeights *weights, guint i); /* in the file's order */
const FrcTensor *frc_weights_find (const FrcWeights *weights, const char *name); /* or NULL */
/* safetensors' __metadata__; NULL if absent. */
const char *frc_weights_metadata (const FrcWeights *weights, const char *key);

guint64 frc_tensor_elements (const FrcTensor *tensor);
/* Writes all elements in C order as f32 to @out (frc_tensor_elements () of them); I64 … BOOL are
 * converted too. */
void frc_tensor_read_f32 (const FrcTensor *tensor, gfloat *out);

/* Writes a safetensors file: @keys/@values are __metadata__ (NULL-terminated, same length), tensors
 * in @weights' order, those of one dimension or none as f32 (integers are left out), the others as
 * @dtype (F32, F16, BF16; rounded as frc_round_filter () does). Written beside @path and renamed: a failure
 * leaves an older file as it was. */
gboolean frc_weights_save (const FrcWeights *weights, const char *const *keys,
    const char *const *values, FrcDtype dtype, const char *path, GError **error);

#endif
