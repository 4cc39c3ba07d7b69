/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "elementwise_vector.h"

const FrcElementwiseKernels frc_elementwise_avx512 = {scale_row_vector, add_row_vector};
