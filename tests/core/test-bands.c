/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Chains that run by bands give the bits of their nodes one by one, in f32 and in narrow numbers,
 * whatever the threads: the same graph with its intermediate tensors declared outputs runs without
 * bands.
 */
#include "core/graph/bands.h"
#include "core/mem.h"

#include <string.h>

#define MAX_STEPS 3
#define MAX_THREADS 4

typedef struct {
  FrcOp op;
  guint kernel, stride, out;
} Step;

typedef struct {
  guint h, w, channels; /* of the input */
  Step steps[MAX_STEPS];
  gboolean same, residual;
  guint after; /* padding below and to the right of a window */
} BandCase;

static GRand *numbers; /* started anew for each graph: the same weights in each */

static gfloat *
random_floats (gsize n, gdouble size)
{
  gfloat *values = frc_alloc (n, sizeof (gfloat), "test", NULL);

  for (gsize i = 0; i < n; i++)
    values[i] = g_rand_double_range (numbers, -size, size);
  return values;
}

static gint
append (FrcGraph *graph, const BandCase *c, const Step *step, gint in)
{
  gboolean is_last = step - c->steps == MAX_STEPS - 1 || step[1].kernel == 0;
  FrcActivation activation = is_last ? FRC_ACT_NONE : step == c->steps ? FRC_ACT_RELU6
                                                                       : FRC_ACT_HARDSWISH;
  guint inputs = graph->nodes[in].channels, pad = step->kernel / 2, k = step->kernel;
  FrcNode node = { .op = step->op, .name = g_strdup ("layer"), .in = { in, FRC_NO_NODE },
    .spec = { k, k, step->stride, step->stride, pad, pad, inputs, step->out, activation,
        .same = c->same },
    .pad_bottom = k > 1 ? c->after : 0, .pad_right = k > 1 ? c->after : 0,
    .channels = step->out, .weights_of = FRC_NO_NODE };

  if (step->op != FRC_OP_MAX_POOL) {
    gsize depth = step->op == FRC_OP_CONV ? inputs : 1;
    node.weight = random_floats (k * k * depth * step->out, 0.5);
    node.bias = random_floats (step->out, 1);
  }
  return frc_graph_append (graph, node);
}

/* The case's graph; its first and last node in @first and @last. */
static FrcGraph *
make_graph (const BandCase *c, const char *kernels, const FrcNarrowKernels *narrow,
    GHashTable *bounds, gboolean banded, gint *first, gint *last)
{
  FrcGraph *graph = frc_graph_new (frc_kernels_get (kernels, NULL));
  gint input = frc_graph_input (graph, c->channels), x = input;

  graph->narrow = narrow;
  graph->bounds = bounds;
  for (guint s = 0; s < MAX_STEPS && c->steps[s].kernel; s++) {
    if (!banded && s > 0)
      frc_graph_set_output (graph, x);
    x = append (graph, c, &c->steps[s], x);
    if (s == 0)
      *first = x;
  }
  if (c->residual)
    x = frc_graph_add (graph, "sum", x, input, FRC_ACT_NONE);
  frc_graph_set_output (graph, x);
  graph->nodes[input].is_output = FALSE; /* its memory may be taken as soon as nobody reads it */
  g_assert_true (frc_graph_finish (graph, NULL));
  *last = x;
  return graph;
}

static void
fill_input (const FrcPlan *plan)
{
  FrcView in = frc_plan_view (plan, 0);
  FrcNarrowView narrow = frc_plan_narrow_view (plan, 0);
  gboolean is_narrow = plan->graph->narrow && !plan->graph->nodes[0].is_wide;
  gsize ld = is_narrow ? narrow.ld : in.ld;

  for (gsize i = 0; i < (gsize) in.h * in.w * ld; i++) {
    gfloat value = i % ld < in.c ? (gfloat) (i * 7919 % 2003) / 1001 - 1 : 0;
    if (is_narrow)
      narrow.data[i] = frc_bf16_narrow (value);
    else
      in.data[i] = value;
  }
}

/* The result of the whole graph to @result, which is to be freed. */
static gsize
run_case (const BandCase *c, const char *kernels, const FrcNarrowKernels *narrow,
    GHashTable *bounds, guint threads, gboolean banded, guint8 **result)
{
  FrcPool *pool = frc_pool_new (threads, NULL);
  gint first, last;
  FrcGraph *graph = make_graph (c, kernels, narrow, bounds, banded, &first, &last);
  FrcPlan *plan = frc_plan_new (graph, NULL);

  g_assert_cmpint (frc_bands_last (graph, first), ==, banded ? last : first);
  frc_plan_grow (plan, (FrcShape){ 1, c->h, c->w, c->channels });
  g_assert_true (frc_plan_place (plan, NULL));
  g_assert_true (frc_pool_reserve (pool, plan->scratch_bytes, NULL));
  fill_input (plan);
  if (banded)
    g_assert_true (frc_bands_run (plan, pool, first));
  else
    g_assert_true (frc_plan_run (plan, pool));
  FrcView wide = frc_plan_view (plan, last);
  FrcNarrowView half = frc_plan_narrow_view (plan, last);
  gsize pixels = (gsize) wide.h * wide.w;
  gsize bytes = narrow ? pixels * half.ld * sizeof (guint16) : pixels * wide.c * sizeof (gfloat);
  *result = frc_alloc (bytes, 1, "test", NULL);
  memcpy (*result, narrow ? (guint8 *) half.data : (guint8 *) wide.data, bytes);
  frc_plan_free (plan);
  frc_graph_free (graph);
  frc_pool_free (pool);
  return bytes;
}

