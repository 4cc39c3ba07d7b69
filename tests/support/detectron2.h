/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Detectron2's files for tests: pickles of NumPy arrays, written instruction by instruction.
 */
#ifndef FRC_TEST_DETECTRON2_H
#define FRC_TEST_DETECTRON2_H

#include <glib.h>

typedef enum { PICKLE_NUMPY1, PICKLE_NUMPY2 } PickleStyle; /* protocol 3, and 4 with NumPy 2's names */

/* {"model": {…}}: begin, any number of arrays, end. Free with g_byte_array_unref (). */
GByteArray *pickle_begin (PickleStyle style);
/* @shape: ends at 0. @n: bytes of @data. @type: "f4", … */
void pickle_add_array (GByteArray *out, PickleStyle style, const char *name, const guint *shape,
    const char *type, gboolean columns_first, const void *data, gsize n);
void pickle_end (GByteArray *out);

/* ResNets differ in the blocks of their fourth stage. */
#define DETECTRON2_R50 6
#define DETECTRON2_R101 23

/* A ResNet-FPN with few channels, 80 classes and seeded weights that make scores that spread. */
GByteArray *detectron2_small_model (PickleStyle style, guint res4_blocks);

#endif
