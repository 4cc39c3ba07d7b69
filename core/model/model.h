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
  FrcNetwork network;
  FrcNetwork narrow; /* under the lock: made when the first detector asks for it; no trunk before */
  GMutex narrow_lock;
  char **labels; /* [n_labels], or NULL */
  FrcModelInfo info;
  const FrcKernels *kernels;
};

/* The network that computes with @precision (not AUTO): the model's, for as long as it lives. NULL
 * if this CPU or the network cannot, or the file has changed meanwhile. */
const FrcNetwork *frc_model_network (FrcModel *model, FrcPrecision precision, GError **error);

#endif
