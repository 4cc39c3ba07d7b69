/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Average precision. A truth is an annotated object, a find is a detection; both carry an image
 * number, a class number and a box x1, y1, x2, y2 in pixels, 0-based, half-open.
 *
 * Sources of the definitions: the PASCAL VOC development kit (11 points to 2009, area since 2010);
 * COCO's evaluation (101 points, ten IoU limits from .50 to .95, at most 100 finds an image).
 */
#ifndef FRCNN_AP_H
#define FRCNN_AP_H

#include <glib.h>

G_BEGIN_DECLS

#define AP_COCO_LIMITS 10     /* IoU .50, .55, … .95 */
#define AP_COCO_MAX_FINDS 100 /* of one class in one image */

typedef struct {
  guint image, label;
  gdouble box[4];
  gboolean ignore; /* VOC: difficult; COCO: a crowd. Finds on it count neither way */
} ApTruth;

typedef struct {
  guint image, label;
  gdouble score, box[4];
} ApFind;

/* Finds of equal score count in the order in which they stand here. */
typedef struct {
  const ApTruth *truths;
  const ApFind *finds;
  gsize n_truths, n_finds;
  guint n_images;
} ApInput;

typedef enum {
  AP_MATCH_VOC, /* a find belongs to its best truth; a second find on it is wrong */
  AP_MATCH_COCO /* a find takes the best truth that is still free, a crowd takes any number */
} ApMatch;

/* One point a find that counts, best score first. */
typedef struct {
  gsize n_truths; /* that count */
  gsize n;
  gdouble *recall, *precision;
} ApCurve;

void ap_curve_init (ApCurve *curve, const ApInput *input, guint label, gdouble iou_limit,
    ApMatch match);
gdouble ap_curve_area (const ApCurve *curve);
gdouble ap_curve_sampled (const ApCurve *curve, guint n_points);
void ap_curve_clear (ApCurve *curve);

/* Average precisions of one class, 0 … 1; all 0 where n_truths is. */
typedef struct {
  gsize n_truths, n_finds; /* truths that count; all finds */
  gdouble eleven, area;    /* IoU .50 */
  gdouble coco;            /* mean over the ten limits: area (VOC match), 101 points (COCO match) */
} ApClass;

void ap_class_compute (ApClass *out, const ApInput *input, guint label, ApMatch match);
void ap_mean (ApClass *out, const ApClass *classes, guint n_classes);

G_END_DECLS

#endif
