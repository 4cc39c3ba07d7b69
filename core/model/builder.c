/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder.h"
#include "../frcnn.h"
#include "../mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

gboolean
frc_build_has (const FrcBuilder *builder, const char *name)
{
  return frc_weights_find (builder->weights, name) != NULL;
}

const FrcTensor *
frc_build_find (FrcBuilder *builder, const char *name)
{
  const FrcTensor *tensor = frc_weights_find (builder->weights, name);

  if (!tensor && !builder->graph->error)
    g_set_error (&builder->graph->error, FRC_ERROR, FRC_ERROR_MISSING_TENSOR,
        "%s: tensor '%s' is missing", frc_weights_path (builder->weights), name);
  if (tensor)
    g_hash_table_add (builder->taken, (gpointer) tensor);
  return tensor;
}

static char *
shape_string (const FrcTensor *tensor)
{
  GString *s = g_string_new ("[");

  for (guint i = 0; i < tensor->n_dims; i++)
    g_string_append_printf (s, "%s%" G_GUINT64_FORMAT, i ? ", " : "", tensor->shape[i]);
  return g_string_free (g_string_append_c (s, ']'), FALSE);
}

static void
shape_error (FrcBuilder *builder, const FrcTensor *tensor, const char *expected)
{
  if (builder->graph->error)
    return;
  g_autofree char *found = shape_string (tensor);
  g_set_error (&builder->graph->error, FRC_ERROR, FRC_ERROR_SHAPE,
      "%s: tensor '%s' has shape %s, expected %s", frc_weights_path (builder->weights),
      tensor->name, found, expected);
}

/* Reads the vector @name of @n values into @out. */
static gboolean
read_vector (FrcBuilder *builder, const char *name, guint n, gfloat *out)
{
  const FrcTensor *tensor = frc_build_find (builder, name);

  if (!tensor)
    return FALSE;
  if (frc_tensor_elements (tensor) != n || tensor->n_dims != 1) {
    shape_error (builder, tensor, frc_name ("[%u]", n).s);
    return FALSE;
  }
  frc_tensor_read_f32 (tensor, out);
  return TRUE;
}

/* weight · (γ / √(σ² + ε)), bias' = β + (bias − μ) · γ / √(σ² + ε): in double, once. */
static gboolean
fold_norm (FrcBuilder *builder, const char *norm, guint n, gsize per_output, gfloat *weight,
    gfloat *bias)
{
  static const char *const parts[] = { "weight", "bias", "running_mean", "running_var" };
  gfloat *values = frc_alloc ((gsize) n * 4, sizeof (gfloat), norm, &builder->graph->error);
  gboolean ok = values != NULL;

  for (guint p = 0; ok && p < G_N_ELEMENTS (parts); p++)
    ok = read_vector (builder, frc_name ("%s.%s", norm, parts[p]).s, n, values + p * n);
  for (guint o = 0; ok && o < n; o++) {
    gdouble scale = values[o] / sqrt (values[3 * n + o] + builder->batch_norm_eps);
    for (gsize k = 0; k < per_output; k++)
      weight[o * per_output + k] = (gfloat) (weight[o * per_output + k] * scale);
    bias[o] = (gfloat) (values[n + o] + (bias[o] - values[2 * n + o]) * scale);
  }
  frc_free (values);
  return ok;
}

#define MAX_SIDE 65536
#define MAX_KERNEL 64

static void
layer_clear (FrcLayerWeights *layer)
{
  frc_clear (&layer->weight);
  frc_clear (&layer->bias);
}

gboolean
frc_build_read (FrcBuilder *builder, const char *name, const char *norm, FrcLayerWeights *layer)
{
  *layer = (FrcLayerWeights){ .kh = 1, .kw = 1 };
  const FrcTensor *tensor = frc_build_find (builder, frc_name ("%s.weight", name).s);
  FrcName bias = frc_name ("%s.bias", name);

  if (!tensor || builder->graph->error)
    return FALSE;
  if ((tensor->n_dims != 4 && tensor->n_dims != 2) || tensor->shape[0] - 1 >= MAX_SIDE ||
      tensor->shape[1] - 1 >= MAX_SIDE * 16 ||
      (tensor->n_dims == 4 &&
          (tensor->shape[2] - 1 >= MAX_KERNEL || tensor->shape[3] - 1 >= MAX_KERNEL))) {
    shape_error (builder, tensor, "a convolution's [out, in, height, width] or [out, in]");
    return FALSE;
  }
  layer->out = tensor->shape[0];
  layer->in = tensor->shape[1];
  if (tensor->n_dims == 4) {
    layer->kh = tensor->shape[2];
    layer->kw = tensor->shape[3];
  }
  gsize per_output = (gsize) layer->in * layer->kh * layer->kw;
  GError **error = &builder->graph->error;
  if (!(layer->weight = frc_alloc (layer->out * per_output, sizeof (gfloat), tensor->name, error)) ||
      !(layer->bias = frc_alloc0 (layer->out, sizeof (gfloat), bias.s, error)) ||
      (frc_build_has (builder, bias.s) &&
          !read_vector (builder, bias.s, layer->out, layer->bias))) {
    layer_clear (layer);
    return FALSE;
  }
  frc_tensor_read_f32 (tensor, layer->weight);
  if (norm && !fold_norm (builder, norm, layer->out, per_output, layer->weight, layer->bias)) {
    layer_clear (layer);
    return FALSE;
  }
  return TRUE;
}

