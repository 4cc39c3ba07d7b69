/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "resize.h"

#include <math.h>

typedef void (*SizeRule) (const FrcConfig *config, guint width, guint height, FrcInputSize *size);

static void
set_size (FrcInputSize *size, gdouble width, gdouble height)
{
  size->resize.width = MAX (1, (guint) width);
  size->resize.height = MAX (1, (guint) height);
}

static void
torchvision_size (const FrcConfig *config, guint width, guint height, FrcInputSize *size)
{
  gdouble s = MIN ((gdouble) config->min_size / MIN (width, height),
      (gdouble) config->max_size / MAX (width, height));

  set_size (size, width * s, height * s);
}

/* The long side is scaled once more when it is too long, as the original does it. */
static void
detectron2_size (const FrcConfig *config, guint width, guint height, FrcInputSize *size)
{
  gdouble s = (gdouble) config->min_size / MIN (width, height);
  gdouble w = width <= height ? config->min_size : s * width;
  gdouble h = width <= height ? s * height : config->min_size;

  if (MAX (w, h) > config->max_size) {
    s = config->max_size / MAX (w, h);
    w *= s;
    h *= s;
  }
  set_size (size, w + 0.5, h + 0.5);
}

static void
caffe_size (const FrcConfig *config, guint width, guint height, FrcInputSize *size)
{
  gdouble s = (gdouble) config->min_size / MIN (width, height);

  if (rint (s * MAX (width, height)) > config->max_size)
    s = (gdouble) config->max_size / MAX (width, height);
  set_size (size, rint (width * s), rint (height * s));
  size->resize.step_x = size->resize.step_y = 1 / s;
  size->to_network_x = size->to_network_y = (gfloat) s;
  size->to_frame_x = size->to_frame_y = (gfloat) (1 / s);
}

static void
tensorflow_size (const FrcConfig *config, guint width, guint height, FrcInputSize *size)
{
  gfloat s = (gfloat) config->min_size / (gfloat) MIN (width, height);

  if (rintf ((gfloat) MAX (width, height) * s) > (gfloat) config->max_size)
    s = (gfloat) config->max_size / (gfloat) MAX (width, height);
  set_size (size, rintf ((gfloat) width * s), rintf ((gfloat) height * s));
}

static const struct {
  SizeRule size;
  FrcSampling sampling;
} rules[FRC_N_RESIZE_RULES] = {
  [FRC_RESIZE_TORCHVISION] = { torchvision_size, FRC_SAMPLING_HALF_PIXEL },
  [FRC_RESIZE_DETECTRON2] = { detectron2_size, FRC_SAMPLING_ANTIALIAS },
  [FRC_RESIZE_CAFFE] = { caffe_size, FRC_SAMPLING_HALF_PIXEL },
  [FRC_RESIZE_TENSORFLOW] = { tensorflow_size, FRC_SAMPLING_CORNER },
};

/* See resize.h. */
void
frc_input_size (const FrcConfig *config, guint width, guint height, FrcInputSize *size)
{
  *size = (FrcInputSize){ .resize.sampling = rules[config->resize].sampling };
  rules[config->resize].size (config, width, height, size);

  FrcResize *resize = &size->resize;
  size->padded_w = frc_padded (config, resize->width);
  size->padded_h = frc_padded (config, resize->height);
  if (resize->step_x > 0)
    return;
  /* Each axis by what became of it. */
  resize->step_x = size->to_frame_x = (gfloat) width / (gfloat) resize->width;
  resize->step_y = size->to_frame_y = (gfloat) height / (gfloat) resize->height;
  size->to_network_x = (gfloat) resize->width / (gfloat) width;
  size->to_network_y = (gfloat) resize->height / (gfloat) height;
}
