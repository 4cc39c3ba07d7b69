/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Average precision against values that follow from the definitions by hand.
 */
#include "models/ap.h"

#define NEAR 1e-12

/* A truth is a square of 10 pixels at x = 100 place; a find shifted by dx has an IoU of
 * (10 − dx) / (10 + dx) with it. */
static ApTruth
truth (guint image, guint place, gboolean ignore)
{
  return (ApTruth) { image, 0, { 100.0 * place, 0, 100.0 * place + 10, 10 }, ignore };
}

static ApFind
find (guint image, guint place, gdouble score, gdouble dx)
{
  return (ApFind) { image, 0, score, { 100.0 * place + dx, 0, 100.0 * place + 10 + dx, 10 } };
}

static ApFind
miss (guint image, gdouble score)
{
  return (ApFind) { image, 0, score, { 5000, 5000, 5010, 5010 } };
}

static ApClass
score (const ApTruth *truths, gsize n_truths, const ApFind *finds, gsize n_finds, ApMatch match)
{
  const ApInput input = { truths, finds, n_truths, n_finds, 4 };
  ApClass out;
  ap_class_compute (&out, &input, 0, match);
  return out;
}

#define SCORE(truths, finds, match) \
  score (truths, G_N_ELEMENTS (truths), finds, G_N_ELEMENTS (finds), match)

static void
test_perfect (void)
{
  const ApTruth truths[] = { truth (0, 0, FALSE), truth (0, 1, FALSE), truth (2, 0, FALSE) };
  const ApFind finds[] = { find (2, 0, 0.3, 0), find (0, 1, 0.9, 0), find (0, 0, 0.5, 0) };
  for (int match = AP_MATCH_VOC; match <= AP_MATCH_COCO; match++) {
    const ApClass c = SCORE (truths, finds, (ApMatch) match);
    g_assert_cmpuint (c.n_truths, ==, 3);
    g_assert_cmpuint (c.n_finds, ==, 3);
    g_assert_cmpfloat_with_epsilon (c.eleven, 1, NEAR);
    g_assert_cmpfloat_with_epsilon (c.area, 1, NEAR);
    g_assert_cmpfloat_with_epsilon (c.coco, 1, NEAR);
  }
}

static void
test_nothing_found (void)
{
  const ApTruth truths[] = { truth (0, 0, FALSE) };
  const ApClass c = score (truths, 1, NULL, 0, AP_MATCH_VOC);
  g_assert_cmpfloat (c.eleven, ==, 0);
  g_assert_cmpfloat (c.area, ==, 0);
  g_assert_cmpfloat (c.coco, ==, 0);
}

/* Wrong at .9, right at .8: one point, recall 1, precision 1/2. */
static void
test_wrong_before_right (void)
{
  const ApTruth truths[] = { truth (0, 0, FALSE) };
  const ApFind finds[] = { find (0, 0, 0.8, 0), miss (0, 0.9) };
  const ApClass c = SCORE (truths, finds, AP_MATCH_VOC);
  g_assert_cmpfloat_with_epsilon (c.area, 0.5, NEAR);
  g_assert_cmpfloat_with_epsilon (c.eleven, 0.5, NEAR);
}

/* Wrong behind right costs nothing. */
static void
test_wrong_behind_right (void)
{
  const ApTruth truths[] = { truth (0, 0, FALSE) };
  const ApFind finds[] = { find (0, 0, 0.8, 0), miss (0, 0.7) };
  g_assert_cmpfloat_with_epsilon (SCORE (truths, finds, AP_MATCH_VOC).area, 1, NEAR);
}

/* Right, wrong, right of 4 truths: recall 1/4 at precision 1, 2/4 at 2/3.
 * Area 1/4 · 1 + 1/4 · 2/3 = 5/12. Recalls 0, .1, .2 see 1; .3, .4, .5 see 2/3: (3 + 2) / 11.
 * Of 101 recalls 0 … .25 (26) see 1 and .26 … .50 (25) see 2/3: (26 + 50/3) / 101. */
