/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The planner: no two tensors that live at the same time share memory, for any input shape.
 */
#include "core/graph/plan.h"
#include "core/frcnn.h"
#include "core/mem.h"

#include <math.h>
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

/* Caffe's pooling covers all of the map: ⌈(side + 2 · pad − kernel) / stride⌉ + 1. */
static void
test_ceil_mode (void)
{
  static const guint cases[][3] = { /* side; after kernel 2, pad 0; after kernel 3, pad 1 */
    { 1, 1, 1 }, { 2, 1, 2 }, { 5, 3, 3 }, { 6, 3, 4 }, { 37, 19, 19 }, { 600, 300, 301 } };
  FrcGraph *graph = frc_graph_new (frc_kernels_get ("scalar", NULL));
  gint input = frc_graph_input (graph, 1);
  gint two = frc_graph_max_pool_ceil (graph, "two", input, 2, 2, 0);
  gint three = frc_graph_max_pool_ceil (graph, "three", input, 3, 2, 1);
  FrcShape shapes[3];

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    frc_graph_infer (graph, (FrcShape){ 1, cases[i][0], 5, 1 }, shapes);
    g_assert_cmpuint (shapes[two].h, ==, cases[i][1]);
    g_assert_cmpuint (shapes[three].h, ==, cases[i][2]);
    g_assert_cmpuint (shapes[two].w, ==, 3);
  }
  frc_graph_free (graph);
}

/* ---- narrow graphs ------------------------------------------------------------------------- */

/* A layer of seeded weights that keep values near one. */
static gint
layer (FrcGraph *graph, GRand *rand, FrcOp op, gint in, guint inputs, guint channels, guint kernel,
    guint stride, FrcActivation activation)
{
  gsize per_output = (op == FRC_OP_DEPTHWISE ? 1 : inputs) * (gsize) kernel * kernel;
  gfloat *weight = frc_alloc (channels * per_output, sizeof (gfloat), "test", NULL);
  gfloat *bias = frc_alloc (channels, sizeof (gfloat), "test", NULL);

  for (gsize i = 0; i < channels * per_output; i++)
    weight[i] = g_rand_double_range (rand, -1.7, 1.7) / sqrt (per_output);
  for (guint i = 0; i < channels; i++)
    bias[i] = g_rand_double_range (rand, -.3, .3);
  return frc_graph_append (graph, (FrcNode){ .op = op, .name = g_strdup ("layer"),
      .in = { in, FRC_NO_NODE }, .spec = { kernel, kernel, stride, stride, kernel / 2, kernel / 2,
      inputs, channels, activation }, .pad_bottom = kernel / 2, .pad_right = kernel / 2,
      .channels = channels, .weight = weight, .bias = bias, .weights_of = FRC_NO_NODE });
}

#define SIDE 22

/* Every operation there is, on the same weights and input; the result's values in @out [1 × 9]. */
static void
run_all_operations (const FrcNarrowKernels *narrow, gfloat *out)
{
  FrcGraph *graph = frc_graph_new (frc_kernels_get ("scalar", NULL));
  FrcPool *pool = frc_pool_new (2, NULL);
  GRand *rand = g_rand_new_with_seed (11);
  FrcConvSpec window = { 3, 3, 1, 1, 1, 1, 0, 0, FRC_ACT_NONE };
  gint input = frc_graph_input (graph, 3), parts[3];

  graph->narrow = narrow;
  gint multiplied = layer (graph, rand, FRC_OP_DEPTHWISE, input, 3, 24, 5, 1, FRC_ACT_NONE);
  gint x = layer (graph, rand, FRC_OP_CONV, multiplied, 24, 40, 3, 2, FRC_ACT_RELU6);
  gint y = layer (graph, rand, FRC_OP_DEPTHWISE, x, 40, 40, 3, 1, FRC_ACT_HARDSWISH);
  gint mean = frc_graph_global_mean (graph, "mean", y);
  gint squeezed = layer (graph, rand, FRC_OP_CONV, mean, 40, 40, 1, 1, FRC_ACT_HARDSIGMOID);
  y = frc_graph_scale (graph, "scale", y, squeezed);
  y = frc_graph_add (graph, "sum", layer (graph, rand, FRC_OP_CONV, y, 40, 40, 1, 1, FRC_ACT_NONE), x,
      FRC_ACT_RELU);
  y = frc_graph_add (graph, "unfused sum", y, x, FRC_ACT_NONE);
  parts[0] = layer (graph, rand, FRC_OP_CONV, y, 40, 64, 1, 1, FRC_ACT_RELU);
  parts[1] = frc_graph_pool (graph, FRC_OP_AVERAGE_POOL, "average",
      layer (graph, rand, FRC_OP_CONV, y, 40, 32, 3, 1, FRC_ACT_RELU), window);
  parts[2] = frc_graph_pool (graph, FRC_OP_MAX_POOL, "most", y, window);
  y = frc_graph_concat (graph, "concat", parts, 3);
  y = layer (graph, rand, FRC_OP_CONV, y, 136, 33, 3, 2, FRC_ACT_RELU);
  gint result = layer (graph, rand, FRC_OP_LINEAR, y, 6 * 6 * 33, 9, 1, 1, FRC_ACT_NONE);
  graph->nodes[result].spec.pad_top = graph->nodes[result].spec.pad_left = 0;
  frc_graph_set_result (graph, result);
  g_assert_true (frc_graph_finish (graph, NULL));

  FrcPlan *plan = frc_plan_new (graph, NULL);
  frc_plan_grow (plan, (FrcShape){ 1, SIDE, SIDE, 3 });
  g_assert_true (frc_plan_place (plan, NULL));
  g_assert_true (frc_pool_reserve (pool, plan->scratch_bytes, NULL));
  FrcView in = frc_plan_view (plan, input), got = frc_plan_view (plan, result);
  for (guint i = 0; i < SIDE * SIDE * 3; i++)
    in.data[i] = g_rand_double_range (rand, -1, 1);
  g_assert_true (frc_plan_run (plan, pool));
  g_assert_cmpuint (got.c, ==, 9);
  memcpy (out, got.data, 9 * sizeof (gfloat));
  frc_plan_free (plan);
  frc_graph_free (graph);
  frc_pool_free (pool);
  g_rand_free (rand);
}

