/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `frcnn info`: what a model file is, and with --plan how each layer of it runs.
 */
#include "tool.h"

#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 46
#define OPERATION_WIDTH 26
#define KERNEL_WIDTH 14
#define SHAPE_WIDTH 16

/* The layers of a plan, written as they come: a table, or JSON into `json`. */
typedef struct {
  GString *json; /* NULL for the table */
  gdouble flops;
  guint n;
} LayerSink;

static void
print_labels (const FrcModel *model, guint n)
{
  guint column = 11;
  printf ("labels     ");
  for (guint i = 0; i < n; i++) {
    const char *label = frc_model_get_label (model, (gint) i);
    g_autofree char *text = g_strdup_printf ("%s%s", label ? label : "-", i + 1 < n ? "," : "");
    if (column > 12 && column + strlen (text) > 100) {
      printf ("\n           ");
      column = 11;
    }
    putchar (' ');
    fputs (text, stdout);
    column += (guint) strlen (text) + 1;
  }
  putchar ('\n');
}

static void
print_info (const FrcModel *model)
{
  const FrcModelInfo *info = frc_model_get_info (model);
  printf ("model       %s (%s)\n", info->name, info->path);
  printf ("family      %s%s\n", info->family, info->family_guessed ? " (guessed)" : "");
  printf ("classes     %u, without background\n", info->n_labels);
  print_labels (model, info->n_labels);
  printf ("input       shorter side %u, longer side at most %u\n", info->min_size, info->max_size);
  printf ("mean        %g %g %g, standard deviation %g %g %g, of RGB in 0 to 1\n",
      (gdouble) info->image_mean[0], (gdouble) info->image_mean[1], (gdouble) info->image_mean[2],
      (gdouble) info->image_std[0], (gdouble) info->image_std[1], (gdouble) info->image_std[2]);
  printf ("parameters  %" G_GUINT64_FORMAT "\n", info->n_parameters);
  printf ("anchors     %u levels, %u a cell\n", info->n_anchor_levels, info->anchors_per_cell);
  printf ("proposals   best %u a level, %u after NMS at %g, scores from %g\n",
      info->rpn_pre_nms_top_n, info->rpn_post_nms_top_n, (gdouble) info->rpn_nms_threshold,
      (gdouble) info->rpn_score_threshold);
  printf ("detections  scores above %g, NMS at %g, at most %u an image\n",
      (gdouble) info->box_score_threshold, (gdouble) info->box_nms_threshold,
      info->box_detections_per_image);
  printf ("int8        %s\n", info->has_int8_bounds ? "calibrated" : "not calibrated");
  if (info->bf16_cost)
    printf ("bf16 costs  %s\n", info->bf16_cost);
  if (info->int8_cost)
    printf ("int8 costs  %s\n", info->int8_cost);
}

static void
append_triple (GString *out, const char *key, const gfloat value[3])
{
  tool_json_key (out, key);
  for (int i = 0; i < 3; i++) {
    g_string_append (out, i ? ", " : "[");
    tool_json_number (out, value[i]);
  }
  g_string_append_c (out, ']');
}

