/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The pickle machine: stack, memo, opcodes. Source: CPython's Lib/pickletools.py describes each
 * opcode; pickle_objects.c has what they may build.
 */
#include "pickle.h"
#include "core/mem.h"

#include <string.h>

#define CHARGE_PER_BYTE 24
#define CHARGE_FIXED (16 << 10)
#define MAX_BLOCK (64 << 10)

typedef struct _FrcPickleBlock {
  struct _FrcPickleBlock *next;
  gsize size, used;
  guint8 data[] __attribute__ ((aligned (16)));
} Block;

/* ---- memory ------------------------------------------------------------------------------- */

/* Memory that is charged; what was charged and is freed is given back by pickle->charged −=. */
static gpointer
take_charged (FrcPickle *p, gsize bytes, GError **error)
{
  if (bytes > CHARGE_PER_BYTE * (p->at - p->payload) + CHARGE_FIXED - p->charged) {
    frc_weights_fail (p->weights, error, FRC_ERROR_TOO_LARGE,
        "the pickle takes more memory than its %" G_GSIZE_FORMAT " bytes justify",
        p->at - p->payload);
    return NULL;
  }
  gpointer memory = frc_alloc (bytes, 1, p->weights->shown, error);
  if (memory)
    p->charged += bytes;
  return memory;
}

gpointer
frc_pickle_take (FrcPickle *p, gsize bytes, GError **error)
{
  Block *block = p->blocks;

  bytes = (bytes + 15) & ~(gsize) 15;
  if (!block || block->size - block->used < bytes) {
    gsize size = MAX (bytes, MIN (MAX_BLOCK, 2048 + p->charged / 8));
    block = take_charged (p, sizeof *block + size, error);
    if (!block)
      return NULL;
    *block = (Block) { p->blocks, size, 0 };
    p->blocks = block;
  }
  gpointer memory = block->data + block->used;
  block->used += bytes;
  return memset (memory, 0, bytes);
}

/* Makes room for @wanted values in an array of *@max that holds *@array. */
static gboolean
grow (FrcPickle *p, FrcPickleValue **array, gsize *max, gsize wanted, GError **error)
{
  gsize n = MAX (wanted, MAX (64, *max + *max / 2));

  if (wanted <= *max)
    return TRUE;
  FrcPickleValue *larger = take_charged (p, n * sizeof **array, error);
  if (!larger)
    return FALSE;
  if (*array)
    memcpy (larger, *array, *max * sizeof **array);
  memset (larger + *max, 0, (n - *max) * sizeof **array);
  p->charged -= *max * sizeof **array;
  frc_free (*array);
  *array = larger;
  *max = n;
  return TRUE;
}

void
frc_pickle_init (FrcPickle *p, const FrcWeights *weights, const guint8 *data, gsize size)
{
  *p = (FrcPickle) { .weights = weights, .data = data, .size = size };
  p->next_storage = &p->storages;
}

void
frc_pickle_clear (FrcPickle *p)
{
  while (p->blocks) {
    Block *next = p->blocks->next;
    frc_free (p->blocks);
    p->blocks = next;
  }
  frc_clear (&p->stack);
  frc_clear (&p->memo);
}

/* ---- input -------------------------------------------------------------------------------- */

/* The next @n bytes, or NULL. */
static const guint8 *
read_bytes (FrcPickle *p, guint64 n, GError **error)
{
  if (n > p->size - p->at) {
    frc_weights_fail (p->weights, error, FRC_ERROR_FORMAT,
        "truncated: expected more of the pickle, found its end at byte %" G_GSIZE_FORMAT, p->size);
    return NULL;
  }
  p->at += n;
  return p->data + p->at - n;
}

/* A little-endian number of @n ≤ 8 bytes. */
static gboolean
read_number (FrcPickle *p, guint n, guint64 *number, GError **error)
{
  const guint8 *bytes = read_bytes (p, n, error);

  *number = 0;
  for (guint i = 0; bytes && i < n; i++)
    *number |= (guint64) bytes[i] << 8 * i;
  return bytes != NULL;
}

