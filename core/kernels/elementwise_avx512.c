/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define frc_elementwise_scalar frc_elementwise_avx512
#include "elementwise_scalar.c"
