#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""suite.py BUILD [MESON-TEST-ARGUMENT...]: runs `meson test` in a build directory, one line a test
program, the output of those that failed, and at the end writes the number of test cases that
passed, failed and were skipped to BUILD/log/counts. Cases are counted from what the programs print:
TAP lines of GLib's tests, the summary of libcheck's; any other program is one case."""
import json
import os
import re
import subprocess
import sys

PROGRESS = re.compile(r"^\s*(\d+/\d+)\s+(.+?)\s+([A-Z]{2,})\s+([\d.]+)s")
CHECKS = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)
TAP = re.compile(r"^(not ok|ok)\b(.*)$", re.M)
BAD = {"FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"}
# The leak checker can itself crash on a thread that is just ending; that says nothing of the program.
CHECKER_CRASHED = "LeakSanitizer has encountered a fatal error"
PROBLEMS = re.compile(r":-?\d+:([FES]):[^:\n]+:(\w+):\d+: ?(.*)")
FINDING = re.compile(r"ERROR: \w+Sanitizer|: runtime error: ")


def count(test):
    """Cases passed, failed and skipped in one test program."""
    passed = failed = skipped = 0
    out = test.get("stdout") or ""
    for verdict, rest in TAP.findall(out):
        if "# SKIP" in rest.upper():
            skipped += 1
        elif verdict == "ok":
            passed += 1
        else:
            failed += 1
    for checks, failures, errors in CHECKS.findall(out):
        bad = int(failures) + int(errors)
        passed += int(checks) - bad
        failed += bad
    if test["result"] in BAD:
        failed = max(failed, 1)  # a crash or a timeout counts, whatever was printed before it
    elif passed + failed + skipped == 0:
        if test["result"] == "SKIP":
            skipped = 1
        else:
            passed = 1
    return passed, failed, skipped


def run(build, arguments):
    """Runs the tests and prints a line as each program ends."""
    command = ["meson", "test", "-C", build, "--no-rebuild", *arguments]
    env = dict(os.environ, LC_ALL="C.UTF-8")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", env=env) as meson:
        rest = []
        for line in meson.stdout:
            match = PROGRESS.match(line)
            if match:
                number, name, result, seconds = match.groups()
                name = re.split(r"[:/] ?", name)[-1]
                print(f"  {number:>7}  {name:32} {result.lower():7} {float(seconds):6.1f} s", flush=True)
            else:
                rest.append(line)
    return meson.returncode, rest


def run_logged(build, arguments):
    """Runs the tests; also what meson's log says of each."""
    log = os.path.join(build, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    status, rest = run(build, arguments)
    if not os.path.exists(log):
        return status, rest, []
    with open(log, encoding="utf-8", errors="replace") as lines:
        return status, rest, [json.loads(line) for line in lines]


def crashed_cases(test):
    """Names of libcheck's cases in which nothing failed but the leak checker at their end; [""] for
    a program without cases. Empty where something else is wrong."""
    output = (test.get("stdout") or "") + (test.get("stderr") or "")
    if test["result"] not in BAD or CHECKER_CRASHED not in output or FINDING.search(output):
        return []
    problems = PROBLEMS.findall(output)
    if not CHECKS.search(output):
        return [""]
    # The checker runs at exit: in the tear-down (S) of a case that has one, otherwise in the case (E).
    at_exit = all(kind == "S" or (kind == "E" and what.startswith("(after this point) Received signal 6"))
                  for kind, _, what in problems)
    if not at_exit or len(problems) > output.count(CHECKER_CRASHED):
        return []
    return sorted({case for _, case, _ in problems})


def repeat_crashed(build, options, test):
    """Repeats these cases until the leak checker has looked at each."""
    cases = crashed_cases(test)
    for _ in range(6):
        if not cases:
            return
        name = re.split(r"[:/] ?", test["name"])[-1]
        print(f"Again, since the leak checker crashed: {name} {' '.join(cases)}", flush=True)
        os.environ["GST_CHECKS"] = ",".join(cases)
        repeated = run_logged(build, options + [name])[2]
        del os.environ["GST_CHECKS"]
        if repeated and repeated[0]["result"] == "OK":
            test["result"] = "OK"
            test["stdout"] = CHECKS.sub(r"100%: Checks: \1, Failures: 0, Errors: 0", test["stdout"])
            return
        cases = crashed_cases(repeated[0]) if repeated else []


def main():
    build, options = sys.argv[1], [a for a in sys.argv[2:] if a.startswith("-") or a.isdigit()]
    status, rest, tests = run_logged(build, sys.argv[2:])
    for test in tests:
        repeat_crashed(build, options, test)
    status = status and any(test["result"] in BAD for test in tests)
    if not tests:
        sys.stderr.writelines(rest)
        sys.exit("suite.py: no test ran")
    totals = [0, 0, 0]
    for test in tests:
        for i, n in enumerate(count(test)):
            totals[i] += n
        if test["result"] in BAD:
            print(f"\n---- {test['name']}: {test['result'].lower()}, exit status {test['returncode']}; "
                  f"the end of what it printed, passed cases left out:")
            lines = ((test.get("stdout") or "") + (test.get("stderr") or "")).splitlines()
            print("\n".join(line[:400] for line in lines if not line.startswith("ok "))[-6000:])
    if status and not totals[1]:
        totals[1] = 1
    with open(os.path.join(build, "log", "counts"), "w", encoding="ascii") as out:
        out.write("{} {} {}\n".format(*totals))
    sys.exit(1 if totals[1] else 0)


main()
