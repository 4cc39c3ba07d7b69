#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Feeds damaged model files to the readers under AddressSanitizer and UndefinedBehaviorSanitizer:
# COUNT copies of each file in tests/core/fixtures, 50000 by default, 350,000 in all, and large
# inputs that are made to take much memory. Prints the totals; a finding ends it with status 1 and
# is left in fuzz-finding.bin.
#
#   tests/fuzz/run.sh [COUNT [SEED]]
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

packages="glib-2.0 gobject-2.0 json-glib-1.0 libzip"
readers="weights tensor json_scan safetensors pickle pickle_objects pth pth_legacy pth_zip"
sources="$top/core/mem.c $top/core/error.c $top/tests/support/archive.c"
for name in $readers; do
  sources="$sources $top/core/model/$name.c"
done
# shellcheck disable=SC2046,SC2086
"${CC:-cc}" -std=gnu11 -O1 -g -D_GNU_SOURCE -I"$top" -I"$top/tests" \
  -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -o "$build/fuzz-weights" "$top"/tests/fuzz/*.c $sources \
  $(pkg-config --cflags --libs $packages) -lm

"$build/fuzz-weights" --bombs --count "${1:-50000}" --seed "${2:-1}" \
  "$top"/tests/core/fixtures/*.pth "$top"/tests/core/fixtures/*.safetensors