static void
append_info (GString *out, const FrcModel *model)
{
  const FrcModelInfo *info = frc_model_get_info (model);
  tool_json_add_text (out, "model", info->name);
  tool_json_add_text (out, "path", info->path);
  tool_json_add_text (out, "family", info->family);
  tool_json_key (out, "family_guessed");
  g_string_append (out, info->family_guessed ? "true" : "false");
  tool_json_key (out, "labels");
  g_string_append_c (out, '[');
  for (guint i = 0; i < info->n_labels; i++) {
    const char *label = frc_model_get_label (model, (gint) i);
    if (i)
      g_string_append (out, ", ");
    if (label)
      tool_json_string (out, label);
    else
      g_string_append (out, "null");
  }
  g_string_append_c (out, ']');
  tool_json_add_count (out, "min_size", info->min_size);
  tool_json_add_count (out, "max_size", info->max_size);
  append_triple (out, "image_mean", info->image_mean);
  append_triple (out, "image_std", info->image_std);
  tool_json_add_count (out, "parameters", info->n_parameters);
  tool_json_add_count (out, "anchor_levels", info->n_anchor_levels);
  tool_json_add_count (out, "anchors_per_cell", info->anchors_per_cell);
  tool_json_add_count (out, "rpn_pre_nms_top_n", info->rpn_pre_nms_top_n);
  tool_json_add_count (out, "rpn_post_nms_top_n", info->rpn_post_nms_top_n);
  tool_json_add_number (out, "rpn_nms_threshold", info->rpn_nms_threshold);
  tool_json_add_number (out, "rpn_score_threshold", info->rpn_score_threshold);
  tool_json_add_number (out, "box_score_threshold", info->box_score_threshold);
  tool_json_add_number (out, "box_nms_threshold", info->box_nms_threshold);
  tool_json_add_count (out, "box_detections_per_image", info->box_detections_per_image);
  tool_json_key (out, "int8_calibrated");
  g_string_append (out, info->has_int8_bounds ? "true" : "false");
  if (info->bf16_cost)
    tool_json_add_text (out, "bf16_cost", info->bf16_cost);
  if (info->int8_cost)
    tool_json_add_text (out, "int8_cost", info->int8_cost);
}

/* `text` and blanks up to `width` characters: printf counts bytes. */
static void
print_padded (const char *text, glong width)
{
  printf ("%s%*s ", text, (int) MAX (0, width - g_utf8_strlen (text, -1)), "");
}

static void
take_layer (const FrcLayer *layer, gpointer user_data)
{
  LayerSink *sink = user_data;
  sink->flops += layer->flops;
  sink->n++;
  if (!sink->json) {
    g_autofree char *shape =
        g_strdup_printf ("%ux%ux%ux%u", layer->n, layer->h, layer->w, layer->c);
    print_padded (layer->name, NAME_WIDTH);
    print_padded (layer->operation, OPERATION_WIDTH);
    print_padded (layer->kernel, KERNEL_WIDTH);
    print_padded (shape, SHAPE_WIDTH);
    printf ("%10.2f %9.1f\n", layer->flops / 1e6, (gdouble) layer->weight_bytes / 1024);
    return;
  }
  g_string_append (sink->json, sink->n > 1 ? ", {" : "{");
  tool_json_add_text (sink->json, "name", layer->name);
  tool_json_add_text (sink->json, "operation", layer->operation);
  tool_json_add_text (sink->json, "kernel", layer->kernel);
  tool_json_key (sink->json, "shape");
  g_string_append_printf (sink->json, "[%u, %u, %u, %u]", layer->n, layer->h, layer->w, layer->c);
  tool_json_add_number (sink->json, "flops", layer->flops);
  tool_json_add_count (sink->json, "weight_bytes", layer->weight_bytes);
  g_string_append_c (sink->json, '}');
}

/* A detector that is ready for RGB images of that size, a grey one loaded. */
static FrcDetector *
plan (FrcModel *model, FrcPrecision precision, guint width, guint height, GError **error)
{
  const FrcOptions options = { .precision = precision };
  g_autoptr (FrcDetector) detector = frc_detector_new (model, &options, error);
  const FrcImageInfo info = { FRC_FORMAT_RGB, width, height, FRC_MATRIX_BT601, FRC_RANGE_FULL };
  if (!detector || !frc_detector_prepare (detector, &info, error))
    return NULL;
  g_autofree guint8 *row = g_malloc (3 * (gsize) width);
  memset (row, 128, 3 * (gsize) width);
  const FrcImage image = { info, { row }, { 0 } };
  frc_detector_load (detector, &image, NULL);
  return g_steal_pointer (&detector);
}

static void
print_plan (const FrcDetector *detector, guint width, guint height)
{
  LayerSink sink = { 0 };
  FrcDetectorInfo info;
  frc_detector_get_info (detector, &info);
  printf ("\nplan        %ux%u image, %ux%u network input (%ux%u with padding), %s, %s kernels\n\n",
      width, height, info.resized_width, info.resized_height, info.input_width, info.input_height,
      frc_precision_name (info.precision), info.cpu);
  print_padded ("layer", NAME_WIDTH);
  print_padded ("operation", OPERATION_WIDTH);
  print_padded ("kernel", KERNEL_WIDTH);
  print_padded ("output n,h,w,c", SHAPE_WIDTH);
  printf ("%10s %9s\n", "MFLOP", "KiB");
  frc_detector_foreach_layer (detector, take_layer, &sink);
  printf ("\n%u layers, %.3f GFLOP, arena %.1f MiB, packed weights %.1f MiB\n", sink.n,
      sink.flops / 1e9, (gdouble) info.arena_bytes / 1048576,
      (gdouble) info.weight_bytes / 1048576);
}

