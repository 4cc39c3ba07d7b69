# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test images: photographs of a directory, or procedural ones, always with a few odd sizes."""
import os

import numpy as np
from PIL import Image

# width, height. 77 and 154 rows become 319 of 320; the strips reach the longer-side limit.
ODD_SIZES = ((121, 77), (231, 154), (500, 375), (375, 500), (640, 97))
EDGE_SIZES = ((1, 1), (2000, 20), (3, 400), (77, 77), (154, 154))
SIZES = ((640, 480), (320, 240), (333, 500), (500, 333), (427, 640), (480, 360), (500, 281),
         (450, 450), (612, 408), (240, 427), (500, 400), (353, 500), (512, 384), (600, 401),
         (257, 301), (720, 540))


def procedural(width, height, seed):
    """Smooth colour noise of several scales, shaded rectangles and ellipses, a little grain."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    image = np.zeros((height, width, 3), np.float32)
    for cells in (2, 5, 13, 34):
        grid = (random.random((cells, cells, 3)) * 255).astype(np.uint8)
        layer = Image.fromarray(grid).resize((width, height), Image.BICUBIC)
        image += np.asarray(layer, np.float32) / (1 + cells / 5)
    image *= 200 / max(image.max(), 1)
    for _ in range(14):
        cx, cy = random.random(2) * (width, height)
        rx, ry = (random.random(2) * 0.22 + 0.02) * (width, height)
        u, v = (x - cx) / rx, (y - cy) / ry
        inside = np.maximum(abs(u), abs(v)) < 1 if random.random() < 0.5 else u * u + v * v < 1
        colour = random.random(3) * 255
        image[inside] = (colour * (0.8 + 0.2 * np.clip(u, -1, 1))[..., None])[inside]
    image += random.normal(0, 4, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def load(path):
    return np.asarray(Image.open(path).convert("RGB"))


def collect(directory, count):
    """[(name, uint8 h × w × 3)]: @count images, a quarter of them with odd sizes. With a directory,
    evenly spaced ones of its sorted images; without, procedural ones."""
    if not directory:
        sizes = (ODD_SIZES + SIZES * (count // len(SIZES) + 1))[:count]
        return [(f"p{i:03d}-{w}x{h}", procedural(w, h, i)) for i, (w, h) in enumerate(sizes)]
    names = sorted(n for n in os.listdir(directory) if n.lower().endswith((".jpg", ".jpeg", ".png")))
    if len(names) < count:
        raise SystemExit(f"{directory}: {count} images expected, {len(names)} found")
    names = names[::max(len(names) // count, 1)][:count]
    result = []
    for i, name in enumerate(names):
        image = load(os.path.join(directory, name))
        if i < len(ODD_SIZES):
            image = np.asarray(Image.fromarray(image).resize(ODD_SIZES[i], Image.BILINEAR))
        result.append((f"{os.path.splitext(name)[0]}-{image.shape[1]}x{image.shape[0]}", image))
    return result
