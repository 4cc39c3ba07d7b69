#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Detects objects in a video and shows or writes it with the boxes drawn in.
#
#   pipelines/demo.sh                     the clip of the project
#   pipelines/demo.sh FILE                any video file
#   pipelines/demo.sh rtsp://HOST/PATH    a network camera (http:// and https:// work too)
#   pipelines/demo.sh /dev/video0         a local camera
#
# Words after it set properties of the detector: pipelines/demo.sh FILE threshold=0.7 interval=2
#
# You will see a window with the boxes where there is a display; otherwise an annotated video file
# is written. Then comes a list of what was seen and where, and one line with frames and frames per
# second. Ctrl-C ends early: the file is still complete and the list is still printed.
# What is missing on the machine is installed first (Debian, Ubuntu), then the project is built.
set -u
. "$(dirname "$0")/common.sh"

case ${1-} in -h | --help) usage; exit 0 ;; esac
take_arguments "$top/pipelines/demo.webm" "$@"
# shellcheck disable=SC2046
prepare $(window_packages)
name=$(basename "${what%%\?*}")
say ""
exec "$build/pipelines/demo" "$input" "${name%.*}-annotated.webm" "${properties[@]}"
