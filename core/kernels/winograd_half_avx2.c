/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "winograd_half_vector.h"

const FrcWinogradKernels frc_winograd_half_avx2 = {"winograd stride 2 avx2", 2, input_vector,
  output_vector};
