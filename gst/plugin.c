/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugin: registers the elements and does nothing else.
 */
#include "gstfasterrcnndetect.h"
#include "gstfasterrcnnjson.h"
#ifdef HAVE_OVERLAY
#include "gstfasterrcnnoverlay.h"
#endif

static gboolean
plugin_init (GstPlugin *plugin)
{
  gboolean ok = GST_ELEMENT_REGISTER (fasterrcnndetect, plugin);
  ok = GST_ELEMENT_REGISTER (fasterrcnnjson, plugin) && ok;
#ifdef HAVE_OVERLAY
  ok = GST_ELEMENT_REGISTER (fasterrcnnoverlay, plugin) && ok;
#endif
  return ok;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, fasterrcnn,
    "Object detection with Faster R-CNN on the CPU", plugin_init, PACKAGE_VERSION, "LGPL",
    "fasterrcnndetect", GST_PACKAGE_ORIGIN)
