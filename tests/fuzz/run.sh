#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Feeds damaged model files to the readers under AddressSanitizer and UndefinedBehaviorSanitizer:
# COUNT copies of each file in tests/core/fixtures, 50000 by default, 550,000 in all, twice as many of
# a frozen graph, and large inputs that are made to take much memory. Prints the totals; a finding
# ends it with status 1 and is left in fuzz-finding.bin.
#
#   tests/fuzz/run.sh [COUNT [SEED]]
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

packages="glib-2.0 gobject-2.0 json-glib-1.0 libzip libprotobuf-c"
readers="weights tensor json_scan safetensors pickle pickle_arrays pickle_file pickle_objects pth
  pth_legacy pth_zip wire caffemodel graphdef inception_v2_graph inception_v2_match
  inception_v2_numbers inception_v2_suppression inception_v2_table name"
(cd "$top/core/model" && protoc-c --c_out="$build" caffe.proto graphdef.proto)
sources="$top/core/mem.c $top/core/error.c $top/tests/support/archive.c"
for name in $readers; do
  sources="$sources $top/core/model/$name.c"
done
# shellcheck disable=SC2046,SC2086
"${CC:-cc}" -std=gnu11 -O1 -g -D_GNU_SOURCE -I"$top" -I"$top/tests" -I"$build" \
  -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -o "$build/fuzz-weights" "$top"/tests/fuzz/*.c "$build"/*.pb-c.c $sources \
  $(pkg-config --cflags --libs $packages) -lm

"$build/fuzz-weights" --bombs --count "${1:-50000}" --seed "${2:-1}" \
  "$top"/tests/core/fixtures/*.pth "$top"/tests/core/fixtures/*.safetensors \
  "$top"/tests/core/fixtures/*.caffemodel "$top"/tests/core/fixtures/*.pkl
# A graph of TensorFlow has thousands of nodes, which takes its time.
"$build/fuzz-weights" --count "$((${1:-50000} * 2))" --seed "${2:-1}" \
  "$top"/tests/golden/inception_v2.pb
