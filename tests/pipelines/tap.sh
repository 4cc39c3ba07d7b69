# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by the tests of the scripts: a folder that goes away, TAP, a short clip.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset DISPLAY WAYLAND_DISPLAY
number=0 status=0

# check WHAT COMMAND…: one line of TAP; what was last run printed is shown only if it fails.
check ()
{
  local what=$1
  shift
  number=$((number + 1))
  if "$@"; then
    echo "ok $number - $what"
  else
    echo "not ok $number - $what"
    head -n 20 "$work/out" "$work/err" | cut -c1-300 | sed 's/^/# /'
    status=1
  fi
}

skip ()
{
  number=$((number + 1))
  echo "ok $number - $1 # SKIP $2"
}

# run COMMAND…: its output goes to $work/out and $work/err, its exit status to $code. It has 60
# seconds: some versions of gst-launch-1.0 do not always end after an error.
run ()
{
  timeout -k 5 60 "$@" >"$work/out" 2>"$work/err" </dev/null
  code=$?
}

says ()
{
  grep -qF -- "$1" "$work/out" "$work/err"
}

# refused WHAT WORD COMMAND…: a failure, nothing on stdout, and WORD in what is said.
refused ()
{
  local what=$1 word=$2
  shift 2
  run "$@"
  check "$what" eval '[ $code != 0 ] && [ $code != 124 ] && [ ! -s "$work/out" ] && says "$word"'
}

# A plugin with a sanitizer needs a program that has it, too: gst-launch-1.0 and Python do not.
is_sanitized ()
{
  ldd "$FASTERRCNN_BUILD/gst/libgstfasterrcnn.so" | grep -q 'lib[at]san'
}

# short_clip FRAMES FILE: the beginning of the project's clip, not encoded again; without our plugin,
# which might be one with a sanitizer.
short_clip ()
{
  run env -u GST_PLUGIN_PATH -u GST_PLUGIN_PATH_1_0 -u GST_PLUGIN_SYSTEM_PATH_1_0 \
    GST_REGISTRY="$work/registry.bin" GST_PLUGIN_LOADING_WHITELIST=coreelements,matroska \
    gst-launch-1.0 -q filesrc location="$top/pipelines/demo.webm" ! matroskademux ! \
    identity eos-after=$(($1 + 1)) ! webmmux ! filesink location="$2"
}

finish ()
{
  echo "1..$number"
  exit $status
}
