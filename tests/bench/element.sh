#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Frames a second of the default model in a pipeline: decode ! scale to 640x480 ! fasterrcnndetect !
# fasterrcnnoverlay ! fakesink sync=false, on two cores. Nothing fails because a machine is slow.
#
#   tests/bench/element.sh CLIP [--write tests/bench/results.md]
#
# FRC_BENCH_BUILD  an existing release build directory (made with -Dtests=true)
# FRC_BENCH_FRAMES frames a run (default 300); of three runs a precision, in turns, the median stands
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${FRC_BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fasterrcnndetect-bench}
build=${FRC_BENCH_BUILD:-$cache/build}
[ $# -ge 1 ] && [ -f "$1" ] || {
  sed -n '4,10s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
clip=$1 write=
[ "${2-}" != --write ] || write=$3
if [ -z "${FRC_BENCH_BUILD:-}" ] && [ ! -e "$build/build.ninja" ]; then
  meson setup "$build" "$root" -Dtests=true
fi
ninja -C "$build" tests/bench/bench-element gst/libgstfasterrcnn.so >/dev/null

load=$(cut -d' ' -f1 /proc/loadavg)
cores=
command -v taskset >/dev/null && [ "$(nproc)" -gt 2 ] && cores="taskset -c 0,1"
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
for turn in 1 2 3; do
  for precision in f32 bf16 int8; do
    GST_PLUGIN_PATH=$build/gst $cores "$build/tests/bench/bench-element" "$clip" "$precision" 2 \
      "${FRC_BENCH_FRAMES:-300}" >>"$rows" || echo "$precision is not there on this CPU" >&2
  done
done
{
  echo "The default model at 640×480, \`$(basename "$clip")\`, two cores, decoding and overlay included,"
  echo "medians of three runs of ${FRC_BENCH_FRAMES:-300} frames (least–most)."
  echo
  echo "| precision | frames a second | objects a frame |"
  echo "| --- | --- | --- |"
  for precision in f32 bf16 int8; do
    grep "^$precision " "$rows" | sort -n -k3 | awk '{ fps[NR] = $3; objects = $4; name = $1 }
      END { if (NR) printf "| %s | %s (%s–%s) | %s |\n", name, fps[int((NR + 1) / 2)], fps[1], fps[NR], objects }'
  done
} | python3 "$here/report.py" "$write" "A pipeline" tests/bench/element.sh "$load"
