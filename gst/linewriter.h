/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whole lines to a file, a pipe or the standard output.
 */
#ifndef FRC_GST_LINE_WRITER_H
#define FRC_GST_LINE_WRITER_H

#include <glib.h>

typedef struct _FrcLineWriter FrcLineWriter;

FrcLineWriter *frc_line_writer_open (const char *location, gboolean append, GError **error);
gboolean frc_line_writer_write (FrcLineWriter *writer, const char *line, gsize size,
    const gint *cancel, GError **error);
gboolean frc_line_writer_close (FrcLineWriter *writer, GError **error);

#endif
