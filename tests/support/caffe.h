/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Caffe nets for tests, written byte by byte as Caffe's protobuf messages lie in a file.
 */
#ifndef FRC_TEST_CAFFE_H
#define FRC_TEST_CAFFE_H

#include <glib.h>

typedef enum {
  CAFFE_V2,       /* "layer", shapes of any number of sides */
  CAFFE_V1,       /* "layers", shapes of any number of sides */
  CAFFE_V1_SHAPES /* "layers", shapes of four sides */
} CaffeStyle;

void caffe_put_varint (GByteArray *out, guint64 value);
void caffe_put_bytes (GByteArray *out, guint field, const void *bytes, gsize n);
void caffe_put_number (GByteArray *out, guint field, guint64 value);

/* A net without layers. Free with g_byte_array_unref (). */
GByteArray *caffe_net_new (const char *name);
/* @shapes: n_blobs rows of 4 sides, of which those from the first 0 on do not exist. @values: of all
 * blobs, one after the other. */
void caffe_net_add (GByteArray *net, CaffeStyle style, const char *name, const char *type,
    const guint (*shapes)[4], guint n_blobs, const gfloat *values);

/* "fasterrcnn_vgg16" or "fasterrcnn_zf" with few channels, 20 classes and seeded weights that keep
 * activations in range and make scores that spread. */
GByteArray *caffe_small_net (const char *family, CaffeStyle style);

#endif
