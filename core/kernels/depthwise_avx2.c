/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "depthwise_vector.h"

const FrcDepthwiseKernels frc_depthwise_avx2 = {row_vector};
