/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * elementpage [--check] DIRECTORY SOURCE…
 *
 * Renders the page of every element that one of the sources documents (its SECTION comment) into
 * DIRECTORY/ELEMENT.md: the comment, then properties and pads as the element itself tells them.
 * Every launch line of the comment has to parse. With --check nothing is written; the exit status
 * says whether the pages there are what would be written. `ninja -C build docs` calls this.
 */
#include <gst/gst.h>
#include <stdio.h>
#include <string.h>

#define SECTION "SECTION:element-"

/* ---- the comment in the source -------------------------------------------------------------- */

/* The lines of the documentation comment that names an element, without their stars, or NULL. */
static char **
section_lines (const char *source)
{
  const char *begin = strstr (source, "/**\n * " SECTION);
  const char *end = begin ? strstr (begin, "\n */") : NULL;

  if (!end)
    return NULL;
  begin = strchr (begin, '\n') + 1;
  g_autofree char *comment = g_strndup (begin, end - begin);
  char **lines = g_strsplit (comment, "\n", -1);
  for (char **line = lines; *line; line++) {
    gsize stars = g_str_has_prefix (*line, " * ") ? 3 : strlen (*line) < 2 ? strlen (*line) : 2;
    memmove (*line, *line + stars, strlen (*line + stars) + 1);
    g_strchomp (*line);
  }
  return lines;
}

/* gtk-doc's #Type and %CONSTANT become code; everything else is Markdown already. */
static void
add_prose (GString *page, const char *line)
{
  g_autoptr (GRegex) symbol = g_regex_new ("(?<![\\w`/])[#%]([A-Z]\\w+)", 0, 0, NULL);
  g_autofree char *text = g_regex_replace (symbol, line, -1, 0, "`\\1`", 0, NULL);
  g_string_append_printf (page, "%s\n", text);
}

/* Whether gst-launch-1.0 would take @command; what the shell does behind a | is not looked at. */
static gboolean
launch_line_parses (const char *command, GError **error)
{
  g_auto (GStrv) words = NULL;
  g_autoptr (GPtrArray) launch = g_ptr_array_new ();

  if (!g_shell_parse_argv (command, NULL, &words, error))
    return FALSE;
  for (char **word = words + 1; *word && !g_str_equal (*word, "|"); word++) {
    if ((*word)[0] != '-')
      g_ptr_array_add (launch, *word);
  }
  g_ptr_array_add (launch, NULL);
  GstElement *pipeline = gst_parse_launchv ((const char **) launch->pdata, error);
  if (pipeline)
    gst_object_unref (gst_object_ref_sink (pipeline));
  if (*error)
    g_prefix_error (error, "the launch line \"%s\" does not parse: ", command);
  return *error == NULL;
}

/* Copies the block of code that begins at @line; returns its last line, or NULL after an error. A
 * command goes on in the lines that are indented. */
static char **
add_code (GString *page, char **line, GError **error)
{
  g_autoptr (GString) command = g_string_new (NULL);

  g_string_append (page, line[1] && line[1][0] == '{' ? "```json\n" : "```sh\n");
  for (line++; *line && !g_str_has_prefix (*line, "]|"); line++) {
    gboolean goes_on = line[1] && line[1][0] == ' ';
    g_string_append_printf (page, "%s%s\n", *line,
        goes_on && !g_str_has_suffix (*line, "\\") ? " \\" : "");
    if (g_str_has_suffix (*line, "\\"))
      (*line)[strlen (*line) - 1] = ' ';
    g_string_append_printf (command, "%s ", *line);
    if (goes_on)
      continue;
    if (g_str_has_prefix (command->str, "gst-launch-1.0 ") &&
        !launch_line_parses (command->str, error))
      return NULL;
    g_string_truncate (command, 0);
  }
  g_string_append (page, "```\n");
  return line;
}

