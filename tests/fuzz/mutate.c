/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mutate.h"
#include "core/model/wire.h"
#include "support/archive.h"

#include <string.h>

#define PREFIX_BYTES 8 /* of safetensors: the header's length */

FuzzSeed *
fuzz_seed_load (const char *path)
{
  FuzzSeed *seed = g_new0 (FuzzSeed, 1);
  g_autofree char *content = NULL;
  gsize n;

  if (!g_file_get_contents (path, &content, &n, NULL))
    g_error ("cannot read %s", path);
  seed->data = g_byte_array_append (g_byte_array_new (), (guint8 *) content, n);
  seed->is_json = n > PREFIX_BYTES && content[PREFIX_BYTES] == '{';
  seed->is_protobuf = g_str_has_suffix (path, ".pb") || g_str_has_suffix (path, ".caffemodel");
  if (n > 2 && memcmp (content, "PK", 2) == 0)
    seed->entries = archive_unpack (seed->data->data, n);
  return seed;
}

void
fuzz_seed_free (FuzzSeed *seed)
{
  g_byte_array_unref (seed->data);
  g_clear_pointer (&seed->entries, g_ptr_array_unref);
  g_free (seed);
}

/* ---- bytes -------------------------------------------------------------------------------- */

static guint
below (GRand *random, guint n)
{
  return n > 0 ? g_rand_int (random) % n : 0;
}

/* Unlike MIN (), evaluates its arguments once. */
static guint
smaller (guint a, guint b)
{
  return a < b ? a : b;
}

/* Replaces @removed bytes at @at by @n at @bytes. */
static void
replace (GByteArray *data, guint at, guint removed, const void *bytes, guint n)
{
  g_autofree guint8 *copy = g_malloc (n + 1); /* bytes may lie in data */
  guint rest = data->len - at - removed;

  if (n > 0)
    memcpy (copy, bytes, n);
  if (n > removed)
    g_byte_array_set_size (data, data->len + n - removed);
  if (rest > 0)
    memmove (data->data + at + n, data->data + at + removed, rest);
  if (n > 0)
    memcpy (data->data + at, copy, n);
  g_byte_array_set_size (data, at + n + rest);
}

static guint64
interesting (GRand *random)
{
  static const guint64 numbers[] = {
    0, 1, 2, 4, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0xffffff, 0x1000000,
    0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, (guint64) 1 << 40, (guint64) 1 << 61,
    (guint64) 1 << 62, G_MAXINT64, (guint64) 1 << 63, G_MAXUINT64 - 7, G_MAXUINT64
  };

  return numbers[below (random, G_N_ELEMENTS (numbers))] + below (random, 3) - 1;
}

