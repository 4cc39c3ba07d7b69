# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by pipelines/*.sh and tests/*.sh: what the project needs on the machine, and the quiet
# steps they share. Everything here talks to people: one line a step, the log only after a failure.

packages_build="gcc libc6-dev meson ninja-build pkg-config
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
  libopenblas-dev libjson-glib-dev libzip-dev libprotobuf-c-dev protobuf-c-compiler
  libcairo2-dev libpango1.0-dev libgdk-pixbuf-2.0-dev"
packages_run="gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
  fonts-dejavu-core"
packages_live="libsoup-3.0-dev"
packages_test="jq python3-gst-1.0 gir1.2-gst-rtsp-server-1.0"

# The same for systems without apt: programs, pkg-config modules and GStreamer elements.
programs_needed="cc meson ninja pkg-config protoc-c gst-inspect-1.0"
modules_needed="gstreamer-1.0 gstreamer-base-1.0 gstreamer-video-1.0 gstreamer-pbutils-1.0
  gstreamer-check-1.0 openblas json-glib-1.0 libzip libprotobuf-c cairo pangocairo
  gdk-pixbuf-2.0"
elements_needed="uridecodebin videoconvert matroskademux vp8dec vp8enc webmmux"

say ()
{
  printf '%s\n' "$@"
}

fail ()
{
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# quietly LOG COMMAND…: runs the command; its output goes to LOG and is shown only when it fails.
quietly ()
{
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if "$@" >"$log" 2>&1 </dev/null; then
    return 0
  fi
  {
    printf '\nThis command failed: %s\n' "$*"
    printf 'The end of its output (all of it is in %s):\n\n' "$log"
    tail -n 40 "$log"
  } >&2
  return 1
}

# need_packages PACKAGE…: returns when all of them are there; installs what is missing.
need_packages ()
{
  if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    need_debian_packages "$@"
  else
    need_by_name "$@"
  fi
}

need_debian_packages ()
{
  local package log missing=""
  for package in "$@"; do
    # Only "install ok installed" counts: a package that was removed leaves "deinstall ok config-files".
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      missing="$missing $package"
    fi
  done
  [ -n "$missing" ] || return 0

  if [ "$(id -u)" != 0 ]; then
    say "These packages are missing and only root can install them. Please run" \
      "" "  sudo apt-get install --no-install-recommends$missing" "" "and start ${0##*/} again."
    exit 1
  fi
  log=$(mktemp -d)/apt.log
  say "Installing packages (a few minutes on a bare system):$missing"
  export DEBIAN_FRONTEND=noninteractive
  quietly "$log" apt-get update || fail "apt-get could not read the package lists"
  # shellcheck disable=SC2086
  quietly "$log" apt-get install -y --no-install-recommends $missing ||
    fail "apt-get could not install the packages"
  rm -r "$(dirname "$log")"
}

need_by_name ()
{
  local thing missing=""
  for thing in $programs_needed; do
    command -v "$thing" >/dev/null || missing="$missing $thing"
  done
  if command -v pkg-config >/dev/null; then
    for thing in $modules_needed; do
      pkg-config --exists "$thing" || missing="$missing $thing.pc"
    done
  fi
  if command -v gst-inspect-1.0 >/dev/null; then
    for thing in $elements_needed; do
      gst-inspect-1.0 --exists "$thing" || missing="$missing the-GStreamer-element-$thing"
    done
  fi
  [ -n "$missing" ] || return 0
  say "This system has no apt, so ${0##*/} installs nothing. Missing:$missing" \
    "" "Please install what your system calls these packages of Debian, and start again:" "  $*"
  exit 1
}

# build_project DIRECTORY MESON-OPTION…: configures once, builds what has changed.
build_project ()
{
  local dir=$1 what="Building (a minute or two) in"
  shift
  [ ! -f "$dir/build.ninja" ] || what="Bringing up to date:"
  say "$what ${dir#"$PWD/"}/"
  if [ ! -f "$dir/build.ninja" ]; then
    quietly "$dir/log/setup.log" meson setup "$dir" "$top" "$@" ||
      fail "the build could not be set up"
  fi
  quietly "$dir/log/ninja.log" ninja -C "$dir" || fail "the build failed"
}
