/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The cut of a narrow convolution: by shape alone, so that results repeat whatever the threads.
 */
#include "narrow_conv.h"

#define INPUT_BYTES ((gsize) 512 << 10) /* of a tile: it stays in L2 beside its weights */
#define INSIDE_BYTES ((gsize) 1280 << 10) /* of weights that stay in L2 */
#define TILE_PIXELS 4096
/* As measured with tile registers: a group of K, and what comes before and behind, for a pixel and a
 * panel; a byte of weights that come from far. */
#define STEP_CYCLES 4
#define FINISH_CYCLES 14
#define BYTE_CYCLES 0.2
#define TILE_CYCLES 40000 /* less is not worth another thread's wake-up */
#define TILES 12

typedef struct {
  guint units, pixels; /* of a unit, with the copy's gaps */
  gsize bytes;         /* of a unit's input in the cache */
} Units;

static guint
round_up (guint n, guint to)
{
  return (n + to - 1) / to * to;
}

static void
plan_geometry (const FrcNarrowConv *conv, FrcNarrowConvShape shape, FrcNarrowConvPlan *plan)
{
  const FrcConvSpec *spec = &conv->spec;

  plan->copy = conv->wide_in || spec->kernel_h > 1 || spec->kernel_w > 1 || spec->stride_h > 1 ||
      spec->stride_w > 1 || spec->pad_top || spec->pad_left;
  plan->whole_images = plan->copy && shape.n > 1;
  plan->phases_y = MIN (spec->stride_h, spec->kernel_h);
  plan->phases_x = MIN (spec->stride_w, spec->kernel_w);
  plan->pitch = conv->wide_in ? shape.w : shape.w + (spec->kernel_w - 1) / spec->stride_w;
  plan->row_elements = round_up ((shape.w - 1) * spec->stride_w * spec->in_channels +
      conv->groups * FRC_NARROW_GROUP, FRC_NARROW_GROUP);
}

/* Bytes of the copy for @rows output rows of one image. */
static gsize
copied_bytes (const FrcNarrowConv *conv, const FrcNarrowConvPlan *plan, guint rows)
{
  const FrcConvSpec *spec = &conv->spec;
  guint planes = plan->phases_y * plan->phases_x;

  if (conv->wide_in)
    return ((gsize) (rows - 1) * spec->stride_h + spec->kernel_h) * plan->row_elements *
        sizeof (guint16);
  return (gsize) planes * (rows + (spec->kernel_h - 1) / spec->stride_h) * plan->pitch *
      conv->groups * FRC_NARROW_GROUP * sizeof (guint16);
}

static Units
plan_units (const FrcNarrowConv *conv, FrcNarrowConvShape shape, const FrcNarrowConvPlan *plan)
{
  if (!plan->copy)
    return (Units){((gsize) shape.n * shape.h * shape.w + FRC_NARROW_ROWS - 1) / FRC_NARROW_ROWS,
      FRC_NARROW_ROWS, (gsize) FRC_NARROW_ROWS * 2 * FRC_NARROW_GROUP * conv->groups};
  if (plan->whole_images)
    return (Units){shape.n, shape.h * plan->pitch, copied_bytes (conv, plan, shape.h)};
  return (Units){shape.h, plan->pitch, copied_bytes (conv, plan, 1)};
}

static guint
part (guint n, guint parts)
{
  return (n + parts - 1) / parts;
}

/* Room for the largest tile of this shape and of all that are smaller. */
static void
plan_scratch (const FrcNarrowConv *conv, Units units, FrcNarrowConvPlan *plan)
{
  plan->copy_bytes = plan->copy || conv->is_int8 ? round_up (MAX (INPUT_BYTES, units.bytes), 64) : 0;
  plan->place_bytes = round_up (MAX (TILE_PIXELS, units.pixels) * sizeof (gpointer), 64);
  plan->sums_bytes = FRC_NARROW_ROWS * FRC_NARROW_COLS * sizeof (gfloat);
  plan->tap_bytes = round_up (conv->n_taps * sizeof (gsize), 64);
}

void
frc_narrow_conv_plan (const FrcNarrowConv *conv, FrcNarrowConvShape shape, FrcNarrowConvPlan *plan)
{
  plan_geometry (conv, shape, plan);
  Units units = plan_units (conv, shape, plan);
  gsize steps = (gsize) conv->n_taps * conv->groups;
  gsize weights = steps * conv->panels * FRC_NARROW_STEP_BYTES, input = units.units * units.bytes;
  gdouble places = (gdouble) units.units * units.pixels * conv->panels;
  gdouble cycles = MAX (places * (STEP_CYCLES * steps + FINISH_CYCLES), BYTE_CYCLES * weights);
  guint wanted = cycles < TILE_CYCLES ? 1 : (guint) MIN (cycles / TILE_CYCLES + 1, TILES);
  guint most = MAX (1, MIN (INPUT_BYTES / units.bytes, TILE_PIXELS / MAX (1, units.pixels)));

  wanted += wanted > 1 && wanted % 2; /* two threads share an even number */
  plan->units = units.units;
  plan->panel_parts = 1;
  plan->unit_parts = part (units.units, most);
  if (plan->unit_parts > 1 && plan->unit_parts % 2 && plan->unit_parts < units.units)
    plan->unit_parts++;
  /* More tiles: a further part of the pixels reads all weights again, one of the channels all input. */
  while (plan->unit_parts * plan->panel_parts < wanted) {
    gboolean by_units = plan->unit_parts < units.units;
    gboolean by_panels = plan->panel_parts < conv->panels;
    if (by_units && (!by_panels || weights <= input))
      plan->unit_parts++;
    else if (by_panels)
      plan->panel_parts++;
    else
      break;
  }
  plan->panels_inside = weights / plan->panel_parts <= INSIDE_BYTES;
  plan->n_tiles = plan->unit_parts * plan->panel_parts;
  plan_scratch (conv, units, plan);
}

/* See narrow.h. */
gsize
frc_narrow_conv_scratch_bytes (const FrcNarrowConv *conv, const FrcNarrowConvIo *io)
{
  FrcNarrowConvPlan plan;
  FrcNarrowConvShape shape = frc_narrow_conv_shape (io);

  if (shape.n == 0 || shape.h == 0 || shape.w == 0)
    return 0;
  if (conv->pixels > 0)
    return frc_narrow_linear_scratch_bytes (conv, shape.n);
  frc_narrow_conv_plan (conv, shape, &plan);
  return plan.copy_bytes + 2 * plan.place_bytes + plan.sums_bytes + plan.tap_bytes;
}

/* See narrow.h. */
gsize
frc_narrow_conv_shared_bytes (const FrcNarrowConv *conv, const FrcNarrowConvIo *io)
{
  return conv->pixels > 0 ? frc_narrow_linear_shared_bytes (conv, frc_narrow_conv_shape (io).n) : 0;
}
