/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The properties of fasterrcnndetect, except for `stats`, whose figures the running element has.
 */
#include "detectprops.h"

#include "regions.h"

#define READY (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)
#define PLAYING (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)
#define CONTROLLED (PLAYING | GST_PARAM_CONTROLLABLE)

static const FrcDetectSettings defaults = {
  .tuning = {
    .threshold = 0.5,
    .nms_threshold = -1.0,
    .min_size = 0.0,
    .max_size = 1.0,
    .max_detections = 100,
    .interval = 1,
    .max_regions = 8,
    .hold = TRUE,
    .qos = TRUE,
    .max_age = 2 * GST_SECOND,
  },
};

/* ---- enumerations: static, because GType keeps a pointer ---- */

static const GEnumValue mode_values[] = {
  { FRC_MODE_SYNC, "Every frame waits for its inference", "sync" },
  { FRC_MODE_ASYNC, "Frames never wait; they carry the latest result", "async" },
  { 0, NULL, NULL },
};
static const GEnumValue region_values[] = {
  { FRC_REGION_FULL_FRAME, "The whole frame at once", "full-frame" },
  { FRC_REGION_ZONES, "Each of the zones", "zones" },
  { FRC_REGION_ROI_LIST, "Inside each region of interest that arrives with the frame", "roi-list" },
  { 0, NULL, NULL },
};
static const GEnumValue proposal_values[] = {
  { FRC_PROPOSALS_RPN, "The network's own", "rpn" },
  { FRC_PROPOSALS_ROI_META, "The regions of interest that arrive with the frame", "roi-meta" },
  { 0, NULL, NULL },
};
static const GEnumValue meta_values[] = {
  { FRC_META_AUTO, "Both where built with gstreamer-analytics, else ROI metas", "auto" },
  { FRC_META_ROI, "GstVideoRegionOfInterestMeta", "roi" },
  { FRC_META_ANALYTICS, "GstAnalyticsRelationMeta with object-detection metadata", "analytics" },
  { FRC_META_BOTH, "ROI metas and analytics metadata", "both" },
  { 0, NULL, NULL },
};
static const GEnumValue precision_values[] = {
  { FRC_PRECISION_AUTO, "The fastest on this CPU that the model's file says costs little, else f32", "auto" },
  { FRC_PRECISION_F32, "32-bit floating point", "f32" },
  { FRC_PRECISION_BF16, "bfloat16 between the layers, sums in f32", "bf16" },
  { FRC_PRECISION_INT8, "8-bit integers between the layers, sums in 32 bits", "int8" },
  { 0, NULL, NULL },
};
static const GEnumValue post_values[] = {
  { FRC_POST_NEVER, "No messages", "never" },
  { FRC_POST_EVERY_FRAME, "A message for each frame", "every-frame" },
  { FRC_POST_ON_CHANGE, "When other labels are seen, or another number of one", "on-change" },
  { 0, NULL, NULL },
};

static void
install_enum (GObjectClass *klass, guint id, const char *name, const char *nick, const char *blurb,
    const char *type_name, const GEnumValue *values, GParamFlags flags)
{
  GType type = g_type_from_name (type_name);

  if (!type)
    type = g_enum_register_static (type_name, values);
  g_object_class_install_property (klass, id,
      g_param_spec_enum (name, nick, blurb, type, values[0].value, flags));
}

/* ---- installation ---- */

