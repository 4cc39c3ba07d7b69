/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FRC_JSON_SCAN_H
#define FRC_JSON_SCAN_H

#include <glib.h>

#define FRC_JSON_MAX_DEPTH 8

typedef struct {
  gsize members;    /* of all objects, repeated keys counted each time */
  gsize cost;       /* bytes that json-glib takes for the tree, estimated from above */
  const char *what; /* of a failure: what was expected; static */
  gsize at;         /* of a failure: where, in bytes */
} FrcJsonScan;

/* Proves that @n bytes at @text are one JSON object and nothing else: valid UTF-8, strictly the
 * grammar of RFC 8259, at most FRC_JSON_MAX_DEPTH objects and arrays inside one another, whole
 * numbers of at most 18 digits, and no NUL in a string, not even as an escape. A parser that is
 * handed such a text meets no surprises, and takes about scan->cost bytes. Allocates nothing. */
gboolean frc_json_scan (const char *text, gsize n, FrcJsonScan *scan);

#endif
