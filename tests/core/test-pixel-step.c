/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pixels 4 KiB apart would displace each other from the caches: they lie a line further apart, where
 * a convolution reads them and nobody needs them without gaps, and every operation finds them there.
 */
#include "core/graph/plan.h"
#include "core/mem.h"

#include <string.h>

#define DEEP 1024 /* channels: channel c of a map is c % 3 + 1 times one of the maps below */
#define DEEP_SUM 2047 /* of those */
#define DEEP_SIDE 4
#define DEEP_PIXELS (2 * DEEP_SIDE * DEEP_SIDE) /* of two images */

typedef enum { TIMES, ONES, SAME } Deep;

static gint
deep_layer (FrcGraph *graph, FrcOp op, gint in, guint channels, guint kernel, Deep kind,
    guint first)
{
  guint inputs = op == FRC_OP_DEPTHWISE ? 1 : graph->nodes[in].channels;
  gsize n = (gsize) channels * inputs * kernel * kernel;
  gfloat *weight = frc_alloc (n, sizeof (gfloat), "test", NULL);

  for (gsize i = 0; i < n; i++)
    weight[i] = kind == TIMES ? (first + i) % 3 + 1 : kind == ONES || i / inputs == i % inputs;
  return frc_graph_append (graph, (FrcNode){ .op = op, .name = g_strdup ("layer"),
      .in = { in, FRC_NO_NODE }, .spec = { kernel, kernel, 1, 1, kernel / 2, kernel / 2,
      graph->nodes[in].channels, channels }, .pad_bottom = kernel / 2, .pad_right = kernel / 2,
      .channels = channels, .weight = weight, .weights_of = FRC_NO_NODE });
}

/* The sum or the maximum of the window of 3 around pixel @i of @map. */
static gfloat
window_of (const gfloat *map, guint i, gboolean is_sum)
{
  guint x = i % DEEP_SIDE, y = i / DEEP_SIDE % DEEP_SIDE, image = i - y * DEEP_SIDE - x;
  gfloat result = 0;

  for (guint v = y - (y > 0); v <= MIN (y + 1, DEEP_SIDE - 1); v++)
    for (guint u = x - (x > 0); u <= MIN (x + 1, DEEP_SIDE - 1); u++) {
      gfloat value = map[image + v * DEEP_SIDE + u];
      result = is_sum ? result + value : MAX (result, value);
    }
  return result;
}

#define MAPS 4

typedef struct {
  FrcGraph *graph;
  gint input, maps[MAPS], sums[MAPS]; /* each map's sum over the channels is a result */
  gint copies, all[2]; /* the last map's mean, and its sums by both kinds of layers */
} DeepCase;

static void
make_graph (DeepCase *c, const char *kernels)
{
  FrcGraph *graph = c->graph = frc_graph_new (frc_kernels_get (kernels, NULL));
  gint parts[2];

  c->input = frc_graph_input (graph, 1);
  for (guint k = 0; k < 2; k++)
    parts[k] = deep_layer (graph, FRC_OP_CONV, c->input, DEEP / 2, 1, TIMES, k * DEEP / 2);
  c->maps[0] = frc_graph_concat (graph, "concat", parts, 2);
  c->maps[1] = deep_layer (graph, FRC_OP_DEPTHWISE, c->maps[0], DEEP, 3, ONES, 0);
  gint sum = frc_graph_add (graph, "sum", c->maps[1], c->maps[0], FRC_ACT_RELU);
  c->maps[2] = frc_graph_max_pool (graph, "most", sum, 3, 1, 1);
  gint same = deep_layer (graph, FRC_OP_CONV, c->maps[2], DEEP, 1, SAME, 0);
  c->maps[3] = frc_graph_add (graph, "residual", same, c->maps[1], FRC_ACT_NONE);
  for (guint k = 0; k < MAPS; k++) {
    c->sums[k] = deep_layer (graph, FRC_OP_CONV, c->maps[k], 1, 1, ONES, 0);
    frc_graph_set_output (graph, c->sums[k]);
  }
  gint mean = frc_graph_global_mean (graph, "mean", c->maps[3]);
  c->copies = deep_layer (graph, FRC_OP_CONV, mean, DEEP, 1, SAME, 0);
  for (guint k = 0; k < 2; k++) {
    FrcOp op = k == 0 ? FRC_OP_LINEAR : FRC_OP_CONV;
    c->all[k] = deep_layer (graph, op, c->copies, 1, 1, ONES, 0);
    frc_graph_set_output (graph, c->all[k]);
  }
  g_assert_true (frc_graph_finish (graph, NULL));
}

/* What the maps of channel 0 are, and the mean of the last one. */
static void
expect (gfloat maps[MAPS][DEEP_PIXELS], gfloat mean[2])
{
  gfloat sum[DEEP_PIXELS];

  for (guint i = 0; i < DEEP_PIXELS; i++)
    maps[0][i] = i + 1;
  for (guint i = 0; i < DEEP_PIXELS; i++) {
    maps[1][i] = window_of (maps[0], i, TRUE);
    sum[i] = maps[0][i] + maps[1][i];
  }
  mean[0] = mean[1] = 0;
  for (guint i = 0; i < DEEP_PIXELS; i++) {
    maps[2][i] = window_of (sum, i, FALSE);
    maps[3][i] = maps[2][i] + maps[1][i];
    mean[2 * i / DEEP_PIXELS] += 2 * maps[3][i] / DEEP_PIXELS;
  }
}

static void
check (const DeepCase *c, const FrcPlan *plan, gfloat maps[MAPS][DEEP_PIXELS], const gfloat mean[2])
{
  for (guint k = 0; k < MAPS; k++) {
    g_assert_cmpuint (frc_plan_view (plan, c->maps[k]).ld * sizeof (gfloat) % 4096, ==, 64);
    for (guint i = 0; i < DEEP_PIXELS; i++)
      g_assert_cmpfloat (frc_plan_view (plan, c->sums[k]).data[i], ==, DEEP_SUM * maps[k][i]);
  }
  g_assert_cmpuint (frc_plan_view (plan, c->copies).ld, ==, DEEP);
  for (guint k = 0; k < 2; k++)
    for (guint n = 0; n < 2; n++)
      g_assert_cmpfloat (frc_plan_view (plan, c->all[k]).data[n], ==, DEEP_SUM * mean[n]);
}

static void
run_case (const char *kernels)
{
  FrcPool *pool = frc_pool_new (2, NULL);
  gfloat maps[MAPS][DEEP_PIXELS], mean[2];
  DeepCase c;

  make_graph (&c, kernels);
  FrcPlan *plan = frc_plan_new (c.graph, NULL);
  frc_plan_grow (plan, (FrcShape){ 2, DEEP_SIDE, DEEP_SIDE, 1 });
  g_assert_true (frc_plan_place (plan, NULL));
  g_assert_true (frc_pool_reserve (pool, plan->scratch_bytes, NULL));
  expect (maps, mean);
  memcpy (frc_plan_view (plan, c.input).data, maps[0], sizeof maps[0]);
  g_assert_true (frc_plan_run (plan, pool));
  check (&c, plan, maps, mean);
  frc_plan_free (plan);
  frc_graph_free (c.graph);
  frc_pool_free (pool);
}

static void
test_apart (void)
{
  static const char *const names[] = { "scalar", "avx2", "avx512" };

  for (guint k = 0; k < G_N_ELEMENTS (names); k++)
    if (frc_kernels_get (names[k], NULL))
      run_case (names[k]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pixel-step/apart", test_apart);
  return g_test_run ();
}
