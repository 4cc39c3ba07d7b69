/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pooling_vector.h"

const FrcPoolingKernels frc_pooling_avx512 = {max_row_vector, average_row_vector,
  local_norm_row_vector, mean_vector};
