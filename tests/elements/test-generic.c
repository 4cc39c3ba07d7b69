/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What GStreamer expects of any element, checked for all of ours. Properties are found by
 * introspection, so a new one is covered without a change here.
 */
#include "common.h"

#include <string.h>

#define ROUNDS 10

/* GLib logs it, as a warning or as a critical message: that depends on its version. */
#define COMPLAINS(code) \
  do { \
    _gst_check_raised_warning = _gst_check_raised_critical = FALSE; \
    _gst_check_expecting_log = TRUE; \
    code; \
    _gst_check_expecting_log = FALSE; \
    fail_unless (_gst_check_raised_warning || _gst_check_raised_critical); \
  } while (0)

/* What an element needs to start, and what keeps it from starting. */
typedef struct {
  const char *name;
  const char *property, *good, *bad; /* good NULL: the model of the tests */
} Kind;

static const Kind kinds[] = {
  { "fasterrcnndetect", "model", NULL, "/there/is/no.model" },
  { "fasterrcnnjson", "location", "/dev/null", "/there/is/no.folder" },
  { "fasterrcnnoverlay", "colors", "person:0xff0000", "person" },
};

static const char *
good_value (const Kind *kind)
{
  return kind->good ? kind->good : test_model ();
}

/* The overlay is not always built. */
static gboolean
is_built (const Kind *kind)
{
  GstElementFactory *factory = gst_element_factory_find (kind->name);

  if (!factory) {
    fail_unless (g_str_equal (kind->name, "fasterrcnnoverlay"), "there is no %s", kind->name);
    return FALSE;
  }
  gst_object_unref (factory);
  return TRUE;
}

static GstElement *
make (const Kind *kind)
{
  GstElement *element = gst_element_factory_make (kind->name, NULL);
  GstBus *bus = gst_bus_new ();

  fail_unless (element != NULL);
  gst_element_set_bus (element, bus);
  gst_object_unref (bus);
  return element;
}

static GstElement *
make_startable (const Kind *kind)
{
  GstElement *element = make (kind);

  g_object_set (element, kind->property, good_value (kind), NULL);
  if (g_object_class_find_property (G_OBJECT_GET_CLASS (element), "input-size"))
    g_object_set (element, "input-size", TEST_INPUT_SIZE, NULL);
  return element;
}

static GstHarness *
harness_of (const Kind *kind)
{
  GstVideoInfo info;

  test_info (&info, GST_VIDEO_FORMAT_RGB, 64, 48);
  return harness_for (make_startable (kind), &info);
}

static void
drain (GstElement *element)
{
  for (GstMessage *message; (message = pop_message (element, GST_MESSAGE_ANY));)
    gst_message_unref (message);
}

/* ---- inspection ---- */

static void
check_text (const char *text, const char *what, const char *name)
{
  fail_unless (text && *text, "%s of %s is empty", what, name);
  fail_unless (g_utf8_validate (text, -1, NULL), "%s of %s is no UTF-8", what, name);
}

GST_START_TEST (test_inspection)
{
  const Kind *kind = &kinds[__i__];
  static const char *const keys[] = { GST_ELEMENT_METADATA_LONGNAME, GST_ELEMENT_METADATA_KLASS,
    GST_ELEMENT_METADATA_DESCRIPTION, GST_ELEMENT_METADATA_AUTHOR };

  if (!is_built (kind))
    return;
  GstElementFactory *factory = gst_element_factory_find (kind->name);
  GstPlugin *plugin = gst_plugin_feature_get_plugin (GST_PLUGIN_FEATURE (factory));
  fail_unless_equals_string (gst_plugin_get_license (plugin), "LGPL");
  fail_unless_equals_string (gst_plugin_get_name (plugin), "fasterrcnn");
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    check_text (gst_element_factory_get_metadata (factory, keys[i]), keys[i], kind->name);
  /* autoplugging must never choose them */
  fail_unless_equals_int (gst_plugin_feature_get_rank (GST_PLUGIN_FEATURE (factory)),
      GST_RANK_NONE);

  fail_unless_equals_int (gst_element_factory_get_num_pad_templates (factory), 2);
  const GList *templates = gst_element_factory_get_static_pad_templates (factory);
  for (const GList *link = templates; link; link = link->next) {
    GstStaticPadTemplate *template = link->data;
    GstCaps *caps = gst_static_pad_template_get_caps (template);
    fail_unless (template->presence == GST_PAD_ALWAYS);
    fail_if (gst_caps_is_empty (caps) || gst_caps_is_any (caps));
    char *text = gst_caps_to_string (caps);
    GstCaps *again = gst_caps_from_string (text);
    fail_unless (again && gst_caps_is_equal (again, caps));
    gst_caps_unref (again);
    g_free (text);
    gst_caps_unref (caps);
  }
  gst_object_unref (plugin);
  gst_object_unref (factory);
}
GST_END_TEST

