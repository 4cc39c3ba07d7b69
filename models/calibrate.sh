#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# calibrate.sh VOC2007 [OUT]: makes the default model's calibration again: bounds of its layers' inputs
# on 120 images of VOC2007's train list, evenly spread over it, and what bf16 and int8 cost in mean
# average precision on its val list. Writes OUT (default: the model file itself); weights stay bit for
# bit, which is checked. FRCNN names the tool (default: build/models/frcnn of this checkout).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
frcnn=${FRCNN:-$top/build/models/frcnn} model=$top/models/voc20_lite0_fpn.safetensors
if [ $# -lt 1 ] || [ ! -f "$1/ImageSets/Main/train.txt" ] || [ ! -x "$frcnn" ]; then
  sed -n '3,6s/^# //p' "$0"
  echo "Needed: a built tool ($frcnn), and a folder with Annotations, ImageSets and JPEGImages."
  exit 1
fi
voc=$1 out=${2:-$model} beside=$(mktemp)
trap 'rm -f "$beside"' EXIT
mapfile -t images < <(awk -v folder="$voc/JPEGImages" \
  'NR % 33 == 0 && n++ < 120 { print folder "/" $1 ".jpg" }' "$voc/ImageSets/Main/train.txt")
"$frcnn" calibrate "$model" "${images[@]}" -o "$beside" --eval "$voc" --split val

# Behind the header a file is its tensors' bytes, in the order of its header.
tensors () { python3 -c 'import json, struct, sys
file = open(sys.argv[1], "rb")
header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
header.pop("__metadata__")
sys.stdout.buffer.write(repr(sorted(header.items())).encode() + file.read())' "$1" | sha256sum; }
if [ "$(tensors "$model")" != "$(tensors "$beside")" ]; then
  echo "calibrate.sh: the weights in $beside are others than those of $model" >&2
  exit 1
fi
cat "$beside" >"$out"
sha256sum "$out"
