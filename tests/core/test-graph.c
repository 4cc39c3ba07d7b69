/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The planner: no two tensors that live at the same time share memory, for any input shape.
 */
#include "core/graph/plan.h"
#include "core/frcnn.h"
#include "core/mem.h"

#include <string.h>

/* A random network: each node reads one or two earlier ones of its size. */
static FrcGraph *
random_graph (const FrcKernels *kernels)
{
  FrcGraph *graph = frc_graph_new (kernels);
  guint n = g_test_rand_int_range (3, 40);

  frc_graph_input (graph, g_test_rand_int_range (1, 9));
  for (guint i = 1; i < n; i++) {
    gint a = g_test_rand_int_range (0, i), b = g_test_rand_int_range (0, i);
    if (g_test_rand_bit ())
      frc_graph_add (graph, "sum", a, b, FRC_ACT_RELU);
    else
      frc_graph_max_pool (graph, "pool", a, 3, g_test_rand_int_range (1, 3), 1);
    if (g_test_rand_int_range (0, 6) == 0)
      frc_graph_set_output (graph, i);
  }
  g_assert_true (frc_graph_finish (graph, NULL));
  return graph;
}

static guint
last_reader (const FrcGraph *graph, guint node)
{
  guint last = node;

  if (graph->nodes[node].is_output)
    return graph->n_nodes;
  for (guint i = node + 1; i < graph->n_nodes; i++)
    if (graph->nodes[i].in[0] == (gint) node || graph->nodes[i].in[1] == (gint) node)
      last = i;
  return last;
}

static void
check_no_overlap (const FrcPlan *plan)
{
  const FrcGraph *graph = plan->graph;

  for (guint i = 0; i < graph->n_nodes; i++) {
    FrcView a = frc_plan_view (plan, i);
    const guint8 *a_end = (guint8 *) (a.data + (gsize) a.n * a.h * a.w * a.ld);
    g_assert_true ((guint8 *) a.data >= plan->arena && a_end <= plan->arena + plan->arena_bytes);
    for (guint j = 0; j < i; j++) {
      FrcView b = frc_plan_view (plan, j);
      const guint8 *b_end = (guint8 *) (b.data + (gsize) b.n * b.h * b.w * b.ld);
      if (last_reader (graph, j) >= i)
        g_assert_true (a_end <= (guint8 *) b.data || b_end <= (guint8 *) a.data);
    }
  }
}

static void
test_plan_lifetimes (void)
{
  const FrcKernels *kernels = frc_kernels_get ("scalar", NULL);

  for (guint round = 0; round < 100; round++) {
    FrcGraph *graph = random_graph (kernels);
    FrcPlan *plan = frc_plan_new (graph, NULL);
    frc_plan_grow (plan, (FrcShape){ 1, 32, 64, 3 });
    frc_plan_grow (plan, (FrcShape){ 1, 64, 32, 3 });
    g_assert_true (frc_plan_place (plan, NULL));
    for (guint k = 0; k < 10; k++) {
      guint h = g_test_rand_int_range (1, 65), w = g_test_rand_int_range (1, h > 32 ? 33 : 65);
      frc_plan_set_input (plan, (FrcShape){ 1, h, w, 3 });
      check_no_overlap (plan);
    }
    frc_plan_free (plan);
    frc_graph_free (graph);
  }
}

/* conv + add becomes one node, and gives relu (conv (x) + x): 2x + 1 + x with x = −1, 0, 1. */
static void
test_fusion (void)
{
  FrcGraph *graph = frc_graph_new (frc_kernels_get ("scalar", NULL));
  FrcPool *pool = frc_pool_new (1, NULL);
  gint x = frc_graph_input (graph, 1), input = x;
  gfloat *weight = frc_alloc (1, sizeof (gfloat), "test", NULL);
  gfloat *bias = frc_alloc (1, sizeof (gfloat), "test", NULL);

  *weight = 2;
  *bias = 1;
  x = frc_graph_append (graph, (FrcNode){ .op = FRC_OP_CONV, .name = g_strdup ("conv"),
      .in = { input, FRC_NO_NODE }, .spec = { 1, 1, 1, 1, 0, 0, 1, 1, FRC_ACT_NONE },
      .channels = 1, .weight = weight, .bias = bias, .weights_of = FRC_NO_NODE });
  gint sum = frc_graph_add (graph, "sum", x, input, FRC_ACT_RELU);
  frc_graph_set_output (graph, sum);
  g_assert_true (frc_graph_finish (graph, NULL));
  g_assert_cmpint (graph->nodes[sum].op, ==, FRC_OP_CONV);
  g_assert_cmpint (graph->nodes[x].op, ==, FRC_OP_NONE);
  FrcPlan *plan = frc_plan_new (graph, NULL);
  frc_plan_grow (plan, (FrcShape){ 1, 1, 3, 1 });
  g_assert_true (frc_plan_place (plan, NULL));
  g_assert_true (frc_pool_reserve (pool, plan->scratch_bytes, NULL));
  FrcView in = frc_plan_view (plan, input), out = frc_plan_view (plan, sum);
  memcpy (in.data, (gfloat[]){ -1, 0, 1 }, 3 * sizeof (gfloat));
  g_assert_true (frc_plan_run (plan, pool));
  g_assert_cmpfloat (out.data[0], ==, 0);
  g_assert_cmpfloat (out.data[1], ==, 1);
  g_assert_cmpfloat (out.data[2], ==, 4);
  frc_plan_free (plan);
  frc_graph_free (graph);
  frc_pool_free (pool);
}