static void
check_case (const BandCase *c, const char *kernels, const FrcNarrowKernels *narrow,
    GHashTable *bounds)
{
  guint seed = g_test_rand_int ();
  guint8 *want, *got;

  g_rand_set_seed (numbers, seed);
  gsize bytes = run_case (c, kernels, narrow, bounds, 1, FALSE, &want);
  for (guint threads = 1; threads <= MAX_THREADS; threads++) {
    g_rand_set_seed (numbers, seed);
    g_assert_cmpuint (run_case (c, kernels, narrow, bounds, threads, TRUE, &got), ==, bytes);
    if (memcmp (want, got, bytes) != 0) {
      g_test_message ("%ux%ux%u, kernels %u, %u and %u, %s, %s, %u threads", c->h, c->w, c->channels,
          c->steps[0].kernel, c->steps[1].kernel, c->steps[2].kernel, kernels ? kernels : "best",
          bounds ? "int8" : narrow ? "bf16" : "f32", threads);
      g_test_fail ();
    }
    frc_free (got);
  }
  frc_free (want);
}

#define CONV(kernel, stride, out) { FRC_OP_CONV, kernel, stride, out }
#define DEPTHWISE(kernel, stride, out) { FRC_OP_DEPTHWISE, kernel, stride, out }
#define POOL(kernel, out) { FRC_OP_MAX_POOL, kernel, 2, out }

static const BandCase cases[] = {
  /* inverted residuals */
  { 71, 93, 8, { CONV (1, 1, 130), DEPTHWISE (3, 1, 130), CONV (1, 1, 8) }, FALSE, TRUE, 1 },
  { 110, 124, 16, { CONV (1, 1, 96), DEPTHWISE (3, 2, 96), CONV (1, 1, 24) }, FALSE, FALSE, 1 },
  { 111, 123, 16, { CONV (1, 1, 96), DEPTHWISE (5, 2, 96), CONV (1, 1, 23) }, TRUE, FALSE, 0 },
  { 60, 111, 24, { CONV (1, 1, 100), DEPTHWISE (5, 1, 100), CONV (1, 1, 24) }, TRUE, TRUE, 0 },
  { 300, 320, 3, { CONV (3, 2, 40), DEPTHWISE (3, 1, 40), CONV (1, 1, 16) }, TRUE, FALSE, 0 },
  { 303, 319, 3, { CONV (3, 2, 40), DEPTHWISE (3, 1, 40), CONV (1, 1, 16) }, FALSE, FALSE, 0 },
  { 303, 819, 3, { CONV (3, 2, 40), DEPTHWISE (3, 2, 40), CONV (1, 1, 16) }, FALSE, FALSE, 1 },
  { 200, 320, 24, { DEPTHWISE (3, 1, 24), CONV (1, 1, 24) }, FALSE, TRUE, 1 },
  { 200, 320, 24, { DEPTHWISE (5, 1, 24), CONV (1, 1, 24) }, FALSE, FALSE, 2 },
  { 9, 6000, 16, { CONV (1, 1, 64), DEPTHWISE (5, 1, 64), CONV (1, 1, 16) }, FALSE, TRUE, 2 },
  /* max-pools: behind the first layer, a 1×1 and Winograd's convolution */
  { 300, 320, 3, { CONV (7, 2, 40), POOL (3, 40) }, FALSE, FALSE, 3 },
  { 201, 203, 24, { CONV (1, 1, 40), POOL (3, 40) }, TRUE, FALSE, 0 },
  { 163, 217, 32, { CONV (3, 1, 32), POOL (2, 32) }, FALSE, FALSE, 1 },
  { 162, 215, 33, { CONV (3, 1, 35), POOL (3, 35) }, TRUE, FALSE, 0 },
  { 321, 217, 32, { CONV (3, 2, 64), POOL (2, 64) }, FALSE, FALSE, 1 },
  { 160, 218, 3, { CONV (3, 1, 32), CONV (3, 1, 32), POOL (2, 32) }, FALSE, FALSE, 1 },
  { 280, 310, 3, { DEPTHWISE (7, 2, 24), CONV (1, 1, 32), POOL (3, 32) }, TRUE, FALSE, 0 },
};

