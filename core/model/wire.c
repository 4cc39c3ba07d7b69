/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire.h"
#include "core/mem.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

gboolean
frc_wire_varint (FrcWire *wire, guint64 *value)
{
  *value = 0;
  for (guint shift = 0; shift < 64 && wire->at < wire->end; shift += 7) {
    guint8 byte = *wire->at++;
    *value |= (guint64) (byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return TRUE;
  }
  return FALSE;
}

gboolean
frc_wire_next (FrcWire *wire, FrcWireField *field)
{
  guint64 tag, length = 0;

  *field = (FrcWireField){ 0 };
  if (wire->at == wire->end || !frc_wire_varint (wire, &tag))
    return FALSE;
  switch (tag & 7) {
    case WIRE_VARINT:
      if (!frc_wire_varint (wire, &field->value))
        return FALSE;
      break;
    case WIRE_64:
      length = 8;
      break;
    case WIRE_32:
      length = 4;
      break;
    case WIRE_BYTES:
      field->is_bytes = TRUE;
      if (!frc_wire_varint (wire, &length))
        return FALSE;
      break;
    default:
      return FALSE;
  }
  if (length > (guint64) (wire->end - wire->at))
    return FALSE;
  field->number = tag >> 3;
  field->bytes = wire->at;
  field->length = length;
  wire->at += length;
  return TRUE;
}

/* ---- memory ------------------------------------------------------------------------------- */

/* Each piece knows its size, which counts as much as frc_alloc () takes for it. */
#define PREFIX 16
#define PIECE(size) (((size) + PREFIX + 63) & ~(gsize) 63)

static void *
take (void *data, gsize size)
{
  FrcWireMemory *memory = data;
  gsize *piece = NULL;

  if (size <= memory->limit && PIECE (size) <= memory->limit - memory->used)
    piece = frc_alloc (PIECE (size), 1, "a part of a protobuf file", NULL);
  if (!piece)
    return NULL;
  *piece = PIECE (size);
  memory->used += *piece;
  return (guint8 *) piece + PREFIX;
}

static void
give_back (void *data, void *pointer)
{
  FrcWireMemory *memory = data;

  if (!pointer)
    return;
  gsize *piece = (gsize *) ((guint8 *) pointer - PREFIX);
  memory->used -= *piece;
  frc_free (piece);
}

void
frc_wire_memory_init (FrcWireMemory *memory, gsize limit)
{
  *memory = (FrcWireMemory){ { take, give_back, memory }, 0, limit };
}
