/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Both graphs of a family, and what the stages between and behind them take for granted.
 */
#include "family.h"
#include "../frcnn.h"

#define MAX_CLASSES 10000

static gboolean
check_rpn (const FrcNetwork *network, const FrcConfig *config, const char *path, GError **error)
{
  guint n_anchors = config->n_sizes * config->n_ratios;

  for (guint l = 0; l < network->n_maps; l++) {
    const FrcNode *rpn = &network->trunk->nodes[network->rpn[l]];
    if (rpn->channels == 5 * n_anchors)
      continue;
    g_set_error (error, FRC_ERROR, FRC_ERROR_SHAPE,
        "%s: the RPN's layers '%s' have %u outputs, expected %u (%u anchors a cell)", path,
        rpn->name, rpn->channels, 5 * n_anchors, n_anchors);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_predictions (const FrcNetwork *network, const char *path, GError **error)
{
  const FrcNode *predictions = &network->head->nodes[network->predictions];
  guint n = network->n_classes;

  if (n >= 2 && n <= MAX_CLASSES &&
      (predictions->channels == 5 * n || predictions->channels == 5 * n - 4))
    return TRUE;
  g_set_error (error, FRC_ERROR, FRC_ERROR_SHAPE,
      "%s: the layers '%s' have %u and %u outputs, expected 2 to %u classes and four times as many, "
      "with background or without", path, predictions->name, n, predictions->channels - n,
      MAX_CLASSES);
  return FALSE;
}

/* A deeper body has every tensor that is looked for here, and more of them. */
static gboolean
check_body (const FrcBuilder *builder, const FrcFamily *family, GError **error)
{
  for (guint i = 0; family->body_prefix && i < frc_weights_count (builder->weights); i++) {
    const FrcTensor *tensor = frc_weights_nth (builder->weights, i);

    if (tensor->n_dims == 4 && g_str_has_prefix (tensor->name, family->body_prefix) &&
        !g_hash_table_contains (builder->taken, tensor)) {
      g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT,
          "%s: expected the layers of %s and no other, found the convolution '%s': a backbone that is "
          "not known here", frc_weights_path (builder->weights), family->name, tensor->name);
      return FALSE;
    }
  }
  return TRUE;
}

static void
mark_outputs (FrcNetwork *network)
{
  for (guint l = 0; l < network->n_maps; l++) {
    frc_graph_set_output (network->trunk, network->maps[l]);
    frc_graph_set_result (network->trunk, network->rpn[l]);
  }
  frc_graph_set_result (network->head, network->predictions);
}

/* The graphs as they are built, before they are packed. */
static gboolean
check_built (FrcNetwork *network, const FrcConfig *config, const char *path, GError **error)
{
  FrcGraph *failed = network->trunk->error ? network->trunk : network->head;

  if (failed->error) {
    g_propagate_error (error, g_steal_pointer (&failed->error));
    return FALSE;
  }
  return check_rpn (network, config, path, error) && check_predictions (network, path, error);
}

gboolean
frc_network_build (FrcNetwork *network, const FrcFamily *family, const FrcConfig *config,
    const FrcWeights *weights, const FrcKernels *kernels, GError **error)
{
  g_autoptr (GHashTable) taken = g_hash_table_new (NULL, NULL);
  FrcBuilder trunk = { weights, frc_graph_new (kernels), config->batch_norm_eps, taken };
  FrcBuilder head = { weights, frc_graph_new (kernels), config->batch_norm_eps, taken };

  *network = (FrcNetwork){ .trunk = trunk.graph, .head = head.graph };
  network->input = frc_graph_input (trunk.graph, 3);
  family->build (network, &trunk, &head, family, config);
  if (check_built (network, config, frc_weights_path (weights), error) &&
      check_body (&trunk, family, error)) {
    FrcShape rois = { 1, config->pooled_size, config->pooled_size,
      head.graph->nodes[network->rois].channels };
    mark_outputs (network);
    if (frc_graph_check (head.graph, rois, error))
      return TRUE;
  }
  frc_network_clear (network);
  return FALSE;
}

gboolean
frc_network_pack (FrcNetwork *network, const FrcNarrowKernels *narrow, GHashTable *bounds,
    FrcPool *pool, GError **error)
{
  FrcGraph *const graphs[] = { network->trunk, network->head };

  for (guint i = 0; i < G_N_ELEMENTS (graphs); i++) {
    graphs[i]->narrow = narrow;
    graphs[i]->bounds = bounds;
    graphs[i]->pool = pool;
    if (!frc_graph_finish (graphs[i], error)) {
      frc_network_clear (network);
      return FALSE;
    }
    graphs[i]->pool = NULL;
  }
  return TRUE;
}

void
frc_network_clear (FrcNetwork *network)
{
  g_clear_pointer (&network->trunk, frc_graph_free);
  g_clear_pointer (&network->head, frc_graph_free);
}