/* ---- properties ---- */

static gboolean
is_number (GParamSpec *spec)
{
  return G_IS_PARAM_SPEC_INT (spec) || G_IS_PARAM_SPEC_UINT (spec) ||
      G_IS_PARAM_SPEC_UINT64 (spec) || G_IS_PARAM_SPEC_DOUBLE (spec);
}

/* Smallest, largest and two between. FALSE when there is no value @i. */
static gboolean
number_value (GParamSpec *spec, guint i, GValue *value)
{
  if (i >= 4)
    return FALSE;
  if (G_IS_PARAM_SPEC_INT (spec)) {
    gint64 low = G_PARAM_SPEC_INT (spec)->minimum, high = G_PARAM_SPEC_INT (spec)->maximum;
    g_value_set_int (value, (gint) (low + (high - low) * i / 3));
  } else if (G_IS_PARAM_SPEC_UINT (spec)) {
    guint64 low = G_PARAM_SPEC_UINT (spec)->minimum, high = G_PARAM_SPEC_UINT (spec)->maximum;
    g_value_set_uint (value, (guint) (low + (high - low) * i / 3));
  } else if (G_IS_PARAM_SPEC_UINT64 (spec)) {
    guint64 low = G_PARAM_SPEC_UINT64 (spec)->minimum, high = G_PARAM_SPEC_UINT64 (spec)->maximum;
    g_value_set_uint64 (value, i == 3 ? high : low + (high - low) / 3 * i);
  } else {
    gdouble low = G_PARAM_SPEC_DOUBLE (spec)->minimum, high = G_PARAM_SPEC_DOUBLE (spec)->maximum;
    g_value_set_double (value, i == 3 ? high : low + (high - low) / 3 * i);
  }
  return TRUE;
}

/* The @i-th of the valid values that are tried. FALSE: that were all. */
static gboolean
valid_value (GParamSpec *spec, guint i, GValue *value)
{
  static const char *const texts[] = { NULL, "", "a", "one,two", "caf\xc3\xa9 \xe2\x82\xac", "/x" };

  g_value_init (value, spec->value_type);
  if (is_number (spec))
    return number_value (spec, i, value);
  if (G_IS_PARAM_SPEC_BOOLEAN (spec)) {
    g_value_set_boolean (value, i & 1);
    return i < 2;
  }
  if (G_IS_PARAM_SPEC_STRING (spec)) {
    g_value_set_static_string (value, i < G_N_ELEMENTS (texts) ? texts[i] : NULL);
    return i < G_N_ELEMENTS (texts);
  }
  fail_unless (G_IS_PARAM_SPEC_ENUM (spec), "%s: a type that this test does not know: %s",
      spec->name, g_type_name (spec->value_type));
  GEnumClass *klass = G_PARAM_SPEC_ENUM (spec)->enum_class;
  if (i < klass->n_values)
    g_value_set_enum (value, klass->values[i].value);
  return i < klass->n_values;
}

static gboolean
is_equal (GParamSpec *spec, const GValue *a, const GValue *b)
{
  return g_param_values_cmp (spec, a, b) == 0;
}

static void
read_value (GstElement *element, GParamSpec *spec, GValue *value)
{
  memset (value, 0, sizeof *value);
  g_value_init (value, spec->value_type);
  g_object_get_property (G_OBJECT (element), spec->name, value);
}

/* The specs of the element's own properties; free the array. */
static GParamSpec **
own_properties (GstElement *element, guint *n)
{
  guint all, kept = 0;
  GParamSpec **specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &all);

  for (guint i = 0; i < all; i++) {
    if (specs[i]->owner_type == G_OBJECT_TYPE (element))
      specs[kept++] = specs[i];
  }
  fail_unless (kept > 0);
  *n = kept;
  return specs;
}

