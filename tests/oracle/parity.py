# SPDX-License-Identifier: LGPL-2.1-or-later
"""What "the same" means: numbers of two runs in, verdicts out. NumPy only."""
import re

import numpy as np

STAGE_LIMIT = 1e-3    # of the reference tensor's largest magnitude
MATCHED = 0.995       # share of detections (and of proposals) that must find their partner
IOU, SCORE = 0.99, 1e-3
COLUMNS = ("input", "features", "objectness", "deltas", "roi_pool", "logits", "regression")
PREFIXES = {"pred_bbox_deltas": "deltas", "box_roi_pool": "roi_pool", "class_logits": "logits",
            "box_regression": "regression"}
AFTER_PROPOSALS = ("box_roi_pool", "class_logits", "box_regression")


def column(name):
    head = re.split(r"\.", name)[0]
    return PREFIXES.get(head, head)


def error(ours, reference):
    """Largest difference over the reference's largest magnitude; infinite for NaN, shapes."""
    if ours is None or ours.shape != reference.shape:
        return float("inf")
    if not reference.size:
        return 0.0
    difference = float(np.abs(ours - reference).max()) / max(float(np.abs(reference).max()), 1e-30)
    return difference if np.isfinite(difference) else float("inf")


def iou_matrix(a, b):
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inner = np.prod(np.clip(high - low, 0, None), -1, dtype=np.float64)
    area = [np.prod(x[:, 2:].astype(np.float64) - x[:, :2], axis=-1) for x in (a, b)]
    return inner / np.maximum(area[0][:, None] + area[1][None] - inner, 1e-30)


def pair(good, quality):
    """Greedy one-to-one pairs (row, column) of good[i, j], best partner first, rows in order."""
    free, pairs = np.ones(good.shape[1], bool), []
    for i in range(good.shape[0]):
        usable = good[i] & free
        if usable.any():
            j = int(np.where(usable, quality[i], -1).argmax())
            free[j] = False
            pairs.append((i, j))
    return pairs


def has_ties(logits):
    """More than 1 % of the RoIs have the very logits of another one."""
    rows = logits.reshape(len(logits), -1)
    return bool(len(rows)) and len(np.unique(rows, axis=0)) < 0.99 * len(rows)


def match_found(ours, reference):
    """Pairs (ours, reference) of the same label, IoU and score."""
    iou = iou_matrix(ours["boxes"], reference["boxes"])
    good = ((ours["labels"][:, None] == reference["labels"][None]) & (iou >= IOU)
            & (np.abs(ours["scores"][:, None] - reference["scores"][None]) <= SCORE))
    return pair(good, iou)


def match_proposals(ours, reference):
    """As sets: IoU as above, or every side within 0.05 pixels (RPN boxes may be tiny)."""
    iou = iou_matrix(ours, reference)
    near = np.abs(ours[:, None] - reference[None]).max(-1) <= 0.05
    return len(pair((iou >= IOU) | near, np.where(near, 1.0, iou)))


def share(matched, n_ours, n_reference):
    """Matched over matched + unmatched of either side."""
    everything = n_ours + n_reference - matched
    return matched / everything if everything else 1.0


class Row:
    """One model's line of the table."""

    def __init__(self, name):
        self.name, self.errors = name, dict.fromkeys(COLUMNS, 0.0)
        self.images = self.found = self.ours = self.matched = self.tied = 0
        self.proposals = [0, 0, 0]
        self.labels, self.box_error, self.score_error, self.notes = set(), 0.0, 0.0, []

    def add_stages(self, name, ours, reference, wanted):
        for key, value in reference.items():
            if key in ("proposals", "resized") or (key in AFTER_PROPOSALS) != wanted:
                continue
            e = error(ours.get(key), value)
            if e > STAGE_LIMIT:
                got = ours[key].shape if key in ours else "absent"
                self.notes.append(f"{name}: {key} error {e:.2g}, shape {value.shape}, ours {got}")
            self.errors[column(key)] = max(self.errors[column(key)], e)

    def add_proposals(self, ours, reference):
        matched = match_proposals(ours, reference)
        for i, n in enumerate((matched, len(ours), len(reference))):
            self.proposals[i] += n

    def add_found(self, ours, reference):
        pairs = match_found(ours, reference)
        self.matched += len(pairs)
        self.ours += len(ours["scores"])
        self.found += len(reference["scores"])
        self.labels |= set(reference["labels"].tolist())
        for i, j in pairs:
            self.box_error = max(self.box_error,
                                 float(np.abs(ours["boxes"][i] - reference["boxes"][j]).max()))
            self.score_error = max(self.score_error,
                                   abs(float(ours["scores"][i] - reference["scores"][j])))

    def fail(self, note):
        self.notes.append(note)

    def verdict(self):
        if self.tied * 2 > self.images:
            self.fail(f"{self.tied} of {self.images} images have tied RoIs: nothing to compare")
        if self.proposals[1] and share(*self.proposals) < MATCHED:
            self.fail(f"proposals: {share(*self.proposals):.4f} matched, {MATCHED} expected")
        if share(self.matched, self.ours, self.found) < MATCHED:
            self.fail(f"detections: {share(self.matched, self.ours, self.found):.4f} matched, "
                      f"{MATCHED} expected ({self.matched} of {self.found}, ours {self.ours})")
        return not self.notes


def table(rows):
    head = ["model", "images", *COLUMNS, "proposals", "tied", "found", "labels", "matched", "max dbox",
            "max dscore", ""]
    lines = [head]
    for row in rows:
        lines.append([
            row.name, str(row.images), *(f"{row.errors[c]:.1e}" for c in COLUMNS),
            f"{100 * share(*row.proposals):.2f} %" if row.proposals[1] else "-",
            str(row.tied), str(row.found), str(len(row.labels)),
            f"{100 * share(row.matched, row.ours, row.found):.2f} %" if row.found else "-",
            f"{row.box_error:.1e}", f"{row.score_error:.1e}", "FAIL" if row.notes else "ok"])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                               for i, (cell, w) in enumerate(zip(line, widths)))
                     for line in lines)
