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
  char **labels; /* [n_labels], or NULL */
  FrcModelInfo info;
  const FrcKernels *kernels;
};

#endif
