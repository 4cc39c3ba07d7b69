/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the layers compute with: names, and the choice.
 */
#include "detector.h"

static const char *const names[] = { "auto", "f32", "bf16", "int8" };

/** frc_precision_name: Returns: static, as frc_precision_parse () takes it */
const char *
frc_precision_name (FrcPrecision precision)
{
  return names[precision];
}

/**
 * frc_precision_parse:
 * @name: "auto", "f32", "bf16" or "int8"
 *
 * Returns: FALSE with FRC_ERROR_ARGUMENT if there is no such precision
 */
gboolean
frc_precision_parse (const char *name, FrcPrecision *precision, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (name, names[i])) {
      *precision = (FrcPrecision) i;
      return TRUE;
    }
  g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
      "unknown precision '%s', expected auto, f32, bf16 or int8", name);
  return FALSE;
}

/* The fastest first. What is known to cost at most this in mean AP, in points, is taken by itself. */
static const FrcPrecision by_speed[] = { FRC_PRECISION_INT8, FRC_PRECISION_BF16 };
#define MAX_COST 0.5

static gboolean
is_worth_it (const FrcModel *model, FrcPrecision precision)
{
  const FrcNarrowKernels *narrow = frc_narrow_kernels (model->kernels, NULL);

  return narrow && frc_narrow_kernels_gain (narrow, precision == FRC_PRECISION_INT8);
}

/* What cannot be had here is no error: the next one may be. */
static const FrcNetwork *
choose_by_cost (FrcModel *model, FrcPool *pool, FrcPrecision *chosen, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (by_speed); i++) {
    const FrcNetwork *network = NULL;
    *chosen = by_speed[i];
    if (model->cost[*chosen] <= MAX_COST && is_worth_it (model, *chosen))
      network = frc_model_network (model, *chosen, pool, NULL);
    if (network)
      return network;
  }
  *chosen = FRC_PRECISION_F32;
  return frc_model_network (model, *chosen, pool, error);
}

const FrcNetwork *
frc_precision_choose (FrcModel *model, FrcPrecision wanted, FrcPool *pool, FrcPrecision *chosen,
    GError **error)
{
  GError *cause = NULL;

  if ((guint) wanted >= G_N_ELEMENTS (names)) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "there is no precision %d", wanted);
    return NULL;
  }
  if (wanted == FRC_PRECISION_AUTO)
    return choose_by_cost (model, pool, chosen, error);
  *chosen = wanted;
  const FrcNetwork *network = frc_model_network (model, *chosen, pool, &cause);
  if (!network) {
    /* What cannot be had was asked for: the argument is wrong, not the file. */
    if (cause->code == FRC_ERROR_UNSUPPORTED)
      cause->code = FRC_ERROR_ARGUMENT;
    g_propagate_prefixed_error (error, cause, "precision %s: ", names[wanted]);
  }
  return network;
}
