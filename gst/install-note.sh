#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Run by "meson install" where GStreamer would not find the plugin by itself.
# Older releases of Meson keep what a script prints to themselves: then it goes where theirs goes.
out=/proc/$PPID/fd/1
if [ -p "$out" ] || [ -c "$out" ]; then
  exec >"$out"
fi
case "$1" in
  /*) dir="${DESTDIR:-}$1" ;;
  *) dir="$MESON_INSTALL_DESTDIR_PREFIX/$1" ;;
esac
echo "GStreamer does not search $dir by itself. To use the plugin:"
echo "  export GST_PLUGIN_PATH=$dir"
