#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Getting boxes out, in the shell: the pipeline writes a line of JSON a frame, and jq reads them.
#
#   pipelines/boxes-json.sh [FILE|URI] [PROPERTY=VALUE...]
#
# Prints a line an object: milliseconds, label, confidence in percent, x, y, width and height in
# pixels. Without "| jq" you see the JSON itself.
set -u -o pipefail
. "$(dirname "$0")/common.sh"

case ${1-} in -h | --help) usage; exit 0 ;; esac
take_arguments "$top/pipelines/demo.webm" "$@"
prepare jq

gst-launch-1.0 -q uridecodebin uri="$(as_uri "$input")" ! videoconvert ! \
    fasterrcnndetect "${properties[@]}" ! fasterrcnnjson location=- ! fakesink |
  jq -r --unbuffered '(.timestamp / 1e6 | floor) as $ms | .objects[] |
    [$ms, .roi_type, (.detection.confidence * 100 | round), .x, .y, .w, .h] | @tsv'
