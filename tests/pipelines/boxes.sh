#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# boxes.sh BOXES-APPSINK DEMO: the three ways of getting boxes out print the same lines, and say what
# is wrong with their input; the demo shows and writes what they find.
set -u
boxes=$1 demo=$2
. "$(dirname "$0")/tap.sh"
clip=$work/clip.webm
short_clip 6 "$clip"

# Lines of milliseconds, label, percent, x, y, width and height, of frames that are 100 ms apart.
are_boxes ()
{
  awk -F '\t' '
    NF != 7 || $1 % 100 || $1 < last || $3 < 50 || $3 > 100 || $4 + $6 > 768 || $5 + $7 > 576 { bad = 1 }
    { last = $1; seen[$2]++ }
    END { exit bad || last != 500 || seen["person"] < 12 }' "$1"
}

same_as_appsink ()
{
  [ -s "$work/appsink" ] && diff "$work/appsink" "$work/out" >"$work/err"
}

run "$boxes" "$clip"
cp "$work/out" "$work/appsink"
check "C, appsink: a line an object" eval '[ $code = 0 ] && are_boxes "$work/out"'
refused "C: no such file" "not found" "$boxes" "$work/none.webm"
refused "C: no video" "text file" "$boxes" "$top/README.md"
refused "C: usage" "usage: boxes-appsink" "$boxes" --help
refused "demo: no such property" "found 'colour=red'" "$demo" "$clip" "$work/out.webm" colour=red

if is_sanitized; then
  skip "scripts" "gst-launch-1.0 and Python are without the sanitizer"
  finish
fi

if command -v jq >/dev/null; then
  run "$top/pipelines/boxes-json.sh" "$clip"
  check "shell, JSON lines: the same" eval '[ $code = 0 ] && same_as_appsink'
  run "$top/pipelines/boxes-json.sh" "$clip" classes=car
  check "shell: properties of the detector" \
    eval '[ -s "$work/out" ] && ! cut -f 2 "$work/out" | grep -qv "^car$"'
else
  skip "shell, JSON lines" "jq is missing"
fi
messages="$top/pipelines/boxes-messages.py"
if /usr/bin/python3 -c 'import gi; gi.require_version("Gst", "1.0"); from gi.repository import Gst
exit(not hasattr(Gst.Structure, "__getitem__"))' 2>/dev/null; then
  run "$messages" "$clip"
  check "Python, messages: the same" eval '[ $code = 0 ] && same_as_appsink'
  refused "Python: no such file" "not found" "$messages" "$work/none.webm"
  refused "Python: no video" "text file" "$messages" "$top/README.md"
  refused "Python: usage" "usage: boxes-messages.py" "$messages" --help
else
  skip "Python, messages" "python3-gst-1.0 is missing"
fi
refused "shell: no such file" "there is no file" "$top/pipelines/boxes-json.sh" "$work/none.webm"

run env -C "$work" "$top/pipelines/demo.sh" "$clip"
check "demo: writes a video" eval '[ $code = 0 ] && [ -s "$work/clip-annotated.webm" ]'
check "demo: lists what was seen" eval 'grep -q "^  person  *6 (100 %)" "$work/out"'
cp "$clip" "$work/a=b.webm"
run env -C "$work" "$top/pipelines/demo.sh" a=b.webm classes=car
check "demo: a file whose name looks like a property" \
  eval '[ $code = 0 ] && says "car" && ! grep -q "^  person" "$work/out"'
run "$top/pipelines/demo.sh" --help
check "demo: --help" eval '[ $code = 0 ] && says "pipelines/demo.sh FILE" && ! says "set -u"'
refused "demo: no such camera" "/dev/video99 is not a camera" "$top/pipelines/demo.sh" /dev/video99
: >"$work/empty.webm"
refused "demo: an empty file" "is empty" "$top/pipelines/demo.sh" "$work/empty.webm"
refused "demo: no file at all" "not a file that can be read" "$top/pipelines/demo.sh" /dev/null
finish
