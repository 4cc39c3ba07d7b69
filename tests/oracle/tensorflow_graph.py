# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a frozen Faster R-CNN graph of the TF Object Detection API and keeps what flows between its
parts, in libfrcnn's names and orders. Nodes are found by what they are, not by their names."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()


def load(path):
    graph = tf.GraphDef()
    with open(path, "rb") as file:
        graph.ParseFromString(file.read())
    return graph


def old_operations(graph):
    """The same graph in the operations of 2018: batch normalisation and suppression of their first
    versions (which know no threshold of scores: boxes are filtered before), Add, and no attributes
    that came later."""
    old, renamed = tf.GraphDef(), []
    constants = {n.name: n for n in graph.node if n.op == "Const"}
    for node in graph.node:
        node = _copy(old, node)
        for key in _LATER.get(node.op, ()):
            node.attr.pop(key, None)
        if node.op == "AddV2":
            node.op = "Add"
        elif node.op == "FusedBatchNormV3":
            node.op = "FusedBatchNorm"
        elif node.op == "NonMaxSuppressionV5":
            renamed.append(_old_suppression(old, node, constants))
    renamed = dict(renamed)
    for node in old.node:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
    old.versions.CopyFrom(graph.versions)
    return old


_LATER = {"ResizeBilinear": ["half_pixel_centers"], "Conv2D": ["explicit_paddings"],
          "MaxPool": ["explicit_paddings"], "Equal": ["incompatible_shape_error"],
          "FusedBatchNormV3": ["exponential_avg_factor", "U"]}


def _copy(graph, node):
    graph.node.add().CopyFrom(node)
    return graph.node[-1]


def _value(constants, name):
    return tf.make_ndarray(constants[name].attr["value"].tensor)


def _old_suppression(graph, node, constants):
    boxes, scores, limit, iou, threshold = node.input[:5]
    scope, number = node.name, node.attr["T"]

    def add(name, op, inputs, **types):
        new = graph.node.add(name=f"{scope}/filter/{name}", op=op, input=inputs)
        for key, value in types.items():
            new.attr[key].type = value
        return new.name

    above = add("Greater", "Greater", [scores, threshold], T=tf.float32.as_datatype_enum)
    where = add("Where", "Where", [above], T=tf.bool.as_datatype_enum)
    row = graph.node.add(name=f"{scope}/filter/shape", op="Const")
    row.attr["dtype"].type = tf.int32.as_datatype_enum
    row.attr["value"].tensor.CopyFrom(tf.make_tensor_proto([-1], tf.int32))
    row.input.append("^" + threshold)  # of the same loop
    flat = add("Reshape", "Reshape", [where, row.name], T=tf.int64.as_datatype_enum,
               Tshape=tf.int32.as_datatype_enum)
    some = [add(name, "Gather", [source, flat], Tparams=tf.float32.as_datatype_enum,
                Tindices=tf.int64.as_datatype_enum) for name, source in (("boxes", boxes),
                                                                         ("scores", scores))]
    thresholds = float(_value(constants, iou))
    attributes = list(node.attr)
    for key in attributes:
        del node.attr[key]
    node.op = "NonMaxSuppression"
    node.attr["iou_threshold"].f = thresholds
    del node.input[:]
    node.input.extend([*some, limit])
    # The second output, the scores of what stays, did not exist yet.
    pick = add("selected", "Gather", [some[1], scope], Tparams=tf.float32.as_datatype_enum,
               Tindices=tf.int32.as_datatype_enum)
    return scope + ":1", pick


def spread(graph, images, reference):
    """Scales the class layer so that scores spread: random weights prefer one class for every RoI. Its
    logits get mean 0 and standard deviation 3 over the RoIs of @images, class by class, and 3 less for
    background."""
    logits = np.concatenate([reference.run(image)[0]["class_logits"][:, 0, 0] for image in images])
    scale = 3 / logits.std(0)
    for node in graph.node:
        if node.op != "MatMul":
            continue
        names = [node.input[1], next(n.input[1] for n in graph.node
                                     if n.op == "BiasAdd" and n.input[0] == node.name)]
        tensors = [_constant(graph, name) for name in names]
        weights, bias = (tf.make_ndarray(t) for t in tensors)
        if weights.shape[1] == logits.shape[1]:
            bias = (bias - logits.mean(0)) * scale - 3 * (np.arange(len(bias)) == 0)
            tensors[0].CopyFrom(tf.make_tensor_proto(np.float32(weights * scale)))
            tensors[1].CopyFrom(tf.make_tensor_proto(np.float32(bias)))


