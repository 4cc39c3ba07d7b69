# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by the scripts here: their help, their source and properties, the built project.
#
# FASTERRCNN_BUILD names a build directory that is ready: then nothing is installed or built.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$top/pipelines/packages.sh"
build=${FASTERRCNN_BUILD:-$top/build}

# The comment at the top of the script.
usage ()
{
  sed -n '3,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

# Prints the path or URI of an argument, or says why there is none.
find_source ()
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
      realpath "$1" ;;
  esac
}

# Prints the URI of what find_source printed.
as_uri ()
{
  case $1 in
    *://*) printf '%s\n' "$1" ;;
    *) python3 -c 'import pathlib, sys; print(pathlib.Path(sys.argv[1]).as_uri())' "$1" ;;
  esac
}

# take_arguments DEFAULT [SOURCE] [PROPERTY=VALUE…]: sets what, the source
# as it was given, input, its path or URI, and the array properties.
take_arguments ()
{
  what=$1
  shift
  case ${1-} in
    "") ;;
    *://*) what=$1; shift ;;
    *=*) [ ! -e "$1" ] || { what=$1; shift; } ;;
    *) what=$1; shift ;;
  esac
  properties=("$@")
  input=$(find_source "$what") || exit 1
}

# describe_ends FILE: behind take_arguments. Sets source and sink, the ends of a gst-launch-1.0 line;
# words, the properties for it; where, what shows the result: a window, or FILE without a display.
describe_ends ()
{
  words=$(printf ' %q' "${properties[@]}")
  [ ${#properties[@]} != 0 ] || words=
  case $input in
    v4l2://*) source="v4l2src device=$(printf %q "$what")" ;;
    rtsp*://*) source="rtspsrc latency=200 location=$(printf %q "$input") ! application/x-rtp,media=video ! decodebin" ;;
    *) source="uridecodebin uri=$(printf %q "$(as_uri "$input")")" ;;
  esac
  if [ -n "$(window_packages)" ]; then
    where="The window shows" sink="videoconvert ! autovideosink"
  else
    where="$1 shows"
    sink="videoconvert ! vp8enc deadline=1 cpu-used=4 target-bitrate=4000000 ! webmmux ! filesink location=$1"
  fi
}

# prepare PACKAGE…: installs what is missing, builds, and lets GStreamer find the plugin. What it
# says goes to stderr.
prepare ()
{
  local codecs=gstreamer1.0-libav
  if [ -z "${FASTERRCNN_BUILD-}" ]; then
    [ "$what" != "$top/pipelines/demo.webm" ] || codecs=
    # shellcheck disable=SC2086
    need_packages $packages_build $packages_run $codecs "$@" >&2
    build_project "$build" >&2
  fi
  export GST_PLUGIN_PATH="$build/gst${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"
}

# What a window needs on this machine.
window_packages ()
{
  if [ -n "${DISPLAY-}" ]; then
    echo gstreamer1.0-x
  elif [ -n "${WAYLAND_DISPLAY-}" ]; then
    echo gstreamer1.0-gl
  fi
}
