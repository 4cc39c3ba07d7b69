/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Average precision: finds of a class are walked from the best score down, each is right, wrong or
 * does not count, and the precision is averaged over the recall. Definitions: see ap.h.
 */
#include "ap.h"

#include <stdlib.h>
#include <string.h>

/* One class: truths grouped by image, finds best first. */
typedef struct {
  const ApTruth **truths;
  const ApFind **finds;
  gsize *first; /* truths of image i are first[i] … first[i + 1] − 1 */
  gsize n_truths, n_finds;
} Slice;

typedef enum { WRONG, RIGHT, NOT_COUNTED } Verdict;

static int
compare_finds (const void *a, const void *b)
{
  const ApFind *one = *(const ApFind *const *) a, *other = *(const ApFind *const *) b;
  if (one->score != other->score)
    return one->score > other->score ? -1 : 1;
  return one < other ? -1 : one > other;
}

/* Groups by image; what is ignored stands behind the rest of its image. */
static int
compare_truths (const void *a, const void *b)
{
  const ApTruth *one = *(const ApTruth *const *) a, *other = *(const ApTruth *const *) b;
  if (one->image != other->image)
    return one->image < other->image ? -1 : 1;
  if (!one->ignore != !other->ignore)
    return one->ignore ? 1 : -1;
  return one < other ? -1 : one > other;
}

static void
slice_init (Slice *slice, const ApInput *input, guint label)
{
  *slice = (Slice) { g_new (const ApTruth *, input->n_truths + 1),
    g_new (const ApFind *, input->n_finds + 1), g_new0 (gsize, (gsize) input->n_images + 1), 0, 0 };
  for (gsize i = 0; i < input->n_truths; i++)
    if (input->truths[i].label == label && input->truths[i].image < input->n_images) {
      slice->truths[slice->n_truths++] = &input->truths[i];
      slice->first[input->truths[i].image + 1]++;
    }
  for (gsize i = 0; i < input->n_finds; i++)
    if (input->finds[i].label == label && input->finds[i].image < input->n_images)
      slice->finds[slice->n_finds++] = &input->finds[i];
  for (guint i = 0; i < input->n_images; i++)
    slice->first[i + 1] += slice->first[i];
  qsort (slice->truths, slice->n_truths, sizeof *slice->truths, compare_truths);
  qsort (slice->finds, slice->n_finds, sizeof *slice->finds, compare_finds);
}

static void
slice_clear (Slice *slice)
{
  g_free (slice->truths);
  g_free (slice->finds);
  g_free (slice->first);
}

static gdouble
area (const gdouble box[4])
{
  return (box[2] - box[0]) * (box[3] - box[1]);
}

static gdouble
intersection (const gdouble a[4], const gdouble b[4])
{
  const gdouble w = MIN (a[2], b[2]) - MAX (a[0], b[0]);
  const gdouble h = MIN (a[3], b[3]) - MAX (a[1], b[1]);
  return w > 0 && h > 0 ? w * h : 0;
}

static gdouble
iou (const gdouble a[4], const gdouble b[4])
{
  const gdouble common = intersection (a, b);
  return common > 0 ? common / (area (a) + area (b) - common) : 0;
}

static Verdict
judge_voc (const Slice *slice, const ApFind *find, gdouble limit, gboolean *used)
{
  gdouble best = 0;
  gsize at = 0;
  for (gsize t = slice->first[find->image]; t < slice->first[find->image + 1]; t++) {
    const gdouble overlap = iou (find->box, slice->truths[t]->box);
    if (overlap > best) {
      best = overlap;
      at = t;
    }
  }
  if (best <= 0 || best < limit)
    return WRONG;
  if (slice->truths[at]->ignore)
    return NOT_COUNTED;
  if (used[at])
    return WRONG;
  used[at] = TRUE;
  return RIGHT;
}

/* A crowd is met by the share of the find that lies in it, and only by finds that no object took. */
static Verdict
judge_coco (const Slice *slice, const ApFind *find, gdouble limit, gboolean *used)
{
  gdouble best = MIN (limit, 1 - 1e-10);
  const gsize none = slice->n_truths;
  gsize at = none;
  for (gsize t = slice->first[find->image]; t < slice->first[find->image + 1]; t++) {
    const ApTruth *truth = slice->truths[t];
    if (truth->ignore && at != none)
      break;
    if (used[t] && !truth->ignore)
      continue;
    const gdouble own = area (find->box);
    const gdouble overlap = !truth->ignore ? iou (find->box, truth->box)
        : own > 0                          ? intersection (find->box, truth->box) / own
                                           : 0;
    if (overlap < best)
      continue;
    best = overlap;
    at = t;
    if (truth->ignore) /* whichever crowd it is, the verdict is the same */
      break;
  }
  if (at == none)
    return WRONG;
  used[at] = TRUE;
  return slice->truths[at]->ignore ? NOT_COUNTED : RIGHT;
}

