/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FRC_DEPTHWISE_H
#define FRC_DEPTHWISE_H

#include "table.h"
#include "window.h"

/* Weights and bias are padded with zeros to a multiple of this many channels. */
#define FRC_DEPTHWISE_BLOCK 16

struct _FrcDepthwiseKernels {
  /* out = activation (Σ weight · in + bias) for one output row; writes row->c channels a pixel. */
  void (*row) (const FrcWindowRow *row);
};

#endif
