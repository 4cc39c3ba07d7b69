#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Speed beside TensorFlow on the same frozen graph and the same photograph, taking turns in one run.
# Nothing fails because a machine is slow.
#
#   tests/bench/tensorflow.sh GRAPH.pb PHOTOGRAPH [tensorflow_pairs.py options]
#
# FRC_BENCH_CACHE    where the virtual environment and the build live
#                    (default: ~/.cache/fasterrcnndetect-bench)
# FRC_BENCH_TF_VENV  an environment that has tensorflow: nothing is installed
# FRC_BENCH_BUILD    an existing release build directory (made with -Dtests=true)
set -eu

TENSORFLOW=2.21.0
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${FRC_BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fasterrcnndetect-bench}
build=${FRC_BENCH_BUILD:-$cache/build}
venv=${FRC_BENCH_TF_VENV:-$cache/venv-tensorflow}
mkdir -p "$cache"

[ $# -ge 2 ] || {
  sed -n '4,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
if [ -z "${FRC_BENCH_TF_VENV:-}" ] && [ ! -e "$venv/complete-$TENSORFLOW" ]; then
  echo "installing tensorflow-cpu $TENSORFLOW into $venv"
  python3 -m venv "$venv" || {
    echo "python3 -m venv expected to work: apt install python3-venv" >&2
    exit 1
  }
  "$venv/bin/python" -m pip install --quiet "tensorflow-cpu==$TENSORFLOW" numpy pillow
  touch "$venv/complete-$TENSORFLOW"
fi
if [ -z "${FRC_BENCH_BUILD:-}" ] && [ ! -e "$build/build.ninja" ]; then
  meson setup "$build" "$root" -Dtests=true
fi
ninja -C "$build" tests/oracle/oracle-stages

exec "$venv/bin/python" -W ignore "$here/tensorflow_pairs.py" --build "$build" "$@"
