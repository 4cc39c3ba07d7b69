/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define frc_roi_align_scalar frc_roi_align_avx2
#include "roi_align_scalar.c"