static void
install_model (GObjectClass *klass)
{
  g_object_class_install_property (klass, FRC_PROP_MODEL,
      g_param_spec_string ("model", "Model",
          "Path of a model file (.safetensors, .pth, .pkl, .caffemodel, .pb); \"default\" = the "
          "environment variable FRC_MODEL, else the model that comes with the plugin",
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
  g_object_class_install_property (klass, FRC_PROP_MAX_PROPOSALS,
      g_param_spec_uint ("max-proposals", "Maximum of proposals",
          "At most so many candidate boxes a frame reach the classifier. Fewer is faster and may "
          "miss objects in crowded scenes; 0 = the model's",
          0, FRC_MAX_PROPOSALS, 0, READY));
}

static void
install_modes (GObjectClass *klass)
{
  install_enum (klass, FRC_PROP_MODE, "mode", "Mode",
      "sync: every frame that is looked at waits for its result; async: a thread of its own looks "
      "at the newest frame whenever it is free, and no frame ever waits",
      "FrcDetectMode", mode_values, READY);
  install_enum (klass, FRC_PROP_REGION, "region", "Region",
      "What is looked at: the whole frame, each of the zones, or the inside of each region of "
      "interest that an element upstream attached",
      "FrcDetectRegion", region_values, READY);
  install_enum (klass, FRC_PROP_PROPOSALS, "proposals", "Proposals",
      "Which boxes are classified: those that the network proposes, or the regions of interest that "
      "a tracker or detector upstream attached; the latter needs region=full-frame",
      "FrcDetectProposals", proposal_values, READY);
  install_enum (klass, FRC_PROP_META_TYPE, "meta-type", "Meta type",
      "Which metadata an object gets; one that this build lacks fails to start",
      "FrcDetectMetaType", meta_values, READY);
  install_enum (klass, FRC_PROP_PRECISION, "precision", "Precision",
      "What the network computes with; one that the CPU or the model lacks fails to start, auto "
      "never does",
      "FrcDetectPrecision", precision_values, READY);
}

static void
install_numbers (GObjectClass *klass)
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
  g_object_class_install_property (klass, FRC_PROP_MIN_SIZE,
      g_param_spec_double ("min-size", "Minimum size",
          "The shorter side of an object's box is at least this share of the frame's shorter side; "
          "0 = no limit",
          0.0, 1.0, defaults.tuning.min_size, CONTROLLED));
  g_object_class_install_property (klass, FRC_PROP_MAX_SIZE,
      g_param_spec_double ("max-size", "Maximum size",
          "The longer side of an object's box is at most this share of the frame's longer side; "
          "1 = no limit",
          0.0, 1.0, defaults.tuning.max_size, CONTROLLED));
  g_object_class_install_property (klass, FRC_PROP_INTERVAL,
      g_param_spec_uint ("interval", "Interval",
          "Infer on every Nth frame, the first always; 1 = every frame", 1, G_MAXUINT,
          defaults.tuning.interval, CONTROLLED));
  g_object_class_install_property (klass, FRC_PROP_MAX_REGIONS,
      g_param_spec_uint ("max-regions", "Maximum of regions",
          "At most so many zones or regions of interest a frame are looked at, the largest ones; "
          "each takes an inference",
          1, FRC_MAX_REGIONS, defaults.tuning.max_regions, PLAYING));
}

static void
install_behaviour (GObjectClass *klass)
{
  g_object_class_install_property (klass, FRC_PROP_HOLD,
      g_param_spec_boolean ("hold", "Hold",
          "Frames without inference repeat the last result, so that boxes do not blink",
          defaults.tuning.hold, PLAYING));
  g_object_class_install_property (klass, FRC_PROP_MAX_AGE,
      g_param_spec_uint64 ("max-age", "Maximum age",
          "A result older than this is no longer repeated (running time, nanoseconds)", 0,
          G_MAXUINT64, defaults.tuning.max_age, PLAYING));
  install_enum (klass, FRC_PROP_POST_MESSAGES, "post-messages", "Post messages",
      "When to post an element message fasterrcnndetect with the frame's objects on the bus",
      "FrcDetectPostMessages", post_values, PLAYING);
  g_object_class_install_property (klass, FRC_PROP_QOS,
      g_param_spec_boolean ("qos", "QoS",
          "In sync mode frames that would be late because of inference are not looked at, they "
          "repeat the last result; no frame is ever dropped here",
          defaults.tuning.qos, PLAYING));
}

static void
install_texts (GObjectClass *klass)
{
  g_object_class_install_property (klass, FRC_PROP_CLASSES,
      g_param_spec_string ("classes", "Classes",
          "Comma list of the labels to put out, applied before max-detections; unset or empty = "
          "all",
          NULL, PLAYING));
  g_object_class_install_property (klass, FRC_PROP_CLASS_THRESHOLDS,
      g_param_spec_string ("class-thresholds", "Class thresholds",
          "Thresholds from 0 to 1 for single labels in place of threshold, such as "
          "\"person:0.6,car:0.4\"; unset or empty = none",
          NULL, PLAYING));
  g_object_class_install_property (klass, FRC_PROP_REGION_CLASSES,
      g_param_spec_string ("region-classes", "Region classes",
          "Comma list of the labels of those regions of interest that region=roi-list or "
          "proposals=roi-meta makes use of; unset or empty = all",
          NULL, PLAYING));
  g_object_class_install_property (klass, FRC_PROP_ZONES,
      g_param_spec_string ("zones", "Zones",
          "For region=zones: x,y,width,height;... in pixels, or with % as shares of the frame, such "
          "as \"0,0,50%,100%;640,0,320,240\"; parts outside the frame are cut off",
          NULL, PLAYING));
}

/** frc_detect_props_install: installs every property; ids are FrcDetectProp. */
void
frc_detect_props_install (GObjectClass *klass)
{
  install_model (klass);
  install_modes (klass);
  install_numbers (klass);
  install_behaviour (klass);
  install_texts (klass);
  g_object_class_install_property (klass, FRC_PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "Since start: frames, inferred, held, skipped-late (not looked at because of qos), "
          "detections (of inferences, repeats not counted); of the last 256 inferences: "
          "last-latency, mean-latency, p95-latency (nanoseconds); of the last 2 seconds: fps",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

/* ---- values ---- */

typedef enum { NONE, STRING, TEXT, UINT, UINT64, DOUBLE, BOOLEAN, ENUM } Kind;

/* Where a property's value is kept. TEXT: a string that means something only for a model. */
static const struct {
  Kind kind;
  gsize offset;
} fields[FRC_N_PROPS] = {
#define FIELD(kind, member) { kind, G_STRUCT_OFFSET (FrcDetectSettings, member) }
  [FRC_PROP_MODEL] = FIELD (STRING, config.model),
  [FRC_PROP_FAMILY] = FIELD (STRING, config.family),
  [FRC_PROP_LABELS] = FIELD (STRING, config.labels),
  [FRC_PROP_THREADS] = FIELD (UINT, config.threads),
  [FRC_PROP_INPUT_SIZE] = FIELD (UINT, config.input_size),
  [FRC_PROP_MAX_PROPOSALS] = FIELD (UINT, config.max_proposals),
  [FRC_PROP_MODE] = FIELD (ENUM, config.mode),
  [FRC_PROP_REGION] = FIELD (ENUM, config.region),
  [FRC_PROP_PROPOSALS] = FIELD (ENUM, config.proposals),
  [FRC_PROP_META_TYPE] = FIELD (ENUM, config.meta_type),
  [FRC_PROP_PRECISION] = FIELD (ENUM, config.precision),
  [FRC_PROP_THRESHOLD] = FIELD (DOUBLE, tuning.threshold),
  [FRC_PROP_NMS_THRESHOLD] = FIELD (DOUBLE, tuning.nms_threshold),
  [FRC_PROP_MAX_DETECTIONS] = FIELD (UINT, tuning.max_detections),
  [FRC_PROP_MIN_SIZE] = FIELD (DOUBLE, tuning.min_size),
  [FRC_PROP_MAX_SIZE] = FIELD (DOUBLE, tuning.max_size),
  [FRC_PROP_INTERVAL] = FIELD (UINT, tuning.interval),
  [FRC_PROP_MAX_REGIONS] = FIELD (UINT, tuning.max_regions),
  [FRC_PROP_HOLD] = FIELD (BOOLEAN, tuning.hold),
  [FRC_PROP_MAX_AGE] = FIELD (UINT64, tuning.max_age),
  [FRC_PROP_POST_MESSAGES] = FIELD (ENUM, tuning.post_messages),
  [FRC_PROP_QOS] = FIELD (BOOLEAN, tuning.qos),
  [FRC_PROP_CLASSES] = FIELD (TEXT, texts.classes),
  [FRC_PROP_CLASS_THRESHOLDS] = FIELD (TEXT, texts.class_thresholds),
  [FRC_PROP_REGION_CLASSES] = FIELD (TEXT, texts.region_classes),
  [FRC_PROP_ZONES] = FIELD (TEXT, texts.zones),
#undef FIELD
};

/* C enumerations are ints here, as GEnum has them. */
G_STATIC_ASSERT (sizeof (FrcMode) == sizeof (gint));

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
  frc_filter_texts_clear (&settings->texts);
}

/**
 * frc_detect_settings_parse:
 * @labels: of the model that is loaded
 *
 * Texts → filters; call with the lock held. Errors: of frc_filters_parse (), and FRC_ERROR_ARGUMENT
 * for region=zones without zones; the old filters then stay.
 */
gboolean
frc_detect_settings_parse (FrcDetectSettings *settings, const FrcLabelSet *labels, GError **error)
{
  FrcFilters filters;

  if (!frc_filters_parse (&filters, &settings->texts, labels, error))
    return FALSE;
  if (settings->config.region == FRC_REGION_ZONES && !filters.zones) {
    frc_filters_clear (&filters);
    g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT,
        "zones: expected x,y,width,height;... because region=zones, found nothing");
    return FALSE;
  }
  frc_filters_clear (&settings->tuning.filters);
  settings->tuning.filters = filters;
  return TRUE;
}

/* Without @labels the text is only kept. */
static gboolean
set_text (FrcDetectSettings *settings, char **field, const GValue *value,
    const FrcLabelSet *labels, GError **error)
{
  char *before = *field;

  *field = g_value_dup_string (value);
  if (labels && !frc_detect_settings_parse (settings, labels, error)) {
    g_free (*field);
    *field = before;
    return FALSE;
  }
  g_free (before);
  return TRUE;
}

/**
 * frc_detect_settings_set:
 * @id: of a property that can be written
 * @labels: (nullable): of the model that is loaded; NULL = none, lists are then parsed by
 *   frc_detect_settings_parse ()
 *
 * Call with the lock held. Errors: a list that cannot be parsed; the old value stays.
 */
gboolean
frc_detect_settings_set (FrcDetectSettings *settings, guint id, const GValue *value,
    const FrcLabelSet *labels, GError **error)
{
  gpointer field = G_STRUCT_MEMBER_P (settings, fields[id].offset);

  switch (fields[id].kind) {
    case STRING:
      g_free (*(char **) field);
      *(char **) field = g_value_dup_string (value);
      break;
    case TEXT:
      return set_text (settings, field, value, labels, error);
    case UINT:
      *(guint *) field = g_value_get_uint (value);
      break;
    case UINT64:
      *(guint64 *) field = g_value_get_uint64 (value);
      break;
    case DOUBLE:
      *(gdouble *) field = g_value_get_double (value);
      break;
    case BOOLEAN:
      *(gboolean *) field = g_value_get_boolean (value);
      break;
    case ENUM:
      *(gint *) field = g_value_get_enum (value);
      break;
    case NONE:
      break;
  }
  return TRUE;
}

/** frc_detect_settings_get: call with the lock held. FALSE when it is not kept here. */
gboolean
frc_detect_settings_get (const FrcDetectSettings *settings, guint id, GValue *value)
{
  gconstpointer field = G_STRUCT_MEMBER_P (settings, fields[id].offset);

  switch (fields[id].kind) {
    case STRING:
    case TEXT:
      g_value_set_string (value, *(char *const *) field);
      break;
    case UINT:
      g_value_set_uint (value, *(const guint *) field);
      break;
    case UINT64:
      g_value_set_uint64 (value, *(const guint64 *) field);
      break;
    case DOUBLE:
      g_value_set_double (value, *(const gdouble *) field);
      break;
    case BOOLEAN:
      g_value_set_boolean (value, *(const gboolean *) field);
      break;
    case ENUM:
      g_value_set_enum (value, *(const gint *) field);
      break;
    case NONE:
      return FALSE;
  }
  return TRUE;
}

/* ---- copies ---- */

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

/** frc_detect_tuning_copy: shares the filters; clear it with frc_detect_tuning_clear (). */
void
frc_detect_tuning_copy (FrcDetectTuning *out, const FrcDetectTuning *tuning)
{
  *out = *tuning;
  frc_filters_ref (&out->filters);
}

void
frc_detect_tuning_clear (FrcDetectTuning *tuning)
{
  frc_filters_clear (&tuning->filters);
}