GST_START_TEST (test_property_specs)
{
  if (!is_built (&kinds[__i__]))
    return;
  GstElement *element = make (&kinds[__i__]);
  guint n;
  GParamSpec **specs = own_properties (element, &n);

  for (guint i = 0; i < n; i++) {
    GParamSpec *spec = specs[i];
    guint when = spec->flags & (GST_PARAM_MUTABLE_READY | GST_PARAM_MUTABLE_PAUSED |
        GST_PARAM_MUTABLE_PLAYING);
    check_text (g_param_spec_get_nick (spec), "nick", spec->name);
    check_text (g_param_spec_get_blurb (spec), "blurb", spec->name);
    fail_unless (spec->flags & G_PARAM_READABLE, "%s cannot be read", spec->name);
    if (!(spec->flags & G_PARAM_WRITABLE))
      continue;
    fail_unless (when == GST_PARAM_MUTABLE_READY || when == GST_PARAM_MUTABLE_PLAYING,
        "%s does not say when it can be set", spec->name);
    fail_if ((spec->flags & GST_PARAM_CONTROLLABLE) && !is_number (spec) &&
        !G_IS_PARAM_SPEC_BOOLEAN (spec) && !G_IS_PARAM_SPEC_ENUM (spec),
        "%s cannot be controlled", spec->name);
    GValue value;
    read_value (element, spec, &value);
    fail_unless (is_equal (spec, &value, g_param_spec_get_default_value (spec)),
        "%s does not start as its default", spec->name);
    g_value_unset (&value);
  }
  g_free (specs);
  gst_object_unref (element);
}
GST_END_TEST

static void
round_trip (GstElement *element, GParamSpec *spec)
{
  GValue value = G_VALUE_INIT, found;

  for (guint i = 0; valid_value (spec, i, &value); i++) {
    g_object_set_property (G_OBJECT (element), spec->name, &value);
    read_value (element, spec, &found);
    fail_unless (is_equal (spec, &value, &found), "%s: value %u does not come back", spec->name, i);
    g_value_unset (&found);
    g_value_unset (&value);
  }
  g_value_unset (&value);
}

/* Each value comes back, and changes no other property. */
GST_START_TEST (test_round_trips)
{
  if (!is_built (&kinds[__i__]))
    return;
  GstElement *element = make (&kinds[__i__]);
  guint n;
  GParamSpec **specs = own_properties (element, &n);

  for (guint i = 0; i < n; i++) {
    if (!(specs[i]->flags & G_PARAM_WRITABLE))
      continue;
    GstElement *other = make (&kinds[__i__]);
    round_trip (other, specs[i]);
    for (guint k = 0; k < n; k++) {
      GValue a, b;
      if (k == i || !(specs[k]->flags & G_PARAM_WRITABLE))
        continue;
      read_value (element, specs[k], &a);
      read_value (other, specs[k], &b);
      fail_unless (is_equal (specs[k], &a, &b), "%s changes %s", specs[i]->name, specs[k]->name);
      g_value_unset (&a);
      g_value_unset (&b);
    }
    gst_object_unref (other);
  }
  g_free (specs);
  gst_object_unref (element);
}
GST_END_TEST

/* Just beside the range, or not at all a number. FALSE: the type has no such value. */
static gboolean
invalid_value (GParamSpec *spec, gboolean above, GValue *value)
{
  g_value_init (value, spec->value_type);
  if (G_IS_PARAM_SPEC_INT (spec)) {
    gint64 v = above ? G_PARAM_SPEC_INT (spec)->maximum + G_GINT64_CONSTANT (1)
                     : G_PARAM_SPEC_INT (spec)->minimum - G_GINT64_CONSTANT (1);
    g_value_set_int (value, (gint) v);
    return v >= G_MININT && v <= G_MAXINT;
  }
  if (G_IS_PARAM_SPEC_UINT (spec)) {
    gint64 v = above ? G_PARAM_SPEC_UINT (spec)->maximum + G_GINT64_CONSTANT (1)
                     : G_PARAM_SPEC_UINT (spec)->minimum - G_GINT64_CONSTANT (1);
    g_value_set_uint (value, (guint) v);
    return v >= 0 && v <= G_MAXUINT;
  }
  if (G_IS_PARAM_SPEC_DOUBLE (spec)) {
    g_value_set_double (value, above ? G_PARAM_SPEC_DOUBLE (spec)->maximum + 0.001
                                     : G_PARAM_SPEC_DOUBLE (spec)->minimum - 0.001);
    return TRUE;
  }
  if (G_IS_PARAM_SPEC_ENUM (spec)) {
    g_value_set_enum (value, above ? 9999 : -9999);
    return TRUE;
  }
  return FALSE;
}

