/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input.h"

#include <gst/pbutils/pbutils.h>
#include <stdio.h>
#include <string.h>

/* Takes the first video of the source; its other streams stay where they are. */
static void
on_pad (GstElement *source, GstPad *pad, gpointer user_data)
{
  GstElement *first = user_data;
  g_autoptr (GstPad) sink = gst_element_get_static_pad (first, "sink");
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);

  if (caps && gst_structure_has_name (gst_caps_get_structure (caps, 0), "video/x-raw") &&
      !gst_pad_is_linked (sink))
    gst_pad_link (pad, sink);
}

static void
on_all_pads (GstElement *source, gpointer user_data)
{
  GstElement *first = user_data;
  g_autoptr (GstPad) sink = gst_element_get_static_pad (first, "sink");

  if (!gst_pad_is_linked (sink))
    GST_ELEMENT_ERROR (first, STREAM, WRONG_TYPE, ("There is no video in it."), (NULL));
}

/**
 * input_connect:
 * @pipeline: with a uridecodebin named "source" and a queue named "first"
 * @input: a file or a URI
 *
 * Gives the source its URI, and the queue the first video that comes out of it.
 */
gboolean
input_connect (GstElement *pipeline, const char *input, GError **error)
{
  g_autoptr (GstElement) source = gst_bin_get_by_name (GST_BIN (pipeline), "source");
  g_autoptr (GstElement) first = gst_bin_get_by_name (GST_BIN (pipeline), "first");
  g_autofree char *uri =
      gst_uri_is_valid (input) ? g_strdup (input) : gst_filename_to_uri (input, error);

  if (!uri)
    return FALSE;
  g_object_set (source, "uri", uri, NULL);
  g_signal_connect_object (source, "pad-added", G_CALLBACK (on_pad), first, 0);
  g_signal_connect_object (source, "no-more-pads", G_CALLBACK (on_all_pads), first, 0);
  return TRUE;
}

/* Whether an element of the input speaks: the source, or the queue behind it. */
static gboolean
is_of_input (GstElement *pipeline, GstObject *object)
{
  g_autoptr (GstElement) source = gst_bin_get_by_name (GST_BIN (pipeline), "source");
  return object == GST_OBJECT (source) ||
      gst_object_has_as_ancestor (object, GST_OBJECT (source)) ||
      g_str_equal (GST_OBJECT_NAME (object), "first");
}

/**
 * input_print_error:
 * @message: an error message of @pipeline
 * @missing: (nullable): what GStreamer has no element for
 *
 * Says on stderr what is wrong, with which input, and what may help.
 */
void
input_print_error (GstElement *pipeline, const char *input, GstMessage *message,
    const char *missing)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *debug = NULL;

  gst_message_parse_error (message, &error, &debug);
  gboolean from_input = is_of_input (pipeline, GST_MESSAGE_SRC (message));
  /* GStreamer puts the place in its code on the first line of what it adds. */
  const char *more = from_input && debug ? strchr (debug, '\n') : NULL;
  fprintf (stderr, "%s: %s%s%s\n", g_get_prgname (), from_input ? input : "",
      from_input ? ": " : "", error->message);
  if (missing)
    fprintf (stderr, "GStreamer has no %s here. Debian's packages gstreamer1.0-libav, "
        "gstreamer1.0-plugins-bad and gstreamer1.0-plugins-ugly hold more of them.\n", missing);
  else if (more)
    fprintf (stderr, "(%s)\n", more + 1);
}

/**
 * input_note_message:
 * @message: any message of @pipeline but its end and its errors
 * @missing: (inout): what GStreamer has no element for, once a message said so; to be freed
 *
 * Says warnings on stderr and keeps the pipeline's latency up to date.
 */
void
input_note_message (GstElement *pipeline, GstMessage *message, char **missing)
{
  g_autoptr (GError) error = NULL;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_WARNING:
      gst_message_parse_warning (message, &error, NULL);
      fprintf (stderr, "Note: %s\n", error->message);
      break;
    case GST_MESSAGE_LATENCY:
      gst_bin_recalculate_latency (GST_BIN (pipeline));
      break;
    case GST_MESSAGE_ELEMENT:
      if (gst_is_missing_plugin_message (message) && !*missing)
        *missing = gst_missing_plugin_message_get_description (message);
      break;
    default:
      break;
  }
}

/** detector_set_words: sets properties of the detector as PROPERTY=VALUE words have them. */
gboolean
detector_set_words (GstElement *detect, char **words, GError **error)
{
  for (; *words; words++) {
    g_auto (GStrv) pair = g_strsplit (*words, "=", 2);
    GParamSpec *spec =
        g_object_class_find_property (G_OBJECT_GET_CLASS (detect), g_strstrip (pair[0]));
    GValue value = G_VALUE_INIT;
    if (!pair[1] || !spec || !(spec->flags & G_PARAM_WRITABLE)) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
          "expected PROPERTY=VALUE of fasterrcnndetect, found '%s' "
          "(gst-inspect-1.0 build/gst/libgstfasterrcnn.so lists them)", *words);
      return FALSE;
    }
    g_value_init (&value, spec->value_type);
    gboolean good =
        gst_value_deserialize (&value, pair[1]) && !g_param_value_validate (spec, &value);
    if (good)
      g_object_set_property (G_OBJECT (detect), spec->name, &value);
    g_value_unset (&value);
    if (!good) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
          "'%s' is not a value of the property %s: %s", pair[1], spec->name,
          g_param_spec_get_blurb (spec));
      return FALSE;
    }
  }
  return TRUE;
}
