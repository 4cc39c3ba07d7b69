/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define frc_pooling_scalar frc_pooling_avx2
#include "pooling_scalar.c"
