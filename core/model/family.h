/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Network families: how a file's tensors become a detector. A new backbone is one file that builds
 * its body, and one entry in family.c.
 */
#ifndef FRC_FAMILY_H
#define FRC_FAMILY_H

#include "builder.h"
#include "config.h"

/* A built network: the trunk (image → maps, RPN outputs) and the head (RoIs → logits and deltas).
 * Channels of the RPN's outputs, with A anchors a cell: A objectness logits, then dx, dy, dw, dh of
 * each anchor. Of the predictions: a logit a class, background first, then dx, dy, dw, dh of each
 * class, with background or without. */
typedef struct {
  FrcGraph *trunk, *head;
  gint input;                       /* trunk: [1, h, w, 3] */
  guint n_maps;
  gint maps[FRC_MAX_LEVELS];        /* trunk: the FPN's maps, finest first */
  const char *map_names[FRC_MAX_LEVELS];
  gint rpn[FRC_MAX_LEVELS];         /* trunk: objectness and deltas, one a map */
  gint rois, predictions;           /* head: [r, 7, 7, c] → [r, 1, 1, 5 · n_classes or 4 less] */
  guint n_classes;                  /* with background */
} FrcNetwork;

typedef struct _FrcFamily FrcFamily;

struct _FrcFamily {
  const char *name; /* torchvision's function, or one in its style */
  gboolean (*matches) (const FrcWeights *weights);
  void (*configure) (FrcConfig *config, const FrcWeights *weights);
  /* Fills @network with the nodes of both graphs; problems stay in the builders' graphs. */
  void (*build) (FrcNetwork *network, FrcBuilder *trunk, FrcBuilder *head, const FrcFamily *family,
      const FrcConfig *config);

  /* Of torchvision's, for frc_torchvision_build (). The body: writes the maps that the FPN takes, finest first; returns how many. */
  guint (*body) (FrcBuilder *builder, gint input, gint *maps);
  gboolean pool_level; /* the FPN adds a subsampled last map */
  gboolean conv_head;  /* four convolutions before the box head's fully connected layer */

  const char *body_prefix; /* of the body's tensors: a kernel there that is not built is refused */
  gboolean skips_holes; /* COCO's classes are numbered without the holes of their ids */
};

const FrcFamily *frc_family_find (const char *name); /* or NULL */
/* By content, then by what the file's name says; *@guessed: several families have these tensors and
 * nothing chose between them. NULL with FORMAT. */
const FrcFamily *frc_family_identify (const FrcWeights *weights, gboolean *guessed, GError **error);

/* Reads all weights and proves their shapes: what it takes from @weights, it copies. */
gboolean frc_network_build (FrcNetwork *network, const FrcFamily *family, const FrcConfig *config,
    const FrcWeights *weights, const FrcKernels *kernels, GError **error);
/* Packs a built network, once, on @pool's threads. @narrow: (nullable): it computes with narrow
 * numbers, else with f32; @bounds: (nullable): with int8 where it pays. Clears @network on error. */
gboolean frc_network_pack (FrcNetwork *network, const FrcNarrowKernels *narrow, GHashTable *bounds,
    FrcPool *pool, GError **error);
void frc_network_clear (FrcNetwork *network);

void frc_torchvision_build (FrcNetwork *network, FrcBuilder *trunk, FrcBuilder *head,
    const FrcFamily *family, const FrcConfig *config);
guint frc_resnet50_body (FrcBuilder *builder, gint input, gint *maps);
guint frc_mobilenet_v3_large_body (FrcBuilder *builder, gint input, gint *maps);
guint frc_efficientnet_lite0_body (FrcBuilder *builder, gint input, gint *maps);

/* A network that is not of torchvision's kind: how it is told, its constants, its graphs. */
#define FRC_DECLARE_FAMILY(name) \
  gboolean frc_##name##_matches (const FrcWeights *weights); \
  void frc_##name##_configure (FrcConfig *config, const FrcWeights *weights); \
  void frc_##name##_build (FrcNetwork *network, FrcBuilder *trunk, FrcBuilder *head, \
      const FrcFamily *family, const FrcConfig *config)
FRC_DECLARE_FAMILY (inception_v2);
FRC_DECLARE_FAMILY (vgg16);
FRC_DECLARE_FAMILY (zf);
FRC_DECLARE_FAMILY (detectron2);

#define FRC_LABEL_HOLE "N/A" /* an id that no class has */
#define FRC_COCO_IDS 90
#define FRC_COCO_CLASSES 80
/* labels.c: the built-in label lists, by their number; NULL if there is none. */
const char *const *frc_labels_builtin (guint n_labels);

#endif
