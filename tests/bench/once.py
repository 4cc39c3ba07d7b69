# SPDX-License-Identifier: LGPL-2.1-or-later
"""One start of one engine, in a process of its own: how long until the first detections, and how
much memory the process has held. Prints a line of JSON. peers.py calls it.

    once.py openvino|onnxruntime MODEL.onnx THREADS PRECISION PIXELS.npy

first_ms: from the model's file, which the system has in memory, to the first result, once the engine
is imported. peak_mib: most resident memory up to some frames later; import_mib: the same before the
model, when Python, NumPy and the engine were there.
"""
import json
import sys
import time

import numpy as np

from engines import PEERS

FRAMES = 5


def peak_mib():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main():
    name, path, threads, precision, pixels = sys.argv[1:]
    engine, tensor = PEERS[name], np.load(pixels)
    engine.load()
    imported, start = peak_mib(), time.perf_counter()
    peer = engine(path, int(threads), precision)
    peer.run(tensor)
    first = time.perf_counter() - start
    for _ in range(FRAMES - 1):
        peer.run(tensor)
    print(json.dumps({"first_ms": 1e3 * first, "peak_mib": peak_mib(), "import_mib": imported}))


if __name__ == "__main__":
    main()