static void
mutate_bytes (GByteArray *data, const GByteArray *other, GRand *random)
{
  guint at = below (random, data->len), left = data->len - at;
  if (!left)
    return;
  guint64 number = GUINT64_TO_LE (interesting (random));

  switch (below (random, 10)) {
  case 0:
  case 1:
    data->data[at] ^= 1 << below (random, 8);
    break;
  case 2:
    data->data[at] = g_rand_int (random);
    break;
  case 3:
    for (guint i = 0; i < smaller (left, 8); i++)
      data->data[at + i] = g_rand_int (random);
    break;
  case 4: {
    guint n = smaller (left, 1u << below (random, 4));
    memcpy (data->data + at, &number, n);
    break;
  }
  case 5:
    replace (data, at, 0, &number, 1u << below (random, 4));
    break;
  case 6:
    replace (data, at, smaller (left, below (random, 64)), NULL, 0);
    break;
  case 7: /* repeats a part of it */
    replace (data, at, 0, data->data + at, smaller (left, below (random, 256)));
    break;
  case 8: { /* a part of another file */
    guint from = below (random, other->len);
    replace (data, at, smaller (left, below (random, 64)), other->data + from,
        smaller (other->len - from, below (random, 64)));
    break;
  }
  default:
    if (below (random, 4) == 0)
      g_byte_array_set_size (data, at);
  }
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void
mutate_json (GByteArray *json, GRand *random)
{
  static const char *const tokens[] = {
    "{", "}", "[", "]", ",", ":", "\"", "{}", "[]", "\"a\":", "\"\":{},", "null", "true", "-1", "0",
    "1e9", "1.5", "99999999999999999999", "4294967296", "18446744073709551615", "\\u0000",
    "\\ud800", "\\u00e9", "\"dtype\":\"F64\"", "\"BF16\"", "\"U8\"", "\"__metadata__\":{},",
    "\"shape\":[2,2],", "\"data_offsets\":[0,0]", "[[[[[[[[[", " ", "\xc3\xa9", "[1,1,1,1,1,1,1,1]"
  };
  const char *token = tokens[below (random, G_N_ELEMENTS (tokens))];
  g_autofree char *number = g_strdup_printf ("%" G_GINT64_FORMAT, (gint64) interesting (random));
  guint at = below (random, json->len);

  switch (below (random, 4)) {
  case 0:
    replace (json, at, 0, token, strlen (token));
    break;
  case 1:
    replace (json, at, smaller (json->len - at, strlen (token)), token, strlen (token));
    break;
  case 2: { /* the next number becomes another */
    guint end;
    while (at < json->len && !g_ascii_isdigit (json->data[at]))
      at++;
    for (end = at; end < json->len && g_ascii_isdigit (json->data[end]);)
      end++;
    if (below (random, 2) && end > at)
      json->data[end - 1] = '0' + below (random, 10);
    else
      replace (json, at, end - at, number, strlen (number));
    break;
  }
  default: /* an entry again: from one brace to the next */
    for (guint from = at; from < json->len; from++)
      if (json->data[from] == '}') {
        replace (json, at, 0, json->data + at, from + 1 - at);
        break;
      }
  }
}

static void
mutate_safetensors (GByteArray *data, GRand *random)
{
  guint64 n;

  if (data->len < PREFIX_BYTES)
    return;
  memcpy (&n, data->data, sizeof n);
  n = MIN (GUINT64_FROM_LE (n), data->len - PREFIX_BYTES);
  g_autoptr (GByteArray) json = g_byte_array_new ();
  g_byte_array_append (json, data->data + PREFIX_BYTES, n);
  mutate_json (json, random);
  replace (data, PREFIX_BYTES, n, json->data, json->len);
  n = GUINT64_TO_LE ((guint64) json->len);
  memcpy (data->data, &n, sizeof n);
}

/* ---- pickle ------------------------------------------------------------------------------- */

#define OPS(literal) { literal, sizeof (literal) - 1 }

/* Instructions, well formed but out of place, and numbers that are too large. */
static const struct { const char *bytes; guint n; } pickle_ops[] = {
  OPS ("("), OPS ("."), OPS ("0"), OPS ("1"), OPS ("2"), OPS ("N"), OPS ("}"), OPS ("]"), OPS (")"),
  OPS ("t"), OPS ("\x85"), OPS ("\x86"), OPS ("\x87"), OPS ("a"), OPS ("e"), OPS ("s"), OPS ("u"),
  OPS ("l"), OPS ("d"), OPS ("R"), OPS ("b"), OPS ("Q"), OPS ("\x88"), OPS ("\x89"), OPS ("\x94"),
  OPS ("\x93"), OPS ("h\0"), OPS ("h\1"), OPS ("h\4"), OPS ("h\7"), OPS ("h\x0a"), OPS ("q\0"),
  OPS ("q\xff"), OPS ("r\xff\xff\0\0"), OPS ("r\xff\xff\xff\xff"), OPS ("j\1\0\0\0"), OPS ("K\0"),
  OPS ("K\x28"), OPS ("M\xff\xff"), OPS ("J\xff\xff\xff\xff"), OPS ("J\xff\xff\xff\x7f"),
  OPS ("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"), OPS ("\x8a\x01\xff"), OPS ("\x8a\0"),
  OPS ("\x8a\xff"), OPS ("\x8b\xff\xff\xff\x7f"), OPS ("\x8b\xff\xff\xff\xff"), OPS ("X\1\0\0\0a"),
  OPS ("X\xff\xff\xff\xff"), OPS ("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), OPS ("U\1a"),
  OPS ("\x8c\1a"), OPS ("G\x7f\xf0\0\0\0\0\0\0"), OPS ("cos\nsystem\n"),
  OPS ("ccollections\nOrderedDict\n"), OPS ("ccollections\nOrderedDict\n)R"),
  OPS ("ctorch._utils\n_rebuild_tensor_v2\n"), OPS ("ctorch._utils\n_rebuild_parameter\n"),
  OPS ("ctorch\nDoubleStorage\n"), OPS ("ctorch\nByteStorage\n"), OPS ("]]]]]]]]"),
  OPS ("}}}}}}}}"), OPS ("(((((((("), OPS ("22222222"), OPS ("\x80\x04"), OPS ("\x80\x09"),
  OPS ("\x95\xff\xff\xff\xff\xff\xff\xff\xff"), OPS ("\x81"), OPS ("i"), OPS ("\x96"),
  OPS ("cnumpy\nndarray\n"), OPS ("cnumpy\ndtype\n"), OPS ("cnumpy\ndtype\nX\2\0\0\0i8\x85R"),
  OPS ("cnumpy.core.multiarray\n_reconstruct\n"), OPS ("cnumpy.core.multiarray\nscalar\n"),
  OPS ("cnumpy.core.multiarray\n_reconstruct\n)R"), OPS ("B\x08\0\0\0abcdefgh"), OPS ("C\4abcd"),
  OPS ("B\xff\xff\xff\xff"), OPS ("B\xff\0\0\0"), OPS ("X\1\0\0\0>"), OPS ("X\1\0\0\0<")
};

static void
mutate_pickle (GByteArray *data, GRand *random)
{
  guint at = below (random, data->len);
  guint op = below (random, G_N_ELEMENTS (pickle_ops));
  guint8 wanted = "KMJXhqQRtbCB("[below (random, 13)];

  /* Mostly at one of the usual instructions, or at what looks like one. */
  for (guint i = 0; i < 200 && at + 1 < data->len && data->data[at] != wanted; i++)
    at++;
  switch (below (random, 4)) {
  case 0:
    replace (data, at, 0, pickle_ops[op].bytes, pickle_ops[op].n);
    break;
  case 1:
    replace (data, at, smaller (data->len - at, 1 + below (random, 3)), pickle_ops[op].bytes,
        pickle_ops[op].n);
    break;
  case 2: /* another argument */
    if (at + 1 < data->len)
      data->data[at + 1] = below (random, 2) ? g_rand_int (random) : below (random, 48);
    break;
  default: /* a small bomb */
    for (guint i = below (random, 400); i > 0; i--)
      replace (data, at, 0, pickle_ops[op].bytes, pickle_ops[op].n);
  }
}

/* ---- protobuf ----------------------------------------------------------------------------- */

static void
put_varint (GByteArray *out, guint64 value)
{
  do {
    guint8 byte = (value & 0x7f) | (value > 0x7f ? 0x80 : 0);
    g_byte_array_append (out, &byte, 1);
  } while (value >>= 7);
}

static void
put_field (GByteArray *out, guint64 number, const void *bytes, gsize n)
{
  put_varint (out, number << 3 | 2);
  put_varint (out, n);
  g_byte_array_append (out, bytes, (guint) n);
}

/* A field of @message chosen at random, and where it starts and ends with tag and length. */
static gboolean
choose_field (const GByteArray *message, GRand *random, FrcWireField *field, guint *start,
    guint *end)
{
  FrcWire wire = { message->data, message->data + message->len };
  guint n = 0;

  while (frc_wire_next (&wire, field))
    n++;
  if (n == 0)
    return FALSE;
  wire.at = message->data;
  for (guint skip = below (random, n) + 1; skip > 0; skip--) {
    *start = wire.at - message->data;
    frc_wire_next (&wire, field);
  }
  *end = wire.at - message->data;
  return TRUE;
}

/* The first digit behind a random place: the number of a node, of a version. */
static void
mutate_digit (guint8 *bytes, guint n, GRand *random)
{
  for (guint i = n ? below (random, n) : 0; i < n; i++)
    if (g_ascii_isdigit (bytes[i])) {
      bytes[i] = '0' + below (random, 10);
      return;
    }
}

/* A field of @message, damaged: its own fields with lengths that fit, or itself. */
static void
mutate_message (GByteArray *message, const GByteArray *other, GRand *random, guint depth)
{
  FrcWireField field, twin;
  guint start, end, twin_start, twin_end, copies = 1 + below (random, 40);

  if (!choose_field (message, random, &field, &start, &end) ||
      !choose_field (message, random, &twin, &twin_start, &twin_end)) {
    mutate_bytes (message, other, random);
    return;
  }
  g_autoptr (GByteArray) changed = g_byte_array_new ();
  guint size = end - start;
  switch (below (random, 14)) {
    case 0: /* nothing is left of it */
      break;
    case 1: /* many of it */
      for (; copies > 0; copies--)
        g_byte_array_append (changed, message->data + start, size);
      break;
    case 2: /* many without anything inside */
      for (; copies > 0; copies--)
        put_field (changed, field.number, "", 0);
      break;
    case 3: /* a number */
      put_varint (changed, field.number << 3);
      put_varint (changed, interesting (random));
      break;
    case 4: /* another kind of field */
      put_field (changed, 1 + below (random, 9), field.bytes, field.length);
      break;
    case 5: /* another one of the message */
      g_byte_array_append (changed, message->data + twin_start, twin_end - twin_start);
      break;
    case 6:
      g_byte_array_append (changed, message->data + start, size);
      mutate_digit (changed->data, size, random);
      break;
    default:
      g_byte_array_append (changed, field.bytes, field.length);
      if (field.is_bytes && field.length > 0 && depth < 4)
        mutate_message (changed, other, random, depth + 1);
      else if (field.length > 0)
        mutate_bytes (changed, other, random);
      g_autoptr (GByteArray) inner = g_steal_pointer (&changed);
      changed = g_byte_array_new ();
      put_field (changed, field.number, inner->data, inner->len);
  }
  replace (message, start, size, changed->data, changed->len);
}

/* ---- zip ---------------------------------------------------------------------------------- */

/* Damages an entry and packs the archive anew, so that its checksum is right. */
static GByteArray *
mutate_archive (const FuzzSeed *seed, const FuzzSeed *other, GRand *random)
{
  static const char *const names[] = {
    "x/data.pkl", "mixed-zip/data/0", "mixed-zip/constants.pkl", "nested-zip/byteorder", "a/b/c"
  };
  g_autoptr (GPtrArray) entries =
      g_ptr_array_new_with_free_func ((GDestroyNotify) archive_entry_free);
  gboolean at_pickle = below (random, 8) > 0;
  guint chosen = below (random, seed->entries->len), change = below (random, 24);

  for (guint i = 0; i < seed->entries->len; i++) {
    const ArchiveEntry *from = seed->entries->pdata[i];
    if (change == 0 && i == chosen)
      continue;
    ArchiveEntry *entry = archive_entry_new (from->name, from->data->data, from->data->len);
    entry->deflated = change == 1;
    g_ptr_array_add (entries, entry);
    if (at_pickle ? !g_str_has_suffix (from->name, "data.pkl") : i != chosen)
      continue;
    for (guint k = 1 + below (random, 3); k > 0; k--)
      if (at_pickle && below (random, 3))
        mutate_pickle (entry->data, random);
      else
        mutate_bytes (entry->data, other->data, random);
  }
  if (change == 2)
    g_ptr_array_add (entries,
        archive_entry_new (names[below (random, G_N_ELEMENTS (names))], "little", 6));
  if (change == 3) { /* compresses well */
    guint n = below (random, 1 << 18);
    g_autofree guint8 *zeros = g_malloc0 (n + 1);
    ArchiveEntry *entry = entries->pdata[below (random, entries->len)];
    entry->deflated = TRUE;
    g_byte_array_append (entry->data, zeros, n);
  }
  return archive_pack (entries);
}

GByteArray *
fuzz_mutate (const FuzzSeed *seed, const FuzzSeed *other, GRand *random)
{
  if (seed->entries && below (random, 4) > 0)
    return mutate_archive (seed, other, random);

  GByteArray *data = g_byte_array_append (g_byte_array_new (), seed->data->data, seed->data->len);
  for (guint k = 1 + below (random, 4); k > 0 && data->len > 0; k--)
    if (below (random, 3) == 0)
      mutate_bytes (data, other->data, random);
    else if (seed->is_json)
      mutate_safetensors (data, random);
    else if (seed->is_protobuf)
      mutate_message (data, other->data, random, 0);
    else if (!seed->entries)
      mutate_pickle (data, random);
  return data;
}
