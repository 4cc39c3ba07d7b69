# SPDX-License-Identifier: LGPL-2.1-or-later
"""server.py [--stall] LIVE CLIP: the server of the live page, seen from outside: the page, pictures that
change, events, several viewers at once, one that is slow and one that vanishes, requests it must
refuse, errors on its command line, and its end. With --stall also that a viewer who takes nothing is
let go after ten seconds. Prints TAP."""
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

STALL = "--stall" in sys.argv
LIVE, CLIP = [word for word in sys.argv[1:] if word != "--stall"]
number = bad = 0


def check(what, good, seen=""):
    global number, bad
    number += 1
    bad += not good
    print(f"{'ok' if good else 'not ok'} {number} - {what}", flush=True)
    if not good:
        print(f"# seen: {seen!r:.400}", flush=True)


def skip(what, why):
    global number
    number += 1
    print(f"ok {number} - {what} # SKIP {why}", flush=True)


def is_sanitized():
    """Then few plugins may be loaded, and what was freed is kept for a while."""
    return b"__asan_init" in pathlib.Path(LIVE).read_bytes()


class Live:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([LIVE, "--port", "0", *arguments], stdout=subprocess.PIPE, text=True)
        url = re.search(r"http://\S+", self.process.stdout.readline()).group()
        self.port = urllib.parse.urlsplit(url).port

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(30)

    def kilobytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as lines:
            return int(re.search(r"VmRSS:\s+(\d+)", lines.read()).group(1))


class Request:
    """A connection with its response as far as it was read."""

    def __init__(self, live, path, method="GET", host=None, receive=None):
        self.socket = socket.socket()
        if receive:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", live.port))
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host or '127.0.0.1'}\r\n\r\n".encode())
        self.data = b""

    def more(self):
        part = self.socket.recv(65536)
        self.data += part
        return bool(part)

    def until(self, condition):
        """Reads on until the condition holds, the other side ends, or it has taken too long."""
        end = time.monotonic() + 25
        while not condition():
            if time.monotonic() > end or not self.more():
                return False
        return True

    def head(self):
        self.until(lambda: b"\r\n\r\n" in self.data)
        return self.data.split(b"\r\n\r\n")[0].decode()

    def status(self):
        return int(self.head().split()[1])

    def pictures(self):
        """The complete ones so far: each ends where the boundary of the next begins."""
        parts = self.data.split(b"--picture\r\n")[1:]
        return [part.split(b"\r\n\r\n", 1)[1][:-2] for part in parts[:-1]]

    def events(self):
        return [json.loads(line[6:]) for line in self.data.split(b"\n\n") if line.startswith(b"data: ")]

    def close(self):
        self.socket.close()


def ask(live, path, **more):
    request = Request(live, path, **more)
    status = request.status()
    request.close()
    return status


def size_of(jpeg):
    """Width and height, from the start-of-frame segment."""
    at = 2
    while at + 9 < len(jpeg):
        kind, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2:at + 4], "big")
        if kind in (0xC0, 0xC1, 0xC2):
            return int.from_bytes(jpeg[at + 7:at + 9], "big"), int.from_bytes(jpeg[at + 5:at + 7], "big")
        at += 2 + length
    return None


def requests(live):
    page = Request(live, "/")
    page.until(lambda: b"</html>" in page.data)
    check("the page", page.status() == 200 and b"<title>Live detection</title>" in page.data, page.data)
    check("it loads nothing from elsewhere", not re.search(rb"https?://", page.data.split(b"\r\n\r\n", 1)[1]))
    check("only its own server", "default-src 'none'" in page.head(), page.head())
    page.close()
    check("nothing else is there", ask(live, "/other") == 404)
    check("nothing can be posted", ask(live, "/", method="POST") == 405)
    check("HEAD of an endless response ends", ask(live, "/video", method="HEAD") == 200)
    check("localhost is a name of ours", ask(live, "/", host=f"localhost:{live.port}") == 200)
    check("a foreign name is refused", ask(live, "/video", host="camera.example") == 403)


def streams(live):
    events, video = Request(live, "/events"), Request(live, "/video")
    check("pictures come", video.until(lambda: len(video.pictures()) >= 4))
    pictures = video.pictures()
    check("each is a JPEG", all(p[:3] == b"\xff\xd8\xff" and p[-2:] == b"\xff\xd9" for p in pictures))
    check("as large as the video", {size_of(p) for p in pictures} == {(768, 576)}, [size_of(p) for p in pictures])
    check("they change", len(set(pictures)) >= 3)
    check("events come", events.until(lambda: any(e["labels"] for e in events.events())), events.data)
    seen = [e for e in events.events() if e["labels"]][-1]
    check("the first label is person", seen["labels"][0]["label"] == "person", seen)
    check("with several at once", 2 <= seen["labels"][0]["most"] <= 30, seen)
    check("state, size and source", (seen["state"], seen["width"], seen["height"], seen["source"]) ==
          ("playing", 768, 576, "demo.webm"), seen)
    check("inferences are timed", seen["inferred"] >= 1 and 0 < seen["mean_ms"] <= seen["p95_ms"] * 1.001, seen)
    check("the clip is played again", events.until(lambda: events.events()[-1]["frames"] > 54), seen)
    events.close()
    video.close()


