/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The properties of fasterrcnndetect, except for what needs the running element: validation of
 * class names and the figures of `stats`.
 */
#include "detectprops.h"

#define READY (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)
#define PLAYING (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)
#define CONTROLLED (PLAYING | GST_PARAM_CONTROLLABLE)

static GType
meta_type_get_type (void)
{
  static const GEnumValue values[] = {
    { FRC_META_AUTO, "Both where built with gstreamer-analytics, else ROI metas", "auto" },
    { FRC_META_ROI, "GstVideoRegionOfInterestMeta", "roi" },
    { FRC_META_ANALYTICS, "GstAnalyticsRelationMeta with object-detection metadata", "analytics" },
    { FRC_META_BOTH, "ROI metas and analytics metadata", "both" },
    { 0, NULL, NULL },
  };
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("FrcDetectMetaType", values));
  return type;
}

static const FrcDetectSettings defaults = {
  .tuning = {
    .threshold = 0.5,
    .nms_threshold = -1.0,
    .max_detections = 100,
    .interval = 1,
    .hold = TRUE,
    .max_age = 2 * GST_SECOND,
  },
};

static void
install_config (GObjectClass *klass)
{
  g_object_class_install_property (klass, FRC_PROP_MODEL,
      g_param_spec_string ("model", "Model",
          "Path of a model file (.safetensors, .pth); \"default\" = the environment variable "
          "FRC_MODEL, else the model that comes with the plugin",
          "default", READY));
  g_object_class_install_property (klass, FRC_PROP_FAMILY,
      g_param_spec_string ("family", "Family",
          "The network's family, such as fasterrcnn_resnet50_fpn, for files that cannot tell; "
          "unset = from the file",
          NULL, READY));
  g_object_class_install_property (klass, FRC_PROP_LABELS,
      g_param_spec_string ("labels", "Labels",
          "Names of the classes: a comma list, or the path of an existing file with one a line; as "
          "many as the model has, one more only if the first is background; unset = the model's",
          NULL, READY));
  g_object_class_install_property (klass, FRC_PROP_THREADS,
      g_param_spec_uint ("threads", "Threads",
          "Threads that this element infers with; 0 = one a core", 0, 256, 0, READY));
  g_object_class_install_property (klass, FRC_PROP_INPUT_SIZE,
      g_param_spec_uint ("input-size", "Input size",
          "Shorter side of the network input in pixels; the longer side's limit scales with it. "
          "Smaller is faster and sees fewer small objects; 0 = the model's",
          0, 4096, 0, READY));
  g_object_class_install_property (klass, FRC_PROP_META_TYPE,
      g_param_spec_enum ("meta-type", "Meta type",
          "Which metadata an object gets; one that this build lacks fails to start",
          meta_type_get_type (), FRC_META_AUTO, READY));
}

static void
install_tuning (GObjectClass *klass)
{
  g_object_class_install_property (klass, FRC_PROP_THRESHOLD,
      g_param_spec_double ("threshold", "Threshold",
          "Objects with a confidence above this are kept", 0.0, 1.0, defaults.tuning.threshold,
          CONTROLLED));
  g_object_class_install_property (klass, FRC_PROP_NMS_THRESHOLD,
      g_param_spec_double ("nms-threshold", "NMS threshold",
          "Of two boxes of one class whose intersection over union is above this, the better one "
          "is kept; negative = the model's",
          -1.0, 1.0, defaults.tuning.nms_threshold, CONTROLLED));
  g_object_class_install_property (klass, FRC_PROP_MAX_DETECTIONS,
      g_param_spec_uint ("max-detections", "Maximum of detections",
          "At most so many objects a frame, the most confident ones", 1, FRC_MAX_DETECTIONS,
          defaults.tuning.max_detections, CONTROLLED));
  g_object_class_install_property (klass, FRC_PROP_CLASSES,
      g_param_spec_string ("classes", "Classes",
          "Comma list of the labels to put out, applied before max-detections; unset or empty = "
          "all",
          NULL, PLAYING));
  g_object_class_install_property (klass, FRC_PROP_INTERVAL,
      g_param_spec_uint ("interval", "Interval",
          "Infer on every Nth frame, the first always; 1 = every frame", 1, G_MAXUINT,
          defaults.tuning.interval, CONTROLLED));
  g_object_class_install_property (klass, FRC_PROP_HOLD,
      g_param_spec_boolean ("hold", "Hold",
          "Frames without inference repeat the last result, so that boxes do not blink",
          defaults.tuning.hold, PLAYING));
  g_object_class_install_property (klass, FRC_PROP_MAX_AGE,
      g_param_spec_uint64 ("max-age", "Maximum age",
          "A result older than this is no longer repeated (running time, nanoseconds)", 0,
          G_MAXUINT64, defaults.tuning.max_age, PLAYING));
}

