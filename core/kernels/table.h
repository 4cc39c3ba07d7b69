/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table of what each instruction set implements. An operation's own header (gemm.h,
 * depthwise.h, pooling.h, elementwise.h, roi_align.h, overlap.h, ../image/frame_kernels.h) defines
 * its sub-table; one source per instruction set (gemm_scalar.c, gemm_avx2.c, gemm_avx512.c, …)
 * defines the constant, and that source alone is compiled with that instruction set's flags. A new
 * micro-kernel is a new file and a new entry in cpu.c.
 */
#ifndef FRC_TABLE_H
#define FRC_TABLE_H

#include "kernels.h"

#ifdef __x86_64__
#define FRC_X86 1
#endif

typedef struct _FrcGemmKernels FrcGemmKernels;
typedef struct _FrcWinogradKernels FrcWinogradKernels;
typedef struct _FrcDepthwiseKernels FrcDepthwiseKernels;
typedef struct _FrcPoolingKernels FrcPoolingKernels;
typedef struct _FrcElementwiseKernels FrcElementwiseKernels;
typedef struct _FrcRoiAlignKernels FrcRoiAlignKernels;
typedef struct _FrcOverlapKernels FrcOverlapKernels;
typedef struct _FrcFrameKernels FrcFrameKernels;

struct _FrcKernels {
  const char *name;
  const FrcGemmKernels *gemm;
  const FrcWinogradKernels *winograd, *winograd_half; /* at stride 1 and 2; NULL: there is none */
  const FrcDepthwiseKernels *depthwise;
  const FrcPoolingKernels *pooling;
  const FrcElementwiseKernels *elementwise;
  const FrcRoiAlignKernels *roi_align;
  const FrcFrameKernels *frame;
  const FrcOverlapKernels *overlap;
  gboolean tiles; /* narrow kernels may use tile registers, see narrow_cpu.c */
};

extern const FrcGemmKernels frc_gemm_scalar, frc_gemm_openblas;
extern const FrcDepthwiseKernels frc_depthwise_scalar;
extern const FrcPoolingKernels frc_pooling_scalar;
extern const FrcElementwiseKernels frc_elementwise_scalar;
extern const FrcRoiAlignKernels frc_roi_align_scalar;
extern const FrcFrameKernels frc_frame_scalar;
extern const FrcOverlapKernels frc_overlap_scalar;

#ifdef FRC_X86
extern const FrcGemmKernels frc_gemm_avx2, frc_gemm_avx512;
extern const FrcWinogradKernels frc_winograd_avx2, frc_winograd_avx512;
extern const FrcWinogradKernels frc_winograd_half_avx2, frc_winograd_half_avx512;
extern const FrcDepthwiseKernels frc_depthwise_avx2, frc_depthwise_avx512;
extern const FrcPoolingKernels frc_pooling_avx2, frc_pooling_avx512;
extern const FrcElementwiseKernels frc_elementwise_avx2, frc_elementwise_avx512;
extern const FrcRoiAlignKernels frc_roi_align_avx2, frc_roi_align_avx512;
extern const FrcFrameKernels frc_frame_avx2, frc_frame_avx512;
extern const FrcOverlapKernels frc_overlap_avx2, frc_overlap_avx512;
#endif

#endif
