/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A detector's parts: detector.c is the flow of data, detector_setup.c makes and describes it.
 */
#ifndef FRC_DETECTOR_H
#define FRC_DETECTOR_H

#include "frcnn.h"
#include "graph/plan.h"
#include "image/resize.h"
#include "model/model.h"
#include "stages/postprocess.h"
#include "stages/proposals.h"

typedef enum {
  FRC_STAGE_LOAD, FRC_STAGE_TRUNK, FRC_STAGE_PROPOSALS, FRC_STAGE_ROI_POOL, FRC_STAGE_HEAD,
  FRC_STAGE_POSTPROCESS, FRC_N_STAGES
} FrcStage;

struct _FrcDetector {
  FrcModel *model;
  const FrcNetwork *network; /* the model's for this precision */
  FrcPrecision precision;    /* never AUTO */
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
  FrcInputSize input;
  guint n_rois; /* of the last run */
  guint64 stage_ns[FRC_N_STAGES];
};

/* precision.c: the precision to use and its network, which outlives the detector; @pool's threads
 * pack it if it is the model's first detector of that precision. */
const FrcNetwork *frc_precision_choose (FrcModel *model, FrcPrecision wanted, FrcPool *pool,
    FrcPrecision *chosen, GError **error);

#endif
