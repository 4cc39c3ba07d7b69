/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FRC_ROI_ALIGN_H
#define FRC_ROI_ALIGN_H

#include "table.h"

/* The samples' grid is a product of two axes, so a bin is Σ wy · wx · map[y][x] over the taps of its
 * row and of its column. Taps of samples that share a map row (or column) are merged. */
typedef struct {
  guint *first;   /* bin i has taps [first[i], first[i + 1]) */
  gsize *offset;  /* of the tap's map row or column, in floats */
  gfloat *weight;
} FrcRoiAxis;

/* The most taps that @bins bins of an axis have. */
static inline gsize
frc_roi_axis_taps (guint bins, guint sampling, guint max_side)
{
  return sampling ? 2 * (gsize) bins * sampling : max_side + 2 * (gsize) bins + 2;
}

/* Two axes with room for @taps in @scratch; returns what is behind them, aligned for vectors. */
gpointer frc_roi_axes_place (FrcRoiAxis axes[2], gpointer scratch, guint bins, gsize taps);
gsize frc_roi_axes_bytes (guint bins, gsize taps);

/* The axes of RoI @i in @scratch: columns, then rows of its map, whose pixels are @ld elements apart. */
void frc_roi_align_axes (const FrcRois *rois, guint i, gsize ld, gboolean aligned, guint pooled,
    gpointer scratch, FrcRoiAxis axes[2]);

/* The same for a crop of rois->crop² samples; returns the scratch behind the axes. */
gpointer frc_roi_crop_axes (const FrcRois *rois, guint i, gsize ld, gpointer scratch,
    FrcRoiAxis axes[2]);

/* The map pixels of a RoI along an axis, for max-pooling: sections of @size each from @start. */
typedef struct {
  gint start;
  gfloat size;
} FrcRoiSections;
void frc_roi_sections (const FrcRois *rois, guint i, guint pooled, FrcRoiSections sections[2]);
/* Section @p: pixels [*first, *end) of a map that has @pixels. */
void frc_roi_section (FrcRoiSections sections, guint p, guint pixels, gint *first, gint *end);

struct _FrcRoiAlignKernels {
  /* One RoI: @out is [pooled][pooled] pixels of @c channels, @ld floats apart, each the maximum of
   * @side² bins of the axes. */
  void (*roi) (const gfloat *map, const FrcRoiAxis *ys, const FrcRoiAxis *xs, guint pooled,
      guint side, guint c, gfloat *out, gsize ld);
};

#endif