def _constant(graph, name):
    nodes = {n.name: n for n in graph.node}
    while nodes[name].op != "Const":
        name = nodes[name].input[0]
    return nodes[name].attr["value"].tensor


class Reference:
    def __init__(self, graph, threads=0):
        self.graph = tf.Graph()
        with self.graph.as_default():
            tf.import_graph_def(graph, name="")
        config = tf.ConfigProto(intra_op_parallelism_threads=threads,
                                inter_op_parallelism_threads=1 if threads else 0)
        self.session = tf.Session(graph=self.graph, config=config)
        self.stages = self._find()
        self.results = [f"detection_{k}:0" for k in ("boxes", "scores", "classes")]
        self.results.append("num_detections:0")

    def _readers(self, tensor, kind):
        return [op for op in tensor.consumers() if op.type == kind]

    def _find(self):
        operations = self.graph.get_operations()
        crop, = (op for op in operations if op.type == "CropAndResize")
        first, = (op for op in operations if op.type == "DepthwiseConv2dNative")
        features = crop.inputs[0]
        rpn, = self._readers(features, "Conv2D")
        relu = self._readers(self._readers(rpn.outputs[0], "BiasAdd")[0].outputs[0], "Relu6")[0]
        rpn = [self._readers(op.outputs[0], "BiasAdd")[0].outputs[0]
               for op in self._readers(relu.outputs[0], "Conv2D")]
        rpn.sort(key=lambda t: int(t.shape[-1]))
        heads = [self._readers(op.outputs[0], "BiasAdd")[0].outputs[0]
                 for op in operations if op.type == "MatMul"]
        heads.sort(key=lambda t: int(t.shape[-1]))
        pool, = (op for op in operations if op.type == "MaxPool" and
                 op.get_attr("padding") == b"VALID")
        return {"input": first.inputs[0], "features.0": features, "scores": rpn[0],
                "pred_bbox_deltas.0": rpn[1], "crops": crop.inputs[1],
                "box_roi_pool": pool.outputs[0], "class_logits": heads[0],
                "box_regression": heads[1]}

    def detect(self, image):
        return self.session.run(self.results, {"image_tensor:0": image[None]})

    def run(self, image):
        """As PyTorch's Reference: (stages, found), boxes in pixels of the image."""
        feed = {"image_tensor:0": image[None]}
        stages, results = self.session.run([self.stages, self.results], feed)
        height, width = image.shape[:2]
        crops = stages.pop("crops")
        # Rows of zeros fill the list of proposals up.
        n = int((np.abs(crops).sum(1) > 0).sum())
        scores = stages.pop("scores")
        pairs = scores.reshape(*scores.shape[:3], -1, 2)
        stages["objectness.0"] = pairs[..., 1] - pairs[..., 0]
        for key in ("pred_bbox_deltas.0", "box_regression"):
            boxes = stages[key].reshape(-1, 4)[:, [1, 0, 3, 2]]
            stages[key] = boxes.reshape(stages[key].shape)
        for key in ("class_logits", "box_regression"):
            stages[key] = stages[key][:n, None, None]
        stages["box_roi_pool"] = stages["box_roi_pool"][:n]
        stages["resized"] = np.array(stages["input"].shape[1:3])
        shape = stages["resized"][[1, 0, 1, 0]].astype(np.float32)
        stages["crops"] = crops[:n, [1, 0, 3, 2]]  # shares of the image
        stages["proposals"] = stages["crops"] * shape
        kept = int(results[3][0])
        boxes = results[0][0, :kept][:, [1, 0, 3, 2]] * np.float32([width, height, width, height])
        return stages, {"boxes": boxes, "scores": results[1][0, :kept],
                        "labels": results[2][0, :kept].astype(int) - 1}