static void
test_known_curve (void)
{
  const ApTruth truths[] = { truth (0, 0, FALSE), truth (0, 1, FALSE), truth (0, 2, FALSE),
    truth (1, 0, FALSE) };
  const ApFind finds[] = { find (0, 0, 0.9, 0), miss (1, 0.8), find (0, 2, 0.7, 0) };
  const ApClass voc = SCORE (truths, finds, AP_MATCH_VOC);
  const ApClass coco = SCORE (truths, finds, AP_MATCH_COCO);
  g_assert_cmpfloat_with_epsilon (voc.area, 5.0 / 12, NEAR);
  g_assert_cmpfloat_with_epsilon (voc.eleven, 5.0 / 11, NEAR);
  g_assert_cmpfloat_with_epsilon (voc.coco, 5.0 / 12, NEAR);
  g_assert_cmpfloat_with_epsilon (coco.coco, (26 + 50.0 / 3) / 101, NEAR);
}

/* The dip between two right finds is filled by the better precision behind it: right, wrong, wrong,
 * right, right, right of 4. Precisions 1, 2/4, 3/5, 4/6 are raised to 1, 4/6, 4/6, 4/6. */
static void
test_raised_precision (void)
{
  const ApTruth truths[] = { truth (0, 0, FALSE), truth (0, 1, FALSE), truth (0, 2, FALSE),
    truth (0, 3, FALSE) };
  const ApFind finds[] = { find (0, 0, 0.9, 0), miss (0, 0.8), miss (0, 0.7), find (0, 1, 0.6, 0),
    find (0, 2, 0.5, 0), find (0, 3, 0.4, 0) };
  const ApClass c = SCORE (truths, finds, AP_MATCH_VOC);
  g_assert_cmpfloat_with_epsilon (c.area, 0.25 + 0.75 * 2 / 3, NEAR);
  g_assert_cmpfloat_with_epsilon (c.eleven, (3 + 8 * 2.0 / 3) / 11, NEAR);
}

/* A difficult object is neither to be found nor wrong to find, however often. */
static void
test_difficult (void)
{
  const ApTruth truths[] = { truth (0, 0, TRUE), truth (0, 1, FALSE) };
  const ApFind finds[] = { find (0, 0, 0.9, 0), find (0, 0, 0.8, 0), find (0, 1, 0.7, 0) };
  const ApClass c = SCORE (truths, finds, AP_MATCH_VOC);
  g_assert_cmpuint (c.n_truths, ==, 1);
  g_assert_cmpfloat_with_epsilon (c.area, 1, NEAR);
  g_assert_cmpfloat_with_epsilon (c.eleven, 1, NEAR);
}

static void
test_only_difficult (void)
{
  const ApTruth truths[] = { truth (0, 0, TRUE) };
  const ApFind finds[] = { find (0, 0, 0.9, 0) };
  ApClass classes[] = { SCORE (truths, finds, AP_MATCH_VOC), { 2, 1, 0.5, 0.25, 0.125 } }, mean;
  g_assert_cmpuint (classes[0].n_truths, ==, 0);
  g_assert_cmpfloat (classes[0].area, ==, 0);
  ap_mean (&mean, classes, 2);
  g_assert_cmpfloat (mean.eleven, ==, 0.5);
  g_assert_cmpfloat (mean.area, ==, 0.25);
  g_assert_cmpfloat (mean.coco, ==, 0.125);
  g_assert_cmpuint (mean.n_finds, ==, 2);
}