/* A fully connected layer has no kernel. */
static gboolean
is_linear (FrcBuilder *builder, const char *name, const FrcLayerWeights *layer)
{
  if (layer->kh == 1 && layer->kw == 1)
    return TRUE;
  g_set_error (&builder->graph->error, FRC_ERROR, FRC_ERROR_SHAPE,
      "%s: tensor '%s.weight' has a %u×%u kernel, expected a fully connected layer's [out, in]",
      frc_weights_path (builder->weights), name, layer->kh, layer->kw);
  return FALSE;
}

static gint
append_layer (FrcBuilder *builder, FrcOp op, gint in, const char *name, const FrcLayerWeights *layer,
    FrcWindow window)
{
  return frc_graph_append (builder->graph, (FrcNode){
      .op = op, .name = g_strdup (name), .in = { in, FRC_NO_NODE },
      .spec = { .kernel_h = layer->kh, .kernel_w = layer->kw, .stride_h = window.stride,
          .stride_w = window.stride, .pad_top = window.pad_before, .pad_left = window.pad_before,
          .in_channels = op == FRC_OP_DEPTHWISE ? builder->graph->nodes[in].channels : layer->in,
          .out_channels = layer->out, .activation = window.activation, .same = window.same },
      .pad_bottom = window.pad_after, .pad_right = window.pad_after, .channels = layer->out,
      .weight = layer->weight, .bias = layer->bias, .weights_of = FRC_NO_NODE });
}

/* The layer's inputs must be what node @in makes. */
static gboolean
fits (FrcBuilder *builder, const char *name, const FrcLayerWeights *layer, guint expected)
{
  if (layer->in == expected)
    return TRUE;
  g_set_error (&builder->graph->error, FRC_ERROR, FRC_ERROR_SHAPE,
      "%s: tensor '%s.weight' takes %u inputs, expected %u from the layer before it",
      frc_weights_path (builder->weights), name, layer->in, expected);
  return FALSE;
}

gint
frc_build_add_conv (FrcBuilder *builder, gint in, const char *name, FrcLayerWeights *layer,
    FrcWindow window)
{
  if (builder->graph->error) {
    layer_clear (layer);
    return FRC_NO_NODE;
  }
  guint channels = builder->graph->nodes[in].channels;
  gboolean depthwise = layer->in == 1 && layer->out % channels == 0 && channels > 1;
  if (!depthwise && !fits (builder, name, layer, channels)) {
    layer_clear (layer);
    return FRC_NO_NODE;
  }
  return append_layer (builder, depthwise ? FRC_OP_DEPTHWISE : FRC_OP_CONV, in, name, layer,
      window);
}

gint
frc_build_conv (FrcBuilder *builder, gint in, const char *conv, const char *norm, FrcWindow window)
{
  FrcLayerWeights layer;

  frc_build_read (builder, conv, norm, &layer);
  return frc_build_add_conv (builder, in, conv, &layer, window);
}