static gboolean
add_section (GString *page, char **lines, GError **error)
{
  for (char **line = lines; *line; line++) {
    if (g_str_has_prefix (*line, "@short_description:")) {
      const char *text = g_strstrip (strchr (*line, ':') + 1);
      g_string_append_printf (page, "%c%s.\n", g_ascii_toupper (text[0]), text + 1);
    } else if (g_str_has_prefix (*line, "@") || g_str_has_prefix (*line, SECTION)) {
      continue;
    } else if (g_str_has_prefix (*line, "|[")) {
      line = add_code (page, line, error);
      if (!line)
        return FALSE;
      if (!*line)
        break;
    } else {
      add_prose (page, *line);
    }
  }
  return TRUE;
}

/* ---- properties ----------------------------------------------------------------------------- */

static char *
number_range (gdouble low, gdouble high, gdouble type_max)
{
  return high >= type_max ? g_strdup_printf ("%g or more", low)
                          : g_strdup_printf ("%g to %g", low, high);
}

static char *
enum_nicks (GEnumClass *klass)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < klass->n_values; i++)
    g_string_append_printf (text, "%s`%s`", i ? ", " : "", klass->values[i].value_nick);
  return g_string_free (text, FALSE);
}

static char *
values_of (GParamSpec *spec)
{
  if (G_IS_PARAM_SPEC_UINT (spec)) {
    GParamSpecUInt *number = G_PARAM_SPEC_UINT (spec);
    return number_range (number->minimum, number->maximum, G_MAXUINT);
  }
  if (G_IS_PARAM_SPEC_INT (spec)) {
    GParamSpecInt *number = G_PARAM_SPEC_INT (spec);
    return number_range (number->minimum, number->maximum, G_MAXINT);
  }
  if (G_IS_PARAM_SPEC_UINT64 (spec)) {
    GParamSpecUInt64 *number = G_PARAM_SPEC_UINT64 (spec);
    return number_range (number->minimum, number->maximum, (gdouble) G_MAXUINT64);
  }
  if (G_IS_PARAM_SPEC_DOUBLE (spec)) {
    GParamSpecDouble *number = G_PARAM_SPEC_DOUBLE (spec);
    return number_range (number->minimum, number->maximum, G_MAXDOUBLE);
  }
  if (G_IS_PARAM_SPEC_ENUM (spec))
    return enum_nicks (G_PARAM_SPEC_ENUM (spec)->enum_class);
  if (G_IS_PARAM_SPEC_BOOLEAN (spec))
    return g_strdup ("`true`, `false`");
  if (G_IS_PARAM_SPEC_STRING (spec))
    return g_strdup ("text");
  return g_strdup (g_type_name (spec->value_type));
}

static const char *
type_of (GParamSpec *spec)
{
  static const struct { GType fundamental; const char *name; } names[] = {
    { G_TYPE_UINT, "uint" }, { G_TYPE_INT, "int" }, { G_TYPE_UINT64, "uint64" },
    { G_TYPE_DOUBLE, "double" }, { G_TYPE_ENUM, "enum" }, { G_TYPE_BOOLEAN, "boolean" },
    { G_TYPE_STRING, "string" }, { G_TYPE_BOXED, "boxed" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    if (G_TYPE_FUNDAMENTAL (spec->value_type) == names[i].fundamental)
      return names[i].name;
  }
  return g_type_name (spec->value_type);
}

static char *
default_of (GParamSpec *spec)
{
  const GValue *value = g_param_spec_get_default_value (spec);

  if (!(spec->flags & G_PARAM_WRITABLE))
    return g_strdup ("");
  if (G_IS_PARAM_SPEC_STRING (spec)) {
    const char *text = g_value_get_string (value);
    return text ? g_strdup_printf ("`%s`", text) : g_strdup ("unset");
  }
  if (G_IS_PARAM_SPEC_ENUM (spec)) {
    GEnumClass *klass = G_PARAM_SPEC_ENUM (spec)->enum_class;
    return g_strdup_printf ("`%s`",
        g_enum_get_value (klass, g_value_get_enum (value))->value_nick);
  }
  if (G_IS_PARAM_SPEC_DOUBLE (spec))
    return g_strdup_printf ("%g", g_value_get_double (value));
  return gst_value_serialize (value);
}

static const char *
changes_of (GParamSpec *spec)
{
  if (!(spec->flags & G_PARAM_WRITABLE))
    return "read-only";
  if (spec->flags & GST_PARAM_CONTROLLABLE)
    return "while playing; controllable";
  if (spec->flags & GST_PARAM_MUTABLE_PLAYING)
    return "while playing";
  return spec->flags & GST_PARAM_MUTABLE_PAUSED ? "in NULL, READY, PAUSED" : "in NULL, READY";
}

/* What each value of an enumeration does, where its name is more than a name. */
static void
add_enum_meanings (GString *page, GParamSpec *spec)
{
  if (!G_IS_PARAM_SPEC_ENUM (spec))
    return;
  GEnumClass *klass = G_PARAM_SPEC_ENUM (spec)->enum_class;
  for (guint i = 0; i < klass->n_values; i++) {
    if (!g_str_equal (klass->values[i].value_name, klass->values[i].value_nick))
      g_string_append_printf (page, "<br>`%s`: %s", klass->values[i].value_nick,
          klass->values[i].value_name);
  }
}

static gint
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(GParamSpec *const *) a)->name, (*(GParamSpec *const *) b)->name);
}

