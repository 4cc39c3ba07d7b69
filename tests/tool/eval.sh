#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# eval.sh DATASET SPLIT EVALUATOR.py [MODEL]: runs `frcnn eval` on a VOC dataset and prints its means
# beside those that an independent evaluator gives the same --detections file. EVALUATOR is called as
# `python3 EVALUATOR DATASET DATASET/ImageSets/Main/SPLIT.txt FILE` ($PYTHON in place of python3).
# FRCNN names the tool (default: build/models/frcnn of this checkout).
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
frcnn=${FRCNN:-$top/build/models/frcnn}
if [ $# -lt 3 ] || [ ! -d "$1/Annotations" ] || [ ! -f "$3" ] || [ ! -x "$frcnn" ]; then
  sed -n '3,6s/^# //p' "$0"
  echo "Needed: a built tool ($frcnn), a folder with Annotations, ImageSets and JPEGImages, and an evaluator."
  exit 1
fi
dataset=$1 split=$2 evaluator=$3 model=${4:-default}
found=$(mktemp)
trap 'rm -f "$found"' EXIT
"$frcnn" eval "$model" "$dataset" --split "$split" --format voc --detections "$found"
echo
echo "$(basename "$evaluator") on the same detections:"
"${PYTHON:-python3}" "$evaluator" "$dataset" "$dataset/ImageSets/Main/$split.txt" "$found"
