/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What torchvision's Faster R-CNN models have in common around their bodies: the feature pyramid
 * (Lin et al. 2017), the RPN head and the box heads (Ren et al. 2015). Names are torchvision's
 * state_dict keys, old and new: layers that became a block (convolution, norm, activation) got a
 * ".0" behind their name.
 */
#include "family.h"

static gint
add_block (FrcBuilder *b, gint in, const char *name, FrcWindow window)
{
  FrcName block = frc_name ("%s.0", name), norm = frc_name ("%s.1", name);
  gboolean is_block = frc_build_has (b, frc_name ("%s.weight", block.s).s);
  gboolean has_norm = frc_build_has (b, frc_name ("%s.running_var", norm.s).s);

  return frc_build_conv (b, in, is_block ? block.s : name, has_norm ? norm.s : NULL, window);
}

/* body[] → network->maps[]. Top down, so that each sum's coarser term is there before it. */
static void
build_fpn (FrcBuilder *b, FrcNetwork *network, const gint *body, guint n, gboolean pool_level)
{
  static const char *const names[] = { "0", "1", "2", "3", "4", "5", "6", "7" };
  gint coarser = FRC_NO_NODE;

  for (guint i = n; i-- > 0;) {
    FrcName inner = frc_name ("backbone.fpn.inner_blocks.%u", i);
    gint x = add_block (b, body[i], inner.s, (FrcWindow){ 1, 0, 0, FRC_ACT_NONE });
    if (i + 1 < n)
      x = frc_graph_add (b->graph, frc_name ("%s.top_down", inner.s).s, x, coarser, FRC_ACT_NONE);
    coarser = x;
    network->maps[i] = add_block (b, x, frc_name ("backbone.fpn.layer_blocks.%u", i).s,
        (FrcWindow){ 1, 1, 1, FRC_ACT_NONE });
    network->map_names[i] = names[i];
  }
  if (pool_level) {
    network->maps[n] = frc_graph_max_pool (b->graph, "backbone.fpn.pool", network->maps[n - 1], 1,
        2, 0);
    network->map_names[n++] = "pool";
  }
  network->n_maps = n;
}

/* One head on every map: the first map's nodes own the weights. */
static void
build_rpn (FrcBuilder *b, FrcNetwork *network)
{
  const FrcWindow window = { 1, 1, 1, FRC_ACT_RELU };
  gint convs[8], outputs = FRC_NO_NODE, x = network->maps[0];
  guint depth = 0;

  do {
    FrcName block = frc_name ("rpn.head.conv.%u", depth);
    gboolean is_block = frc_build_has (b, frc_name ("%s.0.weight", block.s).s);
    convs[depth++] = x = add_block (b, x, is_block ? block.s : "rpn.head.conv", window);
  } while (depth < G_N_ELEMENTS (convs) &&
           frc_build_has (b, frc_name ("rpn.head.conv.%u.0.weight", depth).s));
  outputs = frc_build_conv_pair (b, x, "rpn.head.cls_logits", "rpn.head.bbox_pred");
  if (b->graph->error)
    return;
  network->rpn[0] = outputs;
  for (guint l = 1; l < network->n_maps; l++) {
    x = network->maps[l];
    for (guint d = 0; d < depth; d++)
      x = frc_graph_reuse (b->graph, convs[d], x);
    network->rpn[l] = frc_graph_reuse (b->graph, outputs, x);
  }
}

static void
build_head (FrcBuilder *b, FrcNetwork *network, guint channels, guint pooled, gboolean conv_head)
{
  gint x = network->rois = frc_graph_input (b->graph, channels);

  if (conv_head) {
    guint i = 0;
    for (; frc_build_has (b, frc_name ("roi_heads.box_head.%u.0.weight", i).s); i++)
      x = add_block (b, x, frc_name ("roi_heads.box_head.%u", i).s,
          (FrcWindow){ 1, 1, 1, FRC_ACT_RELU });
    x = frc_build_linear (b, x, pooled * pooled, frc_name ("roi_heads.box_head.%u", i + 1).s,
        FRC_ACT_RELU);
  } else {
    x = frc_build_linear (b, x, pooled * pooled, "roi_heads.box_head.fc6", FRC_ACT_RELU);
    x = frc_build_linear (b, x, 1, "roi_heads.box_head.fc7", FRC_ACT_RELU);
  }
  x = network->predictions = frc_build_linear_pair (b, x, "roi_heads.box_predictor.cls_score",
      "roi_heads.box_predictor.bbox_pred");
  const FrcTensor *classes = frc_build_find (b, "roi_heads.box_predictor.cls_score.weight");
  network->n_classes = classes ? classes->shape[0] : 0;
}

void
frc_torchvision_build (FrcNetwork *network, FrcBuilder *trunk, FrcBuilder *head,
    const FrcFamily *family, const FrcConfig *config)
{
  gint body[FRC_MAX_LEVELS] = { 0 };
  guint n = family->body (trunk, network->input, body);

  build_fpn (trunk, network, body, n, family->pool_level);
  build_rpn (trunk, network);
  if (!trunk->graph->error)
    build_head (head, network, trunk->graph->nodes[network->maps[0]].channels, config->pooled_size,
        family->conv_head);
}
