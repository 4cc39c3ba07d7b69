/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The objects of a frame as a message on the bus.
 */
#ifndef FRC_GST_DETECT_MESSAGE_H
#define FRC_GST_DETECT_MESSAGE_H

#include "detectmeta.h"

/* How many objects of each label the last message had. */
typedef struct {
  guint16 *counts, *next; /* a number a label; NULL before the first message */
  guint n_labels;
} FrcSeen;

void frc_seen_clear (FrcSeen *seen);
gboolean frc_seen_update (FrcSeen *seen, const FrcResult *result, const FrcMetaContext *context);

GstMessage *frc_detect_message_new (GstObject *source, GstBuffer *buffer,
    const GstSegment *segment, const FrcResult *result, const FrcMetaContext *context);

#endif
