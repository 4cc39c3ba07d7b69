/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rank.h"

/* Moves heap[i] down to its place in a heap with the smallest key on top. */
static void
sift_down (guint64 *heap, guint n, guint i)
{
  guint64 key = heap[i];

  for (guint child; (child = 2 * i + 1) < n; i = child) {
    if (child + 1 < n && heap[child + 1] < heap[child])
      child++;
    if (key <= heap[child])
      break;
    heap[i] = heap[child];
  }
  heap[i] = key;
}

guint
frc_rank_offer (guint64 *heap, guint n, guint capacity, guint64 key)
{
  if (n == capacity) {
    if (n && key > heap[0]) {
      heap[0] = key;
      sift_down (heap, n, 0);
    }
    return n;
  }
  guint i = n;
  for (; i && heap[(i - 1) / 2] > key; i = (i - 1) / 2)
    heap[i] = heap[(i - 1) / 2];
  heap[i] = key;
  return n + 1;
}

void
frc_rank_sort (guint64 *keys, guint n)
{
  for (guint i = n / 2; i-- > 0;)
    sift_down (keys, n, i);
  /* The smallest goes last, again and again. */
  for (guint end = n; end > 1; end--) {
    guint64 smallest = keys[0];
    keys[0] = keys[end - 1];
    keys[end - 1] = smallest;
    sift_down (keys, end - 1, 0);
  }
}