/* What the parts of a concatenation make lies side by side, and nothing else lies there meanwhile:
 * the maximum of windows of 3 over 1, 5, 3, and the average of the average of the average. */
static void
test_concat (void)
{
  FrcGraph *graph = frc_graph_new (frc_kernels_get ("scalar", NULL));
  FrcPool *pool = frc_pool_new (1, NULL);
  FrcConvSpec window = { .kernel_h = 3, .kernel_w = 3, .stride_h = 1, .stride_w = 1, .same = TRUE };
  const gfloat averages[] = { 19 / 6.0f, 59 / 18.0f, 41 / 12.0f };
  gint input = frc_graph_input (graph, 1), parts[2];

  parts[0] = frc_graph_pool (graph, FRC_OP_MAX_POOL, "max", input, window);
  gint between = frc_graph_pool (graph, FRC_OP_AVERAGE_POOL, "between", input, window);
  between = frc_graph_pool (graph, FRC_OP_AVERAGE_POOL, "after", between, window);
  parts[1] = frc_graph_pool (graph, FRC_OP_AVERAGE_POOL, "average", between, window);
  gint concat = frc_graph_concat (graph, "concat", parts, 2);
  frc_graph_set_output (graph, concat);
  g_assert_true (frc_graph_finish (graph, NULL));
  g_assert_cmpuint (graph->nodes[concat].channels, ==, 2);
  FrcPlan *plan = frc_plan_new (graph, NULL);
  frc_plan_grow (plan, (FrcShape){ 1, 1, 3, 1 });
  g_assert_true (frc_plan_place (plan, NULL));
  memcpy (frc_plan_view (plan, input).data, (gfloat[]){ 1, 5, 3 }, 3 * sizeof (gfloat));
  g_assert_true (frc_plan_run (plan, pool));
  FrcView out = frc_plan_view (plan, concat);
  for (guint x = 0; x < 3; x++) {
    g_assert_cmpfloat (out.data[2 * x], ==, 5);
    g_assert_cmpfloat_with_epsilon (out.data[2 * x + 1], averages[x], 1e-6f);
  }
  g_assert_true (frc_plan_view (plan, parts[1]).data == out.data + 1);
  g_assert_cmpuint (frc_plan_view (plan, parts[1]).ld, ==, 2);
  frc_plan_free (plan);
  frc_graph_free (graph);
  frc_pool_free (pool);
}

/* A convolution with a second reader is not taken by the sum: its own result is still needed. */
static void
test_no_fusion_of_a_shared_result (void)
{
  FrcGraph *graph = frc_graph_new (frc_kernels_get ("scalar", NULL));
  gint input = frc_graph_input (graph, 1);
  gfloat *weight = frc_alloc0 (1, sizeof (gfloat), "test", NULL);
  gfloat *bias = frc_alloc0 (1, sizeof (gfloat), "test", NULL);

  gint conv = frc_graph_append (graph, (FrcNode){ .op = FRC_OP_CONV, .name = g_strdup ("conv"),
      .in = { input, FRC_NO_NODE }, .spec = { 1, 1, 1, 1, 0, 0, 1, 1, FRC_ACT_NONE },
      .channels = 1, .weight = weight, .bias = bias, .weights_of = FRC_NO_NODE });
  gint sum = frc_graph_add (graph, "sum", conv, input, FRC_ACT_NONE);
  frc_graph_set_output (graph, frc_graph_add (graph, "again", sum, conv, FRC_ACT_NONE));
  g_assert_true (frc_graph_finish (graph, NULL));
  g_assert_cmpint (graph->nodes[conv].op, ==, FRC_OP_CONV);
  g_assert_cmpint (graph->nodes[sum].op, ==, FRC_OP_ADD);
  frc_graph_free (graph);
}

static void
test_mismatch_is_an_error (void)
{
  g_autoptr (GError) error = NULL;
  FrcGraph *graph = frc_graph_new (frc_kernels_get ("scalar", NULL));
  gint a = frc_graph_input (graph, 3), b = frc_graph_input (graph, 4);

  g_assert_cmpint (frc_graph_add (graph, "sum", a, b, FRC_ACT_NONE), ==, FRC_NO_NODE);
  g_assert_false (frc_graph_finish (graph, &error));
  g_assert_error (error, FRC_ERROR, FRC_ERROR_SHAPE);
  frc_graph_free (graph);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/graph/plan-lifetimes", test_plan_lifetimes);
  g_test_add_func ("/graph/fusion", test_fusion);
  g_test_add_func ("/graph/concat", test_concat);
  g_test_add_func ("/graph/no-fusion-of-a-shared-result", test_no_fusion_of_a_shared_result);
  g_test_add_func ("/graph/mismatch", test_mismatch_is_an_error);
  return g_test_run ();
}
