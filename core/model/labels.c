/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Label lists of the data sets that published weights were trained on. Background is not listed;
 * COCO keeps the holes of its category ids.
 */
#include "family.h"

static const char *const voc[] = {
  "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
  "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
  "tvmonitor", NULL
};

static const char *const coco[] = {
  "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
  "traffic light", "fire hydrant", "N/A", "stop sign", "parking meter", "bench", "bird", "cat",
  "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "N/A", "backpack",
  "umbrella", "N/A", "N/A", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
  "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
  "tennis racket", "bottle", "N/A", "wine glass", "cup", "fork", "knife", "spoon", "bowl",
  "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut",
  "cake", "chair", "couch", "potted plant", "bed", "N/A", "dining table", "N/A", "N/A", "toilet",
  "N/A", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven",
  "toaster", "sink", "refrigerator", "N/A", "book", "clock", "vase", "scissors", "teddy bear",
  "hair drier", "toothbrush", NULL
};

G_STATIC_ASSERT (G_N_ELEMENTS (voc) == 20 + 1);
G_STATIC_ASSERT (G_N_ELEMENTS (coco) == 90 + 1);

const char *const *
frc_labels_builtin (guint n_labels)
{
  return n_labels == 20 ? voc : n_labels == 90 ? coco : NULL;
}
