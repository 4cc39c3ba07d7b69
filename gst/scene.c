/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A frame as its metas describe it.
 */
#include "scene.h"

#include "mosaic.h"
#include "overlaydraw.h"
#include "resultmark.h"

/** frc_scene_read: @info is of caps. Clear it with frc_scene_clear (). */
void
frc_scene_read (FrcScene *scene, GstBuffer *buffer, const GstVideoInfo *info)
{
  scene->visible =
      frc_visible_rect (buffer, GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info));
  scene->objects = frc_objects_read (buffer, &scene->visible);
  gboolean is_marked = frc_result_mark_get (buffer, &scene->age);
  scene->has_result = is_marked || scene->objects->len > 0;
  for (guint i = 0; i < scene->objects->len && !is_marked; i++) {
    guint64 age = g_array_index (scene->objects, FrcObject, i).age;
    if (GST_CLOCK_TIME_IS_VALID (age))
      scene->age = GST_CLOCK_TIME_IS_VALID (scene->age) ? MAX (scene->age, age) : age;
  }
}

void
frc_scene_clear (FrcScene *scene)
{
  g_clear_pointer (&scene->objects, g_array_unref);
}

static gboolean
hides_all (const FrcScene *scene, const FrcBlur *blur)
{
  return blur->unknown && !scene->has_result;
}

static gboolean
hides (const FrcObject *object, const FrcBlur *blur)
{
  return object->label && g_hash_table_contains (blur->labels, object->label);
}

/** frc_scene_needs_blur: FALSE: frc_scene_blur () would change nothing. */
gboolean
frc_scene_needs_blur (const FrcScene *scene, const FrcBlur *blur)
{
  if (hides_all (scene, blur))
    return TRUE;
  for (guint i = 0; i < scene->objects->len; i++) {
    if (hides (&g_array_index (scene->objects, FrcObject, i), blur))
      return TRUE;
  }
  return FALSE;
}

/** frc_scene_blur: @frame is mapped for reading and writing. */
void
frc_scene_blur (const FrcScene *scene, const FrcBlur *blur, GstVideoFrame *frame)
{
  FrcArea all = { 0, 0, GST_VIDEO_FRAME_WIDTH (frame), GST_VIDEO_FRAME_HEIGHT (frame) };

  if (hides_all (scene, blur)) {
    frc_mosaic (frame, &all);
    return;
  }
  for (guint i = 0; i < scene->objects->len; i++) {
    const FrcObject *object = &g_array_index (scene->objects, FrcObject, i);
    FrcArea area = frc_object_area (object, &scene->visible);
    if (hides (object, blur))
      frc_mosaic (frame, &area);
  }
}
