/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The outer layer of protobuf files, field by field, where messages are too large to be unpacked as
 * one: a reader gives protobuf-c a part at a time. And the memory that protobuf-c may take.
 */
#ifndef FRC_WIRE_H
#define FRC_WIRE_H

#include <glib.h>
#include <protobuf-c/protobuf-c.h>

/* What is left of a message. */
typedef struct {
  const guint8 *at, *end;
} FrcWire;

typedef struct {
  guint64 number;
  gboolean is_bytes;   /* a string, a message or a packed list, which @bytes and @length hold */
  guint64 value;       /* of a varint */
  const guint8 *bytes; /* what is behind the tag (and length) */
  gsize length;
} FrcWireField;

/* The next field; FALSE at the end, where wire->at == wire->end, and where the message is damaged. */
gboolean frc_wire_next (FrcWire *wire, FrcWireField *field);

/* A number of 7 bits a byte; FALSE when it does not end within the message. */
gboolean frc_wire_varint (FrcWire *wire, guint64 *value);

/* An allocator that has given out at most @limit bytes at any time, and fails beyond. */
typedef struct {
  ProtobufCAllocator allocator; /* for …__unpack () and …__free_unpacked () */
  gsize used, limit;
} FrcWireMemory;

void frc_wire_memory_init (FrcWireMemory *memory, gsize limit);

#endif