/* Precision and recall of one class at one IoU limit. Free with ap_curve_clear (). */
void
ap_curve_init (ApCurve *curve, const ApInput *input, guint label, gdouble iou_limit, ApMatch match)
{
  Slice slice;
  slice_init (&slice, input, label);
  g_autofree gboolean *used = g_new0 (gboolean, slice.n_truths + 1);
  g_autofree guint *taken = g_new0 (guint, (gsize) input->n_images + 1);
  gsize right = 0;
  *curve = (ApCurve) { 0, 0, g_new (gdouble, slice.n_finds + 1), g_new (gdouble, slice.n_finds + 1) };
  for (gsize t = 0; t < slice.n_truths; t++)
    curve->n_truths += !slice.truths[t]->ignore;
  for (gsize i = 0; i < slice.n_finds && curve->n_truths > 0; i++) {
    const ApFind *find = slice.finds[i];
    if (match == AP_MATCH_COCO && taken[find->image]++ >= AP_COCO_MAX_FINDS)
      continue;
    const Verdict verdict = match == AP_MATCH_VOC ? judge_voc (&slice, find, iou_limit, used)
                                                  : judge_coco (&slice, find, iou_limit, used);
    if (verdict == NOT_COUNTED)
      continue;
    right += verdict == RIGHT;
    curve->recall[curve->n] = (gdouble) right / (gdouble) curve->n_truths;
    curve->precision[curve->n] = (gdouble) right / (gdouble) (curve->n + 1);
    curve->n++;
  }
  slice_clear (&slice);
}

void
ap_curve_clear (ApCurve *curve)
{
  g_clear_pointer (&curve->recall, g_free);
  g_clear_pointer (&curve->precision, g_free);
}

/* The area under the curve after each precision is raised to the best one at any higher recall. */
gdouble
ap_curve_area (const ApCurve *curve)
{
  gdouble best = 0, sum = 0;
  for (gsize i = curve->n; i-- > 0;) {
    best = MAX (best, curve->precision[i]);
    sum += best * (curve->recall[i] - (i ? curve->recall[i - 1] : 0));
  }
  return sum;
}

/* The mean of the raised precision at n_points recalls spread evenly over 0 … 1, n_points ≥ 2. */
gdouble
ap_curve_sampled (const ApCurve *curve, guint n_points)
{
  const gdouble step = 1.0 / (n_points - 1);
  gdouble best = 0, sum = 0;
  gsize i = curve->n;
  for (guint p = n_points; p-- > 0;) {
    const gdouble recall = p * step;
    while (i > 0 && curve->recall[i - 1] >= recall) {
      i--;
      best = MAX (best, curve->precision[i]);
    }
    sum += best;
  }
  return sum / n_points;
}

void
ap_class_compute (ApClass *out, const ApInput *input, guint label, ApMatch match)
{
  *out = (ApClass) { 0 };
  for (gsize i = 0; i < input->n_finds; i++)
    out->n_finds += input->finds[i].label == label;
  for (int limit = 0; limit < AP_COCO_LIMITS; limit++) {
    ApCurve curve;
    const gdouble iou_limit = 0.5 + limit * 0.05;
    ap_curve_init (&curve, input, label, iou_limit, match);
    out->n_truths = curve.n_truths;
    out->coco += (match == AP_MATCH_VOC ? ap_curve_area (&curve) : ap_curve_sampled (&curve, 101))
        / AP_COCO_LIMITS;
    ap_curve_clear (&curve);
  }
  ApCurve curve;
  ap_curve_init (&curve, input, label, 0.5, AP_MATCH_VOC);
  out->eleven = ap_curve_sampled (&curve, 11);
  out->area = ap_curve_area (&curve);
  ap_curve_clear (&curve);
}

/* The mean over the classes that have truths; the counts are sums over all. */
void
ap_mean (ApClass *out, const ApClass *classes, guint n_classes)
{
  guint n = 0;
  *out = (ApClass) { 0 };
  for (guint i = 0; i < n_classes; i++) {
    out->n_truths += classes[i].n_truths;
    out->n_finds += classes[i].n_finds;
    if (classes[i].n_truths == 0)
      continue;
    n++;
    out->eleven += classes[i].eleven;
    out->area += classes[i].area;
    out->coco += classes[i].coco;
  }
  if (n == 0)
    return;
  out->eleven /= n;
  out->area /= n;
  out->coco /= n;
}
