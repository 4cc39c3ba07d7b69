#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Run by "meson install" where GStreamer would not find the plugin by itself.
case "$1" in
  /*) dir="${DESTDIR:-}$1" ;;
  *) dir="$MESON_INSTALL_DESTDIR_PREFIX/$1" ;;
esac
echo "GStreamer does not search $dir by itself. To use the plugin:"
echo "  export GST_PLUGIN_PATH=$dir"
