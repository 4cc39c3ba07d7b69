# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes inception_v2.pb, a frozen graph of the TF Object Detection API with few channels and three
classes, and inception_v2.safetensors: what TensorFlow makes of a picture with it.

    python tests/golden/generate_inception_v2.py EXPORT.py

EXPORT.py writes a faster_rcnn_inception_v2 graph of random weights: a module with a text CONFIG, the
pipeline's configuration, and main (path, seed). Everything but the widths, the names of nodes and
what serves only assertions is that graph's. Needs what EXPORT.py needs, TensorFlow among it.
"""
import importlib.util
import json
import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "oracle"))
PUBLIC = ("image_tensor", "detection_boxes", "detection_scores", "detection_classes",
          "num_detections")
# As a released file differs from the sample configuration, this one differs from both.
CHANGES = (("num_classes: 90", "num_classes: 3"), ("min_dimension: 600", "min_dimension: 96"),
           ("max_dimension: 1024", "max_dimension: 160"),
           ("scales: [0.25, 0.5, 1.0, 2.0]", "scales: [0.0625, 0.125, 0.25, 0.5]"),
           ("max_proposals: 100", "max_proposals: 40"),
           ("nms_iou_threshold: 0.7", "nms_iou_threshold: 0.65"),
           ("score_threshold: 0.0 iou_threshold: 0.6", "score_threshold: 0.02 iou_threshold: 0.55"),
           ("max_detections_per_class: 100", "max_detections_per_class: 12"),
           ("max_total_detections: 100", "max_total_detections: 25"))


def export(script):
    spec = importlib.util.spec_from_file_location("export", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for old, new in CHANGES:
        if module.CONFIG.count(old) != 1:
            sys.exit(f"{script}: CONFIG with one '{old}' expected")
        module.CONFIG = module.CONFIG.replace(old, new)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "graph.pb")
        module.main(path, 0)
        return tensorflow_graph.load(path)


def prune(graph):
    """Without assertions and whatever no result needs."""
    asserts = {"^" + n.name for n in graph.node if n.op == "Assert"}
    for node in graph.node:
        node.attr.pop("_class", None)
        kept = [name for name in node.input if name not in asserts]
        del node.input[:]
        node.input.extend(kept)
    return tf.graph_util.extract_sub_graph(graph, list(PUBLIC[1:]))


class Shrink:
    """Gives every layer few channels, and new random weights of as many."""

    def __init__(self, graph):
        self.nodes, self.random = {n.name: n for n in graph.node}, np.random.default_rng(4)
        self.known = {}
        for node in graph.node:
            self.channels(node.name)

    def channels(self, name):
        """Of a node's output; 0 where nothing convolved yet."""
        name = name.split(":")[0].lstrip("^")
        if name not in self.known:
            self.known[name] = 0  # loops
            self.known[name] = self.find(self.nodes[name])
        return self.known[name]

    def find(self, node):
        inputs = [i for i in node.input if not i.startswith("^")]
        if node.op == "DepthwiseConv2dNative":
            self.put(inputs[1], [7, 7, 3, 2])
            return 6
        if node.op in ("Conv2D", "MatMul"):
            before, shape = self.channels(inputs[0]), self.shape(inputs[1])
            shape[-2] = before
            if shape[-1] not in (12, 24, 48):  # the outputs that mean something
                shape[-1] = shape[-1] if node.op == "MatMul" else 4 + len(self.known) % 3
            self.put(inputs[1], shape)
            return shape[-1]
        if node.op in ("FusedBatchNormV3", "BiasAdd"):
            n = self.channels(inputs[0])
            for i, name in enumerate(inputs[1:5]):
                self.put(name, [n], positive=i in (0, 3) and node.op != "BiasAdd")
            return n
        if node.op == "ConcatV2":
            return sum(self.channels(i) for i in inputs[:-1])
        if node.op == "Reshape":
            self.reshape(inputs[1], self.channels(inputs[0]))
        if node.op in ("Relu", "Relu6", "MaxPool", "AvgPool", "Identity", "CropAndResize", "Mean",
                       "Reshape"):
            return self.channels(inputs[0])
        return 0

    def constant(self, name):
        node = self.nodes[name]
        return self.constant(node.input[0]) if node.op != "Const" else node.attr["value"].tensor

    def shape(self, name):
        return [d.size for d in self.constant(name).tensor_shape.dim]

    def put(self, name, shape, positive=False):
        fan = max(int(np.prod(shape[:-1])), 1)
        value = self.random.normal(0, 1.6 / np.sqrt(fan) if len(shape) > 1 else 0.2, shape)
        value = self.random.uniform(0.6, 1.4, shape) if positive else value
        self.constant(name).CopyFrom(tf.make_tensor_proto(np.float32(value)))

    def reshape(self, name, channels):
        node = self.nodes[name]
        if node.op == "Pack":
            node = self.nodes[[i for i in node.input if not i.startswith("^")][-1]]
        if node.op != "Const" or not channels:
            return
        value = np.array(tf.make_ndarray(node.attr["value"].tensor))
        if value.size and value.flat[-1] in (576, 1024):
            value.flat[-1] = channels
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))


