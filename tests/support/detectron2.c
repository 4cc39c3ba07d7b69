/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detectron2.h"

#include <math.h>
#include <string.h>

/* ---- pickles ------------------------------------------------------------------------------ */

static void
put (GByteArray *out, const void *bytes, gsize n)
{
  g_byte_array_append (out, bytes, (guint) n);
}

static void
put_sized (GByteArray *out, char op, const void *bytes, gsize n)
{
  guint32 length = GUINT32_TO_LE ((guint32) n);

  put (out, &op, 1);
  put (out, &length, 4);
  put (out, bytes, n);
}

static void
put_text (GByteArray *out, const char *text)
{
  put_sized (out, 'X', text, strlen (text));
}

static void
put_global (GByteArray *out, PickleStyle style, const char *module, const char *name)
{
  if (style == PICKLE_NUMPY2) {
    put_text (out, module);
    put_text (out, name);
    put (out, "\x93", 1);
    return;
  }
  put (out, "c", 1);
  put (out, module, strlen (module));
  put (out, "\n", 1);
  put (out, name, strlen (name));
  put (out, "\n", 1);
}

GByteArray *
pickle_begin (PickleStyle style)
{
  GByteArray *out = g_byte_array_new ();

  put (out, style == PICKLE_NUMPY2 ? "\x80\x04}(" : "\x80\x03}(", 4);
  put_text (out, "model");
  put (out, "}(", 2);
  return out;
}

void
pickle_add_array (GByteArray *out, PickleStyle style, const char *name, const guint *shape,
    const char *type, gboolean columns_first, const void *data, gsize n)
{
  put_text (out, name);
  put_global (out, style, style == PICKLE_NUMPY2 ? "numpy._core.multiarray" : "numpy.core.multiarray",
      "_reconstruct");
  put_global (out, style, "numpy", "ndarray");
  put (out, "K\0\x85" "C\x01" "b\x87R", 8); /* (ndarray, (0,), b"b") */
  put (out, "(K\x01(", 4);
  for (; *shape; shape++) {
    guint32 side = GUINT32_TO_LE (*shape);
    put (out, "J", 1);
    put (out, &side, 4);
  }
  put (out, "t", 1);
  put_global (out, style, "numpy", "dtype");
  put_text (out, type);
  put (out, "\x89\x88\x87R(K\x03", 7);
  put_text (out, "<");
  put (out, "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb", 17);
  put (out, columns_first ? "\x88" : "\x89", 1);
  put_sized (out, 'B', data, n);
  put (out, "tb", 2);
}

void
pickle_end (GByteArray *out)
{
  put (out, "u", 1);
  put_text (out, "__author__");
  put_text (out, "a test");
  put (out, "u.", 2);
}

/* ---- the model ---------------------------------------------------------------------------- */

typedef struct {
  GByteArray *out;
  PickleStyle style;
  GRand *rand;
} Model;

static void
add_values (Model *model, const char *name, const char *part, const guint *shape, gfloat spread,
    gfloat middle)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", name, part);
  gsize n = 1;

  for (guint i = 0; shape[i]; i++)
    n *= shape[i];
  g_autofree gfloat *values = g_new (gfloat, n);
  for (gsize i = 0; i < n; i++)
    values[i] = middle + spread * (gfloat) g_rand_double_range (model->rand, -1, 1);
  pickle_add_array (model->out, model->style, full, shape, "f4", FALSE, values, n * sizeof *values);
}

/* @kernel 0: fully connected. */
static void
add_layer (Model *model, const char *name, guint out, guint in, guint kernel, gfloat gain,
    gboolean has_norm)
{
  const guint shape[] = { out, in, kernel, kernel, 0 }, vector[] = { out, 0 };
  g_autofree char *norm = g_strdup_printf ("%s.norm", name);

  add_values (model, name, "weight", shape, gain / sqrtf (in * MAX (kernel * kernel, 1)), 0);
  if (!has_norm) {
    add_values (model, name, "bias", vector, 0.1f, 0);
    return;
  }
  add_values (model, norm, "weight", vector, 0.2f, 1);
  add_values (model, norm, "bias", vector, 0.2f, 0);
  add_values (model, norm, "running_mean", vector, 0.2f, 0);
  add_values (model, norm, "running_var", vector, 0.5f, 1);
}

static void
add_block (Model *model, guint stage, guint i, guint in, guint width, guint out)
{
  g_autofree char *prefix = g_strdup_printf ("backbone.bottom_up.res%u.%u", stage, i);
  const struct { const char *name; guint out, in, kernel; } layers[] = {
    { "shortcut", out, in, 1 }, { "conv1", width, in, 1 }, { "conv2", width, width, 3 },
    { "conv3", out, width, 1 } };

  for (guint k = i ? 1 : 0; k < G_N_ELEMENTS (layers); k++) {
    g_autofree char *name = g_strdup_printf ("%s.%s", prefix, layers[k].name);
    add_layer (model, name, layers[k].out, layers[k].in, layers[k].kernel, 1.5f, TRUE);
  }
}

GByteArray *
detectron2_small_model (PickleStyle style, guint res4_blocks)
{
  const guint blocks[] = { 3, 4, res4_blocks, 3 };
  Model model = { pickle_begin (style), style, g_rand_new_with_seed (5) };
  guint in = 4;

  add_layer (&model, "backbone.bottom_up.stem.conv1", 4, 3, 7, 0.03f, TRUE);
  for (guint s = 0; s < 4; s++) {
    g_autofree char *lateral = g_strdup_printf ("backbone.fpn_lateral%u", s + 2);
    g_autofree char *output = g_strdup_printf ("backbone.fpn_output%u", s + 2);
    for (guint i = 0; i < blocks[s]; i++, in = 8)
      add_block (&model, s + 2, i, in, 4, 8);
    add_layer (&model, lateral, 8, 8, 1, 1.5f, FALSE);
    add_layer (&model, output, 8, 8, 3, 1.5f, FALSE);
  }
  add_layer (&model, "proposal_generator.rpn_head.conv", 8, 8, 3, 2.4f, FALSE);
  add_layer (&model, "proposal_generator.rpn_head.objectness_logits", 3, 8, 1, 6, FALSE);
  add_layer (&model, "proposal_generator.rpn_head.anchor_deltas", 12, 8, 1, 0.3f, FALSE);
  add_layer (&model, "roi_heads.box_head.fc1", 16, 8 * 49, 0, 2.4f, FALSE);
  add_layer (&model, "roi_heads.box_head.fc2", 16, 16, 0, 2.4f, FALSE);
  add_layer (&model, "roi_heads.box_predictor.cls_score", 81, 16, 0, 12, FALSE);
  add_layer (&model, "roi_heads.box_predictor.bbox_pred", 320, 16, 0, 0.5f, FALSE);
  pickle_end (model.out);
  g_rand_free (model.rand);
  return model.out;
}