static void
add_properties (GString *page, GstElement *element)
{
  guint n = 0;
  g_autofree GParamSpec **specs =
      g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n);

  qsort (specs, n, sizeof *specs, by_name);
  g_string_append (page, "\n## Properties\n\n"
                         "| property | type | values | default | can be set | meaning |\n"
                         "|---|---|---|---|---|---|\n");
  for (guint i = 0; i < n; i++) {
    if (specs[i]->owner_type != G_OBJECT_TYPE (element))
      continue;
    g_autofree char *values = values_of (specs[i]);
    g_autofree char *standard = default_of (specs[i]);
    g_auto (GStrv) blurb = g_strsplit (g_param_spec_get_blurb (specs[i]), "|", -1);
    g_autofree char *meaning = g_strjoinv ("\\|", blurb);
    g_string_append_printf (page, "| `%s` | %s | %s | %s | %s | %s", specs[i]->name,
        type_of (specs[i]), values, standard, changes_of (specs[i]), meaning);
    add_enum_meanings (page, specs[i]);
    g_string_append (page, " |\n");
  }
}

/* ---- pads ----------------------------------------------------------------------------------- */

static gboolean
add_field (GQuark field, const GValue *value, gpointer user_data)
{
  GString *page = user_data;
  g_autofree char *text = gst_value_serialize (value);
  g_auto (GStrv) parts = g_strsplit (text, "(string)", -1);
  g_autofree char *plain = g_strjoinv ("", parts);
  g_string_append_printf (page, "- %s: %s\n", g_quark_to_string (field), plain);
  return TRUE;
}

static void
add_caps (GString *page, GstCaps *caps)
{
  if (gst_caps_is_any (caps))
    g_string_append (page, "\nanything\n");
  for (guint i = 0; i < (gst_caps_is_any (caps) ? 0 : gst_caps_get_size (caps)); i++) {
    GstStructure *structure = gst_caps_get_structure (caps, i);
    g_autofree char *features = gst_caps_features_to_string (gst_caps_get_features (caps, i));
    g_string_append_printf (page, "\n`%s`, %s\n\n", gst_structure_get_name (structure), features);
    gst_structure_foreach (structure, add_field, page);
  }
}

/* A plugin that was loaded and one out of the registry tell their templates in different orders. */
static gint
sinks_first (gconstpointer a, gconstpointer b)
{
  const GstStaticPadTemplate *x = a, *y = b;
  if (x->direction != y->direction)
    return x->direction == GST_PAD_SINK ? -1 : 1;
  return strcmp (x->name_template, y->name_template);
}

