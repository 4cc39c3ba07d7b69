#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The element tests under ThreadSanitizer. Locks are only seen by code that was built with it, so
# GLib and GStreamer are built here from Debian's sources of the installed versions, in DIRECTORY,
# which is kept: about 1 GB, and a quarter of an hour the first time on two cores.
#
#   tests/tsan/run.sh DIRECTORY [TEST...]
#
# TEST: names of meson's, by default the suite "elements" without what has no threads of ours:
# formats, inspect and pages.
# Needs a Debian and its mirror. Before the tests, a build whose elements do not lock has to be
# caught. Ends with one line; the exit status is 0 when there was no finding. Everything is about ten
# times slower, so tests that measure time can fail without one: their names are printed.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/pipelines/packages.sh"
case ${1:--h} in
  -h | --help) sed -n '3,/^set -u/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac
command -v apt-get >/dev/null ||
  fail "this needs apt: GLib and GStreamer are built from Debian's source packages"
# shellcheck disable=SC2086
need_packages $packages_build $packages_run dpkg-dev libffi-dev libpcre2-dev zlib1g-dev flex bison

mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
prefix=$dir/prefix
log=$dir/log
mkdir -p "$dir/src" "$log" "$prefix"

# ---- the libraries ----

# private_apt COMMAND…: apt with package lists of its own; only these know source packages.
private_apt ()
{
  "$@" -o Dir::Etc::SourceList="$dir/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$dir/apt/lists" -o APT::Sandbox::User=root
}

# fetch_source NAME VERSION: that version, else a revision of the same release, into src/NAME.
fetch_source ()
{
  local name=$1 version
  [ ! -d "$dir/src/$name" ] || return 0
  say "Fetching $name $2"
  for version in "$2" $(private_apt apt-cache showsrc --only-source "$name" |
    sed -n 's/^Version: //p' | grep -F "${2%-*}-"); do
    if private_apt apt-get source "$name=$version" >"$log/source.log" 2>&1; then
      mv "$dir/src/$name"-[0-9]*/ "$dir/src/$name"
      return 0
    fi
  done
  tail -n 20 "$log/source.log"
  fail "no source of $name ${2%-*} can be had"
}

# The sources of what is installed, so that the system's other plugins fit.
fetch ()
{
  local package name version
  mkdir -p "$dir/apt/lists/partial"
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    sed 's/^/deb-src /' | sort -u -r >"$dir/apt/sources.list"
  quietly "$log/apt-update.log" private_apt apt-get update ||
    fail "apt-get could not read the lists of sources"
  cd "$dir/src" || exit 1
  for package in libglib2.0-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev; do
    read -r name version < <(dpkg-query -W -f='${source:Package} ${source:Version}\n' $package)
    fetch_source "$name" "$version"
  done
  cd "$top" || exit 1
}

# library SOURCE MESON-OPTION…: builds and installs it into the prefix.
library ()
{
  local source=$1
  shift
  [ ! -f "$prefix/$source.done" ] || return 0
  say "Building $source with ThreadSanitizer"
  rm -rf "$dir/src/$source/tsan"
  quietly "$log/$source-setup.log" meson setup "$dir/src/$source/tsan" "$dir/src/$source" \
    --prefix "$prefix" --libdir lib --buildtype debugoptimized --wrap-mode nofallback \
    -Db_sanitize=thread -Db_lundef=false -Ddefault_library=shared --auto-features=disabled "$@" ||
    fail "$source could not be set up"
  quietly "$log/$source.log" ninja -C "$dir/src/$source/tsan" install || fail "$source: no build"
  touch "$prefix/$source.done"
}

# ---- the project ----

# project NAME MESON-OPTION… -- TARGET…: builds it into DIRECTORY/NAME.
project ()
{
  local build=$dir/$1 options=()
  shift
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  say "Building the project in $build"
  [ -f "$build/build.ninja" ] ||
    quietly "$log/setup.log" meson setup "$build" "$top" --buildtype debugoptimized \
      -Db_sanitize=thread -Db_lundef=false -Dtests=true -Dtest_hooks=true -Dtool=disabled \
      -Doverlay=enabled "${options[@]}" || fail "the build could not be set up"
  quietly "$log/ninja.log" ninja -C "$build" "$@" || fail "the build failed"
}

# The same program, frames and threads: without the elements' locks there has to be a finding in
# our own code.
show_that_it_catches ()
{
  project unlocked -Dc_args="-include $top/tests/tsan/unlocked.h" -- \
    gst/libgstfasterrcnn.so tests/soak/soak
  rm -f "$log"/unlocked.*
  TSAN_OPTIONS="$tsan:halt_on_error=1:log_path=$log/unlocked" \
    meson test -C "$dir/unlocked" --no-rebuild --timeout-multiplier 10 elements-soak \
    >"$log/unlocked-test.log" 2>&1
  grep -qs "^SUMMARY: ThreadSanitizer: data race .*/gst/" "$log"/unlocked.* ||
    fail "an element without locks was not caught: see $log/unlocked-test.log"
  say "An element without locks is caught: $(sed -n 's/^SUMMARY: ThreadSanitizer: //p' \
    "$log"/unlocked.* | head -n 1)"
}

fetch
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib
export TSAN_OPTIONS=report_bugs=0 # of what the builds run
library glib2.0 -Dtests=false -Dnls=disabled -Dxattr=false -Dman=false
library gstreamer1.0 -Dcheck=enabled -Dtests=disabled
library gst-plugins-base1.0 -Dapp=enabled -Dvideotestsrc=enabled -Dvideoconvertscale=enabled
system_plugins=$(PKG_CONFIG_PATH='' pkg-config --variable=pluginsdir gstreamer-1.0)
for plugin in vpx matroska jpeg png; do # not built with it: they only decode the tests' pictures
  ln -sf "$system_plugins/libgst$plugin.so" "$prefix/lib/gstreamer-1.0/"
done

# No slices: they hand memory from thread to thread unseen.
tsan=suppressions=$top/tests/tsan/tsan.supp:history_size=4
export CK_TIMEOUT_MULTIPLIER=20 G_SLICE=always-malloc

show_that_it_catches
project build --
if [ $# = 0 ]; then
  # shellcheck disable=SC2046
  set -- $(meson test -C "$dir/build" --no-rebuild --list --suite elements 2>/dev/null |
    sed -n 's/.*\(elements-[a-z-]*\)$/\1/p' | grep -v -e formats -e inspect -e pages)
fi
rm -f "$log"/found.*
mkdir -p "$dir/build/log"
TSAN_OPTIONS="$tsan:log_path=$log/found" \
  python3 "$top/tests/suite.py" "$dir/build" --timeout-multiplier 20 "$@"
read -r passed failed skipped 2>/dev/null <"$dir/build/log/counts" || fail "no test ran"
findings=$(cat "$log"/found.* 2>/dev/null | grep -c "^SUMMARY: ThreadSanitizer")
[ "$findings" = 0 ] || cat "$log"/found.* | sed -n 's/^SUMMARY: ThreadSanitizer: //p' | sort | uniq -c
say "$findings findings; $passed passed, $failed failed, $skipped skipped"
[ "$findings" = 0 ]