/* Up to the next newline, which is passed. */
static const guint8 *
read_line (FrcPickle *p, gsize *n, GError **error)
{
  const guint8 *start = p->data + p->at;
  const guint8 *newline = memchr (start, '\n', p->size - p->at);

  *n = newline ? (gsize) (newline - start) : p->size;
  return read_bytes (p, newline ? *n + 1 : G_MAXUINT64, error) ? start : NULL;
}

/* ---- stack -------------------------------------------------------------------------------- */

static gboolean
push (FrcPickle *p, const FrcPickleValue *value, GError **error)
{
  if (!grow (p, &p->stack, &p->max_depth, p->depth + 1, error))
    return FALSE;
  p->stack[p->depth++] = *value;
  return TRUE;
}

static gboolean
fail_stack (FrcPickle *p, GError **error)
{
  return frc_weights_fail (p->weights, error, FRC_ERROR_FORMAT,
      "damaged pickle: byte %" G_GSIZE_FORMAT " uses what is not on the stack", p->at - 1);
}

/* The uppermost @n values, none of them a mark; they are popped but valid until the next push. */
static FrcPickleValue *
pop (FrcPickle *p, gsize n, GError **error)
{
  for (gsize i = 0; i < n; i++)
    if (i >= p->depth || p->stack[p->depth - 1 - i].kind == FRC_PICKLE_MARK) {
      fail_stack (p, error);
      return NULL;
    }
  p->depth -= n;
  return p->stack + p->depth;
}

/* The values above the uppermost mark, popped with it. */
static FrcPickleValue *
pop_mark (FrcPickle *p, gsize *n, GError **error)
{
  for (gsize i = p->depth; i > 0; i--)
    if (p->stack[i - 1].kind == FRC_PICKLE_MARK) {
      *n = p->depth - i;
      p->depth = i - 1;
      return p->stack + i;
    }
  fail_stack (p, error);
  return NULL;
}

/* ---- opcodes, by what they do; @op is the opcode ------------------------------------------ */

static gboolean
do_text (FrcPickle *p, FrcPickleKind kind, guint length_bytes, GError **error)
{
  guint64 n;
  if (!read_number (p, length_bytes, &n, error))
    return FALSE;
  const guint8 *text = read_bytes (p, n, error);
  if (!text)
    return FALSE;
  if (n > G_MAXUINT32)
    return frc_weights_fail (p->weights, error, FRC_ERROR_TOO_LARGE, "a string of over 4 GiB");
  if (kind == FRC_PICKLE_BYTES)
    p->payload += n;
  FrcPickleValue value = { .kind = kind, .n = n, .as.text = text };
  return push (p, &value, error);
}

static gboolean
do_int (FrcPickle *p, guint bytes, GError **error)
{
  guint64 number;
  if (!read_number (p, bytes, &number, error))
    return FALSE;
  FrcPickleValue value = { .kind = FRC_PICKLE_INT };
  value.as.integer = bytes == 4 ? (gint32) number : (gint64) number; /* only BININT has a sign */
  return push (p, &value, error);
}

/* LONG1, LONG4: two's complement of any length. */
static gboolean
do_long (FrcPickle *p, guint length_bytes, GError **error)
{
  guint64 n;
  if (!read_number (p, length_bytes, &n, error))
    return FALSE;
  if (n > G_MAXINT32)
    return fail_stack (p, error);
  const guint8 *bytes = read_bytes (p, n, error);
  if (!bytes)
    return FALSE;

  FrcPickleValue value = { .kind = FRC_PICKLE_LONG, .n = n, .as.text = bytes };
  if (n <= 8) {
    guint64 number = n > 0 && bytes[n - 1] & 0x80 ? G_MAXUINT64 : 0;
    for (gsize i = n; i-- > 0;)
      number = number << 8 | bytes[i];
    value = (FrcPickleValue) { .kind = FRC_PICKLE_INT, .as.integer = (gint64) number };
  }
  return push (p, &value, error);
}

