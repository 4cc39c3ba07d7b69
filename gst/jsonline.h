/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The objects of a frame as a line of JSON.
 */
#ifndef FRC_GST_JSON_LINE_H
#define FRC_GST_JSON_LINE_H

#include "objects.h"

void frc_json_line_append (GString *out, const GArray *objects, const FrcRect *visible,
    guint64 timestamp);

#endif