static void
add_pads (GString *page, GstElementFactory *factory)
{
  g_autoptr (GstCaps) last = NULL;
  g_autoptr (GList) templates =
      g_list_copy ((GList *) gst_element_factory_get_static_pad_templates (factory));

  templates = g_list_sort (templates, sinks_first);
  for (const GList *l = templates; l; l = l->next) {
    GstStaticPadTemplate *template = l->data;
    g_autoptr (GstCaps) caps = gst_static_pad_template_get_caps (template);
    g_string_append_printf (page, "\n## Pad `%s`\n", template->name_template);
    if (last && gst_caps_is_strictly_equal (last, caps))
      g_string_append (page, "\nThe same.\n");
    else
      add_caps (page, caps);
    gst_caps_replace (&last, caps);
  }
}

/* ---- pages ---------------------------------------------------------------------------------- */

static char *
render (const char *name, const char *source, char **lines, GError **error)
{
  g_autoptr (GstElement) element = gst_element_factory_make (name, NULL);
  g_autofree char *file = g_path_get_basename (source);

  if (!element) {
    g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN,
        "%s documents the element %s, which GStreamer does not find", source, name);
    return NULL;
  }
  gst_object_ref_sink (element);
  g_autoptr (GString) page = g_string_new (NULL);
  g_string_append_printf (page,
      "<!-- Rendered by \"ninja -C build docs\" from gst/%s and from\n"
      "     what the element says of its properties: edit those. -->\n\n# %s\n\n", file, name);
  if (!add_section (page, lines, error)) {
    g_prefix_error (error, "%s: ", source);
    return NULL;
  }
  add_properties (page, element);
  add_pads (page, gst_element_get_factory (element));
  return g_strdup (page->str);
}

/* Names the first line in which two pages differ. */
static gboolean
is_same (const char *path, const char *page)
{
  g_autofree char *there = NULL;

  if (!g_file_get_contents (path, &there, NULL, NULL))
    there = g_strdup ("");
  g_auto (GStrv) have = g_strsplit (there, "\n", -1);
  g_auto (GStrv) want = g_strsplit (page, "\n", -1);
  guint i = 0;
  while (have[i] && want[i] && g_str_equal (have[i], want[i]))
    i++;
  if (!have[i] && !want[i])
    return TRUE;
  fprintf (stderr, "%s differs from what its element says, first in line %u:\n  there: %s\n  "
      "element: %s\n\"ninja -C build docs\" renders it again.\n", path, i + 1,
      have[i] ? have[i] : "(no line)", want[i] ? want[i] : "(no line)");
  return FALSE;
}

/* FALSE with @error set, or without when the page that is there is another. */
static gboolean
handle_source (const char *source, const char *directory, gboolean check, guint *pages,
    GError **error)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents (source, &text, NULL, error))
    return FALSE;
  g_auto (GStrv) lines = section_lines (text);
  if (!lines)
    return TRUE;
  g_autofree char *name = g_strdup (lines[0] + strlen (SECTION));
  g_autofree char *page = render (name, source, lines, error);
  if (!page)
    return FALSE;
  g_autofree char *path = g_strdup_printf ("%s/%s.md", directory, name);
  ++*pages;
  return check ? is_same (path, page) : g_file_set_contents (path, page, -1, error);
}

int
main (int argc, char **argv)
{
  gboolean check = argc > 1 && g_str_equal (argv[1], "--check"), failed = FALSE;
  char **words = argv + 1 + check;
  guint pages = 0;

  if (argc - check < 3) {
    fprintf (stderr, "usage: elementpage [--check] DIRECTORY SOURCE ...\n");
    return 1;
  }
  gst_init (NULL, NULL);
  for (char **source = words + 1; *source; source++) {
    g_autoptr (GError) error = NULL;
    if (handle_source (*source, words[0], check, &pages, &error))
      continue;
    failed = TRUE;
    if (error)
      fprintf (stderr, "elementpage: %s\n", error->message);
  }
  if (pages == 0) {
    fprintf (stderr, "elementpage: no source documents an element (expected " SECTION "…)\n");
    failed = TRUE;
  }
  gst_deinit ();
  return failed ? 1 : 0;
}
