#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The element tests with gstreamer-analytics, for systems whose GStreamer is older than 1.24: in a
# Debian 13 of its own in DIRECTORY, which is made by debootstrap the first time and kept (2 GB, a
# few minutes of downloads).
#
#   tests/analytics/run.sh DIRECTORY [TEST...]
#
# TEST: names of meson's, by default the suite "elements". Needs root, debootstrap and a Debian
# mirror: FRC_DEBIAN_MIRROR, http://deb.debian.org/debian by default; apt's settings of this system
# (proxies) are taken over. Nothing outside DIRECTORY changes. Ends with one line: N passed, N
# failed, N skipped; the exit status is 0 when none failed.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/pipelines/packages.sh"
case ${1:--h} in
  -h | --help) sed -n '3,/^set -u/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac
[ "$(id -u)" = 0 ] || fail "only root can make a system and change into it"
command -v debootstrap >/dev/null ||
  fail "debootstrap is missing; on Debian and Ubuntu: apt-get install debootstrap"

mkdir -p "$1"
root=$(cd "$1" && pwd)
shift
log=$root/var/log/frcnn
packages_analytics="libgstreamer-plugins-bad1.0-dev gstreamer1.0-plugins-bad python3"

# inside COMMAND…: in the other system, without this one's environment.
inside ()
{
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
}

leave ()
{
  umount "$root/proc" "$root/dev" 2>/dev/null
}

make_system ()
{
  [ -f "$root/etc/debian_version" ] || {
    say "Making a Debian 13 in $root"
    quietly "$root/debootstrap.log" debootstrap --variant=minbase --include=ca-certificates trixie \
      "$root" "${FRC_DEBIAN_MIRROR:-http://deb.debian.org/debian}" ||
      fail "debootstrap could not make the system"
  }
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  apt-config dump | grep '^Acquire::.*[Pp]roxy' >"$root/etc/apt/apt.conf.d/90host" || true
  trap leave EXIT
  mountpoint -q "$root/proc" || mount -t proc proc "$root/proc" || fail "/proc cannot be mounted"
  mountpoint -q "$root/dev" || mount --bind /dev "$root/dev" || fail "/dev cannot be mounted"
}

install_packages ()
{
  # shellcheck disable=SC2086
  inside dpkg-query -W $packages_build $packages_run $packages_analytics >/dev/null 2>&1 && return
  say "Installing packages in it"
  quietly "$log/apt.log" inside apt-get update || fail "apt-get could not read the package lists"
  # shellcheck disable=SC2086
  quietly "$log/apt.log" inside apt-get install -y --no-install-recommends $packages_build \
    $packages_run $packages_analytics || fail "apt-get could not install the packages"
}

copy_sources ()
{
  mkdir -p "$root/src"
  find "$root/src" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
  tar -C "$top" --exclude=./.git --exclude='./build*' --exclude=__pycache__ -cf - . |
    tar -C "$root/src" --no-same-owner -xf - || fail "the sources could not be copied"
}

build ()
{
  say "Building in it, with gstreamer-analytics $(inside pkg-config --modversion gstreamer-analytics-1.0)"
  [ -f "$root/src/build/build.ninja" ] ||
    quietly "$log/setup.log" inside meson setup /src/build /src -Dtests=true -Dtest_hooks=true \
      -Dtool=enabled -Doverlay=enabled -Danalytics=enabled || fail "the build could not be set up"
  quietly "$log/ninja.log" inside ninja -C /src/build || fail "the build failed"
}

make_system
mkdir -p "$log"
install_packages
copy_sources
build
inside gst-inspect-1.0 --exists objectdetectionoverlay ||
  say "GStreamer's own overlay is not there: its test does nothing"
[ $# -gt 0 ] || set -- --suite elements
mkdir -p "$root/src/build/log"
rm -f "$root/src/build/log/counts"
inside python3 /src/tests/suite.py /src/build "$@"
read -r passed failed skipped 2>/dev/null <"$root/src/build/log/counts" || fail "no test ran"
say "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