GST_START_TEST (test_out_of_range)
{
  if (!is_built (&kinds[__i__]))
    return;
  GstElement *element = make (&kinds[__i__]);
  guint n;
  GParamSpec **specs = own_properties (element, &n);

  for (guint i = 0; i < 2 * n; i++) {
    GParamSpec *spec = specs[i / 2];
    GValue bad = G_VALUE_INIT, found;
    if ((spec->flags & G_PARAM_WRITABLE) && invalid_value (spec, i & 1, &bad)) {
      COMPLAINS (g_object_set_property (G_OBJECT (element), spec->name, &bad));
      read_value (element, spec, &found);
      fail_unless (is_equal (spec, &found, g_param_spec_get_default_value (spec)),
          "%s takes a value that it must not", spec->name);
      g_value_unset (&found);
    }
    if (G_IS_VALUE (&bad))
      g_value_unset (&bad);
  }
  g_free (specs);
  gst_object_unref (element);
}
GST_END_TEST

GST_START_TEST (test_no_such_property)
{
  GError *error = NULL;

  if (!is_built (&kinds[__i__]))
    return;
  GstElement *element = make (&kinds[__i__]);
  COMPLAINS (g_object_set (element, "no-such-property", 1, NULL));
  gst_object_unref (element);

  char *line = g_strdup_printf ("%s no-such-property=1 ! fakesink", kinds[__i__].name);
  GstElement *pipeline = gst_parse_launch (line, &error);
  fail_unless (g_error_matches (error, GST_PARSE_ERROR, GST_PARSE_ERROR_NO_SUCH_PROPERTY));
  g_clear_error (&error);
  g_clear_pointer (&pipeline, gst_object_unref);
  g_free (line);
}
GST_END_TEST

/* While playing a text is taken, or refused with a warning and without a trace. */
static void
set_live (GstElement *element, GParamSpec *spec)
{
  GValue value = G_VALUE_INIT, before, after;

  for (guint i = 0; valid_value (spec, i, &value); i++) {
    read_value (element, spec, &before);
    g_object_set_property (G_OBJECT (element), spec->name, &value);
    read_value (element, spec, &after);
    GstMessage *warning = pop_message (element, GST_MESSAGE_WARNING);
    fail_unless (is_equal (spec, &after, warning ? &before : &value),
        "%s: value %u, set while playing, %s", spec->name, i,
        warning ? "was refused and taken" : "does not come back");
    fail_if (warning && !G_IS_PARAM_SPEC_STRING (spec), "%s refuses a valid value", spec->name);
    if (warning)
      gst_message_unref (warning);
    g_value_unset (&before);
    g_value_unset (&after);
    g_value_unset (&value);
  }
  g_value_unset (&value);
}

GST_START_TEST (test_live_round_trips)
{
  if (!is_built (&kinds[__i__]))
    return;
  GstHarness *h = harness_of (&kinds[__i__]);
  guint n;
  GParamSpec **specs = own_properties (h->element, &n);

  drain (h->element);
  for (guint i = 0; i < n; i++) {
    if (!(specs[i]->flags & G_PARAM_WRITABLE) || !(specs[i]->flags & GST_PARAM_MUTABLE_PLAYING))
      continue;
    set_live (h->element, specs[i]);
    gst_buffer_unref (harness_round (h, test_rgb (64, 48, -1), i * GST_MSECOND));
    g_object_set_property (G_OBJECT (h->element), specs[i]->name,
        g_param_spec_get_default_value (specs[i]));
    drain (h->element);
  }
  g_free (specs);
  gst_harness_teardown (h);
}
GST_END_TEST

/* ---- life ---- */

GST_START_TEST (test_never_started)
{
  if (!is_built (&kinds[__i__]))
    return;
  for (guint i = 0; i < ROUNDS; i++) {
    GstElement *element = gst_element_factory_make (kinds[__i__].name, NULL);
    GstPad *sink = gst_element_get_static_pad (element, "sink");
    GstPad *src = gst_element_get_static_pad (element, "src");
    fail_unless (sink && src);
    fail_unless (gst_element_get_static_pad (element, "other") == NULL);
    fail_unless (gst_element_request_pad_simple (element, "sink_%u") == NULL);
    gst_object_unref (sink);
    gst_object_unref (src);
    gst_check_objects_destroyed_on_unref (element, sink, src, NULL);
  }
}
GST_END_TEST

