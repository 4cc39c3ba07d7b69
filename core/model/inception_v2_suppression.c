/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The non-maximum suppressions of both stages: where they are in the graph, their thresholds and limits.
 */
#include "inception_v2_numbers.h"

#include <string.h>

#define MAX_CANDIDATES 64 /* nodes that are looked at closely */

typedef struct {
  gdouble iou, score, per_class;
  gboolean clips_before; /* boxes were cut to the window on their way in */
} Suppression;

static gboolean
is_suppression (const FrcGraphDef *graph, guint node)
{
  static const char *const versions[] = { "NonMaxSuppression", "NonMaxSuppressionV2",
    "NonMaxSuppressionV3", "NonMaxSuppressionV4", "NonMaxSuppressionV5", NULL };

  return frc_is_any_op (graph, node, versions);
}

/* Where one stage of the detector ends and the other begins, seen from behind. */
static gboolean
is_border (const FrcGraphDef *graph, guint node)
{
  static const char *const borders[] = { "Softmax", "Sigmoid", "TensorArrayReadV3", "Exit",
    "TensorArrayGatherV3", "CropAndResize", "Conv2D", "MatMul", "Exp", NULL };

  return frc_is_any_op (graph, node, borders) || is_suppression (graph, node);
}

static gboolean
visit_boxes (const FrcGraphDef *graph, guint node, gpointer data)
{
  Suppression *found = data;

  if (frc_graphdef_is (graph, node, "Maximum"))
    found->clips_before = TRUE;
  return !is_border (graph, node);
}

/* The old versions know no threshold of scores: boxes below it are filtered out before. */
static gboolean
visit_scores (const FrcGraphDef *graph, guint node, gpointer data)
{
  Suppression *found = data;
  gdouble v;

  if (frc_graphdef_is (graph, node, "Greater") &&
      frc_graphdef_number (graph, frc_graphdef_input (graph, node, 1, NULL), &v))
    found->score = MAX (found->score, v);
  return !is_border (graph, node);
}

static gboolean
read_per_class (const FrcGraphDef *graph, guint node, gdouble *number)
{
  guint other;

  node = frc_graphdef_behind (graph, node);
  return frc_graphdef_number (graph, node, number) ||
         (frc_graphdef_is (graph, node, "Minimum") &&
             frc_constant_operand (graph, node, number, &other));
}

/* What the node itself says; score −1 where it has no say. */
static gboolean
read_suppression (FrcNumbers *m, guint node, Suppression *found)
{
  const FrcGraphDef *graph = m->graph;
  const FrcTf__AttrValue *iou = frc_graphdef_attr (graph, node, "iou_threshold");
  gboolean first_version = frc_graphdef_is (graph, node, "NonMaxSuppression");
  gboolean has_score = !first_version && !frc_graphdef_is (graph, node, "NonMaxSuppressionV2");
  gdouble sigma = 0;

  *found = (Suppression){ .iou = iou ? iou->f : 0.5f, .score = -1 };
  if ((first_version ||
          frc_graphdef_number (graph, frc_graphdef_input (graph, node, 3, NULL), &found->iou)) &&
      (!has_score ||
          frc_graphdef_number (graph, frc_graphdef_input (graph, node, 4, NULL), &found->score)) &&
      (!frc_graphdef_is (graph, node, "NonMaxSuppressionV5") ||
          (frc_graphdef_number (graph, frc_graphdef_input (graph, node, 5, NULL), &sigma) &&
              sigma == 0)) &&
      read_per_class (graph, frc_graphdef_input (graph, node, 2, NULL), &found->per_class))
    return TRUE;
  return frc_inception_v2_refuse (graph, node, m->error,
      "a non-maximum suppression of constant thresholds and limit, not softened");
}

static gboolean
visit_first (const FrcGraphDef *graph, guint node, gpointer data)
{
  guint *found = data;

  if (!is_suppression (graph, node))
    return !frc_graphdef_is (graph, node, "Softmax");
  *found = node;
  return FALSE;
}

/* The suppression that the boxes of the crops come from, and one of those behind the head: they have
 * one a class, and the same numbers. */
