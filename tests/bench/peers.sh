#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Speed beside other engines, measured in turns. Nothing fails because a machine is slow.
#
#   tests/bench/peers.sh PHOTOGRAPH [--write tests/bench/results.md] [peers.py options]
#
# All models, f32, bf16 and int8 on two threads and on one: about six minutes.
#
# FRC_BENCH_CACHE  where the virtual environment and exported models live
#                  (default: ~/.cache/fasterrcnndetect-bench)
# FRC_BENCH_VENV   an environment that has torch, torchvision, onnx, openvino and onnxruntime
# FRC_BENCH_NNCF_VENV  one that has nncf and openvino (without it, and where nncf cannot be installed,
#                  OpenVINO's own int8 is left out)
# FRC_BENCH_BUILD  an existing release build directory (made with -Dtests=true)
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${FRC_BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fasterrcnndetect-bench}
build=${FRC_BENCH_BUILD:-$cache/build}
venv=${FRC_BENCH_VENV:-$cache/venv}
mkdir -p "$cache"

if [ -z "${FRC_BENCH_VENV:-}" ] && [ ! -e "$venv/complete" ]; then
  free=$(df -Pk "$cache" | awk 'NR == 2 { print $4 }')
  if [ "$free" -lt 8388608 ]; then
    echo "$cache: 8 GB of free disk expected, $((free / 1048576)) GB found" >&2
    exit 1
  fi
  echo "installing the peers into $venv"
  python3 -m venv "$venv" || {
    echo "python3 -m venv expected to work: apt install python3-venv" >&2
    exit 1
  }
  "$venv/bin/python" -m pip install --quiet torch==2.14.1 torchvision==0.29.1 onnx openvino \
    onnxruntime numpy pillow
  touch "$venv/complete"
fi

nncf=${FRC_BENCH_NNCF_VENV:-$cache/venv-nncf}
if [ -z "${FRC_BENCH_NNCF_VENV:-}" ] && [ ! -e "$nncf/tried" ]; then
  echo "installing NNCF into $nncf"
  python3 -m venv "$nncf" && "$nncf/bin/python" -m pip install --quiet nncf openvino numpy ||
    echo "NNCF cannot be installed: OpenVINO's int8 is left out" >&2
  touch "$nncf/tried"
fi

if [ -z "${FRC_BENCH_BUILD:-}" ] && [ ! -e "$build/build.ninja" ]; then
  meson setup "$build" "$root" -Dtests=true
fi
ninja -C "$build" tests/oracle/oracle-stages models/frcnn

exec "$venv/bin/python" -W ignore "$here/peers.py" --build "$build" --work "$cache/work" \
  --nncf-python "$nncf/bin/python" "$@"
