/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define frc_depthwise_scalar frc_depthwise_avx512
#include "depthwise_scalar.c"