/* The second find on one object is wrong: right, wrong, right of 2 is 1/2 + 1/2 · 2/3. */
static void
test_duplicate (void)
{
  const ApTruth truths[] = { truth (0, 0, FALSE), truth (0, 1, FALSE) };
  const ApFind finds[] = { find (0, 0, 0.9, 0), find (0, 0, 0.8, 1), find (0, 1, 0.7, 0) };
  const ApInput input = { truths, finds, 2, 3, 1 };
  for (int match = AP_MATCH_VOC; match <= AP_MATCH_COCO; match++) {
    ApCurve curve;
    ap_curve_init (&curve, &input, 0, 0.5, (ApMatch) match);
    g_assert_cmpfloat_with_epsilon (ap_curve_area (&curve), 5.0 / 6, NEAR);
    ap_curve_clear (&curve);
  }
}

/* 20 of 21 found: of the recalls 0, .1, … 1 only the last is not reached. */
static void
test_last_point (void)
{
  ApTruth truths[21];
  ApFind finds[20];
  for (guint i = 0; i < 21; i++)
    truths[i] = truth (0, i, FALSE);
  for (guint i = 0; i < 20; i++)
    finds[i] = find (0, i, 0.5, 0);
  const ApClass c = SCORE (truths, finds, AP_MATCH_VOC);
  g_assert_cmpfloat_with_epsilon (c.eleven, 10.0 / 11, NEAR);
  g_assert_cmpfloat_with_epsilon (c.area, 20.0 / 21, NEAR);
}

/* Two truths side by side, two finds that both fit the first one better. VOC: the second is wrong.
 * COCO: it takes the other truth, which it overlaps by 8/12. */
static void
test_match_rules (void)
{
  const ApTruth truths[] = { { 0, 0, { 0, 0, 10, 10 }, FALSE }, { 0, 0, { 2, 0, 12, 10 }, FALSE } };
  const ApFind finds[] = { { 0, 0, 0.9, { 0, 0, 10, 10 } }, { 0, 0, 0.8, { 0, 0, 10, 10 } } };
  const ApInput input = { truths, finds, 2, 2, 1 };
  ApCurve curve;
  ap_curve_init (&curve, &input, 0, 0.5, AP_MATCH_VOC);
  g_assert_cmpuint (curve.n, ==, 2);
  g_assert_cmpfloat (curve.recall[1], ==, 0.5);
  ap_curve_clear (&curve);
  ap_curve_init (&curve, &input, 0, 0.5, AP_MATCH_COCO);
  g_assert_cmpfloat (curve.recall[1], ==, 1);
  ap_curve_clear (&curve);
}

/* IoU equal to the limit is enough: a find over exactly half of an object has .5 without rounding. */
static void
test_iou_limit (void)
{
  const ApTruth truths[] = { { 0, 0, { 0, 0, 10, 10 }, FALSE } };
  const ApFind at[] = { { 0, 0, 0.9, { 0, 0, 10, 5 } } };
  const ApFind below[] = { { 0, 0, 0.9, { 0, 0, 10, 4.99 } } };
  g_assert_cmpfloat_with_epsilon (SCORE (truths, at, AP_MATCH_VOC).area, 1, NEAR);
  g_assert_cmpfloat (SCORE (truths, below, AP_MATCH_VOC).area, ==, 0);
  /* of the ten limits .50 … .95 an IoU of .72 passes five: .50, .55, .60, .65, .70 */
  const ApFind middle[] = { { 0, 0, 0.9, { 0, 0, 10, 7.2 } } };
  g_assert_cmpfloat_with_epsilon (SCORE (truths, middle, AP_MATCH_VOC).coco, 0.5, NEAR);
  g_assert_cmpfloat_with_epsilon (SCORE (truths, middle, AP_MATCH_COCO).coco, 0.5, NEAR);
}

/* A find inside a crowd does not count, though its IoU with the crowd is small. */
static void
test_crowd (void)
{
  const ApTruth truths[] = { { 0, 0, { 0, 0, 1000, 1000 }, TRUE }, truth (1, 0, FALSE) };
  const ApFind finds[] = { { 0, 0, 0.9, { 5, 5, 25, 25 } }, { 0, 0, 0.8, { 500, 5, 525, 25 } },
    find (1, 0, 0.7, 0) };
  g_assert_cmpfloat_with_epsilon (SCORE (truths, finds, AP_MATCH_COCO).coco, 1, NEAR);
  g_assert_cmpfloat_with_epsilon (SCORE (truths, finds, AP_MATCH_VOC).area, 1.0 / 3, NEAR);
}