def viewers(live):
    for _ in range(20):  # some that vanish at once
        Request(live, "/video").close()
    fast, slow = Request(live, "/video"), Request(live, "/video", receive=16384)
    others = [Request(live, "/video") for _ in range(3)]
    fast.until(lambda: len(fast.pictures()) >= 2)
    before, end = live.kilobytes(), time.monotonic() + 3
    fast.until(lambda: time.monotonic() > end)
    count = len(fast.pictures())
    check("a slow viewer holds up nobody", count >= 12, count)
    grown = live.kilobytes() - before
    check("nor makes memory grow", grown < 8192 or is_sanitized(), grown)
    slow.socket.settimeout(0.05)
    try:
        while slow.more() and len(slow.data) < 100e6:
            pass
    except TimeoutError:
        pass
    check("it misses pictures", 1 <= len(slow.pictures()) <= count / 2, (len(slow.pictures()), count))
    slow.socket.settimeout(30)
    have = len(slow.pictures())
    check("and gets new ones when it reads", slow.until(lambda: len(slow.pictures()) > have + 1))
    for other in others:
        check("another viewer has pictures, too", other.until(lambda: len(other.pictures()) >= 3))
    crowd = [Request(live, "/video") for _ in range(70)]
    statuses = [request.status() for request in crowd]
    check("too many are turned away", statuses.count(503) >= 6 and statuses.count(200) >= 50, statuses)
    for request in [fast, slow, *others, *crowd]:
        request.close()
    end = time.monotonic() + 20  # that they are gone shows when the next picture is sent
    while (status := ask(live, "/video")) == 503 and time.monotonic() < end:
        time.sleep(0.2)
    check("and there is room again", status == 200, status)


def stalled(live):
    stuck, watch = Request(live, "/video", receive=4096), Request(live, "/events")
    end = time.monotonic() + 14
    watch.until(lambda: time.monotonic() > end)
    watch.close()
    check("who takes nothing is let go", not stuck.until(lambda: False), "still open")


def refused(what, word, *arguments):
    run = subprocess.run([LIVE, *arguments], capture_output=True, text=True, timeout=60, check=False)
    check(what, run.returncode == 1 and word in run.stderr and run.stderr.startswith("live: ")
          and run.stdout == "" and run.stderr.count("\n") <= 2, (run.returncode, run.stdout, run.stderr))


def command_line(live):
    refused("no source", "expected a SOURCE")
    refused("a source that is not there", "/no/such/file", "--port", "0", "/no/such/file")
    refused("a port that is in use", f"port {live.port} of 127.0.0.1 is in use", "--port", str(live.port), CLIP)
    refused("a port that cannot be", "0 to 65535", "--port", "70000", CLIP)
    refused("an address that is none", "'here' is not an address", "--address", "here", CLIP)
    refused("an unknown property", "found 'colour=red'", "--port", "0", CLIP, "colour=red")
    refused("an unknown option", "--colour", "--colour", CLIP)
    run = subprocess.run([LIVE, "--help"], capture_output=True, text=True, check=False)
    check("--help", run.returncode == 0 and "SOURCE" in run.stdout and not run.stderr, run.stdout)


def the_end():
    live = Live(CLIP, "input-size=128")
    events = Request(live, "/events")
    check("the end of a stream is told", events.until(lambda: events.events() and events.events()[-1]["state"] == "ended"))
    late = Request(live, "/video")
    check("the last picture is still shown", late.until(lambda: late.pictures()))
    check("SIGTERM ends it cleanly", live.stop(signal.SIGTERM) == 0)
    pattern = Live("test-pattern", "threshold=1")
    events = Request(pattern, "/events")
    events.until(lambda: events.events() and events.events()[-1]["frames"] > 3)
    check("a test pattern without objects", events.events()[-1]["labels"] == [], events.events()[-1])
    check("Ctrl-C ends it cleanly", pattern.stop() == 0)


def camera():
    """A server on the loopback address that plays the clip once, and its address, or none."""
    command = ["/usr/bin/python3", str(pathlib.Path(__file__).parents[1] / "pipelines" / "rtsp-server.py"), CLIP]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    return server, server.stdout.readline().strip()


def network_camera():
    """A stream by RTSP, through to its end."""
    server, address = camera()
    if not address:
        skip("a network camera", "gir1.2-gst-rtsp-server-1.0 is missing")
        return
    if is_sanitized():
        skip("a network camera", "too many plugins for the leak checker")
    else:
        live = Live(address, "input-size=128")
        events, video = Request(live, "/events"), Request(live, "/video")
        check("a network camera has pictures", video.until(lambda: len(set(video.pictures())) >= 3), video.data)
        check("and an end", events.until(lambda: events.events() and events.events()[-1]["state"] == "ended"))
        check("its address is the source's name", events.events()[-1]["source"] == address, events.events()[-1])
        check("Ctrl-C ends it cleanly", live.stop() == 0)
    server.stdin.close()
    server.wait(10)


def goes_away():
    """A network camera that is switched off."""
    server, address = camera()
    if not address:
        skip("a camera that goes away", "gir1.2-gst-rtsp-server-1.0 is missing")
        return
    if is_sanitized():
        skip("a camera that goes away", "too many plugins for the leak checker")
    else:
        live = Live(address, "input-size=128")
        events = Request(live, "/events")
        events.until(lambda: events.events() and events.events()[-1]["frames"] > 3)
        server.kill()
        check("a camera that goes away is told", events.until(lambda: events.events()[-1]["state"] == "failed"),
              events.events()[-1])
        check("and ends the server, with a failure", live.process.wait(20) == 1)
    server.stdin.close()
    server.wait(10)


def main():
    live = Live("--loop", CLIP, "input-size=192")
    requests(live)
    streams(live)
    viewers(live)
    if STALL:
        stalled(live)
    command_line(live)
    check("Ctrl-C ends the server cleanly, with viewers", Request(live, "/events").status() == 200 and live.stop() == 0)
    the_end()
    network_camera()
    goes_away()
    print(f"1..{number}")
    sys.exit(1 if bad else 0)


main()
