/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The constants of a detector, read from the nodes of its graph: the released file and the sample
 * configuration of the same network differ in them.
 */
#include "inception_v2_numbers.h"
#include "config.h"
#include "core/mem.h"

#include <math.h>
#include <string.h>

static void
add_text (FrcNumbers *m, const char *key, const char *value)
{
  g_ptr_array_add (m->pairs, g_strdup (key));
  g_ptr_array_add (m->pairs, g_strdup (value));
}

static void
add_numbers (FrcNumbers *m, const char *key, const gdouble *values, guint n)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_autoptr (GString) list = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (list, "%s%s", i ? "," : "",
        g_ascii_formatd (text, sizeof text, "%.9g", values[i]));
  add_text (m, key, list->str);
}

void
frc_numbers_add (FrcNumbers *m, const char *key, gdouble value)
{
  add_numbers (m, key, &value, 1);
}

gboolean
frc_is_any_op (const FrcGraphDef *graph, guint node, const char *const *ops)
{
  return g_strv_contains (ops, frc_graphdef_op (graph, node));
}

gboolean
frc_constant_operand (const FrcGraphDef *graph, guint node, gdouble *number, guint *other)
{
  for (guint k = 0; k < 2; k++)
    if (frc_graphdef_number (graph, frc_graphdef_input (graph, node, k, NULL), number)) {
      *other = frc_graphdef_input (graph, node, 1 - k, NULL);
      return TRUE;
    }
  return FALSE;
}

void
frc_walk_back (FrcNumbers *m, guint start, FrcVisitFunc visit, gpointer data)
{
  guint n = 0;

  memset (m->seen, 0, m->graph->n_nodes);
  if (start < m->graph->n_nodes) {
    m->stack[n++] = start;
    m->seen[start] = 1;
  }
  while (n > 0) {
    guint node = m->stack[--n], n_inputs = frc_graphdef_n_inputs (m->graph, node);
    if (!visit (m->graph, node, data))
      continue;
    for (guint k = 0; k < n_inputs; k++) {
      guint input = frc_graphdef_input (m->graph, node, k, NULL);
      if (input < m->graph->n_nodes && !m->seen[input]) {
        m->seen[input] = 1;
        m->stack[n++] = input;
      }
    }
  }
}

/* ---- input -------------------------------------------------------------------------------- */

/* The input is a · pixel + b: the last operations before the network, with constants. */
static gboolean
read_preprocessing (FrcNumbers *m)
{
  const FrcGraphDef *graph = m->graph;
  guint node = m->nodes->image;
  gdouble a = 1, b = 0, v, mean[3], std[3];

  for (guint i = 0; i < 8; i++, node = frc_graphdef_behind (graph, node)) {
    guint other = FRC_NO_TF_NODE;
    const char *op = frc_graphdef_op (graph, node);
    if (!frc_constant_operand (graph, node, &v, &other))
      break;
    if (g_str_equal (op, "Mul"))
      a *= v;
    else if (g_str_equal (op, "Add") || g_str_equal (op, "AddV2"))
      b += a * v;
    else if (other == frc_graphdef_input (graph, node, 0, NULL) && g_str_equal (op, "Sub"))
      b -= a * v;
    else if (other == frc_graphdef_input (graph, node, 0, NULL) && g_str_equal (op, "RealDiv"))
      a /= v;
    else
      break;
    node = other;
  }
  if (node == m->nodes->image || !(fabs (a) > 1e-6 && fabs (a) < 1e6 && fabs (b) < 1e6))
    return frc_inception_v2_refuse (graph, m->nodes->image, m->error,
        "a product and a sum with constants before the first layer");
  for (guint c = 0; c < 3; c++) {
    std[c] = 1 / (255 * a);
    mean[c] = -b * std[c];
  }
  add_numbers (m, "image_mean", mean, 3);
  add_numbers (m, "image_std", std, 3);
  return TRUE;
}

typedef struct {
  gdouble sizes[2]; /* the smallest and the largest */
  guint n;
} ResizerSizes;

/* What sizes are divided by the image's sides? */
static gboolean
visit_resizer (const FrcGraphDef *graph, guint node, gpointer data)
{
  static const char *const quotients[] = { "RealDiv", "Div", NULL };
  ResizerSizes *found = data;
  gdouble v;

  if (frc_is_any_op (graph, node, quotients) &&
      frc_graphdef_number (graph, frc_graphdef_input (graph, node, 0, NULL), &v)) {
    found->sizes[0] = found->n ? MIN (found->sizes[0], v) : v;
    found->sizes[1] = found->n ? MAX (found->sizes[1], v) : v;
    found->n++;
  }
  return TRUE;
}

