/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * RoIs → equal maps, by the config's rule.
 */
#ifndef FRC_ROI_POOL_H
#define FRC_ROI_POOL_H

#include "../image/resize.h"
#include "../kernels/narrow.h"
#include "../model/config.h"

/* A thread's scratch; @max_side: of the padded input, @channels: of the maps. */
gsize frc_roi_pool_scratch_bytes (const FrcConfig *config, guint max_side, guint channels);

/* @maps: n_roi_levels views; @boxes: n in network pixels. Writes @level [n], the map of each, and
 * @out [n, pooled_size, pooled_size, c]. Allocates nothing. */
void frc_roi_pool_run (const FrcConfig *config, const FrcKernels *kernels, FrcPool *pool,
    const FrcView *maps, const FrcInputSize *input, const FrcBox *boxes, guint8 *level,
    const FrcView *out);

/* The same on narrow maps; @shapes: those of the maps once more, none of its data is read. */
void frc_roi_pool_narrow_run (const FrcConfig *config, const FrcNarrowKernels *kernels, FrcPool *pool,
    const FrcNarrowView *maps, const FrcView *shapes, const FrcInputSize *input, const FrcBox *boxes,
    guint8 *level, const FrcNarrowView *out);

#endif
