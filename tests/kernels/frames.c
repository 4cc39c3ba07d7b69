/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frames.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *const frame_format_names[FRC_N_FORMATS] = {"RGB", "BGR", "RGBA", "BGRA", "ARGB", "ABGR",
  "RGBx", "BGRx", "xRGB", "xBGR", "GRAY8", "NV12", "NV21", "I420", "YV12", "YUY2", "UYVY", "Y42B",
  "Y444"};

guint
test_frame_row_bytes (FrcFormat format, guint plane, guint width)
{
  guint half = (width + 1) / 2;

  if (plane == 0)
    return format <= FRC_FORMAT_BGR ? 3 * width : format < FRC_FORMAT_GRAY8 ? 4 * width
        : format == FRC_FORMAT_YUY2 || format == FRC_FORMAT_UYVY ? 4 * half : width;
  switch (format) {
    case FRC_FORMAT_NV12:
    case FRC_FORMAT_NV21:
      return plane == 1 ? 2 * half : 0;
    case FRC_FORMAT_I420:
    case FRC_FORMAT_YV12:
    case FRC_FORMAT_Y42B:
      return half;
    case FRC_FORMAT_Y444:
      return width;
    default:
      return 0;
  }
}

guint
test_frame_rows (FrcFormat format, guint plane, guint height)
{
  gboolean halved = format >= FRC_FORMAT_NV12 && format <= FRC_FORMAT_YV12 && plane > 0;

  return halved ? (height + 1) / 2 : height;
}

TestFrame
test_frame_new (FrcFormat format, guint width, guint height, guint extra, gboolean at_start)
{
  TestFrame frame = {.image = {.info = {format, width, height, FRC_MATRIX_BT601,
    FRC_RANGE_LIMITED}}};
  gsize page = sysconf (_SC_PAGESIZE);

  for (guint i = 0; i < 3; i++) {
    guint row = test_frame_row_bytes (format, i, width), rows = test_frame_rows (format, i, height);
    if (row == 0)
      continue;
    gsize stride = row + extra, bytes = stride * (rows - 1) + row;
    gsize inside = (bytes + page - 1) / page * page;
    guint8 *memory = mmap (NULL, inside + 2 * page, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true (memory != MAP_FAILED);
    g_assert_cmpint (mprotect (memory, page, PROT_NONE), ==, 0);
    g_assert_cmpint (mprotect (memory + page + inside, page, PROT_NONE), ==, 0);
    frame.mapping[i] = memory;
    frame.mapped[i] = inside + 2 * page;
    frame.bytes[i] = bytes;
    frame.image.plane[i] = memory + page + (at_start ? 0 : inside - bytes);
    frame.image.stride[i] = (gint) stride;
  }
  return frame;
}

void
test_frame_clear (TestFrame *frame)
{
  for (guint i = 0; i < 3; i++)
    if (frame->mapping[i] != NULL)
      munmap (frame->mapping[i], frame->mapped[i]);
}

static guint8 *
plane (TestFrame *frame, guint i)
{
  return (guint8 *) frame->image.plane[i];
}

void
test_frame_fill_random (TestFrame *frame, guint64 *state)
{
  for (guint i = 0; i < 3; i++)
    for (gsize k = 0; k < frame->bytes[i]; k++)
      plane (frame, i)[k] = check_random (state) >> 24;
}

static void
place (guint8 *pixel, const char *name, const guint8 colour[3])
{
  for (guint i = 0; name[i] != '\0'; i++)
    pixel[i] = name[i] == 'R' ? colour[0] : name[i] == 'G' ? colour[1] : name[i] == 'B' ? colour[2]
        : 77;
}

void
test_frame_fill_rgb (TestFrame *frame, const guint8 *rgb)
{
  const FrcImageInfo *info = &frame->image.info;
  const char *name = frame_format_names[info->format];
  gsize bytes = strlen (name);

  for (guint y = 0; y < info->height; y++)
    for (guint x = 0; x < info->width; x++, rgb += 3)
      place (plane (frame, 0) + (gsize) y * frame->image.stride[0] + bytes * x, name, rgb);
}

void
test_frame_fill (TestFrame *frame, const guint8 colour[3])
{
  FrcFormat format = frame->image.info.format;
  const char *packed = format == FRC_FORMAT_YUY2 ? "YUYV" : format == FRC_FORMAT_UYVY ? "UYVY" : "";

  for (guint i = 0; i < 3; i++)
    for (gsize k = 0; k < frame->bytes[i]; k++) {
      gsize x = k % frame->image.stride[i];
      guint component = i;
      if (format == FRC_FORMAT_YUY2 || format == FRC_FORMAT_UYVY)
        component = packed[x % 4] == 'Y' ? 0 : packed[x % 4] == 'U' ? 1 : 2;
      else if (i == 1 && format == FRC_FORMAT_NV12)
        component = 1 + x % 2;
      else if (i == 1 && format == FRC_FORMAT_NV21)
        component = 2 - x % 2;
      plane (frame, i)[k] = colour[component];
    }
}

void
test_frame_read (const TestFrame *frame, const char *kernels, FrcPool *pool, const FrcRect *rect,
    guint resized_w, guint resized_h, const CheckView *out)
{
  const FrcImageInfo *info = &frame->image.info;
  const gfloat mean[3] = {0}, std[3] = {1 / 255.f, 1 / 255.f, 1 / 255.f};
  const FrcRect all = {0, 0, info->width, info->height};
  if (!rect)
    rect = &all;
  const FrcResize resize = {resized_w, resized_h, (gfloat) rect->width / resized_w,
    (gfloat) rect->height / resized_h, FRC_SAMPLING_HALF_PIXEL};
  FrcFrameReader *reader = frc_frame_reader_new (frc_kernels_get (kernels, NULL), info->width,
      info->height, MAX (out->view.w, out->view.h), NULL);

  g_assert_nonnull (reader);
  g_assert_true (frc_pool_reserve (pool, frc_frame_scratch_bytes (info->width), NULL));
  frc_frame_read (reader, pool, &frame->image, rect, mean, std, &resize, &out->view);
  frc_frame_reader_free (reader);
}
