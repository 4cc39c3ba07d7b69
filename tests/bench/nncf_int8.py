# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenVINO's own int8 of an ONNX model, by NNCF's post-training quantisation; peers.py calls it.

    nncf_int8.py MODEL.onnx OUT.xml PIXELS.npy

Calibrated on the one picture of PIXELS.npy: enough for its speed.
"""
import os
import sys
import tempfile

import nncf
import numpy as np
import openvino


def main():
    path, out, pixels = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        # Reading ONNX leaves nodes that belong to no graph, over which NNCF stumbles; writing drops them.
        clean = os.path.join(folder, "model.xml")
        openvino.save_model(openvino.Core().read_model(path), clean, compress_to_fp16=False)
        model = openvino.Core().read_model(clean)
    quantized = nncf.quantize(model, nncf.Dataset([np.load(pixels)]), subset_size=1)
    openvino.save_model(quantized, out, compress_to_fp16=False)


if __name__ == "__main__":
    main()
