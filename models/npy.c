/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writes an NHWC view as a NumPy .npy file of version 1.0, float32, little endian, C order, NCHW.
 * The layout is that of NumPy's format description: magic, version, header length, a Python
 * dictionary padded with spaces to a multiple of 64 bytes, then the data.
 */
#include "tool.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#define ALIGNMENT 64
#define PREFIX 10 /* magic 6, version 2, length 2 */

static gboolean
write_header (FILE *file, guint n, guint c, guint h, guint w)
{
  char header[4 * ALIGNMENT];
  memset (header, ' ', sizeof header);
  int length = g_snprintf (header + PREFIX, sizeof header - PREFIX,
      "{'descr': '<f4', 'fortran_order': False, 'shape': (%u, %u, %u, %u), }", n, c, h, w);
  header[PREFIX + length] = ' ';
  const guint total = (guint) ((PREFIX + length + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
  memcpy (header, "\x93NUMPY\x01\x00", 8);
  header[8] = (char) ((total - PREFIX) & 0xff);
  header[9] = (char) ((total - PREFIX) >> 8);
  header[total - 1] = '\n';
  return fwrite (header, 1, total, file) == total;
}

static gboolean
write_row (FILE *file, const gfloat *data, guint w, gsize ld, guint32 *row)
{
  for (guint x = 0; x < w; x++) {
    guint32 bits;
    memcpy (&bits, &data[x * ld], sizeof bits);
    row[x] = GUINT32_TO_LE (bits);
  }
  return fwrite (row, sizeof *row, w, file) == w;
}

static gboolean
write_data (FILE *file, const gfloat *data, guint n, guint h, guint w, guint c, gsize ld)
{
  g_autofree guint32 *row = g_new (guint32, MAX (1, w));
  for (guint i = 0; i < n; i++)
    for (guint channel = 0; channel < c; channel++)
      for (guint y = 0; y < h; y++)
        if (!write_row (file, data + ((gsize) i * h + y) * w * ld + channel, w, ld, row))
          return FALSE;
  return TRUE;
}

/* `data` is n × h × w pixels of c channels, `ld` floats from one pixel to the next. */
gboolean
tool_npy_write (const char *path, const gfloat *data, guint n, guint h, guint w, guint c, gsize ld,
    GError **error)
{
  FILE *file = fopen (path, "wb");
  gboolean good = file && write_header (file, n, c, h, w)
      && write_data (file, data, n, h, w, c, ld);
  int reason = errno;
  if (file && fclose (file) != 0 && good) {
    reason = errno;
    good = FALSE;
  }
  if (!good) {
    if (file)
      g_unlink (path);
    g_set_error (error, FRC_ERROR, FRC_ERROR_WRITE, "%s: cannot write it: %s", path,
        g_strerror (reason));
  }
  return good;
}
