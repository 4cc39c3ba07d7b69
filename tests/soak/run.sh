#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# 100,000 frames through the elements while another thread changes their properties, in both modes:
# without sanitizers, where resident memory must grow by less than 1 MiB after the first 5,000
# frames, then under AddressSanitizer and UndefinedBehaviorSanitizer, which must find nothing.
#
#   tests/soak/run.sh [FRAMES]        everything: about half an hour on two free cores
#   tests/soak/run.sh FRAMES plain    only the first half
#   tests/soak/run.sh FRAMES asan     only the second half
#
# A quarter as many again for region=roi-list, where most memory changes hands. Ends with a line a
# run; the exit status is 0 when all of them passed.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/pipelines/packages.sh"
case ${1-} in
  -h | --help) sed -n '3,/^set -u/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac
frames=${1:-100000} which=${2:-both}
# shellcheck disable=SC2086
need_packages $packages_build $packages_run

log=$(mktemp -d)
trap 'rm -r "$log"' EXIT
failed=0
verdicts=""

# The plugin under test, and of the system's only what decodes the picture.
export GST_REGISTRY=$log/registry.bin GST_REGISTRY_FORK=no GST_PLUGIN_SYSTEM_PATH_1_0=''
export GST_PLUGIN_LOADING_WHITELIST=coreelements,matroska,vpx,fasterrcnn
export FRC_TEST_MODEL=$top/models/voc20_lite0_fpn.safetensors
export FRC_TEST_CLIP=$top/pipelines/demo.webm
system_plugins=$(pkg-config --variable=pluginsdir gstreamer-1.0)

# soak NAME BUILD FRAMES PROPERTIES OPTION…: one run, as it goes; adds a line to the verdicts.
soak ()
{
  local name=$1 build=$2 n=$3 properties=$4 begin=$SECONDS result=passed
  shift 4
  say "" "$name, $properties"
  GST_PLUGIN_PATH_1_0=$build/gst:$system_plugins \
    "$build/tests/soak/soak" --frames "$n" --set "$properties" "$@" 2>&1 | tee "$log/out"
  [ "${PIPESTATUS[0]}" = 0 ] || { result=FAILED; failed=1; }
  verdicts="$verdicts
$result: $name, $properties, $n frames in $((SECONDS - begin)) s; $(grep '^memory:' "$log/out")"
  rm -f "$GST_REGISTRY"
}

# all NAME BUILD
all ()
{
  soak "$1" "$2" "$frames" "mode=sync" --max-growth "$growth"
  soak "$1" "$2" "$frames" "mode=async" --pace 3000 --max-growth "$growth"
  soak "$1" "$2" $((frames / 4)) "mode=async region=roi-list" --pace 3000 --max-growth "$growth"
}

options="-Dtests=true -Dtest_hooks=true -Dtool=enabled -Doverlay=enabled"
if [ "$which" != asan ]; then
  # shellcheck disable=SC2086
  build_project "$top/build-tests" $options
  growth=1024
  all "no sanitizers" "$top/build-tests"
fi
if [ "$which" != plain ]; then
  # shellcheck disable=SC2086
  build_project "$top/build-sanitized" $options --buildtype=debugoptimized \
    -Db_sanitize=address,undefined -Db_lundef=false
  export ASAN_OPTIONS=abort_on_error=1:strict_string_checks=1
  export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
  export LSAN_OPTIONS=suppressions=$top/tests/lsan.supp:print_suppressions=0
  growth=-1 # freed memory is kept from being used again
  all "AddressSanitizer" "$top/build-sanitized"
fi
say "$verdicts"
[ "$failed" = 0 ]
