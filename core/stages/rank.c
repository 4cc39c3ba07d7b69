/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rank.h"

#define KEY_BITS 64
#define SELECT_BITS 11 /* the first digit is a float's sign, exponent and two bits of its fraction */
#define SORT_BITS 8
#define FEW 40 /* that are sorted by insertion: counting would take longer */

static guint
digit_of (guint64 key, guint shift, guint bits)
{
  return (guint) (key >> shift) & ((1u << bits) - 1);
}

static void
swap (guint64 *keys, guint i, guint j)
{
  guint64 key = keys[i];

  keys[i] = keys[j];
  keys[j] = key;
}

/* Moves the keys of [first, end) whose digit is in [low, high] to the front; returns their end. */
static guint
move_digits (guint64 *keys, guint first, guint end, guint shift, guint low, guint high)
{
  for (guint i = first; i < end; i++) {
    guint digit = digit_of (keys[i], shift, SELECT_BITS);
    if (digit >= low && digit <= high)
      swap (keys, i, first++);
  }
  return first;
}

/* The digit that the @k-th best key has, and how many are above it. */
static guint
find_digit (const guint64 *keys, guint first, guint end, guint shift, guint k, guint *above)
{
  guint count[1 << SELECT_BITS] = { 0 }, digit = G_N_ELEMENTS (count) - 1;

  for (guint i = first; i < end; i++)
    count[digit_of (keys[i], shift, SELECT_BITS)]++;
  for (*above = 0; *above + count[digit] < k; digit--)
    *above += count[digit];
  return digit;
}

guint64
frc_rank_select (guint64 *keys, guint n, guint k)
{
  guint first = 0, end = n, shift = KEY_BITS;
  guint64 last = G_MAXUINT64;

  while (k > first && k < end) {
    guint above, top = (1u << SELECT_BITS) - 1;
    shift = shift > SELECT_BITS ? shift - SELECT_BITS : 0;
    guint digit = find_digit (keys, first, end, shift, k - first, &above);
    if (above)
      first = move_digits (keys, first, end, shift, digit + 1, top);
    end = move_digits (keys, first, end, shift, digit, digit);
  }
  for (guint i = 0; i < k; i++)
    last = MIN (last, keys[i]);
  return last;
}

static gboolean
is_sorted (const guint64 *keys, guint n)
{
  for (guint i = 1; i < n; i++)
    if (keys[i] > keys[i - 1])
      return FALSE;
  return TRUE;
}

static void
insertion_sort (guint64 *keys, guint n)
{
  for (guint i = 1; i < n; i++) {
    guint64 key = keys[i];
    guint at = i;
    for (; at && keys[at - 1] < key; at--)
      keys[at] = keys[at - 1];
    keys[at] = key;
  }
}

/* From the last digit to the first, each time stably; a digit that all keys share changes nothing. */
void
frc_rank_sort (guint64 *keys, guint64 *spare, guint n)
{
  guint count[KEY_BITS / SORT_BITS][1 << SORT_BITS] = { 0 };
  guint64 *from = keys, *to = spare;

  if (n <= FEW) {
    insertion_sort (keys, n);
    return;
  }
  if (is_sorted (keys, n))
    return;
  for (guint i = 0; i < n; i++)
    for (guint d = 0; d < G_N_ELEMENTS (count); d++)
      count[d][digit_of (keys[i], d * SORT_BITS, SORT_BITS)]++;
  for (guint d = 0; d < G_N_ELEMENTS (count); d++) {
    guint *at = count[d], shift = d * SORT_BITS;
    if (at[digit_of (keys[0], shift, SORT_BITS)] == n)
      continue;
    for (guint digit = 1 << SORT_BITS, sum = 0; digit-- > 0;) {
      guint of_digit = at[digit];
      at[digit] = sum;
      sum += of_digit;
    }
    for (guint i = 0; i < n; i++)
      to[at[digit_of (from[i], shift, SORT_BITS)]++] = from[i];
    guint64 *sorted = to;
    to = from;
    from = sorted;
  }
  if (from != keys)
    memcpy (keys, from, n * sizeof *keys);
}