static void
append_plan (GString *out, const FrcDetector *detector, guint width, guint height)
{
  LayerSink sink = { .json = out };
  FrcDetectorInfo info;
  frc_detector_get_info (detector, &info);
  tool_json_key (out, "plan");
  g_string_append_c (out, '{');
  tool_json_add_count (out, "width", width);
  tool_json_add_count (out, "height", height);
  tool_json_add_count (out, "resized_width", info.resized_width);
  tool_json_add_count (out, "resized_height", info.resized_height);
  tool_json_add_count (out, "input_width", info.input_width);
  tool_json_add_count (out, "input_height", info.input_height);
  tool_json_add_text (out, "cpu", info.cpu);
  tool_json_add_text (out, "precision", frc_precision_name (info.precision));
  tool_json_add_count (out, "arena_bytes", info.arena_bytes);
  tool_json_add_count (out, "weight_bytes", info.weight_bytes);
  tool_json_key (out, "layers");
  g_string_append_c (out, '[');
  frc_detector_foreach_layer (detector, take_layer, &sink);
  g_string_append_c (out, ']');
  tool_json_add_number (out, "flops", sink.flops);
  g_string_append_c (out, '}');
}

static gboolean
run (const char *name, const char *family, const char *plan_size, const char *precision_name,
    gboolean json, GError **error)
{
  FrcPrecision precision = FRC_PRECISION_AUTO;
  guint width = 0, height = 0;
  if (precision_name && !frc_precision_parse (precision_name, &precision, error))
    return FALSE;
  if (plan_size && !tool_parse_size (plan_size, &width, &height, error))
    return FALSE;
  g_autoptr (FrcModel) model = tool_model_open (name, family, error);
  g_autoptr (FrcDetector) detector = NULL;
  if (!model || (plan_size && !(detector = plan (model, precision, width, height, error))))
    return FALSE;
  if (json) {
    g_autoptr (GString) out = g_string_new ("{");
    append_info (out, model);
    if (detector)
      append_plan (out, detector, width, height);
    g_string_append (out, "}\n");
    fwrite (out->str, 1, out->len, stdout);
    return TRUE;
  }
  print_info (model);
  if (detector)
    print_plan (detector, width, height);
  return TRUE;
}

int
tool_info (int argc, char **argv)
{
  gboolean json = FALSE;
  g_autofree char *plan_size = NULL, *family = NULL, *precision = NULL;
  const GOptionEntry entries[] = {
    { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "One JSON object on one line", NULL },
    { "plan", 'p', 0, G_OPTION_ARG_STRING, &plan_size,
        "Also each layer, its kernel and FLOPs for images of this size", "WxH" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &precision,
        "Of the plan: auto (default), f32, bf16 or int8", "P" },
    { "family", 'f', 0, G_OPTION_ARG_STRING, &family,
        "The model's family, where its file cannot tell", "NAME" },
    { NULL },
  };
  GError *error = NULL;
  g_autofree char *known = g_strjoinv ("\n  ", (char **) frc_family_names ());
  g_autofree char *description = g_strdup_printf ("Families:\n  %s", known);
  gboolean good = tool_parse (&argc, &argv, entries, "MODEL",
      "Tell what a model file is. MODEL is a file or `default`.", description);
  if (good && argc != 2)
    good = tool_fail ("info", g_error_new (FRC_ERROR, FRC_ERROR_ARGUMENT,
        "expected one MODEL, got %d arguments (frcnn info --help)", argc - 1));
  if (good && !run (argv[1], family, plan_size, precision, json, &error))
    good = tool_fail (NULL, error);
  good = tool_finish_stdout () && good;
  return good ? TOOL_EXIT_OK : TOOL_EXIT_BAD;
}
