/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "winograd_vector.h"

const FrcWinogradKernels frc_winograd_avx512 = {"winograd avx512", 1, input_vector, output_vector};