static gboolean
do_float (FrcPickle *p, GError **error)
{
  const guint8 *bytes = read_bytes (p, 8, error);
  guint64 bits;
  if (!bytes)
    return FALSE;
  memcpy (&bits, bytes, sizeof bits);
  bits = GUINT64_FROM_BE (bits);
  FrcPickleValue value = { .kind = FRC_PICKLE_FLOAT };
  memcpy (&value.as.real, &bits, sizeof bits);
  return push (p, &value, error);
}

static gboolean
do_push (FrcPickle *p, FrcPickleKind kind, gint64 integer, GError **error)
{
  FrcPickleValue value = { .kind = kind, .as.integer = integer };
  return push (p, &value, error);
}

/* A tuple of @n values at @items, which lie above the stack. */
static gboolean
do_tuple (FrcPickle *p, const FrcPickleValue *items, gsize n, GError **error)
{
  if (!items && n > 0)
    return FALSE;
  if (n > G_MAXUINT32)
    return frc_weights_fail (p->weights, error, FRC_ERROR_TOO_LARGE, "a tuple of over 2³² items");
  FrcPickleValue value = { .kind = FRC_PICKLE_TUPLE, .n = n };
  value.as.items = frc_pickle_take (p, n * sizeof *items, error);
  if (!value.as.items)
    return FALSE;
  if (n > 0)
    memcpy (value.as.items, items, n * sizeof *items);
  return push (p, &value, error);
}

/* A new list or dictionary of @n values at @items, which lie above the stack. */
static gboolean
do_seq (FrcPickle *p, FrcPickleKind kind, const FrcPickleValue *items, gsize n, GError **error)
{
  if (!items && n > 0)
    return FALSE;
  FrcPickleValue value = { .kind = kind };
  value.as.seq = frc_pickle_take (p, sizeof *value.as.seq, error);
  return value.as.seq && frc_pickle_append (p, value.as.seq, items, n, error) &&
      push (p, &value, error);
}

/* Adds @n values at @items to the list or dictionary on top of the stack. */
static gboolean
do_append (FrcPickle *p, FrcPickleKind kind, const FrcPickleValue *items, gsize n, GError **error)
{
  if (!items)
    return FALSE;
  if (p->depth == 0 || p->stack[p->depth - 1].kind != kind || (kind == FRC_PICKLE_DICT && n % 2))
    return fail_stack (p, error);
  return frc_pickle_append (p, p->stack[p->depth - 1].as.seq, items, n, error);
}

/* Memoizes the top of the stack. An index says nothing about memory that the bytes before it would
 * not justify: Python counts them up from 0 or 1. */
static gboolean
do_put (FrcPickle *p, guint64 index, GError **error)
{
  if (p->depth == 0 || p->stack[p->depth - 1].kind == FRC_PICKLE_MARK || index >= p->at)
    return fail_stack (p, error);
  if (!grow (p, &p->memo, &p->max_memo, index + 1, error))
    return FALSE;
  p->memo[index] = p->stack[p->depth - 1];
  p->memo_used = MAX (p->memo_used, index + 1);
  return TRUE;
}

static gboolean
do_get (FrcPickle *p, guint64 index, GError **error)
{
  return index < p->memo_used ? push (p, &p->memo[index], error) : fail_stack (p, error);
}

static gboolean
do_memo (FrcPickle *p, guint index_bytes, gboolean put, GError **error)
{
  guint64 index;
  return read_number (p, index_bytes, &index, error) &&
      (put ? do_put (p, index, error) : do_get (p, index, error));
}

static gboolean
do_global (FrcPickle *p, GError **error)
{
  gsize module_bytes, name_bytes;
  FrcPickleValue value;
  const guint8 *module = read_line (p, &module_bytes, error);
  const guint8 *name = module ? read_line (p, &name_bytes, error) : NULL;

  return name &&
      frc_pickle_global (p, module, module_bytes, name, name_bytes, &value, error) &&
      push (p, &value, error);
}

