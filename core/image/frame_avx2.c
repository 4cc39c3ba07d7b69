/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define frc_frame_scalar frc_frame_avx2
#include "frame_scalar.c"
