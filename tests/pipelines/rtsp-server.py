# SPDX-License-Identifier: LGPL-2.1-or-later
"""rtsp-server.py CLIP: a network camera on the loopback address that plays a VP8 file once to whoever
connects, as it is, without encoding it again. Prints its address; ends with its standard input."""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer.new()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory.new()
factory.set_launch(f'( filesrc location="{sys.argv[1]}" ! matroskademux ! rtpvp8pay name=pay0 pt=96 )')
factory.set_transport_mode(GstRtspServer.RTSPTransportMode.PLAY)
server.get_mount_points().add_factory("/camera", factory)
server.attach(None)
print(f"rtsp://127.0.0.1:{server.get_bound_port()}/camera", flush=True)
loop = GLib.MainLoop()
GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_HUP | GLib.IO_IN, lambda *_: loop.quit())
loop.run()
