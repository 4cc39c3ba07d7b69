/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The properties of fasterrcnndetect: what they are, where their values are kept.
 */
#ifndef FRC_GST_DETECT_PROPS_H
#define FRC_GST_DETECT_PROPS_H

#include <gst/gst.h>

#include "detectmeta.h"
#include "filters.h"

/* In the order of installation. */
typedef enum {
  FRC_PROP_0,
  FRC_PROP_MODEL,
  FRC_PROP_FAMILY,
  FRC_PROP_LABELS,
  FRC_PROP_THREADS,
  FRC_PROP_INPUT_SIZE,
  FRC_PROP_MAX_PROPOSALS,
  FRC_PROP_MODE,
  FRC_PROP_REGION,
  FRC_PROP_PROPOSALS,
  FRC_PROP_META_TYPE,
  FRC_PROP_PRECISION,
  FRC_PROP_THRESHOLD,
  FRC_PROP_NMS_THRESHOLD,
  FRC_PROP_MAX_DETECTIONS,
  FRC_PROP_MIN_SIZE,
  FRC_PROP_MAX_SIZE,
  FRC_PROP_INTERVAL,
  FRC_PROP_HOLD,
  FRC_PROP_MAX_AGE,
  FRC_PROP_MAX_REGIONS,
  FRC_PROP_POST_MESSAGES,
  FRC_PROP_QOS,
  FRC_PROP_CLASSES,
  FRC_PROP_CLASS_THRESHOLDS,
  FRC_PROP_REGION_CLASSES,
  FRC_PROP_ZONES,
  FRC_PROP_STATS,
  FRC_N_PROPS
} FrcDetectProp;

typedef enum { FRC_MODE_SYNC, FRC_MODE_ASYNC } FrcMode;
typedef enum { FRC_REGION_FULL_FRAME, FRC_REGION_ZONES, FRC_REGION_ROI_LIST } FrcRegionMode;
typedef enum { FRC_PROPOSALS_RPN, FRC_PROPOSALS_ROI_META } FrcProposalSource;
typedef enum { FRC_POST_NEVER, FRC_POST_EVERY_FRAME, FRC_POST_ON_CHANGE } FrcPostMessages;

/* Changes below PAUSED only: read once, by start (). */
typedef struct {
  char *model, *family, *labels;
  guint threads, input_size, max_proposals;
  FrcMode mode;
  FrcRegionMode region;
  FrcProposalSource proposals;
  FrcMetaType meta_type;
  FrcPrecision precision;
} FrcDetectConfig;

/* Changes while playing: copied for every frame. */
typedef struct {
  gdouble threshold, nms_threshold, min_size, max_size;
  guint max_detections, interval, max_regions;
  gboolean hold, qos;
  guint64 max_age; /* ns */
  FrcPostMessages post_messages;
  FrcFilters filters; /* of the texts, for the model that is loaded */
} FrcDetectTuning;

/* Guarded by the element's object lock. */
typedef struct {
  FrcDetectConfig config;
  FrcDetectTuning tuning;
  FrcFilterTexts texts;
} FrcDetectSettings;

void frc_detect_props_install (GObjectClass *klass);
void frc_detect_settings_init (FrcDetectSettings *settings);
void frc_detect_settings_clear (FrcDetectSettings *settings);
gboolean frc_detect_settings_set (FrcDetectSettings *settings, guint id, const GValue *value,
    const FrcLabelSet *labels, GError **error);
gboolean frc_detect_settings_get (const FrcDetectSettings *settings, guint id, GValue *value);
gboolean frc_detect_settings_parse (FrcDetectSettings *settings, const FrcLabelSet *labels,
    GError **error);

void frc_detect_config_copy (FrcDetectConfig *out, const FrcDetectConfig *config);
void frc_detect_config_clear (FrcDetectConfig *config);
void frc_detect_tuning_copy (FrcDetectTuning *out, const FrcDetectTuning *tuning);
void frc_detect_tuning_clear (FrcDetectTuning *tuning);

#endif
