# SPDX-License-Identifier: LGPL-2.1-or-later
"""The engines that the library is compared with, each on an ONNX file of peers.py's."""


class OpenVino:
    @staticmethod
    def load():
        import openvino  # noqa: F401

    def __init__(self, path, threads, precision):
        import openvino
        self.version = "OpenVINO " + openvino.__version__.split("-")[0]
        compiled = openvino.Core().compile_model(path, "CPU", {
            "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads})
        self.request = compiled.create_infer_request()

    def run(self, tensor):
        """How many detections, and how many proposals the head saw."""
        result = self.request.infer([tensor])
        return len(result[2]), len(result[3])


class OnnxRuntime:
    @staticmethod
    def load():
        import onnxruntime  # noqa: F401

    def __init__(self, path, threads, precision):
        import onnxruntime
        self.version = "ONNX Runtime " + onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])

    def run(self, tensor):
        result = self.session.run(None, {"image": tensor})
        return len(result[2]), len(result[3])


PEERS = {"openvino": OpenVino, "onnxruntime": OnnxRuntime}
