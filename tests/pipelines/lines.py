# SPDX-License-Identifier: LGPL-2.1-or-later
"""lines.py FILE...: every gst-launch-1.0 command in the sh blocks of Markdown files, or in a file of
such commands, has to parse: the elements, properties, values and links in it exist."""
import pathlib
import re
import shlex
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

Gst.init(None)
bad = count = 0
for path in map(pathlib.Path, sys.argv[1:]):
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for command in re.findall(r"^gst-launch-1\.0 .*$", text, re.M):
        words = [word for word in shlex.split(command)[1:] if not word.startswith("-")]
        count += 1
        try:
            Gst.parse_launchv(words[:words.index("|")] if "|" in words else words)
        except GLib.Error as error:
            bad += 1
            print(f"{path.name}: {error.message}: {command}")
print(f"{count} lines")
sys.exit(1 if bad or not count else 0)