static gboolean
read_resizer (FrcNumbers *m)
{
  const FrcGraphDef *graph = m->graph;
  ResizerSizes found = { .n = 0 };
  guint resize = FRC_NO_TF_NODE;

  for (guint i = 0; i < graph->n_nodes; i++) {
    if (!g_str_has_prefix (frc_graphdef_op (graph, i), "Resize"))
      continue;
    const FrcTf__AttrValue *corners = frc_graphdef_attr (graph, i, "align_corners");
    const FrcTf__AttrValue *centres = frc_graphdef_attr (graph, i, "half_pixel_centers");
    if (!frc_graphdef_is (graph, i, "ResizeBilinear") || (corners && corners->b) ||
        (centres && centres->b))
      return frc_inception_v2_refuse (graph, i, m->error,
          "ResizeBilinear with neither align_corners nor half_pixel_centers");
    if (resize == FRC_NO_TF_NODE)
      frc_walk_back (m, frc_graphdef_input (graph, i, 1, NULL), visit_resizer, &found);
    resize = i;
  }
  if (resize == FRC_NO_TF_NODE || found.n < 2)
    return frc_inception_v2_refuse (graph, resize, m->error,
        "a keep_aspect_ratio_resizer, whose two sizes are divided by the image's sides");
  frc_numbers_add (m, "min_size", found.sizes[0]);
  frc_numbers_add (m, "max_size", found.sizes[1]);
  return TRUE;
}

/* ---- anchors ------------------------------------------------------------------------------ */

/* Of the products and quotients of @root (√ratio) and the scales: sizes are scale · base. */
static gboolean
read_sizes (FrcNumbers *m, guint root, const gdouble *ratios, guint n_ratios)
{
  const FrcGraphDef *graph = m->graph;
  gdouble scales[FRC_MAX_SIZES], base, sizes[FRC_MAX_SIZES];

  for (guint i = 0; i < graph->n_nodes; i++) {
    if (!frc_graphdef_is (graph, i, "RealDiv") ||
        frc_graphdef_input (graph, i, 1, NULL) != root)
      continue;
    guint n = frc_graphdef_numbers (graph, graph->source[i], scales, FRC_MAX_SIZES), other;
    for (guint k = 0; k < graph->n_nodes && n; k++) {
      if (!frc_graphdef_is (graph, k, "Mul") || !frc_constant_operand (graph, k, &base, &other) ||
          other != i)
        continue;
      for (guint s = 0; s < n; s++)
        sizes[s] = scales[s] * base;
      frc_numbers_add (m, "anchor_sizes_per_level", n);
      frc_numbers_add (m, "anchor_ratios", n_ratios);
      add_numbers (m, "anchor_sizes", sizes, n);
      add_numbers (m, "anchor_aspect_ratios", ratios, n_ratios);
      return TRUE;
    }
  }
  return FALSE;
}

static gboolean
read_anchor_sizes (FrcNumbers *m)
{
  gdouble ratios[FRC_MAX_RATIOS];

  for (guint i = 0; i < m->graph->n_nodes; i++) {
    if (!frc_graphdef_is (m->graph, i, "Sqrt"))
      continue;
    guint n = frc_graphdef_numbers (m->graph, m->graph->source[i], ratios, FRC_MAX_RATIOS);
    if (n && read_sizes (m, i, ratios, n))
      return TRUE;
  }
  return frc_inception_v2_refuse (m->graph, FRC_NO_TF_NODE, m->error,
      "a grid_anchor_generator: constant scales divided by roots of constant ratios, times a constant");
}

/* Cell · stride + offset, for rows and columns. */
static gboolean
read_grid (FrcNumbers *m)
{
  const FrcGraphDef *graph = m->graph;
  gdouble stride = 0, offset = 0, s, o;
  guint n = 0, product, cells;

  for (guint i = 0; i < graph->n_nodes; i++) {
    if ((!frc_graphdef_is (graph, i, "Add") && !frc_graphdef_is (graph, i, "AddV2")) ||
        !frc_constant_operand (graph, i, &o, &product) || !frc_graphdef_is (graph, product, "Mul") ||
        !frc_constant_operand (graph, product, &s, &cells))
      continue;
    cells = frc_graphdef_behind (graph, cells);
    if (frc_graphdef_is (graph, cells, "Cast") || frc_graphdef_is (graph, cells, "ToFloat"))
      cells = frc_graphdef_behind (graph, graph->source[cells]);
    if (!frc_graphdef_is (graph, cells, "Range"))
      continue;
    if (n++ > 0 && (s != stride || o != offset))
      return frc_inception_v2_refuse (graph, i, m->error,
          "the same anchor stride and offset for rows and columns, %g + %g and not %g + %g", stride,
          offset, s, o);
    stride = s;
    offset = o;
  }
  if (n != 2)
    return frc_inception_v2_refuse (graph, FRC_NO_TF_NODE, m->error,
        "rows and columns of anchors as a Range times a stride plus an offset");
  add_numbers (m, "anchor_strides",
      (gdouble[FRC_MAX_LEVELS]){ stride }, FRC_MAX_LEVELS);
  frc_numbers_add (m, "anchor_offset", offset);
  return TRUE;
}

/* ---- box coder ---------------------------------------------------------------------------- */

