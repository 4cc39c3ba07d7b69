#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Serves a page on which a browser sees the video with the boxes drawn in, and a table of what is
# seen, how often, and how long that takes.
#
#   pipelines/live.sh                     the clip of the project, again and again
#   pipelines/live.sh FILE                any video file; --loop plays it again and again
#   pipelines/live.sh rtsp://HOST/PATH    a network camera
#   pipelines/live.sh /dev/video0         a local camera
#   pipelines/live.sh test-pattern        no camera at all
#
#   --port N        the port, 8080; 0 is any free one
#   --address A     the address, 127.0.0.1: only this machine can look. 0.0.0.0 is everybody
#
# Words after it set properties of the detector: pipelines/live.sh /dev/video0 classes=person
#
# You will see one line with the address of the page; open it in a browser, or in several. Ctrl-C
# ends it. What is missing on the machine is installed first (Debian, Ubuntu), then the project is
# built.
set -u
. "$(dirname "$0")/common.sh"

options=()
while [ $# != 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --port | --address) [ $# -ge 2 ] || fail "$1: expected a value"; options+=("$1" "$2"); shift 2 ;;
    --port=* | --address=* | --loop) options+=("$1"); shift ;;
    -*) fail "unknown option $1 (--help lists them)" ;;
    *) break ;;
  esac
done
if [ "${1-}" = test-pattern ]; then
  what=$1 input=$1
  shift
  properties=("$@")
else
  take_arguments "$top/pipelines/demo.webm" "$@"
  [ "$what" != "$top/pipelines/demo.webm" ] || options+=(--loop)
fi
# shellcheck disable=SC2086
prepare $packages_live
if [ ! -x "$build/pipelines/live" ]; then # set up when libsoup was not there yet
  quietly "$build/log/setup.log" meson configure "$build" -Dlive=enabled &&
    quietly "$build/log/ninja.log" ninja -C "$build" || fail "the live page could not be built"
fi
exec "$build/pipelines/live" "${options[@]}" "$input" "${properties[@]}"