/* Every case on the best kernels, some on all. */
static void
test_same_bits (void)
{
  static const char *const kernels[] = { NULL, "scalar", "avx2" };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint k = 0; k < (i % 10 == 0 ? G_N_ELEMENTS (kernels) : 1); k++)
      if (frc_kernels_get (kernels[k], NULL))
        check_case (&cases[i], kernels[k], NULL, NULL);
}

/* Twice as large: their tensors have half the bytes. */
static void
test_narrow (void)
{
  static const char *const kernels[] = { NULL, "scalar", "avx512" };
  const BandCase wide = { 160, 210, 128, { CONV (1, 1, 256), POOL (3, 256) }, FALSE, FALSE, 1 };
  const BandCase deep = { 100, 110, 64, { CONV (1, 1, 64), CONV (3, 1, 192), POOL (3, 192) },
    TRUE };
  FrcBounds bounds = { -1, 1 };
  g_autoptr (GHashTable) table = g_hash_table_new (g_str_hash, g_str_equal);

  g_hash_table_insert (table, (gpointer) "layer", &bounds);
  for (guint k = 0; k < G_N_ELEMENTS (kernels); k++) {
    const FrcKernels *base = frc_kernels_get (kernels[k], NULL);
    const FrcNarrowKernels *narrow = base ? frc_narrow_kernels (base, NULL) : NULL;
    if (!narrow)
      continue;
    for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
      BandCase c = cases[i];
      c.h *= 2;
      if (k == 0 || i == 0)
        check_case (&c, kernels[k], narrow, NULL);
    }
    if (k != 1)
      check_case (&wide, kernels[k], narrow, table);
    if (k == 0 && frc_narrow_kernels_have_tiles (narrow)) /* else f32's Winograd */
      check_case (&deep, kernels[k], narrow, NULL);
  }
}

/* Small maps run node by node, and so do deep ones, which have much to compute. */
static void
test_not_worth_it (void)
{
  const BandCase few[] = {
    { 20, 28, 16, { CONV (1, 1, 96), DEPTHWISE (3, 1, 96), CONV (1, 1, 24) }, FALSE, FALSE, 1 },
    { 60, 80, 128, { CONV (1, 1, 768), DEPTHWISE (3, 1, 768), CONV (1, 1, 128) }, FALSE, FALSE, 1 },
    { 60, 80, 384, { CONV (3, 1, 384), POOL (2, 384) }, FALSE, FALSE, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (few); i++) {
    FrcPool *pool = frc_pool_new (1, NULL);
    gint first, last;
    FrcGraph *graph = make_graph (&few[i], NULL, NULL, NULL, TRUE, &first, &last);
    FrcPlan *plan = frc_plan_new (graph, NULL);
    frc_plan_grow (plan, (FrcShape){ 1, few[i].h, few[i].w, few[i].channels });
    g_assert_true (frc_plan_place (plan, NULL));
    g_assert_cmpint (frc_bands_last (graph, first), ==, last);
    g_assert_false (frc_bands_run (plan, pool, first));
    frc_plan_free (plan);
    frc_graph_free (graph);
    frc_pool_free (pool);
  }
}

static void
count_node (const FrcPlan *plan, guint node, gpointer user_data)
{
  ((guint *) user_data)[node]++;
}

/* Who watches sees every node, a chain's as well. */
static void
test_watched (void)
{
  FrcPool *pool = frc_pool_new (1, NULL);
  gint first, last;
  FrcGraph *graph = make_graph (&cases[0], NULL, NULL, NULL, TRUE, &first, &last);
  FrcPlan *plan = frc_plan_new (graph, NULL);
  g_autofree guint *seen = g_new0 (guint, graph->n_nodes);

  frc_plan_grow (plan, (FrcShape){ 1, cases[0].h, cases[0].w, cases[0].channels });
  g_assert_true (frc_plan_place (plan, NULL));
  g_assert_true (frc_pool_reserve (pool, plan->scratch_bytes, NULL));
  fill_input (plan);
  plan->watch = count_node;
  plan->watch_data = seen;
  g_assert_true (frc_plan_run (plan, pool));
  for (guint i = 0; i < graph->n_nodes; i++)
    g_assert_cmpuint (seen[i], ==, graph->nodes[i].op != FRC_OP_NONE);
  frc_plan_free (plan);
  frc_graph_free (graph);
  frc_pool_free (pool);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  numbers = g_rand_new_with_seed (1);
  g_test_add_func ("/bands/same-bits", test_same_bits);
  g_test_add_func ("/bands/narrow", test_narrow);
  g_test_add_func ("/bands/not-worth-it", test_not_worth_it);
  g_test_add_func ("/bands/watched", test_watched);
  int result = g_test_run ();
  g_rand_free (numbers);
  return result;
}