/* Puts @second's outputs behind @first's, in @first. */
static gboolean
join (FrcBuilder *builder, const char *second_name, FrcLayerWeights *first, const FrcLayerWeights *second)
{
  GError **error = &builder->graph->error;
  gsize per_output = (gsize) first->in * first->kh * first->kw;
  gsize n = (gsize) first->out + second->out;

  if (!fits (builder, second_name, second, first->in))
    return FALSE;
  if (second->kh != first->kh || second->kw != first->kw) {
    g_set_error (error, FRC_ERROR, FRC_ERROR_SHAPE,
        "%s: tensor '%s.weight' has a %u×%u kernel, expected %u×%u",
        frc_weights_path (builder->weights), second_name, second->kh, second->kw, first->kh,
        first->kw);
    return FALSE;
  }
  gfloat *weight = frc_alloc (n * per_output, sizeof (gfloat), second_name, error);
  gfloat *bias = weight ? frc_alloc (n, sizeof (gfloat), second_name, error) : NULL;
  if (!bias) {
    frc_free (weight);
    return FALSE;
  }
  memcpy (weight, first->weight, first->out * per_output * sizeof (gfloat));
  memcpy (weight + first->out * per_output, second->weight,
      second->out * per_output * sizeof (gfloat));
  memcpy (bias, first->bias, first->out * sizeof (gfloat));
  memcpy (bias + first->out, second->bias, second->out * sizeof (gfloat));
  layer_clear (first);
  first->weight = weight;
  first->bias = bias;
  first->out = n;
  return TRUE;
}

static gint
add_pair (FrcBuilder *builder, FrcOp op, gint in, const char *first_name, FrcLayerWeights *first,
    const char *second_name, FrcLayerWeights *second)
{
  const char *last = strrchr (second_name, '.');

  if (builder->graph->error ||
      !fits (builder, first_name, first, builder->graph->nodes[in].channels) ||
      (op == FRC_OP_LINEAR && !is_linear (builder, first_name, first)) ||
      !join (builder, second_name, first, second)) {
    layer_clear (first);
    layer_clear (second);
    return FRC_NO_NODE;
  }
  layer_clear (second);
  return append_layer (builder, op, in,
      frc_name ("%s + %s", first_name, last ? last + 1 : second_name).s, first,
      (FrcWindow){ 1, 0, 0, FRC_ACT_NONE });
}

gint
frc_build_add_conv_pair (FrcBuilder *builder, gint in, const char *first_name,
    FrcLayerWeights *first, const char *second_name, FrcLayerWeights *second)
{
  return add_pair (builder, FRC_OP_CONV, in, first_name, first, second_name, second);
}

gint
frc_build_add_linear_pair (FrcBuilder *builder, gint in, const char *first_name,
    FrcLayerWeights *first, const char *second_name, FrcLayerWeights *second)
{
  return add_pair (builder, FRC_OP_LINEAR, in, first_name, first, second_name, second);
}

static gint
build_pair (FrcBuilder *builder, FrcOp op, gint in, const char *first, const char *second)
{
  FrcLayerWeights a, b;

  frc_build_read (builder, first, NULL, &a);
  frc_build_read (builder, second, NULL, &b);
  return add_pair (builder, op, in, first, &a, second, &b);
}

gint
frc_build_conv_pair (FrcBuilder *builder, gint in, const char *first, const char *second)
{
  return build_pair (builder, FRC_OP_CONV, in, first, second);
}

gint
frc_build_linear_pair (FrcBuilder *builder, gint in, const char *first, const char *second)
{
  return build_pair (builder, FRC_OP_LINEAR, in, first, second);
}

/* torch flattens [c][pixel], the activations are [pixel][c]. */
static gboolean
reorder_inputs (FrcBuilder *builder, FrcLayerWeights *layer, guint channels, guint pixels)
{
  gfloat *row = frc_alloc (layer->in, sizeof (gfloat), "a fully connected layer",
      &builder->graph->error);

  if (!row)
    return FALSE;
  for (guint o = 0; o < layer->out; o++) {
    gfloat *weight = layer->weight + (gsize) o * layer->in;
    memcpy (row, weight, layer->in * sizeof (gfloat));
    for (guint c = 0; c < channels; c++)
      for (guint p = 0; p < pixels; p++)
        weight[p * channels + c] = row[c * pixels + p];
  }
  frc_free (row);
  return TRUE;
}

gint
frc_build_linear (FrcBuilder *builder, gint in, guint pixels, const char *linear,
    FrcActivation activation)
{
  FrcLayerWeights layer;

  if (!frc_build_read (builder, linear, NULL, &layer))
    return FRC_NO_NODE;
  guint channels = builder->graph->nodes[in].channels;
  if (!fits (builder, linear, &layer, channels * pixels) ||
      !is_linear (builder, linear, &layer) ||
      (pixels > 1 && !reorder_inputs (builder, &layer, channels, pixels))) {
    layer_clear (&layer);
    return FRC_NO_NODE;
  }
  return append_layer (builder, FRC_OP_LINEAR, in, linear, &layer,
      (FrcWindow){ 1, 0, 0, activation });
}