/* A narrow graph computes what the f32 graph does, as near as bf16 can. */
static void
test_narrow_operations (void)
{
  static const char *const names[] = { "scalar", "avx512", "amx" };
  gfloat want[9], got[9], most = 0;

  run_all_operations (NULL, want);
  for (guint i = 0; i < 9; i++)
    most = MAX (most, fabsf (want[i]));
  g_assert_cmpfloat (most, >, .3f);
  for (guint k = 0; k < G_N_ELEMENTS (names); k++) {
    const FrcKernels *kernels = frc_kernels_get (names[k], NULL);
    const FrcNarrowKernels *narrow = kernels ? frc_narrow_kernels (kernels, NULL) : NULL;
    if (!narrow)
      continue;
    run_all_operations (narrow, got);
    for (guint i = 0; i < 9; i++)
      g_assert_cmpfloat_with_epsilon (got[i], want[i], .03f * most);
  }
}

/* What the stages read has f32's weights: one that bf16 does not have comes out but for an f32's
 * rounding of its three parts' products. */
static void
test_narrow_results (void)
{
  static const char *const names[] = { "scalar", "avx512", "amx" };
  static const FrcOp ops[] = { FRC_OP_CONV, FRC_OP_LINEAR };
  const guint inputs = 32, outputs = 5, pixels = 500;

  for (guint i = 0; i < G_N_ELEMENTS (names) * G_N_ELEMENTS (ops); i++) {
    const FrcKernels *kernels = frc_kernels_get (names[i / 2], NULL);
    if (!kernels || !frc_narrow_kernels (kernels, NULL))
      continue;
    FrcGraph *graph = frc_graph_new (kernels);
    GRand *rand = g_rand_new_with_seed (13);
    gfloat want[5];
    gboolean flat = ops[i % 2] == FRC_OP_LINEAR;
    graph->narrow = frc_narrow_kernels (kernels, NULL);
    gint input = frc_graph_input (graph, inputs);
    gint result = layer (graph, rand, ops[i % 2], input, inputs, outputs, 1, 1, FRC_ACT_NONE);
    FrcNode *node = &graph->nodes[result];
    for (guint c = 0; c < outputs; c++) {
      node->bias[c] = 0;
      want[c] = node->weight[c * inputs + 3];
      g_assert_cmpfloat (frc_bf16_widen (frc_bf16_narrow (want[c])), !=, want[c]);
    }
    frc_graph_set_result (graph, result);
    g_assert_true (frc_graph_finish (graph, NULL));
    FrcPlan *plan = frc_plan_new (graph, NULL);
    FrcPool *pool = frc_pool_new (2, NULL);
    frc_plan_grow (plan, (FrcShape){ flat ? pixels : 1, 1, flat ? 1 : pixels, inputs });
    g_assert_true (frc_plan_place (plan, NULL));
    g_assert_true (frc_pool_reserve (pool, plan->scratch_bytes, NULL));
    FrcNarrowView in = frc_plan_narrow_view (plan, input);
    memset (in.data, 0, pixels * in.ld * sizeof (guint16));
    for (guint x = 0; x < pixels; x++)
      in.data[x * in.ld + 3] = frc_bf16_narrow (x);
    g_assert_true (frc_plan_run (plan, pool));
    FrcView out = frc_plan_view (plan, result);
    for (guint x = 0; x < pixels * outputs; x++) {
      gdouble product = (gdouble) want[x % outputs] * frc_bf16_widen (frc_bf16_narrow (x / outputs));
      g_assert_cmpfloat_with_epsilon (out.data[x], product, 0x1p-22 * fabs (product) + 1e-30);
    }
    frc_plan_free (plan);
    frc_graph_free (graph);
    frc_pool_free (pool);
    g_rand_free (rand);
  }
}

