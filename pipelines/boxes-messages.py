#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Getting boxes out, in Python: the detector posts a message a frame on the bus.

    pipelines/boxes-messages.py [FILE|URI]

Prints a line an object: milliseconds, label, confidence in percent, x, y, width and height in
pixels. Needs Debian's package python3-gst-1.0, and GST_PLUGIN_PATH=build/gst.
"""
import pathlib
import sys

try:
    import gi
    gi.require_version("Gst", "1.0")
    from gi.repository import GLib, Gst
except (ImportError, ValueError) as error:
    sys.exit(f"boxes-messages.py: {error}: please install python3-gst-1.0")

CLIP = pathlib.Path(__file__).with_name("demo.webm")


def print_objects(frame):
    """The structure of a message: when the frame is shown, and its objects."""
    milliseconds = frame["stream-time"] // Gst.MSECOND
    for box in frame["objects"]:
        print(milliseconds, box["label"], round(100 * box["confidence"]),
              box["x"], box["y"], box["width"], box["height"], sep="\t")


def main():
    """Runs the pipeline until its stream ends."""
    if len(sys.argv) > 2 or sys.argv[1:2] in (["-h"], ["--help"]):
        sys.exit("usage: boxes-messages.py [FILE|URI]")
    source = sys.argv[1] if len(sys.argv) > 1 else str(CLIP)
    Gst.init(None)
    try:
        uri = source if Gst.uri_is_valid(source) else Gst.filename_to_uri(source)
        pipeline = Gst.parse_launch("uridecodebin name=source ! videoconvert ! "
                                    "fasterrcnndetect post-messages=every-frame ! fakesink")
    except GLib.Error as error:
        sys.exit(f"boxes-messages.py: {error.message}")
    pipeline.get_by_name("source").set_property("uri", uri)
    pipeline.set_state(Gst.State.PLAYING)

    wanted = Gst.MessageType.ELEMENT | Gst.MessageType.EOS | Gst.MessageType.ERROR
    status = None
    while status is None:
        message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, wanted)
        if message.type == Gst.MessageType.EOS:
            status = 0
        elif message.type == Gst.MessageType.ERROR:
            status = f"{message.src.get_name()}: {message.parse_error()[0].message}"
        elif message.get_structure().has_name("fasterrcnndetect"):
            print_objects(message.get_structure())
    pipeline.set_state(Gst.State.NULL)
    sys.exit(status)


main()
