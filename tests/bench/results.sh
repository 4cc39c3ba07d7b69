#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# All of results.md and scaling.svg by one command, each part by the script that its section names:
# about fifteen minutes on a quiet machine. A part that lacks what it needs is left as it was, and said.
#
#   tests/bench/results.sh PHOTOGRAPH CLIP GRAPH.pb
#
# GRAPH.pb is a frozen Faster R-CNN Inception v2, or "-"; the environment as of the scripts.
set -u

here=$(cd "$(dirname "$0")" && pwd)
[ $# = 3 ] && [ -f "$1" ] && [ -f "$2" ] || {
  sed -n '4,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
out=$here/results.md
left=0

# part SCRIPT ARGUMENT...
part ()
{
  script=$1
  shift
  echo "== $script"
  "$here/$script" "$@" --write "$out" || {
    echo "$script: left as it was" >&2
    left=$((left + 1))
  }
}

part peers.sh "$1"
[ "$3" = - ] || part tensorflow.sh "$3" "$1"
part caffe.sh "$1"
part element.sh "$2"
part scaling.sh "$1"
part gemm.sh
[ $left = 0 ]
