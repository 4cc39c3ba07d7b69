# SPDX-License-Identifier: LGPL-2.1-or-later
"""browser.py LIVE CLIP DIRECTORY: the live page in headless Chromium. Plays CLIP in a loop, looks at
the page at desktop and phone width, dark and light, through a stream without objects, the end of a
stream, and a server that goes away and comes back. Writes pictures of the page into DIRECTORY and
prints TAP. tests/live/run.sh installs what this needs and calls it."""
import base64
import os
import re
import signal
import subprocess
import sys
import time

from selenium import webdriver
from selenium.webdriver.common.by import By

SIZES = {"desktop": (1280, 860), "phone": (390, 844), "readme": (1280, 716)}
# A number that differs when the picture does: the sum of its pixels, weighted by their place. And how
# many pixels have the strong blue, orange, … of a box: the clip itself is grey and green.
LOOK = """
const img = document.getElementById('video'), canvas = document.createElement('canvas');
canvas.width = img.naturalWidth; canvas.height = img.naturalHeight;
if (!canvas.width) return null;
const context = canvas.getContext('2d');
context.drawImage(img, 0, 0);
const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
let sum = 0, strong = 0;
for (let i = 0; i < data.length; i += 4) {
  sum = (sum * 31 + data[i] + 3 * data[i + 1] + 7 * data[i + 2]) % 1000000007;
  const high = Math.max(data[i], data[i + 1], data[i + 2]), low = Math.min(data[i], data[i + 1], data[i + 2]);
  if (high - low > 120) strong++;
}
return {sum, strong, width: canvas.width, height: canvas.height};
"""
number = bad = 0


def check(what, good, seen=""):
    global number, bad
    number += 1
    bad += not good
    print(f"{'ok' if good else 'not ok'} {number} - {what}", flush=True)
    if not good:
        print(f"# seen: {seen}", flush=True)


def wait_for(condition, seconds=20):
    """The first true value of the condition, or its last one."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.1)


class Live:
    """A running server; its page's address is its first line."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([sys.argv[1], *arguments], stdout=subprocess.PIPE, text=True)
        self.url = re.search(r"http://\S+", self.process.stdout.readline()).group()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(10)


class Page:
    def __init__(self):
        options = webdriver.ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options)

    def open(self, url, size="desktop", scheme="light"):
        width, height = SIZES[size]
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.driver.get(url)

    def text(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def state(self):
        return self.driver.execute_script("return document.body.dataset.state")

    def look(self):
        return self.driver.execute_script(LOOK)

    def labels(self):
        """label → (now, most) of the table."""
        rows = self.driver.execute_script(
            "return [...document.querySelectorAll('#labels tr')].map(r => [...r.children].map(c => c.textContent))")
        return {row[0]: (int(row[1]), int(row[3])) for row in rows if len(row) == 5}

    def overflow(self):
        return self.driver.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def picture(self, name):
        self.driver.save_screenshot(os.path.join(sys.argv[3], name + ".png"))

    def jpeg(self, name):
        """Small enough to be kept: pipelines/live.jpg, which the README shows, is such a one."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "jpeg", "quality": 82})
        with open(os.path.join(sys.argv[3], name + ".jpg"), "wb") as out:
            out.write(base64.b64decode(shot["data"]))

    def complaints(self):
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")]


def playing(page, clip):
    live = Live("--port", "0", "--loop", clip)
    page.open(live.url)
    check("the page says that it is live", wait_for(lambda: page.state() == "playing"), page.state())
    first = wait_for(page.look)
    check("the picture is as large as the video", (first["width"], first["height"]) == (768, 576), first)
    check("the picture changes", wait_for(lambda: page.look()["sum"] != first["sum"]), first)
    check("boxes are drawn in it", wait_for(lambda: page.look()["strong"] > 500), page.look())
    check("persons are counted", wait_for(lambda: page.labels().get("person", (0, 0))[0] >= 2), page.labels())
    frames = int(page.text("#frames"))
    check("the table is updated", wait_for(lambda: int(page.text("#frames")) > frames), frames)
    for box in ("fps", "ips", "age", "mean", "p95"):
        check(f"{box} is a positive number", wait_for(
            lambda: re.fullmatch(r"[\d.]+", page.text("#" + box)) and
            (box == "age" or float(page.text("#" + box)) > 0)), page.text("#" + box))
    check("the clip goes on from its beginning", wait_for(lambda: int(page.text("#frames")) > 55), page.text("#frames"))
    for size, scheme in (("desktop", "light"), ("desktop", "dark"), ("phone", "light"), ("phone", "dark")):
        page.open(live.url, size, scheme)
        wait_for(lambda: page.labels().get("person", (0, 0))[0] >= 2 and page.text("#ips") != "–")
        check(f"{size}, {scheme}: nothing is wider than the screen", page.overflow() <= 0, page.overflow())
        page.picture(f"{size}-{scheme}")
    page.open(live.url, "readme")
    wait_for(lambda: page.labels().get("person", (0, 0))[0] >= 6 and page.text("#ips") != "–")
    page.jpeg("live")
    check("the console is silent", page.complaints() == [], page.complaints())
    check("Ctrl-C ends the server", live.stop() == 0)


def nothing_seen(page):
    live = Live("--port", "0", "test-pattern", "threshold=1")
    page.open(live.url)
    wait_for(lambda: page.state() == "playing")
    check("a stream without objects says so", wait_for(lambda: "No objects" in page.text("#labels")), page.text("#labels"))
    page.picture("no-objects")
    live.stop()
    check("a server that is gone is noticed", wait_for(lambda: page.state() == "lost"), page.state())
    page.picture("lost")
    page.complaints()  # the browser's own word on the connection


def coming_back(page, clip):
    live = Live("--port", "0", "--loop", clip)
    port = live.url.rstrip("/").rsplit(":", 1)[1]
    page.open(live.url)
    wait_for(lambda: page.state() == "playing")
    live.stop()
    wait_for(lambda: page.state() == "lost")
    live = Live("--port", port, "--loop", clip)
    check("a server that comes back is found", wait_for(lambda: page.state() == "playing"), page.state())
    old = wait_for(page.look)["sum"]
    check("and its pictures are shown", wait_for(lambda: page.look()["sum"] != old))
    live.stop()
    page.complaints()


def ended(page, clip):
    live = Live("--port", "0", clip)
    page.open(live.url)
    check("the end of a stream is told", wait_for(lambda: page.state() == "ended"), page.state())
    check("its last picture stays", page.look() is not None)
    page.picture("ended")
    page.open(live.url)
    check("a page that is opened then has it, too", wait_for(page.look) and wait_for(lambda: page.state() == "ended"))
    check("the console is silent at the end", page.complaints() == [], page.complaints())
    live.stop()


def main():
    page, clip = Page(), sys.argv[2]
    try:
        playing(page, clip)
        nothing_seen(page)
        coming_back(page, clip)
        ended(page, clip)
    finally:
        page.driver.quit()
    print(f"1..{number}")
    sys.exit(1 if bad else 0)


main()
