/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Damages model files in ways that get past their outer layers: blindly, and knowing JSON, pickle,
 * zip and messages of protocol buffers. The same seed gives the same damage.
 */
#ifndef FRC_MUTATE_H
#define FRC_MUTATE_H

#include <glib.h>

typedef struct {
  GByteArray *data;
  GPtrArray *entries; /* of an archive: ArchiveEntry; else NULL */
  gboolean is_json; /* safetensors */
  gboolean is_protobuf;
} FuzzSeed;

FuzzSeed *fuzz_seed_load (const char *path);
void fuzz_seed_free (FuzzSeed *seed);

/* A damaged copy of @seed; @other lends bytes. */
GByteArray *fuzz_mutate (const FuzzSeed *seed, const FuzzSeed *other, GRand *random);

#endif
