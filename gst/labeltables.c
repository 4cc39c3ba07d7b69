/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Comma lists of labels → hash tables. The tables are not changed once they are made, so that they
 * can be shared by reference.
 */
#include "labeltables.h"

#include <string.h>

#include "../core/frcnn.h"

/* Okabe and Ito's colours for all kinds of colour vision, without black. */
static const guint32 palette[] = { 0xe69f00ff, 0x56b4e9ff, 0x009e73ff, 0xf0e442ff, 0x0072b2ff,
  0xd55e00ff, 0xcc79a7ff };

static gboolean
set_error (GError **error, const char *property, const char *expected, const char *found)
{
  g_set_error (error, FRC_ERROR, FRC_ERROR_ARGUMENT, "%s: expected %s, found \"%s\"", property,
      expected, found);
  return FALSE;
}

/* 0xrrggbbaa or 0xrrggbb */
static gboolean
parse_color (const char *text, guint32 *rgba)
{
  gsize digits = g_str_has_prefix (text, "0x") ? strlen (text + 2) : 0;

  if ((digits != 6 && digits != 8) || strspn (text + 2, "0123456789abcdefABCDEF") != digits)
    return FALSE;
  *rgba = (guint32) g_ascii_strtoull (text + 2, NULL, 16);
  if (digits == 6)
    *rgba = *rgba << 8 | 0xff;
  return TRUE;
}

/* `label:color`; a label may have colons of its own. */
static gboolean
add_color (GHashTable *colors, char *entry, GError **error)
{
  static const char expected[] =
      "a comma list of label:0xrrggbbaa (red, green, blue, opacity) or label:0xrrggbb";
  g_autofree char *original = g_strdup (entry);
  char *colon = strrchr (entry, ':');
  guint32 rgba;

  if (!colon)
    return set_error (error, "colors", expected, original);
  *colon = '\0';
  g_strstrip (entry);
  if (*entry == '\0' || !parse_color (g_strstrip (colon + 1), &rgba))
    return set_error (error, "colors", expected, original);
  g_hash_table_insert (colors, g_strdup (entry), GUINT_TO_POINTER (rgba));
  return TRUE;
}

/* Somebody who wrote another separator would have nothing blurred, and never know. */
static gboolean
add_name (GHashTable *names, const char *entry, const char *property, GError **error)
{
  if (*entry == '\0' || strchr (entry, ';'))
    return set_error (error, property, "a comma list of labels",
        *entry ? entry : "a comma without a label");
  g_hash_table_add (names, g_strdup (entry));
  return TRUE;
}

static gboolean
is_blank (const char *text)
{
  return !text || text[strspn (text, " \t\r\n")] == '\0';
}

/* The entries without white space around them. NULL: the text is no UTF-8. */
static char **
split (const char *text, const char *property, GError **error)
{
  if (!g_utf8_validate (text, -1, NULL)) {
    set_error (error, property, "UTF-8", "bytes that are not");
    return NULL;
  }
  char **entries = g_strsplit (text, ",", -1);
  for (char **entry = entries; *entry; entry++)
    g_strstrip (*entry);
  return entries;
}

/**
 * frc_label_colors_parse:
 * @text: (nullable): `person:0xff0000ff,car:0x00ff00`; NULL or blank = none
 *
 * Errors: FRC_ERROR_ARGUMENT that names the entry. Returns: (transfer full): label → 0xrrggbbaa.
 */
GHashTable *
frc_label_colors_parse (const char *text, GError **error)
{
  g_autoptr (GHashTable) colors = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (is_blank (text))
    return g_steal_pointer (&colors);

  g_auto (GStrv) entries = split (text, "colors", error);
  if (!entries)
    return NULL;
  for (char **entry = entries; *entry; entry++) {
    if (!add_color (colors, *entry, error))
      return NULL;
  }
  return g_steal_pointer (&colors);
}

/**
 * frc_label_color:
 * @label: (nullable)
 *
 * Returns: 0xrrggbbaa: the one of @colors, else a colour that this label always has.
 */
guint32
frc_label_color (GHashTable *colors, const char *label)
{
  gpointer rgba;

  if (!label)
    label = "";
  if (g_hash_table_lookup_extended (colors, label, NULL, &rgba))
    return GPOINTER_TO_UINT (rgba);
  return palette[g_str_hash (label) % G_N_ELEMENTS (palette)];
}

/**
 * frc_label_names_parse:
 * @text: (nullable): `person,face`; NULL or blank = none
 * @property: whose value it is, for the message
 *
 * Errors: FRC_ERROR_ARGUMENT that names the entry. Returns: (transfer full): a set.
 */
GHashTable *
frc_label_names_parse (const char *text, const char *property, GError **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (is_blank (text))
    return g_steal_pointer (&names);

  g_auto (GStrv) entries = split (text, property, error);
  if (!entries)
    return NULL;
  for (char **entry = entries; *entry; entry++) {
    if (!add_name (names, *entry, property, error))
      return NULL;
  }
  return g_steal_pointer (&names);
}
