/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "roi_pool.h"
#include "roi_levels.h"

typedef void (*Pooling) (const FrcKernels *kernels, FrcPool *pool, const FrcRois *rois,
    const FrcView *out);

static const Pooling poolings[FRC_N_POOLINGS] = {
  [FRC_POOLING_ROI_ALIGN] = frc_roi_align_run,
  [FRC_POOLING_ROI_ALIGN_V2] = frc_roi_align_v2_run,
  [FRC_POOLING_ROI_MAX_POOL] = frc_roi_max_pool_run,
  [FRC_POOLING_CROP_AND_RESIZE] = frc_crop_and_resize_run,
};

gsize
frc_roi_pool_scratch_bytes (const FrcConfig *config, guint max_side, guint channels)
{
  return frc_rois_scratch_bytes (max_side, config->pooled_size, config->sampling_ratio,
      config->pooling == FRC_POOLING_CROP_AND_RESIZE ? config->crop_size : 0, channels);
}

/* Each RoI's map, and what the pooling needs to know. @scales has room for all levels. */
static FrcRois
describe_rois (const FrcConfig *config, const FrcView *maps, const FrcInputSize *input,
    const FrcBox *boxes, guint n, guint8 *level, gfloat *scales)
{
  for (guint l = 0; l < config->n_roi_levels; l++)
    scales[l] = config->strides[l] ? 1.0f / config->strides[l]
                                   : frc_roi_scale (maps[l].h, input->resize.height);
  frc_roi_levels (config, boxes, n, scales, level);
  return (FrcRois){ .maps = maps, .scales = scales, .boxes = &boxes[0].x1, .level = level,
    .sampling = config->sampling_ratio, .crop = config->crop_size,
    .image_w = input->resize.width, .image_h = input->resize.height };
}

void
frc_roi_pool_run (const FrcConfig *config, const FrcKernels *kernels, FrcPool *pool,
    const FrcView *maps, const FrcInputSize *input, const FrcBox *boxes, guint8 *level,
    const FrcView *out)
{
  gfloat scales[FRC_MAX_LEVELS];
  FrcRois rois = describe_rois (config, maps, input, boxes, out->n, level, scales);

  poolings[config->pooling] (kernels, pool, &rois, out);
}

void
frc_roi_pool_narrow_run (const FrcConfig *config, const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *maps, const FrcView *shapes, const FrcInputSize *input, const FrcBox *boxes,
    guint8 *level, const FrcNarrowView *out)
{
  gfloat scales[FRC_MAX_LEVELS];
  FrcRois rois = describe_rois (config, shapes, input, boxes, out->n, level, scales);

  if (config->pooling == FRC_POOLING_ROI_MAX_POOL)
    frc_narrow_roi_max_pool_run (kernels, pool, maps, &rois, out);
  else if (config->pooling == FRC_POOLING_CROP_AND_RESIZE)
    frc_narrow_crop_and_resize_run (kernels, pool, maps, &rois, out);
  else
    frc_narrow_roi_align_run (kernels, pool, maps, &rois,
        config->pooling == FRC_POOLING_ROI_ALIGN_V2, out);
}