GST_START_TEST (test_up_and_down)
{
  static const GstState walk[] = { GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING,
    GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_NULL, GST_STATE_PLAYING, GST_STATE_READY,
    GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_NULL };

  if (!is_built (&kinds[__i__]))
    return;
  GstElement *element = make_startable (&kinds[__i__]);
  for (guint round = 0; round < ROUNDS; round++) {
    for (guint i = 0; i < G_N_ELEMENTS (walk); i++) {
      fail_unless_equals_int (gst_element_set_state (element, walk[i]), GST_STATE_CHANGE_SUCCESS);
      fail_unless (pop_message (element, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING) == NULL);
    }
  }
  drain (element);
  gst_element_set_bus (element, NULL);
  gst_check_object_destroyed_on_unref (element);
}
GST_END_TEST

/* Each failure posts one error and leaves nothing behind; what was missing makes it start. */
GST_START_TEST (test_failing_starts)
{
  const Kind *kind = &kinds[__i__];

  if (!is_built (kind))
    return;
  GstElement *element = make_startable (kind);
  for (guint i = 0; i < ROUNDS; i++) {
    g_object_set (element, kind->property, kind->bad, NULL);
    fail_unless_equals_int (gst_element_set_state (element, GST_STATE_PLAYING),
        GST_STATE_CHANGE_FAILURE);
    GstMessage *message = pop_message (element, GST_MESSAGE_ERROR);
    fail_unless (message != NULL);
    gst_message_unref (message);
    fail_unless (pop_message (element, GST_MESSAGE_ERROR) == NULL);
    if (i & 1) /* also without going down first */
      gst_element_set_state (element, GST_STATE_NULL);
    g_object_set (element, kind->property, good_value (kind), NULL);
    fail_unless_equals_int (gst_element_set_state (element, GST_STATE_PLAYING),
        GST_STATE_CHANGE_SUCCESS);
    gst_element_set_state (element, GST_STATE_NULL);
  }
  drain (element);
  gst_element_set_bus (element, NULL);
  gst_check_object_destroyed_on_unref (element);
}
GST_END_TEST

/* ---- queries and events ---- */

static void
query_pads (GstElement *element)
{
  GstPad *pads[2] = { gst_element_get_static_pad (element, "sink"),
    gst_element_get_static_pad (element, "src") };
  GstCaps *foreign = gst_caps_from_string ("audio/x-raw,rate=44100,channels=2");
  GstCaps *video =
      gst_caps_from_string ("video/x-raw,format=RGB,width=64,height=48,framerate=25/1");

  for (guint i = 0; i < 2; i++) {
    GstCaps *template = gst_pad_get_pad_template_caps (pads[i]);
    GstCaps *caps = gst_pad_query_caps (pads[i], NULL);
    fail_unless (gst_caps_is_subset (caps, template) && !gst_caps_is_empty (caps));
    gst_caps_unref (caps);
    caps = gst_pad_query_caps (pads[i], foreign);
    fail_unless (gst_caps_is_empty (caps));
    gst_caps_unref (caps);
    caps = gst_pad_query_caps (pads[i], video);
    fail_unless (gst_caps_can_intersect (caps, video));
    gst_caps_unref (caps);
    gst_caps_unref (template);
    fail_unless (gst_pad_query_accept_caps (pads[i], video));
    fail_if (gst_pad_query_accept_caps (pads[i], foreign));

    GstQuery *queries[] = { gst_query_new_context ("no.such.context"),
      gst_query_new_custom (GST_QUERY_CUSTOM, gst_structure_new_empty ("of-nobody")),
      i == 0 ? gst_query_new_allocation (video, TRUE) : gst_query_new_latency (),
      i == 0 ? gst_query_new_allocation (NULL, FALSE) : gst_query_new_position (GST_FORMAT_TIME),
      i == 0 ? gst_query_new_drain () : gst_query_new_duration (GST_FORMAT_TIME) };
    for (guint k = 0; k < G_N_ELEMENTS (queries); k++) {
      gst_pad_query (pads[i], queries[k]); /* an answer or none, but no crash */
      gst_query_unref (queries[k]);
    }
    gst_object_unref (pads[i]);
  }
  gst_caps_unref (foreign);
  gst_caps_unref (video);
}