static gboolean
find_suppressions (FrcNumbers *m, guint *first, guint *second, Suppression *a, Suppression *b)
{
  Suppression other;

  *first = *second = FRC_NO_TF_NODE;
  frc_walk_back (m, frc_graphdef_input (m->graph, m->nodes->crop, 1, NULL), visit_first, first);
  for (guint i = 0; i < m->graph->n_nodes; i++) {
    if (i == *first || !is_suppression (m->graph, i))
      continue;
    if (!read_suppression (m, i, *second == FRC_NO_TF_NODE ? b : &other))
      return FALSE;
    if (*second != FRC_NO_TF_NODE && memcmp (&other, b, sizeof other) != 0)
      return frc_inception_v2_refuse (m->graph, i, m->error,
          "the same suppression for all classes");
    *second = *second == FRC_NO_TF_NODE ? i : *second;
  }
  if (*first == FRC_NO_TF_NODE || *second == FRC_NO_TF_NODE)
    return frc_inception_v2_refuse (m->graph, *first, m->error,
        "a NonMaxSuppression before the crops and others behind the head");
  return read_suppression (m, *first, a);
}

static void
look_before (FrcNumbers *m, guint node, Suppression *found)
{
  frc_walk_back (m, frc_graphdef_input (m->graph, node, 0, NULL), visit_boxes, found);
  if (found->score < 0)
    frc_walk_back (m, frc_graphdef_input (m->graph, node, 1, NULL), visit_scores, found);
  found->score = MAX (found->score, 0);
}

/* How many boxes the stage of @suppression puts out, of all classes: the smaller one of a constant and
 * the number of its boxes. 0: not found. */
static gdouble
find_total (FrcNumbers *m, guint suppression, guint first)
{
  const FrcGraphDef *graph = m->graph;
  gdouble limit;
  guint other, n = 0;

  for (guint i = 0; i < graph->n_nodes && n < MAX_CANDIDATES; i++) {
    if (!frc_graphdef_is (graph, i, "Minimum") || !frc_constant_operand (graph, i, &limit, &other) ||
        !frc_graphdef_is (graph, frc_graphdef_behind (graph, other), "StridedSlice") || limit < 1)
      continue;
    guint shape = frc_graphdef_behind (graph, graph->source[frc_graphdef_behind (graph, other)]);
    guint boxes = frc_graphdef_is (graph, shape, "Shape") ? graph->source[shape] : FRC_NO_TF_NODE;
    guint found = FRC_NO_TF_NODE;
    if (frc_graphdef_is (graph, frc_graphdef_behind_shape (graph, boxes), "Unpack"))
      continue; /* of a suppression's input */
    n++;
    frc_walk_back (m, boxes, visit_first, &found);
    if (found != FRC_NO_TF_NODE && (found == first) == (suppression == first))
      return limit;
  }
  return 0;
}

gboolean
frc_read_suppressions (FrcNumbers *m)
{
  Suppression a, b;
  guint first, second;

  if (!find_suppressions (m, &first, &second, &a, &b))
    return FALSE;
  look_before (m, first, &a);
  look_before (m, second, &b);
  gdouble proposals = find_total (m, first, first), total = find_total (m, second, first);
  if (proposals == 0 || total == 0 || a.clips_before != b.clips_before)
    return frc_inception_v2_refuse (m->graph, proposals == 0 ? first : second, m->error,
        "a constant limit of all boxes behind each suppression, and clipping at one place");
  frc_numbers_add (m, "rpn_post_nms_top_n", MIN (a.per_class, proposals));
  frc_numbers_add (m, "rpn_nms_thresh", a.iou);
  frc_numbers_add (m, "rpn_score_thresh", a.score);
  frc_numbers_add (m, "clips_after_nms", !a.clips_before);
  frc_numbers_add (m, "box_nms_thresh", b.iou);
  frc_numbers_add (m, "box_score_thresh", b.score);
  frc_numbers_add (m, "box_detections_per_class", b.per_class);
  frc_numbers_add (m, "box_detections_per_img", total);
  return TRUE;
}