static gboolean
do_stack_global (FrcPickle *p, GError **error)
{
  FrcPickleValue *names = pop (p, 2, error), value;

  if (!names)
    return FALSE;
  if (names[0].kind != FRC_PICKLE_STRING || names[1].kind != FRC_PICKLE_STRING)
    return fail_stack (p, error);
  return frc_pickle_global (p, names[0].as.text, names[0].n, names[1].as.text, names[1].n, &value,
      error) && push (p, &value, error);
}

static gboolean
do_reduce (FrcPickle *p, GError **error)
{
  FrcPickleValue *operands = pop (p, 2, error), value;

  return operands && frc_pickle_reduce (p, &operands[0], &operands[1], &value, error) &&
      push (p, &value, error);
}

static gboolean
do_persistent (FrcPickle *p, GError **error)
{
  FrcPickleValue *id = pop (p, 1, error), value;

  return id && frc_pickle_persistent (p, id, &value, error) && push (p, &value, error);
}

static gboolean
do_build (FrcPickle *p, GError **error)
{
  FrcPickleValue *operands = pop (p, 2, error);

  if (!operands || !frc_pickle_build (p, &operands[0], &operands[1], error))
    return FALSE;
  p->depth++;
  return TRUE;
}

static gboolean
do_dup (FrcPickle *p, GError **error)
{
  const FrcPickleValue *top = pop (p, 1, error);

  if (!top)
    return FALSE;
  FrcPickleValue copy = *top;
  p->depth++;
  return push (p, &copy, error);
}

static gboolean
do_proto (FrcPickle *p, GError **error)
{
  guint64 version;
  if (!read_number (p, 1, &version, error))
    return FALSE;
  if (version < 2 || version > 5)
    return frc_weights_fail (p->weights, error, FRC_ERROR_UNSUPPORTED,
        "pickle protocol %u; 2 to 5 are read", (guint) version);
  return TRUE;
}

static const struct {
  guint8 code;
  const char *name;
} refused[] = {
  { 'F', "FLOAT" }, { 'I', "INT" }, { 'L', "LONG" }, { 'P', "PERSID" }, { 'S', "STRING" },
  { 'V', "UNICODE" }, { 'g', "GET" }, { 'i', "INST" }, { 'o', "OBJ" }, { 'p', "PUT" },
  { 0x81, "NEWOBJ" }, { 0x82, "EXT1" }, { 0x83, "EXT2" }, { 0x84, "EXT4" },
  { 0x8f, "EMPTY_SET" }, { 0x90, "ADDITEMS" }, { 0x91, "FROZENSET" }, { 0x92, "NEWOBJ_EX" },
  { 0x96, "BYTEARRAY8" }, { 0x97, "NEXT_BUFFER" }, { 0x98, "READONLY_BUFFER" },
};

static gboolean
do_refuse (FrcPickle *p, guint8 op, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    if (refused[i].code == op)
      return frc_weights_fail (p->weights, error, FRC_ERROR_UNSUPPORTED,
          "pickle opcode %s at byte %" G_GSIZE_FORMAT " is not one that a state dict needs",
          refused[i].name, p->at - 1);
  return frc_weights_fail (p->weights, error, FRC_ERROR_UNSUPPORTED,
      "unknown pickle opcode 0x%02x at byte %" G_GSIZE_FORMAT, op, p->at - 1);
}

