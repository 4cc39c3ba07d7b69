/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Chains that run by bands give the bits of their nodes one by one: the same graph with its
 * intermediate tensors declared outputs runs without bands.
 */
#include "core/graph/bands.h"
#include "core/mem.h"

#include <string.h>

typedef struct {
  guint h, w, channels;       /* of the input */
  guint kernel, stride, wide; /* of the first convolution; wide = 0: there is none */
  guint window, step;         /* of the depthwise convolution */
  guint out;
  gboolean same, residual;
  guint after; /* padding below and to the right of the first convolution and the window */
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
append (FrcGraph *graph, FrcOp op, gint in, guint out, guint kernel, guint stride, const BandCase *c,
    FrcActivation activation)
{
  guint inputs = graph->nodes[in].channels, pad = kernel / 2;
  gsize weights = (gsize) kernel * kernel * (op == FRC_OP_CONV ? inputs : 1) * out;
  FrcNode node = { .op = op, .name = g_strdup ("layer"), .in = { in, FRC_NO_NODE },
    .spec = { kernel, kernel, stride, stride, pad, pad, inputs, out, activation, .same = c->same },
    .pad_bottom = kernel > 1 ? c->after : 0, .pad_right = kernel > 1 ? c->after : 0,
    .channels = out, .weights_of = FRC_NO_NODE };

  node.weight = random_floats (weights, 0.5);
  node.bias = random_floats (out, 1);
  return frc_graph_append (graph, node);
}

/* The result of the whole graph to @result, which is to be freed. */
static gsize
run_case (const BandCase *c, const char *kernels, guint threads, gboolean banded, gfloat **result)
{
  FrcGraph *graph = frc_graph_new (frc_kernels_get (kernels, NULL));
  FrcPool *pool = frc_pool_new (threads, NULL);
  gint input = frc_graph_input (graph, c->channels), x = input, first = -1;

  if (c->wide) {
    first = x = append (graph, FRC_OP_CONV, x, c->wide, c->kernel, c->stride, c, FRC_ACT_RELU6);
    if (!banded)
      frc_graph_set_output (graph, x);
  }
  x = append (graph, FRC_OP_DEPTHWISE, x, graph->nodes[x].channels, c->window, c->step, c,
      FRC_ACT_HARDSWISH);
  if (first < 0)
    first = x;
  if (!banded)
    frc_graph_set_output (graph, x);
  x = append (graph, FRC_OP_CONV, x, c->out, 1, 1, c, FRC_ACT_NONE);
  if (c->residual)
    x = frc_graph_add (graph, "sum", x, input, FRC_ACT_NONE);
  frc_graph_set_output (graph, x);
  graph->nodes[input].is_output = FALSE; /* its memory may be taken as soon as nobody reads it */
  g_assert_true (frc_graph_finish (graph, NULL));
  FrcPlan *plan = frc_plan_new (graph, NULL);
  g_assert_cmpuint (frc_bands_last (graph, first), ==, banded ? (guint) x : (guint) first);
  frc_plan_grow (plan, (FrcShape){ 1, c->h, c->w, c->channels });
  g_assert_true (frc_plan_place (plan, NULL));
  g_assert_true (frc_pool_reserve (pool, plan->scratch_bytes, NULL));
  FrcView in = frc_plan_view (plan, input), out = frc_plan_view (plan, x);
  for (gsize i = 0; i < (gsize) in.h * in.w * in.c; i++)
    in.data[i] = (gfloat) (i * 7919 % 2003) / 1001 - 1;
  if (banded)
    g_assert_true (frc_bands_run (plan, pool, first));
  else
    g_assert_true (frc_plan_run (plan, pool));
  gsize bytes = (gsize) out.h * out.w * out.c * sizeof (gfloat);
  *result = frc_alloc (bytes, 1, "test", NULL);
  memcpy (*result, out.data, bytes);
  frc_plan_free (plan);
  frc_graph_free (graph);
  frc_pool_free (pool);
  return bytes;
}

/* Every case on the best kernels, the first one on all. */
static void
test_same_bits (void)
{
  const BandCase cases[] = {
    { 101, 123, 8, 1, 1, 130, 3, 1, 8, FALSE, TRUE, 1 },
    { 160, 224, 16, 1, 1, 96, 3, 2, 24, FALSE, FALSE, 1 },
    { 161, 223, 16, 1, 1, 96, 5, 2, 23, TRUE, FALSE, 0 },
    { 90, 211, 24, 1, 1, 100, 5, 1, 24, TRUE, TRUE, 0 },
    { 400, 420, 3, 3, 2, 40, 3, 1, 16, TRUE, FALSE, 0 },
    { 403, 419, 3, 3, 2, 40, 3, 1, 16, FALSE, FALSE, 0 },
    { 403, 1319, 3, 3, 2, 40, 3, 2, 16, FALSE, FALSE, 1 },
    { 300, 420, 24, 0, 0, 0, 3, 1, 24, FALSE, TRUE, 1 },
    { 300, 420, 24, 0, 0, 0, 5, 1, 24, FALSE, FALSE, 2 },
    { 9, 12000, 16, 1, 1, 64, 5, 1, 16, FALSE, TRUE, 2 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    static const char *const kernels[] = { NULL, "scalar", "avx2" };
    for (guint k = 0; k < (i == 0 ? G_N_ELEMENTS (kernels) : 1); k++) {
      gfloat *want, *got;
      if (frc_kernels_get (kernels[k], NULL) == NULL)
        continue;
      guint seed = g_test_rand_int ();
      gsize bytes;
      for (guint threads = 0; threads <= 2; threads++) {
        gfloat **to = threads == 0 ? &want : &got;
        g_rand_set_seed (numbers, seed);
        bytes = run_case (&cases[i], kernels[k], MAX (threads, 1), threads > 0, to);
        if (threads == 0)
          continue;
        if (memcmp (want, got, bytes) != 0) {
          g_test_message ("case %u, %s kernels, %u threads", i, kernels[k] ? kernels[k] : "best",
              threads);
          g_test_fail ();
        }
        frc_free (got);
      }
      frc_free (want);
    }
  }
}

/* Small maps run node by node. */
static void
test_small (void)
{
  const BandCase c = { 20, 28, 16, 1, 1, 96, 3, 1, 24, FALSE, FALSE, 1 };
  FrcGraph *graph = frc_graph_new (frc_kernels_get (NULL, NULL));
  FrcPool *pool = frc_pool_new (1, NULL);
  gint x = frc_graph_input (graph, c.channels);
  gint first = x = append (graph, FRC_OP_CONV, x, c.wide, 1, 1, &c, FRC_ACT_RELU);

  x = append (graph, FRC_OP_DEPTHWISE, x, c.wide, 3, 1, &c, FRC_ACT_RELU);
  frc_graph_set_output (graph, append (graph, FRC_OP_CONV, x, c.out, 1, 1, &c, FRC_ACT_NONE));
  g_assert_true (frc_graph_finish (graph, NULL));
  FrcPlan *plan = frc_plan_new (graph, NULL);
  frc_plan_grow (plan, (FrcShape){ 1, c.h, c.w, c.channels });
  g_assert_true (frc_plan_place (plan, NULL));
  g_assert_false (frc_bands_run (plan, pool, first));
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
  g_test_add_func ("/bands/small", test_small);
  int result = g_test_run ();
  g_rand_free (numbers);
  return result;
}