#define WIDTH 64

/* A 3×3 convolution of SIDE × SIDE × WIDTH, twice; the result as f32. */
static void
run_square (const char *kernels, gboolean narrow, gboolean *by_winograd, gfloat *out)
{
  FrcGraph *graph = frc_graph_new (frc_kernels_get (kernels, NULL));
  FrcPool *pool = frc_pool_new (2, NULL);
  GRand *rand = g_rand_new_with_seed (12);
  gint input = frc_graph_input (graph, WIDTH);

  if (narrow)
    graph->narrow = frc_narrow_kernels (graph->kernels, NULL);
  gint x = layer (graph, rand, FRC_OP_CONV, input, WIDTH, WIDTH, 3, 1, FRC_ACT_RELU);
  gint again = frc_graph_reuse (graph, x, x);
  frc_graph_set_output (graph, again);
  g_assert_true (frc_graph_finish (graph, NULL));
  *by_winograd = graph->nodes[x].conv && graph->nodes[again].conv;

  FrcPlan *plan = frc_plan_new (graph, NULL);
  frc_plan_grow (plan, (FrcShape){ 1, SIDE, SIDE, WIDTH });
  g_assert_true (frc_plan_place (plan, NULL));
  g_assert_true (frc_pool_reserve (pool, plan->scratch_bytes, NULL));
  FrcNarrowView in = frc_plan_narrow_view (plan, input), result = frc_plan_narrow_view (plan, again);
  FrcView wide_in = frc_plan_view (plan, input), wide_result = frc_plan_view (plan, again);
  for (guint i = 0; i < SIDE * SIDE * WIDTH; i++) {
    guint16 half = frc_bf16_narrow (g_rand_double_range (rand, -1, 1));
    if (narrow)
      in.data[i] = half;
    else
      wide_in.data[i] = frc_bf16_widen (half);
  }
  g_assert_true (frc_plan_run (plan, pool));
  if (narrow)
    frc_narrow_widen (&result, out);
  else
    memcpy (out, wide_result.data, SIDE * SIDE * WIDTH * sizeof (gfloat));
  frc_plan_free (plan);
  frc_graph_free (graph);
  frc_pool_free (pool);
  g_rand_free (rand);
}

/* Without tile registers a narrow graph's 3×3 convolutions are f32's, by Winograd. */
static void
test_narrow_winograd (void)
{
  static const char *const names[] = { "scalar", "avx512", "amx" };
  gfloat *want = g_new (gfloat, SIDE * SIDE * WIDTH), *got = g_new (gfloat, SIDE * SIDE * WIDTH);
  gboolean by_winograd;

  run_square ("scalar", FALSE, &by_winograd, want);
  for (guint k = 0; k < G_N_ELEMENTS (names); k++) {
    const FrcKernels *kernels = frc_kernels_get (names[k], NULL);
    if (!kernels || !frc_narrow_kernels (kernels, NULL))
      continue;
    run_square (names[k], TRUE, &by_winograd, got);
    g_assert_cmpint (by_winograd, ==, k == 1);
    for (guint i = 0; i < SIDE * SIDE * WIDTH; i++)
      g_assert_cmpfloat_with_epsilon (got[i], want[i], .02f + .01f * fabsf (want[i]));
  }
  g_free (want);
  g_free (got);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/graph/plan-lifetimes", test_plan_lifetimes);
  g_test_add_func ("/graph/fusion", test_fusion);
  g_test_add_func ("/graph/concat", test_concat);
  g_test_add_func ("/graph/no-fusion-of-a-shared-result", test_no_fusion_of_a_shared_result);
  g_test_add_func ("/graph/ceil-mode", test_ceil_mode);
  g_test_add_func ("/graph/mismatch", test_mismatch_is_an_error);
  g_test_add_func ("/graph/narrow-operations", test_narrow_operations);
  g_test_add_func ("/graph/narrow-results", test_narrow_results);
  g_test_add_func ("/graph/narrow-winograd", test_narrow_winograd);
  return g_test_run ();
}
