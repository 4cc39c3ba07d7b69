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
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/pipelines/packages.sh"

usage ()
{
  sed -n '3,/^set -u/{/^#/s/^# \{0,1\}//p}' "$0"
}

# Prints the URI of an argument, or says why there is none.
source_uri ()
{
  case $1 in
    *://*) printf '%s\n' "$1" ;;
    /dev/video*)
      [ -c "$1" ] || fail "$1 is not a camera of this machine: expected a device such as" \
        "$(ls /dev/video* 2>/dev/null | head -n 1 | grep . || echo '/dev/video0; there is none')"
      printf 'v4l2://%s\n' "$1" ;;
    *)
      [ -e "$1" ] || fail "there is no file $1"
      [ -f "$1" ] && [ -r "$1" ] || fail "$1 is not a file that can be read"
      [ -s "$1" ] || fail "$1 is empty: expected a video"
      printf '%s\n' "$(realpath "$1")" ;;
  esac
}

what=$top/pipelines/demo.webm
case ${1-} in
  -h | --help) usage; exit 0 ;;
  "") ;;
  *=*) [ -e "$1" ] && { what=$1; shift; } ;;
  *) what=$1; shift ;;
esac
uri=$(source_uri "$what") || exit 1

packages="$packages_build $packages_run"
[ "$what" = "$top/pipelines/demo.webm" ] || packages="$packages gstreamer1.0-libav"
[ -z "${DISPLAY-}" ] || packages="$packages gstreamer1.0-x"
[ -n "${DISPLAY-}" ] || [ -z "${WAYLAND_DISPLAY-}" ] || packages="$packages gstreamer1.0-gl"
# shellcheck disable=SC2086
need_packages $packages
build_project "$top/build"

name=$(basename "${what%%\?*}")
export GST_PLUGIN_PATH="$top/build/gst${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"
say ""
exec "$top/build/pipelines/demo" "$uri" "${name%.*}-annotated.webm" "$@"