GST_START_TEST (test_queries)
{
  if (!is_built (&kinds[__i__]))
    return;
  GstElement *element = make_startable (&kinds[__i__]);
  query_pads (element); /* alone, in every state */
  for (GstState state = GST_STATE_READY; state <= GST_STATE_PLAYING; state++) {
    gst_element_set_state (element, state);
    query_pads (element);
  }
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (element);

  GstHarness *h = harness_of (&kinds[__i__]);
  query_pads (h->element);
  gst_buffer_unref (harness_round (h, test_rgb (64, 48, -1), 0));
  query_pads (h->element);
  fail_unless (gst_harness_query_latency (h) != GST_CLOCK_TIME_NONE);
  gst_harness_teardown (h);
}
GST_END_TEST

static guint
count_events (GstHarness *h, GstEventType type)
{
  guint n = 0;

  for (GstEvent *event; (event = gst_harness_try_pull_event (h));) {
    n += GST_EVENT_TYPE (event) == type;
    gst_event_unref (event);
  }
  return n;
}

/* Every event goes through, once; frames flow after a flush; none is accepted before caps. */
GST_START_TEST (test_events)
{
  if (!is_built (&kinds[__i__]))
    return;
  GstHarness *h = harness_of (&kinds[__i__]);
  GstSegment segment;

  count_events (h, GST_EVENT_CAPS);
  for (guint i = 0; i < 3; i++) {
    gst_buffer_unref (harness_round (h, test_rgb (64, 48, -1), i));
    fail_unless (gst_harness_push_event (h, gst_event_new_flush_start ()));
    fail_unless_equals_int (gst_harness_push (h, test_rgb (64, 48, -1)), GST_FLOW_FLUSHING);
    fail_unless (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
    gst_segment_init (&segment, GST_FORMAT_TIME);
    fail_unless (gst_harness_push_event (h, gst_event_new_segment (&segment)));
    fail_unless_equals_int (count_events (h, GST_EVENT_SEGMENT), 1);
  }
  fail_unless (gst_harness_push_event (h,
      gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty ("of-nobody"))));
  fail_unless_equals_int (count_events (h, GST_EVENT_CUSTOM_DOWNSTREAM), 1);
  gst_harness_push_upstream_event (h, gst_event_new_reconfigure ());
  gst_buffer_unref (harness_round (h, test_rgb (64, 48, -1), 9));
  fail_unless (gst_harness_push_event (h, gst_event_new_eos ()));
  fail_unless_equals_int (count_events (h, GST_EVENT_EOS), 1);
  gst_harness_teardown (h);

  GstElement *element = make_startable (&kinds[__i__]);
  h = harness_for (element, NULL);
  gst_harness_play (h);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (h->srcpad, gst_event_new_stream_start ("without-caps"));
  gst_pad_push_event (h->srcpad, gst_event_new_segment (&segment));
  fail_unless_equals_int (gst_pad_push (h->srcpad, test_rgb (64, 48, -1)),
      GST_FLOW_NOT_NEGOTIATED);
  gst_harness_teardown (h);
}
GST_END_TEST

static Suite *
generic_suite (void)
{
  Suite *suite = suite_create ("generic");
  TCase *tc = tcase_create ("generic");
  const int n = G_N_ELEMENTS (kinds);

  tcase_set_timeout (tc, 120);
  suite_add_tcase (suite, tc);
  tcase_add_loop_test (tc, test_inspection, 0, n);
  tcase_add_loop_test (tc, test_property_specs, 0, n);
  tcase_add_loop_test (tc, test_round_trips, 0, n);
  tcase_add_loop_test (tc, test_out_of_range, 0, n);
  tcase_add_loop_test (tc, test_no_such_property, 0, n);
  tcase_add_loop_test (tc, test_live_round_trips, 0, n);
  tcase_add_loop_test (tc, test_never_started, 0, n);
  tcase_add_loop_test (tc, test_up_and_down, 0, n);
  tcase_add_loop_test (tc, test_failing_starts, 0, n);
  tcase_add_loop_test (tc, test_queries, 0, n);
  tcase_add_loop_test (tc, test_events, 0, n);
  return suite;
}

GST_CHECK_MAIN (generic)
