# SPDX-License-Identifier: LGPL-2.1-or-later
"""One section of results.md: what a script measured, and on what machine.

    report.py FILE TITLE SCRIPT [LOAD] < TEXT    puts TEXT into FILE under "## TITLE"
"""
import datetime
import os
import platform
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TITLE = "# Speed, start and memory\n"


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def revision():
    answer = subprocess.run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return answer.stdout.strip() or "unknown"


def machine(load):
    """@load: os.getloadavg() before."""
    return (f"{datetime.date.today()}, {processor()}, {os.cpu_count()} cores, {platform.system()} "
            f"{platform.release()}; load average {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after.")


def put(title, script, text, path):
    """Prints the section, and with a path puts it in place of the one of this title."""
    section = f"## {title}\n\nMade by `{script}` at revision {revision()}.\n{text}\n"
    print("\n" + section)
    if not path:
        return
    try:
        parts = open(path).read().split("\n## ")
    except FileNotFoundError:
        parts = [TITLE]
    sections = ["## " + part.rstrip("\n") + "\n" for part in parts[1:]]
    known = [part.split("\n", 1)[0] for part in sections]
    if f"## {title}" in known:
        sections[known.index(f"## {title}")] = section
    else:
        sections.append(section)
    with open(path, "w") as file:
        file.write("\n".join([TITLE, *sections]))


def main():
    path, title, script = sys.argv[1:4]
    load = [float(sys.argv[4])] if len(sys.argv) > 4 else os.getloadavg()
    put(title, script, machine(load) + "\n" + sys.stdin.read().strip(), path)


if __name__ == "__main__":
    main()
