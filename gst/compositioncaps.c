/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An element that can attach a composition or draw itself has two kinds of caps downstream for one
 * upstream. Here is what goes with what, and which of the two it will be.
 */
#include "compositioncaps.h"

#include <gst/video/video.h>

#define FEATURE GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION

/** frc_caps_have_composition: of the first structure. */
gboolean
frc_caps_have_composition (const GstCaps *caps)
{
  const GstCapsFeatures *features = gst_caps_get_features (caps, 0);

  return !gst_caps_features_is_any (features) && gst_caps_features_contains (features, FEATURE);
}

/* One structure of @caps, with or without the feature. */
static GstCaps *
copy_nth (const GstCaps *caps, guint n, gboolean with)
{
  GstCaps *copy = gst_caps_copy_nth (caps, n);
  GstCapsFeatures *features = gst_caps_get_features (copy, 0);

  if (gst_caps_features_is_any (features))
    return copy;
  if (with && !gst_caps_features_contains (features, FEATURE))
    gst_caps_features_add (features, FEATURE);
  else if (!with)
    gst_caps_features_remove (features, FEATURE);
  return copy;
}

/**
 * frc_caps_across:
 * @direction: of the pad that @caps belong to
 *
 * Returns: (transfer full): what the other pad may have. A stream that comes in with the feature
 * goes out with it; one that comes in without goes out in either way.
 */
GstCaps *
frc_caps_across (const GstCaps *caps, GstPadDirection direction)
{
  GstCaps *across = gst_caps_new_empty ();

  if (gst_caps_is_any (caps))
    return gst_caps_ref ((GstCaps *) caps);
  for (guint i = 0; i < gst_caps_get_size (caps); i++) {
    gboolean has = gst_caps_features_contains (gst_caps_get_features (caps, i), FEATURE);
    if (direction == GST_PAD_SINK || has)
      gst_caps_append (across, copy_nth (caps, i, TRUE));
    if (direction == GST_PAD_SRC || !has)
      gst_caps_append (across, copy_nth (caps, i, FALSE));
  }
  return across;
}

static gboolean
allocation_has_composition (GstPad *srcpad, GstCaps *caps)
{
  GstQuery *query = gst_query_new_allocation (caps, FALSE);
  gboolean has = gst_pad_peer_query (srcpad, query) &&
      gst_query_find_allocation_meta (query, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);

  gst_query_unref (query);
  return has;
}

/* A transform downstream passes the question on only when it has the caps. */
static gboolean
downstream_draws (GstPad *srcpad, GstCaps *caps)
{
  gboolean draws = allocation_has_composition (srcpad, caps) ||
      (gst_pad_set_caps (srcpad, caps) && allocation_has_composition (srcpad, caps));

  if (GST_PAD_IS_FLUSHING (srcpad)) /* then the answer means nothing: ask again */
    gst_pad_mark_reconfigure (srcpad);
  return draws;
}

/**
 * frc_composition_fixate:
 * @in: the caps of the stream that comes in
 * @candidates: (transfer full): what @srcpad can have for it and its peer takes
 *
 * Returns: (transfer full): the caps with the feature where the stream has it already, or where
 * downstream offers both the feature and the meta in its allocation, or takes nothing else.
 */
GstCaps *
frc_composition_fixate (GstPad *srcpad, const GstCaps *in, GstCaps *candidates)
{
  GstCaps *with = copy_nth (in, 0, TRUE), *without = copy_nth (in, 0, FALSE);
  gboolean may_draw =
      !frc_caps_have_composition (in) && gst_caps_can_intersect (candidates, without);
  gboolean attach = gst_caps_can_intersect (candidates, with) &&
      (!may_draw || downstream_draws (srcpad, with));

  GstCaps *chosen =
      gst_caps_intersect_full (candidates, attach ? with : without, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref (with);
  gst_caps_unref (without);
  gst_caps_unref (candidates);
  return gst_caps_fixate (chosen);
}
