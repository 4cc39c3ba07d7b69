/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Included before every source of a build that must turn out to be broken: the elements' object
 * locks do nothing.
 */
#if __has_include(<gst/gst.h>)
#include <gst/gst.h>
#undef GST_OBJECT_LOCK
#undef GST_OBJECT_UNLOCK
#define GST_OBJECT_LOCK(object) ((void) (object))
#define GST_OBJECT_UNLOCK(object) ((void) (object))
#endif
