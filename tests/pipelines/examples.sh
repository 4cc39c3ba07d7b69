#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The pipelines of pipelines/examples.sh: each writes a video of every frame of its source with
# something drawn in; the network camera comes from a server on the loopback address; words reach the
# detector; what cannot work is refused.
set -u
. "$(dirname "$0")/tap.sh"
examples=$top/pipelines/examples.sh
if is_sanitized; then
  skip "examples" "gst-launch-1.0 is without the sanitizer"
  finish
fi
clip=$work/clip.webm
short_clip 8 "$clip"
cd "$work" || exit 1

# frames FILE: how many come out of it.
frames ()
{
  gst-launch-1.0 -v filesrc location="$1" ! matroskademux ! vp8dec ! fakesink silent=false 2>&1 |
    grep -c 'last-message = chain'
}

# pictures FILE: a digest of what is in it; the container itself never is the same twice.
pictures ()
{
  gst-launch-1.0 -q filesrc location="$1" ! matroskademux ! vp8dec ! filesink location=/dev/stdout | md5sum
}

# draws NAME FRAMES [WORD…]: the example ends well and writes so many frames, fewer by two at most
# where they come over the network.
draws ()
{
  local name=$1 count=$2 written
  shift 2
  rm -f "$name.webm"
  run "$examples" "$name" "$@"
  [ $code = 0 ] && says "$name.webm shows" || return 1
  written=$(frames "$name.webm")
  echo "$written frames" >>out
  [ "$written" -ge "$count" ] && [ "$written" -le 8 ]
}

for name in zones cascade follow streams; do
  check "$name" draws $name 8 "$clip" input-size=256
done
check "two streams are side by side" eval \
  'gst-launch-1.0 -v filesrc location=streams.webm ! matroskademux ! fakesink | grep -q "width=(int)1280, height=(int)480"'
before=$(pictures zones.webm)
run "$examples" zones "$clip" input-size=256 threshold=1
check "words set the detector" eval '[ $code = 0 ] && [ "$before" != "$(pictures zones.webm)" ]'

if /usr/bin/python3 -c 'import gi; gi.require_version("GstRtspServer", "1.0")' 2>/dev/null; then
  coproc SERVER { exec /usr/bin/python3 "$top/tests/pipelines/rtsp-server.py" "$clip" 2>server.log; }
  read -r -t 20 address <&"${SERVER[0]}"
  check "a network camera" draws network 6 "$address" input-size=128
  exec {SERVER[1]}>&-
  run "$examples" network rtsp://127.0.0.1:1/camera
  check "a network camera that is not there" eval '[ $code != 0 ] && grep -q "Failed to connect" err'
else
  skip "a network camera" "gir1.2-gst-rtsp-server-1.0 is missing"
fi

inception=$top/pipelines/inception-v2.sh
run "$inception" "$top/tests/golden/inception_v2.pb" "$clip" interval=1 threshold=0.02
check "TensorFlow's graph" eval '[ $code = 0 ] && says "inception-v2.webm shows" &&
  [ "$(frames inception-v2.webm)" = 8 ]'
run "$inception" "$work/none.pb"
check "no graph" eval '[ $code != 0 ] && grep -q "found no file $work/none.pb" err'

run "$examples" --print camera rtsp://h/p?a=b threshold=0.7
check "--print: the line, nothing else" eval '[ $code = 0 ] && [ "$(wc -l <out)" = 1 ] &&
  grep -q "^gst-launch-1.0 .*rtsp://h/p.*mode=async classes=person threshold=0.7 ! fasterrcnnoverlay" out'
if /usr/bin/python3 -c 'import gi; gi.require_version("Gst", "1.0")' 2>/dev/null; then
  for name in camera zones cascade follow streams; do
    "$examples" --print $name "$clip" >>lines
  done
  run /usr/bin/python3 "$top/tests/pipelines/lines.py" "$top/README.md" lines
  check "the launch lines of the README parse, and the camera's" eval '[ $code = 0 ] && says "7 lines"'
else
  skip "launch lines of the README" "python3-gi is missing"
fi
refused "no camera" "/dev/video99 is not a camera" "$examples" camera /dev/video99
refused "a network camera without an address" "rtsp://HOST/PATH" "$examples" network
refused "an unknown example" "found 'other'" "$examples" other
refused "no example" "expected camera" "$examples"
run "$examples" --help
check "--help" eval '[ $code = 0 ] && says "--print NAME" && ! says "set -u"'
finish
