#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The live page in headless Chromium, and its server with a viewer that takes nothing: installs what
# that needs (Debian, Ubuntu), builds, and prints what was checked; the exit status is 0 when all of
# it holds. About a minute.
#
#   tests/live/run.sh [DIRECTORY]     pictures of the page go there; else into a temporary folder
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/pipelines/packages.sh"
case ${1-} in
  -h | --help) sed -n '3,/^set -u/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac
# shellcheck disable=SC2086
need_packages $packages_build $packages_run $packages_live \
  chromium chromium-driver python3-selenium fonts-dejavu-core
build_project "$top/build-tests" -Dtests=true -Dtest_hooks=true -Dtool=enabled -Doverlay=enabled \
  -Dlive=enabled
live=$top/build-tests/pipelines/live
[ -x "$live" ] || fail "$top/build-tests was set up without the live page: remove it and start again"
pictures=${1:-$(mktemp -d)}
mkdir -p "$pictures"
export GST_PLUGIN_PATH=$top/build-tests/gst
status=0
python3 "$top/tests/live/server.py" --stall "$live" "$top/pipelines/demo.webm" || status=1
# Debian's own interpreter has Debian's selenium.
/usr/bin/python3 "$top/tests/live/browser.py" "$live" "$top/pipelines/demo.webm" "$pictures" || status=1
say "Pictures of the page: $pictures"
exit $status
