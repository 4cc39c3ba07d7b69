/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A result without objects leaves no region of interest on the frame, so the detector marks every
 * frame that it has a result for. The mark is a custom meta without tags: copies, conversions and
 * scaling keep it.
 */
#include "resultmark.h"

#define MARK "FasterRcnnResult"

static gpointer
register_mark (gpointer data)
{
  static const char *tags[] = { NULL };
  const GstMetaInfo *known = gst_meta_get_info (MARK); /* of another copy of this code */

  return (gpointer) (known ? known : gst_meta_register_custom (MARK, tags, NULL, NULL, NULL));
}

static gboolean
is_registered (void)
{
  static GOnce once = G_ONCE_INIT;

  return g_once (&once, register_mark, NULL) != NULL;
}

/**
 * frc_result_mark_add:
 * @buffer: writable
 * @age: of the result, ns; 0 = of this very frame; GST_CLOCK_TIME_NONE = not known
 *
 * A mark that is there already gets the smaller of the two ages.
 */
void
frc_result_mark_add (GstBuffer *buffer, guint64 age)
{
  guint64 before = GST_CLOCK_TIME_NONE;

  if (!is_registered ())
    return;
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, MARK);
  if (!meta)
    meta = gst_buffer_add_custom_meta (buffer, MARK);
  else
    gst_structure_get_uint64 (gst_custom_meta_get_structure (meta), "age", &before);
  gst_structure_set (gst_custom_meta_get_structure (meta), "age", G_TYPE_UINT64,
      MIN (age, before), NULL);
}

/**
 * frc_result_mark_get:
 * @age: (out): as in frc_result_mark_add ()
 *
 * Returns: FALSE when no detector had a result for @buffer.
 */
gboolean
frc_result_mark_get (GstBuffer *buffer, guint64 *age)
{
  GstCustomMeta *meta = is_registered () ? gst_buffer_get_custom_meta (buffer, MARK) : NULL;

  *age = GST_CLOCK_TIME_NONE;
  if (!meta)
    return FALSE;
  gst_structure_get_uint64 (gst_custom_meta_get_structure (meta), "age", age);
  return TRUE;
}