/* One instruction other than STOP. */
static gboolean
step (FrcPickle *p, guint8 op, GError **error)
{
  FrcPickleValue *items;
  gsize n = 1; /* with items == NULL, after an error: not an empty tuple or list */

  switch (op) {
  case 0x80: return do_proto (p, error);
  case 0x95: return read_bytes (p, 8, error) != NULL; /* FRAME: a hint for buffering */
  case '(': return do_push (p, FRC_PICKLE_MARK, 0, error);
  case '0': /* POP also takes a mark */
    return p->depth > 0 ? (p->depth--, TRUE) : fail_stack (p, error);
  case '1': return pop_mark (p, &n, error) != NULL;
  case '2': return do_dup (p, error);

  case 'N': return do_push (p, FRC_PICKLE_NONE, 0, error);
  case 0x88: return do_push (p, FRC_PICKLE_BOOL, 1, error);
  case 0x89: return do_push (p, FRC_PICKLE_BOOL, 0, error);
  case 'J': return do_int (p, 4, error);
  case 'M': return do_int (p, 2, error);
  case 'K': return do_int (p, 1, error);
  case 0x8a: return do_long (p, 1, error);
  case 0x8b: return do_long (p, 4, error);
  case 'G': return do_float (p, error);

  case 'U': return do_text (p, FRC_PICKLE_STRING, 1, error);
  case 'T': return do_text (p, FRC_PICKLE_STRING, 4, error);
  case 0x8c: return do_text (p, FRC_PICKLE_STRING, 1, error);
  case 'X': return do_text (p, FRC_PICKLE_STRING, 4, error);
  case 0x8d: return do_text (p, FRC_PICKLE_STRING, 8, error);
  case 'C': return do_text (p, FRC_PICKLE_BYTES, 1, error);
  case 'B': return do_text (p, FRC_PICKLE_BYTES, 4, error);
  case 0x8e: return do_text (p, FRC_PICKLE_BYTES, 8, error);

  case ')': return do_tuple (p, NULL, 0, error);
  case 0x85: return do_tuple (p, pop (p, 1, error), 1, error);
  case 0x86: return do_tuple (p, pop (p, 2, error), 2, error);
  case 0x87: return do_tuple (p, pop (p, 3, error), 3, error);
  case 't': items = pop_mark (p, &n, error); return do_tuple (p, items, n, error);
  case ']': return do_seq (p, FRC_PICKLE_LIST, NULL, 0, error);
  case '}': return do_seq (p, FRC_PICKLE_DICT, NULL, 0, error);
  case 'l':
    items = pop_mark (p, &n, error);
    return items && do_seq (p, FRC_PICKLE_LIST, items, n, error);
  case 'd':
    items = pop_mark (p, &n, error);
    return items && (n % 2 ? fail_stack (p, error) : do_seq (p, FRC_PICKLE_DICT, items, n, error));
  case 'a': return do_append (p, FRC_PICKLE_LIST, pop (p, 1, error), 1, error);
  case 's': return do_append (p, FRC_PICKLE_DICT, pop (p, 2, error), 2, error);
  case 'e': items = pop_mark (p, &n, error); return do_append (p, FRC_PICKLE_LIST, items, n, error);
  case 'u': items = pop_mark (p, &n, error); return do_append (p, FRC_PICKLE_DICT, items, n, error);

  case 'q': return do_memo (p, 1, TRUE, error);
  case 'r': return do_memo (p, 4, TRUE, error);
  case 0x94: return do_put (p, p->memo_used, error);
  case 'h': return do_memo (p, 1, FALSE, error);
  case 'j': return do_memo (p, 4, FALSE, error);

  case 'c': return do_global (p, error);
  case 0x93: return do_stack_global (p, error);
  case 'R': return do_reduce (p, error);
  case 'Q': return do_persistent (p, error);
  case 'b': return do_build (p, error);
  default: return do_refuse (p, op, error);
  }
}

gboolean
frc_pickle_run (FrcPickle *p, FrcPickleValue *result, GError **error)
{
  p->depth = p->memo_used = 0;
  for (;;) {
    const guint8 *op = read_bytes (p, 1, error);
    if (!op)
      return FALSE;
    if (*op == '.')
      break;
    if (!step (p, *op, error))
      return FALSE;
  }
  const FrcPickleValue *top = pop (p, 1, error);
  if (!top)
    return FALSE;
  *result = *top;
  return TRUE;
}
