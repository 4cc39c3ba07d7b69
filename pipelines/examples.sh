#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Pipelines to start from, each one line of gst-launch-1.0 that is shown and run.
#
#   pipelines/examples.sh NAME [SOURCE] [PROPERTY=VALUE...]
#   pipelines/examples.sh --print NAME [SOURCE] [PROPERTY=VALUE...]     only shows the line
#
#   camera    a webcam (/dev/video0): persons
#   network   a network camera (rtsp://HOST/PATH must be given)
#   zones     two parts of the picture, each looked at by itself
#   cascade   persons, then a second detector inside each of them
#   follow    a detector on every second frame; another one moves its boxes along in between
#   streams   two streams next to each other that share one model
#
# SOURCE is a file, a URI or a camera; without one it is the clip of the project. Words after it set
# properties of the detector, of the second one where there are two, of both streams.
#
# You will see a window where there is a display; otherwise NAME.webm is written. What is missing on
# the machine is installed first (Debian, Ubuntu), then the project is built.
set -u
. "$(dirname "$0")/common.sh"

print=
case ${1-} in
  -h | --help) usage; exit 0 ;;
  --print) print=1; shift ;;
esac
name=${1-}
[ $# = 0 ] || shift

clip=$top/pipelines/demo.webm
case $name in
  camera) clip=/dev/video0 ;;
  network) case ${1-} in rtsp*://*) ;; *) fail "network: expected rtsp://HOST/PATH, found '${1-}'" ;; esac ;;
  zones | cascade | follow | streams) ;;
  *) fail "expected camera, network, zones, cascade, follow or streams, found '$name' (--help tells more)" ;;
esac
take_arguments "$clip" "$@"

describe_ends "$name.webm"

# The two halves of every line: frames that the detector takes, boxes that are drawn.
frames="$source ! queue ! videoconvert"
drawn="fasterrcnnoverlay ! $sink"
case $name in
  camera)
    line="$frames ! fasterrcnndetect mode=async classes=person$words ! $drawn"
    see="the camera at its own pace with a box around each person; boxes come as fast as the CPU finds them, and no frame waits for that" ;;
  network)
    line="$frames ! fasterrcnndetect mode=async$words ! $drawn"
    see="the camera 0.2 s late, with a box around each object; boxes come as fast as the CPU finds them, and no frame waits for that" ;;
  zones)
    line="$frames ! fasterrcnndetect region=zones zones='0,50%,50%,50%;50%,0,50%,75%' classes=person$words ! $drawn"
    see="boxes around persons in the lower left quarter and on the upper right, none around those elsewhere; small ones are found better, because each zone is an inference of its own" ;;
  cascade)
    line="$frames ! fasterrcnndetect classes=person ! fasterrcnndetect region=roi-list region-classes=person threshold=0.7$words ! $drawn"
    see="a box around each person, and in it what the second detector finds there: the person again, framed more closely; with model=FILE the second one is a model of your own" ;;
  follow)
    line="$frames ! fasterrcnndetect interval=2 classes=person ! fasterrcnndetect proposals=roi-meta classes=person$words ! $drawn"
    see="two boxes around each person: one of the first detector, which stands still in every second frame, and the second detector's, which follows: it has no proposals of its own, it classifies and corrects the boxes that are there, as it would those of a tracker" ;;
  streams)
    line="compositor name=wall sink_1::xpos=640 ! $sink"
    for number in 0 1; do
      line="$line $frames ! videoflip video-direction=$([ $number = 0 ] && echo identity || echo horiz) ! fasterrcnndetect interval=2$words ! fasterrcnnoverlay ! videoscale ! videoconvert ! video/x-raw,width=640,height=480 ! queue ! wall.sink_$number"
    done
    see="two pictures side by side, the right one mirrored, each with its own boxes; the model is in memory once" ;;
esac
line="gst-launch-1.0 -e $line"

if [ -n "$print" ]; then
  say "$line"
  exit 0
fi
# shellcheck disable=SC2046
prepare $(window_packages)
say "" "$line" "" "$where $see." "Ctrl-C ends it." ""
eval "$line"
