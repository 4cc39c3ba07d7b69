/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Inception v2 as TF-Slim has it (Ioffe and Szegedy 2015; slim/nets/inception_v2.py): one table, which
 * the reader of frozen graphs compares with a file and the family builds from.
 */
#ifndef FRC_INCEPTION_V2_H
#define FRC_INCEPTION_V2_H

#include <glib.h>

#define FRC_INCEPTION_V2_FAMILY "faster_rcnn_inception_v2"

typedef enum { FRC_UNIT_CONV, FRC_UNIT_MAX_POOL, FRC_UNIT_AVERAGE_POOL } FrcUnitKind;

/* All of them with SAME padding; a convolution has a batch normalisation and a ReLU behind it. */
typedef struct {
  const char *name; /* NULL behind the last one of a branch */
  FrcUnitKind kind;
  guint kernel, stride;
} FrcInceptionUnit;

#define FRC_INCEPTION_MAX_UNITS 4 /* with the end */
#define FRC_INCEPTION_MAX_BRANCHES 4

typedef struct {
  const char *name;
  guint n_branches;
  FrcInceptionUnit branches[FRC_INCEPTION_MAX_BRANCHES][FRC_INCEPTION_MAX_UNITS];
} FrcInceptionModule;

/* Names of scopes, which tensors' names start with. */
#define FRC_INCEPTION_TRUNK "FirstStageFeatureExtractor/InceptionV2"
#define FRC_INCEPTION_SEPARABLE FRC_INCEPTION_TRUNK "/Conv2d_1a_7x7"
#define FRC_INCEPTION_RPN "Conv"
#define FRC_INCEPTION_RPN_BOXES "FirstStageBoxPredictor/BoxEncodingPredictor"
#define FRC_INCEPTION_RPN_CLASSES "FirstStageBoxPredictor/ClassPredictor"
#define FRC_INCEPTION_HEAD "SecondStageFeatureExtractor/InceptionV2"
#define FRC_INCEPTION_BOXES "SecondStageBoxPredictor/BoxEncodingPredictor"
#define FRC_INCEPTION_CLASSES "SecondStageBoxPredictor/ClassPredictor"

/* Behind the first layer, a separable convolution of 7×7 and stride 2: */
extern const FrcInceptionUnit frc_inception_stem[];       /* up to its end */
extern const FrcInceptionModule frc_inception_trunk[];    /* Mixed_3b … 4e */
extern const guint frc_inception_n_trunk;
extern const FrcInceptionModule frc_inception_head[];     /* Mixed_5a … 5c */
extern const guint frc_inception_n_head;

#endif
