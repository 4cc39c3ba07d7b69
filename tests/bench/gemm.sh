#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The f32 convolutions of ResNet-50 FPN and of Inception v2 one by one, on one thread, beside the peak
# of multiply-adds on registers, beside the same layer with all of its memory in L2, and beside what its
# bytes alone take. Nothing fails because a machine is slow.
#
#   tests/bench/gemm.sh [--write tests/bench/results.md]
#
# FRC_BENCH_BUILD  an existing release build directory (made with -Dtests=true)
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${FRC_BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fasterrcnndetect-bench}
build=${FRC_BENCH_BUILD:-$cache/build}
write=
[ "${1-}" != --write ] || write=$2
if [ -z "${FRC_BENCH_BUILD:-}" ] && [ ! -e "$build/build.ninja" ]; then
  meson setup "$build" "$root" -Dtests=true
fi
ninja -C "$build" tests/kernels/bench-gemm >/dev/null

load=$(cut -d' ' -f1 /proc/loadavg)
{
  echo "One thread, f32. Share: GFLOP/s over those of multiply-adds on registers alone, measured beside each"
  echo "run; what Winograd's 3×3 saves counts, so it comes above 100 %. In L2: the same 1×1 layer over so few"
  echo "pixels that weights, input and output stay there (–: they do not fit). Bytes alone: the layer's memory"
  echo "read and written once without arithmetic."
  echo
  echo "| layer | output | channels | ms | share of the peak | in L2 | memory, MB | bytes alone, ms |"
  echo "| --- | --- | --- | --- | --- | --- | --- | --- |"
  for network in r50 fpn fc inception; do
    "$build/tests/kernels/bench-gemm" --threads 1 --only $network
  done | tr -d '|' | sed -E -n 's/([0-9])x *([0-9]+)x *([0-9]+) /\1×\2×\3 /; s/ *-> */→/p' |
    awk '{ split($0, half, " ms "); n = split(half[1], left, " ")
      layer = left[1]; for (i = 2; i <= n - 3; i++) layer = layer " " left[i]
      split(half[2], right, " ")
      printf "| %s | %s | %s | %s | %s %% | %s | %s | %.2f |\n", layer, left[n - 2], left[n - 1], left[n],
        right[3], /in L2/ ? $(NF - 1) " %" : "–", right[5], right[5] / right[7] }'
} | python3 "$here/report.py" "$write" "Layers" tests/bench/gemm.sh "$load"
