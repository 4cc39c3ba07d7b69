#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# formats.sh DATASET [BUILD]: on the first 100 photographs of a dataset in PASCAL VOC's layout the
# element finds in every format what the library finds in the same frame as RGB (see
# compare-formats.c). Takes some minutes. Not part of tests/run.sh: photographs are not in the
# repository.
#
#   DATASET  a folder with ImageSets/Main/val.txt and JPEGImages/
#   BUILD    a build directory with -Dtests=true; default: build-tests
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
dataset=${1-} build=${2-$top/build-tests}

if [ ! -f "$dataset/ImageSets/Main/val.txt" ] || [ ! -d "$dataset/JPEGImages" ]; then
  echo "formats.sh: needs the folder of a dataset in PASCAL VOC's layout as its first argument:"
  echo "  expected '$dataset/ImageSets/Main/val.txt' and '$dataset/JPEGImages/', found no such files"
  exit 2
fi
program=$build/tests/elements/compare-formats
if [ ! -x "$program" ]; then
  echo "formats.sh: expected $program, found no such program: build it with"
  echo "  meson setup -Dtests=true $build $top && ninja -C $build"
  exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
head -n 100 "$dataset/ImageSets/Main/val.txt" | while read -r name _; do
  echo "$dataset/JPEGImages/$name.jpg"
done >"$work/list"
export GST_PLUGIN_PATH=$build/gst GST_REGISTRY=$work/registry.bin
export FRC_TEST_MODEL=${FRC_TEST_MODEL-$top/models/voc20_lite0_fpn.safetensors}
"$program" --list "$work/list" --expect 150
