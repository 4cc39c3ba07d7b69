#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# inspect.sh BUILD PLUGIN_DIRECTORY: GStreamer finds the plugin, with an empty registry, in the build
# tree and in an install prefix, and there it finds the default model; only the plugin's entry
# points are exported; the installer says what GST_PLUGIN_PATH must be.
set -u
build=$1 plugin_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset FRC_MODEL
# The inspecting program is not built with a sanitizer, so the plugin brings its runtime along.
runtime=$(ldd "$plugin_dir/libgstfasterrcnn.so" | awk '/lib[at]san/ { print $3 }')
export ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS-}
export ASAN_OPTIONS=${ASAN_OPTIONS//detect_leaks=1/detect_leaks=0}
status=0 number=0

# check WHAT COMMAND…: one line of TAP; the command's output only if it fails.
check ()
{
  local what=$1
  shift
  number=$((number + 1))
  if "$@" >"$work/out" 2>&1; then
    echo "ok $number - $what"
  else
    echo "not ok $number - $what"
    sed 's/^/# /' "$work/out"
    status=1
  fi
}

# gst DIRECTORY COMMAND…: with the plugins of DIRECTORY and GStreamer's own, and an empty registry.
gst ()
{
  local dir=$1
  shift
  rm -f "$work/registry.bin"
  LD_PRELOAD=$runtime GST_REGISTRY="$work/registry.bin" GST_REGISTRY_FORK=no GST_PLUGIN_PATH="$dir" \
    GST_PLUGIN_LOADING_WHITELIST="gstreamer:gst-plugins-base:fasterrcnndetect@$dir" "$@"
}

inspects ()
{
  gst "$1" gst-inspect-1.0 "$2" >"$work/text" || { cat "$work/text"; return 1; }
  grep -q "$1/libgstfasterrcnn.so" "$work/text"
}

plays ()
{
  gst "$1" gst-launch-1.0 -q videotestsrc num-buffers=2 ! video/x-raw,width=96,height=64 \
    ! fasterrcnndetect ! fakesink
}

exports_only_entry_points ()
{
  nm -D --defined-only "$1/libgstfasterrcnn.so" | awk '{ print $3 }' >"$work/symbols"
  grep -q '^gst_plugin_fasterrcnn_register$' "$work/symbols" &&
    ! grep -v '^gst_plugin_fasterrcnn_' "$work/symbols" >"$work/others" || {
    cat "$work/others"
    return 1
  }
}

# A prefix that is moved: nothing in it may depend on where it was configured to be.
installs ()
{
  DESTDIR="$work/root" meson install -C "$build" --no-rebuild | cat >"$work/install"
  return "${PIPESTATUS[0]}"
}

says_where ()
{
  grep -q "GST_PLUGIN_PATH=$1" "$work/install"
}

elements="fasterrcnndetect fasterrcnnjson"
# Without a version gst-inspect expects GStreamer's own.
gst "$plugin_dir" gst-inspect-1.0 --exists --atleast-version=0.0 fasterrcnnoverlay &&
  elements="$elements fasterrcnnoverlay"
for element in $elements; do
  check "$element is found in the build tree" inspects "$plugin_dir" "$element"
done
check "the build tree's default model is found" plays "$plugin_dir"
check "only the entry points are exported" exports_only_entry_points "$plugin_dir"
check "installation works" installs
installed=$(dirname "$(find "$work/root" -name libgstfasterrcnn.so)")
for element in $elements; do
  check "$element is found in an install prefix" inspects "$installed" "$element"
done
check "the installed default model is found" plays "$installed"
if grep -q 'install-note' "$build/meson-info/intro-install_plan.json" ||
    [ "$(pkg-config --variable=pluginsdir gstreamer-1.0)" != "${installed#"$work/root"}" ]; then
  check "the installer says what GST_PLUGIN_PATH must be" says_where "$installed"
fi
echo "1..$number"
exit $status
