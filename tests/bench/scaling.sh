#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# How the cost of a frame grows with the network's input and with the number of proposals: measures
# and draws tests/bench/scaling.svg.
#
#   tests/bench/scaling.sh PHOTOGRAPH [--write tests/bench/results.md] [scaling.py options]
#
# FRC_BENCH_BUILD  an existing release build directory (made with -Dtests=true)
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${FRC_BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fasterrcnndetect-bench}
build=${FRC_BENCH_BUILD:-$cache/build}
[ $# -ge 1 ] || {
  sed -n '4,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
if [ -z "${FRC_BENCH_BUILD:-}" ] && [ ! -e "$build/build.ninja" ]; then
  meson setup "$build" "$root" -Dtests=true
fi
ninja -C "$build" models/frcnn >/dev/null

exec python3 "$here/scaling.py" --build "$build" "$@"
