/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the programs share: opening a source, setting the detector, and saying what went wrong.
 */
#ifndef INPUT_H
#define INPUT_H

#include <gst/gst.h>

gboolean input_connect (GstElement *pipeline, const char *input, GError **error);
void input_print_error (GstElement *pipeline, const char *input, GstMessage *message,
    const char *missing);
void input_note_message (GstElement *pipeline, GstMessage *message, char **missing);
gboolean detector_set_words (GstElement *detect, char **words, GError **error);

#endif
