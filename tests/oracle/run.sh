#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Whole-model parity with PyTorch and OpenCV. Not part of the default tests: it installs about 5 GB.
#
#   tests/oracle/run.sh [--images DIR] [--trained FILE] [--families resnet50,…] [compare.py options]
#   tests/oracle/run.sh --graphs A.pb,B.pb,… [--count N]
#
# The second form compares frozen graphs of faster_rcnn_inception_v2 with TensorFlow: such as the TF
# Object Detection API exports, with whatever weights. It needs nothing of PyTorch.
#
# FRC_ORACLE_CACHE  where the virtual environment, models and images live
#                   (default: ~/.cache/fasterrcnndetect-oracle)
# FRC_ORACLE_VENV   an environment that already has torch, torchvision and OpenCV: nothing is installed
# FRC_ORACLE_TF_VENV  the same with tensorflow, for --graphs
# FRC_ORACLE_BUILD  an existing build directory (made with -Dtests=true)
# FRC_ORACLE_IMAGES a directory of photographs, e.g. JPEGImages of PASCAL VOC; without it, pictures
#                   are drawn
set -eu

TENSORFLOW=2.21.0
TORCH=2.14.1
VISION=0.29.1
OPENCV=4.11.0.86 # the last versions that read Caffe's files
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${FRC_ORACLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fasterrcnndetect-oracle}
build=${FRC_ORACLE_BUILD:-$cache/build}
mkdir -p "$cache"

need_disk () {
  free=$(df -Pk "$cache" | awk 'NR == 2 { print $4 }')
  if [ "$free" -lt 8388608 ]; then
    echo "$cache: 8 GB of free disk expected, $((free / 1048576)) GB found" >&2
    exit 1
  fi
}

build_what () {
  if [ -z "${FRC_ORACLE_BUILD:-}" ] && [ ! -e "$build/build.ninja" ]; then
    meson setup "$build" "$root" -Dtests=true
  fi
  ninja -C "$build" models/frcnn tests/oracle/oracle-stages
}

if [ "${1:-}" = --graphs ]; then
  graphs=${2:?one or more frozen graphs expected, with commas between them}
  shift 2
  venv=${FRC_ORACLE_TF_VENV:-$cache/venv-tensorflow}
  if [ -z "${FRC_ORACLE_TF_VENV:-}" ] && [ ! -e "$venv/complete-$TENSORFLOW" ]; then
    need_disk
    echo "installing tensorflow-cpu $TENSORFLOW into $venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet "tensorflow-cpu==$TENSORFLOW" numpy pillow
    touch "$venv/complete-$TENSORFLOW"
  fi
  build_what
  exec "$venv/bin/python" -W ignore "$here/tensorflow_compare.py" --build "$build" \
    --work "$cache/work" --images "${FRC_ORACLE_IMAGES:-}" "$@" "$graphs"
fi

venv=${FRC_ORACLE_VENV:-$cache/venv}
if [ -z "${FRC_ORACLE_VENV:-}" ] && [ ! -e "$venv/complete-$TORCH-$VISION-$OPENCV" ]; then
  need_disk
  echo "installing torch $TORCH, torchvision $VISION and OpenCV $OPENCV into $venv"
  python3 -m venv "$venv" || {
    echo "python3 -m venv expected to work: apt install python3-venv" >&2
    exit 1
  }
  "$venv/bin/python" -m pip install --quiet "torch==$TORCH" "torchvision==$VISION" \
    "opencv-python-headless==$OPENCV" numpy pillow
  touch "$venv/complete-$TORCH-$VISION-$OPENCV"
fi
"$venv/bin/python" -c "import torch, torchvision, cv2" || {
  echo "$venv: an environment with torch, torchvision and OpenCV expected" >&2
  exit 1
}

build_what
exec "$venv/bin/python" -W ignore "$here/compare.py" --build "$build" --work "$cache/work" \
  --images "${FRC_ORACLE_IMAGES:-}" "$@"
