/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A pickle machine that can build dictionaries of tensors and calls nothing. Pickle is a program
 * for a stack machine; this one knows only the instructions and the globals that torch.save ()
 * writes for a state dict, and NumPy for an array. Anything else is FRC_ERROR_UNSUPPORTED and named.
 *
 * Values live in an arena until frc_pickle_clear (); text is borrowed from the pickle's bytes.
 * Memory is charged against the number of bytes read so far, those of bytes objects left out, so that
 * a short pickle cannot take much.
 */
#ifndef FRC_PICKLE_H
#define FRC_PICKLE_H

#include "weights-private.h"

typedef enum {
  FRC_PICKLE_NONE, FRC_PICKLE_BOOL, FRC_PICKLE_INT, FRC_PICKLE_FLOAT,
  FRC_PICKLE_LONG,   /* an integer of over 8 bytes: its little-endian bytes */
  FRC_PICKLE_STRING, /* UTF-8 or, from Python 2, any bytes */
  FRC_PICKLE_BYTES,
  FRC_PICKLE_TUPLE, FRC_PICKLE_LIST, FRC_PICKLE_DICT,
  FRC_PICKLE_GLOBAL, FRC_PICKLE_STORAGE, FRC_PICKLE_TENSOR,
  FRC_PICKLE_DTYPE, /* of NumPy */
  FRC_PICKLE_MARK /* on the stack only */
} FrcPickleKind;

typedef struct _FrcPickleValue FrcPickleValue;
typedef struct _FrcPickleSeq FrcPickleSeq;
typedef struct _FrcPickleStorage FrcPickleStorage;
typedef struct _FrcPickleTensor FrcPickleTensor;

struct _FrcPickleValue {
  guint8 kind;
  guint32 n; /* TUPLE: items; LONG, STRING, BYTES: bytes */
  union {
    gint64 integer; /* BOOL, INT; GLOBAL: index of the table of globals; DTYPE: an FrcDtype */
    gdouble real;
    const guint8 *text; /* LONG, STRING, BYTES */
    FrcPickleValue *items;
    FrcPickleSeq *seq; /* LIST: items; DICT: key, value, key, value, … */
    FrcPickleStorage *storage;
    FrcPickleTensor *tensor;
  } as;
};

typedef struct _FrcPickleChunk FrcPickleChunk;
struct _FrcPickleChunk {
  FrcPickleChunk *next;
  gsize n;
  FrcPickleValue items[];
};

/* Grows by a chunk an opcode: nothing is ever moved. */
struct _FrcPickleSeq {
  FrcPickleChunk *first, *last;
  gsize n;
};

struct _FrcPickleStorage {
  FrcPickleStorage *next; /* in the order of the pickle */
  const guint8 *key;
  guint32 key_bytes;
  FrcDtype dtype;
  guint64 elements;      /* of the whole storage, as the pickle says; not proven */
  guint64 view_offset;   /* old torch: this is a part of the storage, in elements */
  guint64 view_elements; /* as elements when it is not */
  /* For the readers: */
  gboolean wanted;
  guint64 place;
  const guint8 *data; /* elements × size of them, proven; NULL when the file has none */
};

struct _FrcPickleTensor {
  FrcPickleStorage *storage;
  guint64 offset;           /* in elements, from the view's beginning */
  FrcPickleValue shape, stride; /* tuples; not proven */
  gboolean is_array;        /* of NumPy: BUILD says what it holds */
};

typedef struct {
  const FrcWeights *weights; /* for messages */
  const guint8 *data;
  gsize size, at;        /* bytes; at is read so far, over all runs */
  gsize payload;         /* of them inside of bytes objects, which may be arrays' data */
  gsize charged;         /* bytes of memory */
  struct _FrcPickleBlock *blocks;
  FrcPickleValue *stack, *memo;
  gsize depth, max_depth, memo_used, max_memo;
  FrcPickleStorage *storages, **next_storage;
  gsize n_storages;
} FrcPickle;

/* @data is borrowed until frc_pickle_clear (). */
void frc_pickle_init (FrcPickle *pickle, const FrcWeights *weights, const guint8 *data, gsize size);
void frc_pickle_clear (FrcPickle *pickle);

/* Runs one pickle from pickle->at and leaves it behind its STOP. Errors: FORMAT, UNSUPPORTED,
 * TOO_LARGE, NO_MEMORY. */
gboolean frc_pickle_run (FrcPickle *pickle, FrcPickleValue *result, GError **error);

/* Walks the items of a sequence: *chunk and *i start as seq->first and 0. NULL at the end. */
const FrcPickleValue *frc_pickle_next (const FrcPickleChunk **chunk, gsize *i);

gboolean frc_pickle_is_text (const FrcPickleValue *value, const char *text);

/* The value of @key in a DICT, or NULL. */
const FrcPickleValue *frc_pickle_lookup (const FrcPickleValue *dict, const char *key);

/* "a list", "a tensor", … for messages. */
const char *frc_pickle_kind_name (FrcPickleKind kind);

/* ---- between pickle.c, pickle_objects.c and pickle_arrays.c ------------------------------- */

/* UNSUPPORTED: @what is described in an unknown way. Always FALSE. */
gboolean frc_pickle_fail_arguments (FrcPickle *pickle, const char *what, GError **error);
/* What NumPy's dtype (), _reconstruct () and scalar () would return. */
gboolean frc_pickle_reduce_dtype (FrcPickle *pickle, const FrcPickleValue *arguments,
    FrcPickleValue *result, GError **error);
gboolean frc_pickle_reduce_array (FrcPickle *pickle, FrcPickleValue *result, GError **error);
gboolean frc_pickle_reduce_scalar (FrcPickle *pickle, const FrcPickleValue *arguments,
    FrcPickleValue *result, GError **error);

gpointer frc_pickle_take (FrcPickle *pickle, gsize bytes, GError **error); /* from the arena, 0 */
gboolean frc_pickle_append (FrcPickle *pickle, FrcPickleSeq *seq, const FrcPickleValue *items,
    gsize n, GError **error);

/* The global @module.@name; UNSUPPORTED when it is not of those that a state dict needs. */
gboolean frc_pickle_global (FrcPickle *pickle, const guint8 *module, gsize module_bytes,
    const guint8 *name, gsize name_bytes, FrcPickleValue *result, GError **error);
/* What calling @callable with @arguments would give. */
gboolean frc_pickle_reduce (FrcPickle *pickle, const FrcPickleValue *callable,
    const FrcPickleValue *arguments, FrcPickleValue *result, GError **error);
/* What setting @state on @object would make of it: a NumPy array gets its elements, a NumPy type its
 * byte order; the attributes of anything else are of no use here. */
gboolean frc_pickle_build (FrcPickle *pickle, FrcPickleValue *object, const FrcPickleValue *state,
    GError **error);
/* The storage that @id, ("storage", type, key, location, elements[, view]), describes. */
gboolean frc_pickle_persistent (FrcPickle *pickle, const FrcPickleValue *id,
    FrcPickleValue *result, GError **error);

#endif
