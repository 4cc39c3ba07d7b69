/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "depthwise_vector.h"

const FrcDepthwiseKernels frc_depthwise_avx512 = {row_vector};
