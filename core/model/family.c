/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "family.h"
#include "inception_v2.h"
#include "../frcnn.h"

#include <string.h>

/* ---- what the tensors say ----------------------------------------------------------------- */

static gboolean
is_resnet (const FrcWeights *weights)
{
  return frc_weights_find (weights, "backbone.body.layer1.0.conv1.weight") &&
         frc_weights_find (weights, "roi_heads.box_head.fc6.weight");
}

static gboolean
is_resnet_v2 (const FrcWeights *weights)
{
  return frc_weights_find (weights, "backbone.body.layer1.0.conv1.weight") &&
         frc_weights_find (weights, "roi_heads.box_head.0.0.weight");
}

static gboolean
is_mobilenet (const FrcWeights *weights)
{
  return frc_weights_find (weights, "backbone.body.16.0.weight") != NULL;
}

static gboolean
is_efficientnet_lite0 (const FrcWeights *weights)
{
  return frc_weights_find (weights, "backbone.body.blocks.15.layers.project.weight") != NULL;
}

/* ---- constants: torchvision 0.29, faster_rcnn.py ------------------------------------------ */

static void
configure_resnet (FrcConfig *config, const FrcWeights *weights)
{
  frc_config_init (config);
  config->n_levels = 5;
  config->n_roi_levels = 4;
  config->n_sizes = 1;
  for (guint l = 0; l < config->n_levels; l++)
    config->sizes[l][0] = 32 << l;
  /* Released weights have frozen batch norms without a counter, and their ε was overwritten. */
  if (!frc_weights_find (weights, "backbone.body.bn1.num_batches_tracked"))
    config->batch_norm_eps = 0;
}

static void
configure_resnet_v2 (FrcConfig *config, const FrcWeights *weights)
{
  configure_resnet (config, weights);
  config->batch_norm_eps = 1e-5;
}

static void
configure_mobilenet (FrcConfig *config, const FrcWeights *weights)
{
  frc_config_init (config);
  config->n_levels = 3;
  config->n_roi_levels = 2;
  config->n_sizes = 5;
  for (guint l = 0; l < config->n_levels; l++)
    for (guint s = 0; s < config->n_sizes; s++)
      config->sizes[l][s] = 32 << s;
  config->rpn_score_threshold = 0.05f;
}

static void
configure_mobilenet_320 (FrcConfig *config, const FrcWeights *weights)
{
  configure_mobilenet (config, weights);
  config->min_size = 320;
  config->max_size = 640;
  config->rpn_pre_nms_top_n = config->rpn_post_nms_top_n = 150;
}

static void
configure_efficientnet_lite0 (FrcConfig *config, const FrcWeights *weights)
{
  static const gfloat sizes[3][2] = { { 24, 40 }, { 72, 120 }, { 192, 304 } };

  frc_config_init (config);
  config->min_size = 320;
  config->max_size = 544;
  for (guint c = 0; c < 3; c++) {
    config->image_mean[c] = (gfloat) (127 / 255.0);
    config->image_std[c] = (gfloat) (128 / 255.0);
  }
  config->n_levels = config->n_roi_levels = 3;
  config->n_sizes = 2;
  for (guint l = 0; l < config->n_levels; l++)
    memcpy (config->sizes[l], sizes[l], sizeof sizes[l]);
  config->rpn_pre_nms_top_n = 400;
  config->rpn_post_nms_top_n = 150;
  config->canonical_scale = 112;
  config->batch_norm_eps = 1e-3;
}

/* ---- the table ---------------------------------------------------------------------------- */

/* torchvision's: bodies below a feature pyramid. */
#define TORCHVISION(name, matches, configure, body, pool_level, conv_head) \
  { name, matches, configure, frc_torchvision_build, body, pool_level, conv_head, "backbone." }

static const FrcFamily families[] = {
  TORCHVISION ("fasterrcnn_efficientnet_lite0_fpn", is_efficientnet_lite0,
      configure_efficientnet_lite0, frc_efficientnet_lite0_body, FALSE, FALSE),
  TORCHVISION ("fasterrcnn_resnet50_fpn", is_resnet, configure_resnet, frc_resnet50_body, TRUE,
      FALSE),
  TORCHVISION ("fasterrcnn_resnet50_fpn_v2", is_resnet_v2, configure_resnet_v2, frc_resnet50_body,
      TRUE, TRUE),
  TORCHVISION ("fasterrcnn_mobilenet_v3_large_fpn", is_mobilenet, configure_mobilenet,
      frc_mobilenet_v3_large_body, TRUE, FALSE),
  TORCHVISION ("fasterrcnn_mobilenet_v3_large_320_fpn", is_mobilenet, configure_mobilenet_320,
      frc_mobilenet_v3_large_body, TRUE, FALSE),
  { FRC_INCEPTION_V2_FAMILY, frc_inception_v2_matches, frc_inception_v2_configure,
      frc_inception_v2_build },
  { "fasterrcnn_vgg16", frc_vgg16_matches, frc_vgg16_configure, frc_vgg16_build, .body_prefix = "conv" },
  { "fasterrcnn_zf", frc_zf_matches, frc_zf_configure, frc_zf_build,
      .body_prefix = "conv" },
  { "detectron2_faster_rcnn_r50_fpn", frc_detectron2_matches, frc_detectron2_configure,
      frc_detectron2_build, .body_prefix = "backbone.", .skips_holes = TRUE },
};

const char *const *
frc_family_names (void)
{
  static const char *names[G_N_ELEMENTS (families) + 1];
  static gsize once;

  if (g_once_init_enter (&once)) {
    for (guint i = 0; i < G_N_ELEMENTS (families); i++)
      names[i] = families[i].name;
    g_once_init_leave (&once, 1);
  }
  return names;
}

const FrcFamily *
frc_family_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    if (g_str_equal (families[i].name, name))
      return &families[i];
  return NULL;
}

const FrcFamily *
frc_family_identify (const FrcWeights *weights, gboolean *guessed, GError **error)
{
  const char *path = frc_weights_path (weights);
  const FrcFamily *found = NULL;

  *guessed = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (families) && !found; i++)
    if (families[i].matches (weights))
      found = &families[i];
  if (!found) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_FORMAT,
        "%s: expected the tensors of a Faster R-CNN that is known here, found %u others, the first "
        "'%s'",
        path, frc_weights_count (weights),
        frc_weights_count (weights) ? frc_weights_nth (weights, 0)->name : "");
    return NULL;
  }
  /* Two families share MobileNet's tensors: the file's name decides, else the larger input. */
  if (found->matches == is_mobilenet) {
    g_autofree char *base = g_path_get_basename (path);
    if (strstr (base, "_320_"))
      found = frc_family_find ("fasterrcnn_mobilenet_v3_large_320_fpn");
    else
      *guessed = !strstr (base, "mobilenet_v3_large_fpn");
  }
  return found;
}