def rename(graph):
    """Short names, which nothing may rely on."""
    names = {n.name: n.name if n.name in PUBLIC else f"n{i}" for i, n in enumerate(graph.node)}
    frames = {}
    for node in graph.node:
        node.name = names[node.name]
        for i, name in enumerate(node.input):
            control, colon, port = name.startswith("^"), *name.lstrip("^").partition(":")[1:]
            node.input[i] = "^" * control + names[name.lstrip("^").partition(":")[0]] + colon + port
        if node.op == "Enter":
            frame = node.attr["frame_name"]
            frame.s = frames.setdefault(frame.s, b"f%d" % len(frames))


def write(path, tensors):
    kinds = {"f": (np.float32, "F32"), "i": (np.int32, "I32"), "u": (np.uint8, "U8")}
    header, data = {"__metadata__": {"tensorflow": tf.__version__,
                                     "generator": "tests/golden/generate_inception_v2.py"}}, b""
    for key, value in tensors.items():
        kind, name = kinds[np.asarray(value).dtype.kind]
        value = np.ascontiguousarray(value, kind)
        header[key] = {"dtype": name, "shape": list(value.shape),
                       "data_offsets": [len(data), len(data) + value.nbytes]}
        data += value.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data)


def main():
    picture = images.load(os.path.join(HERE, "cars.png"))
    graph = prune(export(sys.argv[1]))
    Shrink(graph)
    rename(graph)
    tensorflow_graph.spread(graph, [picture], tensorflow_graph.Reference(graph))
    path = os.path.join(HERE, "inception_v2.pb")
    with open(path, "wb") as file:
        file.write(graph.SerializeToString())
    stages, found = tensorflow_graph.Reference(graph).run(picture)
    out = {"picture": picture, "args": np.float32([96, 160, 0.02]), **found}
    out["stage.proposals"] = stages.pop("proposals")
    del stages["resized"], stages["crops"]
    for name, value in stages.items():
        step = 97 if name == "box_roi_pool" else 13
        out["stage." + name] = value.reshape(-1)[::step]
        out["about." + name] = np.int32([*value.shape, step])
        out["max." + name] = np.float32([np.abs(value).max()])
    write(path[:-2] + "safetensors", out)
    print(f"{len(graph.node)} nodes, {os.path.getsize(path)} bytes; "
          f"{len(found['scores'])} detections, {np.bincount(found['labels'])} a class, "
          f"scores {found['scores'][[0, -1]]}")


if __name__ == "__main__":
    # Object Detection's generated messages are old, and Keras 3 has none of its layers.
    os.environ.update(PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python", TF_USE_LEGACY_KERAS="1")
    import images
    import tensorflow_graph
    from tensorflow_graph import tf
    main()