/* An object wins over the crowd around it. */
static void
test_object_before_crowd (void)
{
  const ApTruth truths[] = { { 0, 0, { 0, 0, 1000, 1000 }, TRUE }, truth (0, 1, FALSE) };
  const ApFind finds[] = { find (0, 1, 0.9, 0) };
  g_assert_cmpfloat_with_epsilon (SCORE (truths, finds, AP_MATCH_COCO).coco, 1, NEAR);
}

/* Of 120 finds in one image COCO's rules see the best hundred: the one on the object is the last. */
static void
test_hundred (void)
{
  const ApTruth truths[] = { truth (0, 0, FALSE) };
  ApFind finds[120];
  for (int i = 0; i < 119; i++)
    finds[i] = miss (0, 0.9);
  finds[119] = find (0, 0, 0.1, 0);
  g_assert_cmpfloat (SCORE (truths, finds, AP_MATCH_COCO).coco, ==, 0);
  g_assert_cmpfloat_with_epsilon (SCORE (truths, finds, AP_MATCH_VOC).area, 1.0 / 120, NEAR);
}

/* Equal scores count in the order given. */
static void
test_stable (void)
{
  const ApTruth truths[] = { truth (0, 0, FALSE) };
  const ApFind right_first[] = { find (0, 0, 0.5, 0), miss (0, 0.5), miss (1, 0.5) };
  const ApFind right_last[] = { miss (1, 0.5), miss (0, 0.5), find (0, 0, 0.5, 0) };
  g_assert_cmpfloat_with_epsilon (SCORE (truths, right_first, AP_MATCH_VOC).area, 1, NEAR);
  g_assert_cmpfloat_with_epsilon (SCORE (truths, right_last, AP_MATCH_VOC).area, 1.0 / 3, NEAR);
}

/* Images and classes do not mix. */
static void
test_other_image_and_class (void)
{
  const ApTruth truths[] = { truth (0, 0, FALSE) };
  const ApFind other_image[] = { find (1, 0, 0.9, 0) };
  ApFind other_class[] = { find (0, 0, 0.9, 0) };
  other_class[0].label = 1;
  g_assert_cmpfloat (SCORE (truths, other_image, AP_MATCH_VOC).area, ==, 0);
  g_assert_cmpfloat (SCORE (truths, other_class, AP_MATCH_VOC).area, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ap/perfect", test_perfect);
  g_test_add_func ("/ap/nothing-found", test_nothing_found);
  g_test_add_func ("/ap/wrong-before-right", test_wrong_before_right);
  g_test_add_func ("/ap/wrong-behind-right", test_wrong_behind_right);
  g_test_add_func ("/ap/known-curve", test_known_curve);
  g_test_add_func ("/ap/raised-precision", test_raised_precision);
  g_test_add_func ("/ap/difficult", test_difficult);
  g_test_add_func ("/ap/only-difficult", test_only_difficult);
  g_test_add_func ("/ap/duplicate", test_duplicate);
  g_test_add_func ("/ap/last-point", test_last_point);
  g_test_add_func ("/ap/match-rules", test_match_rules);
  g_test_add_func ("/ap/iou-limit", test_iou_limit);
  g_test_add_func ("/ap/crowd", test_crowd);
  g_test_add_func ("/ap/object-before-crowd", test_object_before_crowd);
  g_test_add_func ("/ap/hundred", test_hundred);
  g_test_add_func ("/ap/stable", test_stable);
  g_test_add_func ("/ap/other-image-and-class", test_other_image_and_class);
  return g_test_run ();
}
