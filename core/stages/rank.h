/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The one order of everything that is ranked: score descending, then index ascending. A score and
 * its index become one integer key, so that ties cannot depend on the sort. Nothing here allocates
 * (the C library's qsort may).
 */
#ifndef FRC_RANK_H
#define FRC_RANK_H

#include <glib.h>
#include <string.h>

/* Larger key = ranks earlier. NaN ranks behind everything; −0 equals +0. */
static inline guint64
frc_rank_key (gfloat score, guint32 index)
{
  gfloat v = score == score ? score + 0.0f : -G_MAXFLOAT;
  guint32 bits;

  memcpy (&bits, &v, sizeof bits);
  bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return (guint64) bits << 32 | (guint32) ~index;
}

static inline guint32
frc_rank_index (guint64 key)
{
  return ~(guint32) key;
}

/* Moves the @k best of @n ≥ k distinct keys to the front, in any order; returns the last of them. */
guint64 frc_rank_select (guint64 *keys, guint n, guint k);

/* Sorts by rank, best first. @spare: room for @n. */
void frc_rank_sort (guint64 *keys, guint64 *spare, guint n);

#endif
