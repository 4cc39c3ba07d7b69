/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Model files for tests, made from torchvision's own lists of tensors (families/).
 */
#ifndef FRC_TEST_SYNTHETIC_H
#define FRC_TEST_SYNTHETIC_H

#include <glib.h>

/* Writes a file of @family with seeded weights that keep activations in range and make a few
 * detections: those of Caffe and Detectron2 with few channels, in their own formats; the others as
 * safetensors, of which folder FRC_TEST_FAMILIES from the environment holds the lists. Aborts the test
 * on failure. */
void frc_test_write_model (const char *family, const char *path);

#endif
