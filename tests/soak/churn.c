/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "churn.h"

#define PAUSE_US 300 /* between two changes, at most twice that */

struct _Churn
{
  GThread *thread;
  GRand *rand;
  GPtrArray *objects; /* (element-type GObject) */
  guint64 changes;
  gint quit; /* atomic */
};

/* What may be set where a random text would only be an error. NULL is always among the values. */
static const struct {
  const char *property, *values[4];
} texts[] = {
  { "classes", { "person", "person, car", "bus,dog,cat", "no-such-class" } },
  { "class-thresholds", { "person:0.1", "person:0.9,car:0.02", "dog:0", "person:nonsense" } },
  { "region-classes", { "person", "person,theirs", "car", "car,person" } },
  { "zones", { "0,0,50%,50%", "0,0,40,40;50%,50%,50%,50%", "10%,10%,80%,80%", "1,2,3" } },
  { "colors", { "person:0xff0000ff", "car:0x00ff00ff,person:0x0000ffff", "dog:0xffffffff", "x:y" } },
  { "blur", { "person", "person,car", "theirs", "nobody" } },
  { "font", { "Sans 10", "Sans Bold 14", "Serif 9", "Monospace 8" } },
};

static void
random_text (Churn *self, const char *property, GValue *value)
{
  guint which = (guint) g_rand_int_range (self->rand, 0, 8);

  for (guint i = 0; i < G_N_ELEMENTS (texts) && which < 4; i++) {
    if (g_str_equal (texts[i].property, property))
      g_value_set_static_string (value, texts[i].values[which]);
  }
}

/* Mostly low, but high for an upper limit, so that most values let objects through. */
static gdouble
share (Churn *self, const char *property)
{
  gdouble v = g_rand_double (self->rand);

  v = v * v * v;
  return g_str_has_prefix (property, "max-") ? 1.0 - v : v;
}

/* FALSE for a type that no property has so far. */
static gboolean
random_value (Churn *self, GParamSpec *spec, GValue *value)
{
  g_value_init (value, spec->value_type);
  if (G_IS_PARAM_SPEC_DOUBLE (spec)) {
    GParamSpecDouble *range = G_PARAM_SPEC_DOUBLE (spec);
    g_value_set_double (value,
        range->minimum + share (self, spec->name) * (range->maximum - range->minimum));
  } else if (G_IS_PARAM_SPEC_UINT (spec)) {
    GParamSpecUInt *range = G_PARAM_SPEC_UINT (spec);
    guint span = MIN (range->maximum - range->minimum, 15);
    g_value_set_uint (value, range->minimum + (guint) g_rand_int_range (self->rand, 0,
        (gint) span + 1));
  } else if (G_IS_PARAM_SPEC_UINT64 (spec)) {
    g_value_set_uint64 (value, g_rand_int (self->rand));
  } else if (G_IS_PARAM_SPEC_BOOLEAN (spec)) {
    g_value_set_boolean (value, g_rand_boolean (self->rand));
  } else if (G_IS_PARAM_SPEC_ENUM (spec)) {
    GEnumClass *klass = G_PARAM_SPEC_ENUM (spec)->enum_class;
    g_value_set_enum (value, klass->values[g_rand_int_range (self->rand, 0,
        (gint) klass->n_values)].value);
  } else if (G_IS_PARAM_SPEC_STRING (spec)) {
    random_text (self, spec->name, value);
  } else {
    return FALSE;
  }
  return TRUE;
}

static void
touch (Churn *self, GObject *object, GParamSpec *spec)
{
  GValue value = G_VALUE_INIT;

  if ((spec->flags & G_PARAM_WRITABLE) && (spec->flags & GST_PARAM_MUTABLE_PLAYING) &&
      random_value (self, spec, &value)) {
    g_object_set_property (object, spec->name, &value);
    self->changes++;
  }
  if (G_IS_VALUE (&value))
    g_value_reset (&value);
  else
    g_value_init (&value, spec->value_type);
  if (spec->flags & G_PARAM_READABLE)
    g_object_get_property (object, spec->name, &value);
  g_value_unset (&value);
}

static gpointer
churn_main (gpointer data)
{
  Churn *self = data;

  while (!g_atomic_int_get (&self->quit)) {
    GObject *object = g_ptr_array_index (self->objects,
        (guint) g_rand_int_range (self->rand, 0, (gint) self->objects->len));
    guint n;
    g_autofree GParamSpec **specs =
        g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n);
    GParamSpec *spec = specs[g_rand_int_range (self->rand, 0, (gint) n)];
    if (g_type_is_a (spec->owner_type, GST_TYPE_ELEMENT))
      touch (self, object, spec);
    g_usleep ((gulong) g_rand_int_range (self->rand, 0, 2 * PAUSE_US));
  }
  return NULL;
}

Churn *
churn_start (GObject **objects, guint32 seed)
{
  Churn *self = g_new0 (Churn, 1);

  self->rand = g_rand_new_with_seed (seed);
  self->objects = g_ptr_array_new ();
  for (; *objects; objects++)
    g_ptr_array_add (self->objects, *objects);
  self->thread = g_thread_new ("churn", churn_main, self);
  return self;
}

guint64
churn_stop (Churn *self)
{
  g_atomic_int_set (&self->quit, 1);
  g_thread_join (self->thread);
  guint64 changes = self->changes;
  g_ptr_array_unref (self->objects);
  g_rand_free (self->rand);
  g_free (self);
  return changes;
}
