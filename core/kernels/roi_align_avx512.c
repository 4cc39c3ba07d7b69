/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "roi_align_vector.h"

const FrcRoiAlignKernels frc_roi_align_avx512 = {roi_vector};