/** frc_detect_props_install: installs every property; ids are FrcDetectProp. */
void
frc_detect_props_install (GObjectClass *klass)
{
  install_config (klass);
  install_tuning (klass);
  g_object_class_install_property (klass, FRC_PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "Since start: frames, inferred, held, skipped-late, detections (of inferences, repeats "
          "not counted); of the last 256 inferences: last-latency, mean-latency, p95-latency "
          "(nanoseconds); of the last 2 seconds: fps",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

void
frc_detect_settings_init (FrcDetectSettings *settings)
{
  *settings = defaults;
  settings->config.model = g_strdup ("default");
}

void
frc_detect_settings_clear (FrcDetectSettings *settings)
{
  frc_detect_config_clear (&settings->config);
  frc_detect_tuning_clear (&settings->tuning);
  g_clear_pointer (&settings->classes, g_free);
}

static void
set_string (char **field, const GValue *value)
{
  g_free (*field);
  *field = g_value_dup_string (value);
}

/**
 * frc_detect_settings_set:
 *
 * Call with the lock held. `classes` is stored here as text; its mask is the caller's.
 * Returns: FALSE when there is no such property to write.
 */
gboolean
frc_detect_settings_set (FrcDetectSettings *settings, guint id, const GValue *value)
{
  FrcDetectConfig *config = &settings->config;
  FrcDetectTuning *tuning = &settings->tuning;

  switch ((FrcDetectProp) id) {
    case FRC_PROP_MODEL:
      set_string (&config->model, value);
      return TRUE;
    case FRC_PROP_FAMILY:
      set_string (&config->family, value);
      return TRUE;
    case FRC_PROP_LABELS:
      set_string (&config->labels, value);
      return TRUE;
    case FRC_PROP_THREADS:
      config->threads = g_value_get_uint (value);
      return TRUE;
    case FRC_PROP_INPUT_SIZE:
      config->input_size = g_value_get_uint (value);
      return TRUE;
    case FRC_PROP_META_TYPE:
      config->meta_type = g_value_get_enum (value);
      return TRUE;
    case FRC_PROP_THRESHOLD:
      tuning->threshold = g_value_get_double (value);
      return TRUE;
    case FRC_PROP_NMS_THRESHOLD:
      tuning->nms_threshold = g_value_get_double (value);
      return TRUE;
    case FRC_PROP_MAX_DETECTIONS:
      tuning->max_detections = g_value_get_uint (value);
      return TRUE;
    case FRC_PROP_CLASSES:
      set_string (&settings->classes, value);
      return TRUE;
    case FRC_PROP_INTERVAL:
      tuning->interval = g_value_get_uint (value);
      return TRUE;
    case FRC_PROP_HOLD:
      tuning->hold = g_value_get_boolean (value);
      return TRUE;
    case FRC_PROP_MAX_AGE:
      tuning->max_age = g_value_get_uint64 (value);
      return TRUE;
    default:
      return FALSE;
  }
}

/** frc_detect_settings_get: call with the lock held. FALSE when it is not kept here. */
gboolean
frc_detect_settings_get (const FrcDetectSettings *settings, guint id, GValue *value)
{
  const FrcDetectConfig *config = &settings->config;
  const FrcDetectTuning *tuning = &settings->tuning;

  switch ((FrcDetectProp) id) {
    case FRC_PROP_MODEL:
      g_value_set_string (value, config->model);
      return TRUE;
    case FRC_PROP_FAMILY:
      g_value_set_string (value, config->family);
      return TRUE;
    case FRC_PROP_LABELS:
      g_value_set_string (value, config->labels);
      return TRUE;
    case FRC_PROP_THREADS:
      g_value_set_uint (value, config->threads);
      return TRUE;
    case FRC_PROP_INPUT_SIZE:
      g_value_set_uint (value, config->input_size);
      return TRUE;
    case FRC_PROP_META_TYPE:
      g_value_set_enum (value, config->meta_type);
      return TRUE;
    case FRC_PROP_THRESHOLD:
      g_value_set_double (value, tuning->threshold);
      return TRUE;
    case FRC_PROP_NMS_THRESHOLD:
      g_value_set_double (value, tuning->nms_threshold);
      return TRUE;
    case FRC_PROP_MAX_DETECTIONS:
      g_value_set_uint (value, tuning->max_detections);
      return TRUE;
    case FRC_PROP_CLASSES:
      g_value_set_string (value, settings->classes);
      return TRUE;
    case FRC_PROP_INTERVAL:
      g_value_set_uint (value, tuning->interval);
      return TRUE;
    case FRC_PROP_HOLD:
      g_value_set_boolean (value, tuning->hold);
      return TRUE;
    case FRC_PROP_MAX_AGE:
      g_value_set_uint64 (value, tuning->max_age);
      return TRUE;
    default:
      return FALSE;
  }
}

/** frc_detect_config_copy: a copy of its own, for use without the lock. */
void
frc_detect_config_copy (FrcDetectConfig *out, const FrcDetectConfig *config)
{
  *out = *config;
  out->model = g_strdup (config->model);
  out->family = g_strdup (config->family);
  out->labels = g_strdup (config->labels);
}

void
frc_detect_config_clear (FrcDetectConfig *config)
{
  g_clear_pointer (&config->model, g_free);
  g_clear_pointer (&config->family, g_free);
  g_clear_pointer (&config->labels, g_free);
}

/** frc_detect_tuning_copy: shares the mask; clear it with frc_detect_tuning_clear (). */
void
frc_detect_tuning_copy (FrcDetectTuning *out, const FrcDetectTuning *tuning)
{
  *out = *tuning;
  if (out->class_mask)
    g_bytes_ref (out->class_mask);
}

void
frc_detect_tuning_clear (FrcDetectTuning *tuning)
{
  g_clear_pointer (&tuning->class_mask, g_bytes_unref);
}
