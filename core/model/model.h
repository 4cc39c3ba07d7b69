/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FRC_MODEL_H
#define FRC_MODEL_H

#include "../frcnn.h"
#include "family.h"

/* What identifies a file that was loaded: elements on the same file share one model. */
typedef struct {
  guint64 device, inode, size;
  gint64 mtime_s, mtime_ns;
} FrcFileId;

struct _FrcModel {
  gint ref_count; /* changes under the cache's lock */
  FrcFileId id;
  char *wanted_family; /* as the caller gave it */
  char *path, *name;
  const FrcFamily *family;
  FrcConfig config;
  /* Under the lock: the file's network, until the first detector has it packed for its precision;
   * and what was packed, each when the first detector of that precision came. No trunk: not there. */
  FrcNetwork unpacked, packed[FRC_N_PRECISIONS];
  GMutex network_lock;
  char **labels; /* [n_labels], or NULL */
  guint16 *label_ids; /* of each class without background; NULL: they are the classes' numbers */
  FrcModelInfo info;
  GHashTable *bounds; /* of the layers' inputs, for int8; NULL: the file has none */
  gdouble cost[FRC_N_PRECISIONS]; /* in mean AP, points; infinite where the file tells none */
  char *cost_text[FRC_N_PRECISIONS]; /* the same as it stands in the file, or NULL */
  const FrcKernels *kernels;
};

/* The network that computes with @precision (not AUTO), packed on @pool's threads if it is the first
 * time: the model's, for as long as it lives. NULL if this CPU or the network cannot, or the file has
 * changed meanwhile. */
const FrcNetwork *frc_model_network (FrcModel *model, FrcPrecision precision, FrcPool *pool,
    GError **error);

/* Writes the model's file once more, as frc_model_convert () does, its numbers as they are, with
 * these keys and values (NULL-terminated) in its metadata. */
gboolean frc_model_annotate (FrcModel *model, const char *const *keys, const char *const *values,
    const char *out, GError **error);

#endif
