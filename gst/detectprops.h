/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The properties of fasterrcnndetect: what they are, where their values are kept.
 */
#ifndef FRC_GST_DETECT_PROPS_H
#define FRC_GST_DETECT_PROPS_H

#include <gst/gst.h>

#include "detectmeta.h"

/* In the order of installation. */
typedef enum {
  FRC_PROP_0,
  FRC_PROP_MODEL,
  FRC_PROP_FAMILY,
  FRC_PROP_LABELS,
  FRC_PROP_THREADS,
  FRC_PROP_INPUT_SIZE,
  FRC_PROP_META_TYPE,
  FRC_PROP_THRESHOLD,
  FRC_PROP_NMS_THRESHOLD,
  FRC_PROP_MAX_DETECTIONS,
  FRC_PROP_CLASSES,
  FRC_PROP_INTERVAL,
  FRC_PROP_HOLD,
  FRC_PROP_MAX_AGE,
  FRC_PROP_STATS
} FrcDetectProp;

/* Changes below PAUSED only: read once, by start (). */
typedef struct {
  char *model, *family, *labels;
  guint threads, input_size;
  FrcMetaType meta_type;
} FrcDetectConfig;

/* Changes while playing: copied for every frame. */
typedef struct {
  gdouble threshold, nms_threshold;
  guint max_detections;
  GBytes *class_mask; /* (nullable): of the property classes, for the model that is loaded */
  guint interval;
  gboolean hold;
  guint64 max_age; /* ns */
} FrcDetectTuning;

/* Guarded by the element's object lock. */
typedef struct {
  FrcDetectConfig config;
  FrcDetectTuning tuning;
  char *classes;
} FrcDetectSettings;

void frc_detect_props_install (GObjectClass *klass);
void frc_detect_settings_init (FrcDetectSettings *settings);
void frc_detect_settings_clear (FrcDetectSettings *settings);
gboolean frc_detect_settings_set (FrcDetectSettings *settings, guint id, const GValue *value);
gboolean frc_detect_settings_get (const FrcDetectSettings *settings, guint id, GValue *value);

void frc_detect_config_copy (FrcDetectConfig *out, const FrcDetectConfig *config);
void frc_detect_config_clear (FrcDetectConfig *config);
void frc_detect_tuning_copy (FrcDetectTuning *out, const FrcDetectTuning *tuning);
void frc_detect_tuning_clear (FrcDetectTuning *tuning);

#endif
