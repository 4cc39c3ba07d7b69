/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "overlap_vector.h"

const FrcOverlapKernels frc_overlap_avx512 = {mask_vector};
