/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Annotated images of a split, read from the two usual layouts:
 *
 *   voc   DATASET/Annotations/ID.xml, DATASET/ImageSets/Main/SPLIT.txt, DATASET/JPEGImages/ID.jpg
 *   coco  DATASET/annotations/instances_SPLIT.json, or DATASET itself such a file; images in SPLIT/,
 *         images/SPLIT/, images/ or JPEGImages/ of the folder
 *
 * VOC's boxes are 1-based with both ends inside: they become xmin − 1 … xmax.
 */
#ifndef FRCNN_DATASET_H
#define FRCNN_DATASET_H

#include "ap.h"

G_BEGIN_DECLS

typedef enum { DATASET_GUESS, DATASET_VOC, DATASET_COCO } DatasetFormat;

typedef struct {
  DatasetFormat format;
  GPtrArray *paths;     /* char *, of the images, in the order of their numbers */
  GPtrArray *names;     /* char *, of the classes, in the order of their numbers */
  GArray *truths;       /* ApTruth */
  GHashTable *name_ids; /* name → number + 1; keys belong to names */
} Dataset;

gboolean dataset_open (Dataset *dataset, const char *path, const char *split, const char *images,
    DatasetFormat format, GError **error);
guint dataset_class (Dataset *dataset, const char *name);
void dataset_clear (Dataset *dataset);

/* For dataset.c: the readers of the two layouts; `dataset` is empty. */
gboolean dataset_read_voc (Dataset *dataset, const char *path, const char *split,
    const char *images, GError **error);
gboolean dataset_read_coco (Dataset *dataset, const char *path, const char *split,
    const char *images, GError **error);

G_END_DECLS

#endif
