/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bombs.h"
#include "support/archive.h"

#include <string.h>

#define MAGIC "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define PREAMBLE MAGIC "\x80\x02M\xe9\x03." "\x80\x02}X\x0d\0\0\0little_endian\x88s."
#define STORAGE "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" "0X\3\0\0\0cpuK\0tq\1Q"
#define TENSOR                                                                                     \
  "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K\0K\0\x85K\1\x85\x89"                           \
  "ccollections\nOrderedDict\n)RtR"
#define KEYS "\x80\x02]X\1\0\0\0" "0a." "\0\0\0\0\0\0\0\0"
#define APPEND(array, literal) append (array, literal, sizeof (literal) - 1)

static const guint lengths[] = { 100, 3000, 60000 };

static void
append (GByteArray *array, const char *bytes, gsize n)
{
  g_byte_array_append (array, (const guint8 *) bytes, n);
}

/* ---- JSON: @open, so many units with their number in place of %x, @close ------------------- */

static const struct { const char *name, *open, *unit, *close; } headers[] = {
  { "json: objects", "{\"a\":[", "{}", "]}" },
  { "json: arrays", "{\"a\":[", "[]", "]}" },
  { "json: numbers", "{\"a\":[", "1", "]}" },
  { "json: strings", "{\"a\":[", "\"\"", "]}" },
  { "json: small arrays", "{\"a\":[", "[1]", "]}" },
  { "json: arrays of 9", "{\"a\":[", "[1,1,1,1,1,1,1,1,1]", "]}" },
  { "json: arrays of 17", "{\"a\":[", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "]}" },
  { "json: small objects", "{\"a\":[", "{\"a\":0}", "]}" },
  { "json: members", "{", "\"%x\":0", "}" },
  { "json: member objects", "{", "\"%x\":{}", "}" },
  { "json: longer members", "{", "\"aaaaaaaaaaaaaaaaaaaa%x\":{}", "}" },
  { "json: metadata", "{\"__metadata__\":{", "\"%x\":\"\"", "}}" },
  { "json: tensors", "{", "\"%x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", "}" },
  { "json: one name", "{\"", "aaaaaaaaaaaaaaaa", "\":{}}" },
};

static void
explode_headers (guint n, BombFunc func, gpointer user_data)
{
  for (guint i = 0; i < G_N_ELEMENTS (headers); i++) {
    g_autoptr (GString) text = g_string_new (headers[i].open);
    g_autoptr (GByteArray) file = g_byte_array_new ();
    for (guint k = 0; k < n; k++) {
      const char *number = strstr (headers[i].unit, "%x");
      if (k > 0 && headers[i].open[strlen (headers[i].open) - 1] != '"')
        g_string_append_c (text, ',');
      g_string_append_len (text, headers[i].unit,
          number ? number - headers[i].unit : (gssize) strlen (headers[i].unit));
      if (number)
        g_string_append_printf (text, "%x%s", k, number + 2);
    }
    g_string_append (text, headers[i].close);
    guint64 length = GUINT64_TO_LE ((guint64) text->len);
    append (file, (const char *) &length, sizeof length);
    append (file, text->str, text->len);
    func (headers[i].name, file->data, file->len, user_data);
  }
}

/* ---- pickles: so many units, then the end of a good one ------------------------------------ */

#define UNIT(name, before, unit, after)                                                            \
  { name, before, sizeof (before) - 1, unit, sizeof (unit) - 1, after, sizeof (after) - 1 }

static const struct {
  const char *name, *before;
  gsize before_bytes;
  const char *unit;
  gsize unit_bytes;
  const char *after;
  gsize after_bytes;
} pickles[] = {
  UNIT ("pickle: dictionaries", "", "}", "."),
  UNIT ("pickle: dropped ones", "", "}0", "}."),
  UNIT ("pickle: lists in lists", "]", "]a", "."),
  UNIT ("pickle: memo", "", "}\x94", "."),
  UNIT ("pickle: memo of one", "}", "\x94", "."),
  UNIT ("pickle: marks", "", "(", "."),
  UNIT ("pickle: copies", "N", "2", "."),
  UNIT ("pickle: tuples", "", ")", "."),
  UNIT ("pickle: tuples in tuples", ")", "\x85", "."),
  UNIT ("pickle: a long list", "](", "N", "e."),
  UNIT ("pickle: items", "]", "Na", "."),
  UNIT ("pickle: ordered ones", "ccollections\nOrderedDict\nq\2", ")R0h\2", "."),
  UNIT ("pickle: storages", STORAGE "0", "h\1Q0", "}."),
};

static void
explode_pickles (guint n, BombFunc func, gpointer user_data)
{
  for (guint i = 0; i < G_N_ELEMENTS (pickles); i++) {
    g_autoptr (GByteArray) file = g_byte_array_new ();
    APPEND (file, PREAMBLE "\x80\x02");
    append (file, pickles[i].before, pickles[i].before_bytes);
    for (guint k = 0; k < n; k++)
      append (file, pickles[i].unit, pickles[i].unit_bytes);
    append (file, pickles[i].after, pickles[i].after_bytes);
    APPEND (file, KEYS);
    func (pickles[i].name, file->data, file->len, user_data);
  }
}

/* One tensor under @n short names: a table entry for 8 bytes. */
static void
explode_names (guint n, gboolean repeated, BombFunc func, gpointer user_data)
{
  g_autoptr (GByteArray) file = g_byte_array_new ();

  APPEND (file, PREAMBLE "\x80\x02" TENSOR "q\0000}(");
  for (guint k = 0; k < n; k++) {
    const char name[] = {
      'U', 3, 'a' + k % 16, 'a' + k / 16 % 64, repeated ? 'a' : 'a' + k / 1024 % 64, 'h', 0
    };
    append (file, name, sizeof name);
  }
  APPEND (file, "u." KEYS);
  func (repeated ? "pickle: one name" : "pickle: names of one tensor", file->data, file->len,
      user_data);
}

/* ---- archives ----------------------------------------------------------------------------- */

static void
explode_archive (guint n, gboolean useful, gboolean deflated, BombFunc func, gpointer user_data)
{
  g_autoptr (GPtrArray) entries =
      g_ptr_array_new_with_free_func ((GDestroyNotify) archive_entry_free);
  static const char state[] = "\x80\x02}X\1\0\0\0a" TENSOR "s.";

  for (guint k = 0; k < n; k++) {
    g_autofree char *name = g_strdup_printf ("%x", k);
    g_ptr_array_add (entries, archive_entry_new (name, NULL, 0));
  }
  if (useful) {
    ArchiveEntry *pickle = archive_entry_new ("x/data.pkl", state, sizeof state - 1);
    pickle->deflated = deflated;
    g_ptr_array_add (entries, pickle);
    g_ptr_array_add (entries, archive_entry_new ("x/data/0", NULL, 0));
  }
  g_autoptr (GByteArray) file = archive_pack (entries);
  func (useful ? "zip: entries beside a state" : "zip: entries", file->data, file->len, user_data);
}

void
bombs_foreach (BombFunc func, gpointer user_data)
{
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    explode_headers (lengths[i], func, user_data);
    explode_pickles (lengths[i], func, user_data);
    explode_names (lengths[i], FALSE, func, user_data);
    explode_names (lengths[i], TRUE, func, user_data);
    explode_archive (lengths[i] / 3, FALSE, FALSE, func, user_data);
    explode_archive (lengths[i] / 3, TRUE, FALSE, func, user_data);
    explode_archive (lengths[i] / 3, TRUE, TRUE, func, user_data);
  }
}
