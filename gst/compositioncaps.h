/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The caps feature of overlay compositions, and who downstream draws them.
 */
#ifndef FRC_GST_COMPOSITION_CAPS_H
#define FRC_GST_COMPOSITION_CAPS_H

#include <gst/base/gstbasetransform.h>

gboolean frc_caps_have_composition (const GstCaps *caps);
GstCaps *frc_caps_across (const GstCaps *caps, GstPadDirection direction);
GstCaps *frc_composition_fixate (GstPad *srcpad, const GstCaps *in, GstCaps *candidates);

#endif
