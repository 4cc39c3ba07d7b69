#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The trace that each test can fail: copies the tree, breaks one line an area as tests/mutants.txt
# says, builds, runs the tests that guard the line and expects them to be red. Prints a table; the
# exit status is 0 when every broken line was noticed.
#
#   tests/mutants.sh             all of them
#   tests/mutants.sh AREA...     only these areas
#
# A line that is no longer there exactly once, or a change that does not compile, is a failure too:
# then mutants.txt has to follow the code.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/pipelines/packages.sh"
case ${1-} in
  -h | --help) sed -n '3,/^set -u/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac
# shellcheck disable=SC2086
need_packages $packages_build $packages_run $packages_live $packages_test

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/tree"
tar -C "$top" --exclude=./.git --exclude='./build*' --exclude=__pycache__ -cf - . |
  tar -C "$copy/tree" -xf -
top=$copy/tree
list=$top/tests/mutants.txt
wanted=" $* "
noticed=0 wrong=0

# select_build @|@@: builds the copy, with the sanitizers for @@.
select_build ()
{
  case $1 in
    @) build=$copy/build; set -- ;;
    @@) build=$copy/build-sanitized
      set -- --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false ;;
  esac
  [ -d "$build" ] || build_project "$build" -Dtests=true -Dtest_hooks=true "$@"
}

# run_tests NAME…: 0 when all of them pass.
run_tests ()
{
  meson test -C "$build" --no-rebuild --print-errorlogs "$@" >"$copy/test.log" 2>&1
}

# mutate FILE OLD NEW: replaces the only occurrence of OLD, or says how many there are.
mutate ()
{
  local text rest
  text=$(cat "$1" && printf x) || return 1
  rest=${text#*"$2"}
  if [ "$rest" = "$text" ]; then
    result="the line is not there any more"
    return 1
  elif [ "${rest#*"$2"}" != "$rest" ]; then
    result="the line is there more than once"
    return 1
  fi
  text=${text%%"$2"*}$3$rest
  printf %s "${text%x}" >"$1"
}

# one MARK AREA FILE TESTS OLD NEW
one ()
{
  local area=$2 file=$3 tests=$4 old=$5 new=$6 result=""
  select_build "$1"
  cp -p "$top/$file" "$copy/original" || exit 1
  if mutate "$top/$file" "$old" "$new"; then
    # shellcheck disable=SC2086
    if ! ninja -C "$build" >"$copy/ninja.log" 2>&1; then
      result="does not compile: $(grep -m 1 error "$copy/ninja.log")"
    elif run_tests $tests; then
      result="NOT NOTICED by $tests"
    fi
  fi
  cp "$copy/original" "$top/$file"
  if [ -z "$result" ]; then
    noticed=$((noticed + 1))
    result="red: $(sed -n 's/^ *[0-9]*\/[0-9]* *\(.* - \)\{0,1\}[^:]*:\([^ ]*\) *\(FAIL\|ERROR\|TIMEOUT\).*/\2/p' \
      "$copy/test.log" | sort -u | paste -sd ' ')"
  else
    wrong=$((wrong + 1))
  fi
  printf '%-22s %-38s %s\n' "$area" "$file" "$result"
}

# tests_of MARK: the tests that the wanted areas name under it.
tests_of ()
{
  local mark area tests
  while read -r mark area _ tests; do
    [ "$mark" = "$1" ] || continue
    case $wanted in "  " | *" $area "*) printf '%s\n' $tests ;; esac
  done <"$list" | sort -u | paste -sd ' '
}

say "Breaking lines in a copy of the tree."
for mark in @ @@; do
  names=$(tests_of $mark)
  [ -n "$names" ] || continue
  select_build $mark
  say "Running the tests on the unbroken copy: $names"
  # shellcheck disable=SC2086
  run_tests $names || {
    tail -n 60 "$copy/test.log"
    fail "these tests have to pass before lines are broken"
  }
done
[ -n "${build-}" ] || fail "tests/mutants.txt has no such area: $*"

say "" "$(printf '%-22s %-38s %s' area file result)"
while IFS= read -r line; do
  case $line in
    "@"*) read -r mark area file tests <<<"$line" ;;
    "- "*) old=${line#- } ;;
    "+ "*)
      case $wanted in
        "  " | *" $area "*) one "$mark" "$area" "$file" "$tests" "$old" "${line#+ }" ;;
      esac ;;
  esac
done <"$list"
# What the loop broke last is restored, but not yet built; the copy goes away anyway.

say "" "$noticed broken lines noticed, $wrong not"
[ "$wrong" = 0 ]
