#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Faster R-CNN with Inception v2 on each frame of a video, from TensorFlow's own file and without
# TensorFlow: one line of gst-launch-1.0 that is shown and run.
#
#   pipelines/inception-v2.sh FILE.pb [SOURCE] [PROPERTY=VALUE...]
#   pipelines/inception-v2.sh --print FILE.pb [SOURCE] [PROPERTY=VALUE...]     only shows the line
#
# FILE.pb is a frozen_inference_graph.pb, such as the one in the TF detection model zoo's
# faster_rcnn_inception_v2_coco_2018_01_28.tar.gz, or what the TF Object Detection API exports. SOURCE
# is a file, a URI or a camera; without one it is the clip of the project. Words after it set
# properties of the detector, such as threshold=0.7.
#
# You will see a window where there is a display, otherwise inception-v2.webm is written: the video
# with a box around each of COCO's objects. The network takes a good part of a second a frame, so only
# every fifth one is looked at (interval=1 looks at all). What is missing on the machine is installed
# first (Debian, Ubuntu), then the project is built.
set -u
. "$(dirname "$0")/common.sh"

print=
case ${1-} in
  -h | --help) usage; exit 0 ;;
  --print) print=1; shift ;;
esac
graph=${1-}
[ -n "$graph" ] || fail "expected a frozen_inference_graph.pb of faster_rcnn_inception_v2, found no file (--help tells where there is one)"
[ -f "$graph" ] && [ -r "$graph" ] || fail "expected a frozen_inference_graph.pb of faster_rcnn_inception_v2, found no file $graph that can be read"
graph=$(realpath "$graph")
shift
take_arguments "$top/pipelines/demo.webm" "$@"

describe_ends inception-v2.webm
line="gst-launch-1.0 -e $source ! queue ! videoconvert ! fasterrcnndetect model=$(printf %q "$graph") interval=5$words ! fasterrcnnoverlay ! $sink"

if [ -n "$print" ]; then
  say "$line"
  exit 0
fi
# shellcheck disable=SC2046
prepare $(window_packages)
say "" "$line" "" "$where each object with a box, its label and how sure the network is." "Ctrl-C ends it." ""
eval "$line"