/* The four values of a delta, each divided by a constant: ty, tx, th, tw. */
static gboolean
read_coder (FrcNumbers *m)
{
  const FrcGraphDef *graph = m->graph;
  gdouble weights[4] = { 0 }, v;
  guint n = 0, port;

  for (guint i = 0; i < graph->n_nodes; i++) {
    guint from = frc_graphdef_input (graph, i, 0, &port);
    if ((!frc_graphdef_is (graph, i, "RealDiv") && !frc_graphdef_is (graph, i, "Div")) ||
        !frc_graphdef_is (graph, from, "Unpack") || port > 3 ||
        !frc_graphdef_number (graph, frc_graphdef_input (graph, i, 1, NULL), &v))
      continue;
    if (weights[port] != 0 && weights[port] != v)
      return frc_inception_v2_refuse (graph, i, m->error,
          "one box coder for both stages, with %g and not %g", weights[port], v);
    weights[port] = v;
    n++;
  }
  for (guint k = 0; k < 4; k++)
    if (n < 8 || weights[k] <= 0)
      return frc_inception_v2_refuse (graph, FRC_NO_TF_NODE, m->error,
          "a faster_rcnn_box_coder, whose four deltas are divided by constants");
  const gdouble order[4] = { weights[1], weights[0], weights[3], weights[2] };
  add_numbers (m, "rpn_bbox_weights", order, 4);
  add_numbers (m, "box_bbox_weights", order, 4);
  return TRUE;
}

/* ---- pooling ------------------------------------------------------------------------------ */

static gboolean
read_pooling (FrcNumbers *m)
{
  const FrcGraphDef *graph = m->graph;
  const FrcTf__AttrValue *method = frc_graphdef_attr (graph, m->nodes->crop, "method");
  const FrcTf__AttrValue *ksize = frc_graphdef_attr (graph, m->nodes->pool, "ksize");
  const FrcTf__AttrValue *strides = frc_graphdef_attr (graph, m->nodes->pool, "strides");
  const FrcTf__AttrValue *padding = frc_graphdef_attr (graph, m->nodes->pool, "padding");
  gdouble size[2];

  if (frc_graphdef_numbers (graph, frc_graphdef_input (graph, m->nodes->crop, 3, NULL), size, 2) !=
          2 || size[0] != size[1] ||
      (method && (method->s.len != 8 || memcmp (method->s.data, "bilinear", 8) != 0)))
    return frc_inception_v2_refuse (graph, m->nodes->crop, m->error,
        "a bilinear CropAndResize to a constant square");
  if (!ksize || !ksize->list || ksize->list->n_i != 4 || !strides || !strides->list ||
      strides->list->n_i != 4 || !padding || padding->s.len != 5 ||
      memcmp (padding->s.data, "VALID", 5) != 0 ||
      memcmp (ksize->list->i, strides->list->i, 4 * sizeof (gint64)) != 0 ||
      ksize->list->i[1] != ksize->list->i[2] || ksize->list->i[1] * 7 != size[0])
    return frc_inception_v2_refuse (graph, m->nodes->pool, m->error,
        "a MaxPool from %g to 7 pixels without padding, its stride as large as its window", size[0]);
  frc_numbers_add (m, "roi_crop_size", size[0]);
  return TRUE;
}

/* ---- scores ------------------------------------------------------------------------------- */

/* Softmax of the head's class logits, as they are or times 1. */
static gboolean
read_score_converter (FrcNumbers *m)
{
  const FrcGraphDef *graph = m->graph;
  gdouble scale;

  for (guint i = 0; i < graph->n_nodes; i++) {
    if (!frc_graphdef_is (graph, i, "Softmax"))
      continue;
    guint node = frc_graphdef_behind_shape (graph, graph->source[i]), other;
    if ((frc_graphdef_is (graph, node, "Mul") || frc_graphdef_is (graph, node, "RealDiv")) &&
        frc_constant_operand (graph, node, &scale, &other) && scale == 1)
      node = frc_graphdef_behind_shape (graph, other);
    if (frc_graphdef_is (graph, node, "ConcatV2") && frc_graphdef_n_inputs (graph, node) == 2)
      node = frc_graphdef_behind_shape (graph, graph->source[node]);
    if (node == m->nodes->classes)
      return TRUE;
  }
  return frc_inception_v2_refuse (graph, m->nodes->classes, m->error,
      "the score converter SOFTMAX of unscaled class logits");
}

gboolean
frc_inception_v2_numbers (const FrcGraphDef *graph, const FrcInceptionNodes *nodes,
    GPtrArray *pairs, GError **error)
{
  FrcNumbers m = { graph, nodes, pairs, error, NULL, NULL };
  const char *shown = graph->weights->shown;

  m.seen = frc_alloc (graph->n_nodes, sizeof *m.seen, shown, error);
  m.stack = m.seen ? frc_alloc (graph->n_nodes, sizeof *m.stack, shown, error) : NULL;
  gboolean ok = m.stack && read_preprocessing (&m) && read_resizer (&m) && read_anchor_sizes (&m) &&
                read_grid (&m) && read_coder (&m) && read_pooling (&m) && frc_read_suppressions (&m) &&
                read_score_converter (&m);
  frc_free (m.seen);
  frc_free (m.stack);
  return ok;
}
