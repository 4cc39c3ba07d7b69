/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What must be true of a JSON text before a parser that builds a tree may see it.
 */
#include "json_scan.h"

#include <string.h>

/* What json-glib 1.6 takes for a tree, from above. Measured over 100,000 of each, counting glibc's
 * chunks: an empty object 331 bytes with its node, an empty array 139, a number in an array 91, a
 * member 80 beside its value, a string 3 × its length: hash tables, arrays and strings double when
 * they grow. */
#define OBJECT_COST 400
#define ARRAY_COST 144
#define VALUE_COST 96
#define MEMBER_COST 128
#define STRING_COST 48
#define STRING_BYTE_COST 4

#define MAX_DIGITS 18 /* any such number fits a gint64 */

typedef struct {
  const char *start, *now, *end;
  FrcJsonScan *scan;
  guint depth;
} Cursor;

static gboolean value (Cursor *c);

static gboolean
expected (Cursor *c, const char *what)
{
  c->scan->what = what;
  c->scan->at = c->now - c->start;
  return FALSE;
}

static void
skip_space (Cursor *c)
{
  while (c->now < c->end && strchr (" \t\r\n", *c->now) && *c->now)
    c->now++;
}

static gboolean
take (Cursor *c, char wanted)
{
  if (c->now == c->end || *c->now != wanted)
    return FALSE;
  c->now++;
  return TRUE;
}

/* Four hexadecimal digits; −1 when they are not. */
static gint
hex4 (Cursor *c)
{
  gint code = 0;

  if (c->end - c->now < 4)
    return -1;
  for (guint i = 0; i < 4; i++) {
    gint digit = g_ascii_xdigit_value (*c->now++);
    if (digit < 0)
      return -1;
    code = code << 4 | digit;
  }
  return code;
}

static gboolean
escape (Cursor *c)
{
  if (c->now == c->end)
    return expected (c, "an escape");
  char kind = *c->now++;
  if (kind != 'u')
    return (kind && strchr ("\"\\/bfnrt", kind)) || expected (c, "an escape");

  gint code = hex4 (c);
  if (code <= 0)
    return expected (c, "four hexadecimal digits, not 0000");
  if (code >= 0xdc00 && code <= 0xdfff)
    return expected (c, "the first half of a surrogate pair");
  if (code >= 0xd800 && code <= 0xdbff) {
    gint low = take (c, '\\') && take (c, 'u') ? hex4 (c) : -1;
    if (low < 0xdc00 || low > 0xdfff)
      return expected (c, "the second half of a surrogate pair");
  }
  return TRUE;
}

static gboolean
string (Cursor *c)
{
  const char *start = c->now;

  if (!take (c, '"'))
    return expected (c, "a string");
  while (c->now < c->end && *c->now != '"') {
    if ((guchar) *c->now < 0x20)
      return expected (c, "no control character in a string");
    if (*c->now++ == '\\' && !escape (c))
      return FALSE;
  }
  if (!take (c, '"'))
    return expected (c, "the end of a string");
  c->scan->cost += STRING_COST + STRING_BYTE_COST * (c->now - start);
  return TRUE;
}

static gboolean
number (Cursor *c)
{
  take (c, '-');
  const char *start = c->now;
  while (c->now < c->end && g_ascii_isdigit (*c->now))
    c->now++;
  gsize digits = c->now - start;
  if (digits == 0 || (digits > 1 && *start == '0'))
    return expected (c, "a value");
  if (digits > MAX_DIGITS)
    return expected (c, "a number of at most 18 digits");
  if (c->now < c->end && strchr (".eE", *c->now) && *c->now)
    return expected (c, "a whole number");
  return TRUE;
}

static gboolean
literal (Cursor *c, const char *word)
{
  gsize n = strlen (word);

  if ((gsize) (c->end - c->now) < n || memcmp (c->now, word, n) != 0)
    return expected (c, "a value");
  c->now += n;
  return TRUE;
}

static gboolean
member (Cursor *c)
{
  c->scan->members++;
  c->scan->cost += MEMBER_COST;
  if (!string (c))
    return FALSE;
  skip_space (c);
  if (!take (c, ':'))
    return expected (c, "':'");
  return value (c);
}

/* An object or an array; @close is its last character, @item reads one of its parts. */
static gboolean
container (Cursor *c, char close, gboolean (*item) (Cursor *c))
{
  if (c->depth == FRC_JSON_MAX_DEPTH)
    return expected (c, "nesting of at most 8");
  c->depth++;
  c->now++;
  c->scan->cost += close == '}' ? OBJECT_COST : ARRAY_COST;
  skip_space (c);
  if (!take (c, close)) {
    do {
      skip_space (c);
      if (!item (c))
        return FALSE;
      skip_space (c);
    } while (take (c, ','));
    if (!take (c, close))
      return expected (c, close == '}' ? "',' or '}'" : "',' or ']'");
  }
  c->depth--;
  return TRUE;
}

static gboolean
value (Cursor *c)
{
  skip_space (c);
  c->scan->cost += VALUE_COST;
  switch (c->now < c->end ? *c->now : 0) {
  case '{':
    return container (c, '}', member);
  case '[':
    return container (c, ']', value);
  case '"':
    return string (c);
  case 't':
    return literal (c, "true");
  case 'f':
    return literal (c, "false");
  case 'n':
    return literal (c, "null");
  default:
    return number (c);
  }
}

gboolean
frc_json_scan (const char *text, gsize n, FrcJsonScan *scan)
{
  Cursor c = { text, text, text + n, scan, 0 };
  const char *invalid;

  *scan = (FrcJsonScan) { 0 };
  if (!g_utf8_validate_len (text, n, &invalid)) {
    c.now = invalid;
    return expected (&c, "valid UTF-8");
  }
  if (n == 0 || *text != '{')
    return expected (&c, "'{'");
  if (!value (&c))
    return FALSE;
  skip_space (&c);
  return c.now == c.end || expected (&c, "nothing behind the object");
}
