#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a change must pass: every test, and every test again under AddressSanitizer and
# UndefinedBehaviorSanitizer. Installs what the tests need (Debian, Ubuntu), builds, runs, and ends
# with one line: N passed, N failed, N skipped. The exit status is 0 when none failed.
#
#   tests/run.sh                 everything, 10 to 15 minutes on two cores
#   tests/run.sh NAME...         only the tests of these names (meson test's names)
#
# The comparison with PyTorch is a program of its own, tests/oracle/run.sh; tests/mutants.sh shows
# that the tests can fail.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/pipelines/packages.sh"

case ${1-} in
  -h | --help) sed -n '3,/^set -u/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac
# shellcheck disable=SC2086
need_packages $packages_build $packages_run $packages_live $packages_test

passed=0 failed=0 skipped=0

# one_run DIRECTORY MESON-TEST-ARGUMENT…: adds its cases to the sums.
one_run ()
{
  local dir=$1 p f s
  shift
  rm -f "$dir/log/counts"
  python3 "$top/tests/suite.py" "$dir" "$@"
  if read -r p f s 2>/dev/null <"$dir/log/counts"; then
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  else
    failed=$((failed + 1))
  fi
  say ""
}

# Some containers forbid what the leak checker needs; then it alone is left out, with a word.
leaks_can_be_checked ()
{
  local dir
  dir=$(mktemp -d)
  printf 'int main (void) { return 0; }\n' >"$dir/probe.c"
  cc -fsanitize=address "$dir/probe.c" -o "$dir/probe" && ASAN_OPTIONS=detect_leaks=1 "$dir/probe"
  local status=$?
  rm -r "$dir"
  return $status
}

options="-Dtests=true -Dtest_hooks=true -Dtool=enabled -Doverlay=enabled"
# shellcheck disable=SC2086
build_project "$top/build-tests" $options
say "Running the tests:"
one_run "$top/build-tests" "$@"

# shellcheck disable=SC2086
build_project "$top/build-sanitized" $options --buildtype=debugoptimized \
  -Db_sanitize=address,undefined -Db_lundef=false
say "Running the tests again under AddressSanitizer and UndefinedBehaviorSanitizer:"
leaks=1
if ! leaks_can_be_checked >/dev/null 2>&1; then
  leaks=0
  say "  (this system does not let leaks be looked for: leak detection is off)"
fi
export ASAN_OPTIONS=abort_on_error=1:detect_leaks=$leaks:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
export LSAN_OPTIONS=suppressions=$top/tests/lsan.supp:print_suppressions=0
export CK_TIMEOUT_MULTIPLIER=10
one_run "$top/build-sanitized" --timeout-multiplier 6 "$@"

say "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
