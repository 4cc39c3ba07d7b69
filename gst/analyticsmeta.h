/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Objects in GStreamer's analytics metadata (GstAnalyticsRelationMeta, one a buffer). In a build
 * without the library no buffer has any.
 */
#ifndef FRC_GST_ANALYTICS_META_H
#define FRC_GST_ANALYTICS_META_H

#include <gst/gst.h>

typedef struct {
  gint id;
  GQuark label;
  gint x, y, w, h; /* pixels */
  gfloat confidence;
} FrcAnalyticsObject;

typedef struct _FrcAnalytics FrcAnalytics; /* a buffer's objects; lives as long as the buffer */

#ifdef HAVE_ANALYTICS

FrcAnalytics *frc_analytics_open (GstBuffer *buffer, guint n, guint first_id);
gboolean frc_analytics_add (FrcAnalytics *analytics, const GArray *taken,
    FrcAnalyticsObject *object);
void frc_analytics_set_parent (FrcAnalytics *analytics, gint id, gint parent_id);
gboolean frc_analytics_iterate (GstBuffer *buffer, gpointer *state, FrcAnalyticsObject *object);

#else

static inline FrcAnalytics *
frc_analytics_open (GstBuffer *buffer, guint n, guint first_id)
{
  return NULL;
}

static inline gboolean
frc_analytics_add (FrcAnalytics *analytics, const GArray *taken, FrcAnalyticsObject *object)
{
  return FALSE;
}

static inline void
frc_analytics_set_parent (FrcAnalytics *analytics, gint id, gint parent_id)
{
}

static inline gboolean
frc_analytics_iterate (GstBuffer *buffer, gpointer *state, FrcAnalyticsObject *object)
{
  return FALSE;
}

#endif

#endif
