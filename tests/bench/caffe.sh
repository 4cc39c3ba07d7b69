#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# VGG16 and ZF beside OpenCV's DNN module, the same weights and frames in turns. Nothing fails because
# a machine is slow.
#
#   tests/bench/caffe.sh PHOTOGRAPH… [--threads N] [--pairs N] [--families fasterrcnn_vgg16,…]
#                  [--precision f32,bf16] [--write tests/bench/results.md]
#
# FRC_ORACLE_CACHE, FRC_ORACLE_VENV, FRC_ORACLE_BUILD  as tests/oracle/run.sh has them; its environment
#                  and its random weights are used, made by `tests/oracle/run.sh --families vgg16`
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${FRC_ORACLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fasterrcnndetect-oracle}
build=${FRC_ORACLE_BUILD:-$cache/build}
python=${FRC_ORACLE_VENV:-$cache/venv}/bin/python

"$python" -c "import torch, cv2" 2>/dev/null || {
  echo "$python: torch and OpenCV expected; tests/oracle/run.sh --families vgg16 installs them" >&2
  exit 1
}
if [ -z "${FRC_ORACLE_BUILD:-}" ] && [ ! -e "$build/build.ninja" ]; then
  meson setup "$build" "$root" -Dtests=true
fi
ninja -C "$build" tests/oracle/oracle-stages >/dev/null

exec "$python" -W ignore "$here/caffe.py" --build "$build" --work "$cache/work" "$@"
