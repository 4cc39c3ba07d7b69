# SPDX-License-Identifier: LGPL-2.1-or-later
"""How two runs of `frcnn eval --detections` on one set differ: what each costs, and how sure that is.

    python3 compare_precision.py DATASET SPLIT F32.jsonl OTHER.jsonl

DATASET is in VOC's layout. Prints the difference of mean AP (VOC area, IoU .50 and .50:.95) with a
95 % interval of a paired bootstrap over the images, and the distribution of the differences of
scores of detections that the two runs share (same label, IoU >= .5).
"""
import json
import os
import sys
import xml.etree.ElementTree as xml

import numpy as np

ROUNDS = 300
THRESHOLDS = np.arange(.5, 1, .05)


def truths(dataset, image):
    """[(label, box, is difficult)], boxes 0-based and half-open."""
    root = xml.parse(os.path.join(dataset, "Annotations", image + ".xml")).getroot()
    found = []
    for item in root.iter("object"):
        box = [float(item.find("bndbox").find(side).text) for side in ("xmin", "ymin", "xmax", "ymax")]
        box[0], box[1] = box[0] - 1, box[1] - 1
        found.append((item.find("name").text, box, item.findtext("difficult", "0").strip() == "1"))
    return found


def overlaps(box, others):
    others = np.asarray(others, float).reshape(-1, 4)
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    inter = np.prod(np.clip(high - low, 0, None), axis=1)
    area = (box[2] - box[0]) * (box[3] - box[1])
    return inter / (area + np.prod(others[:, 2:] - others[:, :2], axis=1) - inter)


def match(found, image_truths, label):
    """[(score, hits at each threshold: 1, 0, or -1 where it counts neither way)] of one image."""
    boxes = [box for name, box, _ in image_truths if name == label]
    difficult = [hard for name, _, hard in image_truths if name == label]
    taken = np.zeros((len(THRESHOLDS), len(boxes)), bool)
    rows = []
    for item in sorted((o for o in found if o["label"] == label), key=lambda o: -o["score"]):
        hits = np.zeros(len(THRESHOLDS), int)
        if boxes:
            shares = overlaps(np.asarray(item["box"], float), boxes)
            best = int(shares.argmax())
            for t, threshold in enumerate(THRESHOLDS):
                if shares[best] < threshold:
                    continue
                hits[t] = -1 if difficult[best] else 0 if taken[t, best] else 1
                taken[t, best] = True
        rows.append((item["score"], hits))
    return rows, sum(not hard for hard in difficult)


def area(scores, hits, total):
    order = np.argsort(-scores, kind="stable")
    hits = hits[order]
    hits = hits[hits >= 0]
    right = np.cumsum(hits)
    recall, precision = right / total, right / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(np.concatenate([[0], recall])) * precision))


class Run:
    """One run's matches, by class and image."""

    def __init__(self, path, dataset, images):
        lines = {os.path.splitext(os.path.basename(line["image"]))[0]: line["objects"]
                 for line in map(json.loads, open(path))}
        self.objects = [lines[image] for image in images]
        annotated = [truths(dataset, image) for image in images]
        self.labels = sorted({name for image in annotated for name, _, hard in image if not hard})
        self.totals = np.zeros((len(self.labels), len(images)))
        self.rows = []
        for c, label in enumerate(self.labels):
            scores, hits, image_of = [], [], []
            for i, found in enumerate(self.objects):
                rows, self.totals[c, i] = match(found, annotated[i], label)
                scores += [row[0] for row in rows]
                hits += [row[1] for row in rows]
                image_of += [i] * len(rows)
            self.rows.append((np.array(scores), np.array(hits).reshape(-1, len(THRESHOLDS)),
                              np.array(image_of, int)))

    def mean(self, times):
        """(IoU .50, .50:.95) with image i counted times[i] times."""
        every = []
        for (scores, hits, image_of), totals in zip(self.rows, self.totals):
            total = float(totals @ times)
            if total:
                index = np.repeat(np.arange(len(scores)), times[image_of]) if len(scores) else []
                every.append([area(scores[index], hits[index, t], total) if len(index) else 0
                              for t in range(len(THRESHOLDS))])
        table = 100 * np.array(every)
        return table[:, 0].mean(), table.mean()


def score_differences(one, other):
    found = []
    for mine, theirs in zip(one.objects, other.objects):
        for item in mine:
            same = [o for o in theirs if o["label"] == item["label"]]
            if same:
                shares = overlaps(np.asarray(item["box"], float), [o["box"] for o in same])
                if shares.max() >= .5:
                    found.append((item["score"], same[int(shares.argmax())]["score"] - item["score"]))
    return np.array(found)


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    dataset, split, first, second = sys.argv[1:]
    listed = open(os.path.join(dataset, "ImageSets", "Main", split + ".txt"))
    images = [line.split()[0] for line in listed if line.strip()]
    one, other = Run(first, dataset, images), Run(second, dataset, images)
    random, each = np.random.default_rng(1), np.ones(len(images), int)
    differences = []
    for _ in range(ROUNDS):
        times = np.bincount(random.integers(0, len(images), len(images)), minlength=len(images))
        differences.append(np.subtract(other.mean(times), one.mean(times)))
    low, high = np.percentile(differences, [2.5, 97.5], axis=0)
    for k, name in enumerate(("IoU .50", "IoU .50:.95")):
        a, b = one.mean(each)[k], other.mean(each)[k]
        print(f"{name}: {a:.2f} and {b:.2f}, difference {b - a:+.2f}, 95 % of {ROUNDS} paired "
              f"bootstraps in {low[k]:+.2f} ... {high[k]:+.2f}")
    found = score_differences(one, other)
    for threshold in (.05, .5):
        part = found[found[:, 0] > threshold, 1]
        low, middle, high, most = np.percentile(np.abs(part), [50, 90, 99, 100])
        print(f"scores above {threshold}: {len(part)} shared, mean difference {part.mean():+.4f}, "
              f"size {low:.4f} (median), {middle:.4f} (90 %), {high:.4f} (99 %), {most:.4f} (most)")


if __name__ == "__main__":
    main()
