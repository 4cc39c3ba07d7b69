/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A detector's parts: detector.c is the flow of data, detector_setup.c makes and describes it.
 */
#ifndef FRC_DETECTOR_H
#define FRC_DETECTOR_H

#include "frcnn.h"
#include "graph/plan.h"
#include "image/frame.h"
#include "model/model.h"
#include "stages/postprocess.h"
#include "stages/proposals.h"

typedef enum {
  FRC_STAGE_LOAD, FRC_STAGE_TRUNK, FRC_STAGE_PROPOSALS, FRC_STAGE_ROI_POOL, FRC_STAGE_HEAD,
  FRC_STAGE_POSTPROCESS, FRC_N_STAGES
} FrcStage;

struct _FrcDetector {
  FrcModel *model;
  FrcConfig config; /* the model's, with the options applied */
  FrcPool *pool;
  FrcObserver observer;
  gpointer observer_data;

  /* From prepare on: for images of this kind. */
  gboolean is_prepared;
  FrcImageInfo image;
  FrcFrameReader *reader;
  FrcPlan *trunk, *head;
  FrcProposals proposals;
  FrcPostprocess postprocess;
  guint max_rois;
  FrcBox *rois;      /* [max_rois], network pixels */
  guint8 *roi_level; /* [max_rois] */

  /* From load on: this input. */
  gboolean is_loaded;
  FrcRect rect;
  guint resized_w, resized_h, padded_w, padded_h;
  guint n_rois; /* of the last run */
  guint64 stage_ns[FRC_N_STAGES];
};

/* The network input's size for a rectangle: s = min (min_size / short side, max_size / long side),
 * sides truncated, at least 1. Source: torchvision GeneralizedRCNNTransform. */
void frc_network_size (const FrcConfig *config, guint width, guint height, guint *resized_w,
    guint *resized_h);
/* With padding, as the trunk takes it. */
#define FRC_SIZE_DIVISOR 32
static inline guint
frc_padded (guint side)
{
  return (side + FRC_SIZE_DIVISOR - 1) / FRC_SIZE_DIVISOR * FRC_SIZE_DIVISOR;
}

#endif
