"""Packs the backend tests of the `onnx` Python package into nodes.bin.gz.

    pip install onnx==1.23.2 && python test/golden/onnx/make_nodes.py

The package makes its node tests itself when they are asked for, and brings small models of PyTorch operators as files; both
are written as they are. A test is a model and, as TensorProto, what goes in and what must come out.

The file, gzipped: the length of the description (uint32, little-endian), the description as JSON, and the parts that the description
points into by [offset, length]; parts of equal content are stored once. An input or output that is no tensor (a sequence, an
optional value) is null.
"""

import gzip
import json
import struct
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import DATA_DIR, load_model_tests

HERE = Path(__file__).parent
# Bytes of a case above which it is left out. The README names those.
LARGEST = 350_000
# Beside the node tests, which the package makes in memory, it has these as files.
FOLDERS = ["pytorch-converted", "pytorch-operator", "simple"]


def tensor_proto(value):
    if isinstance(value, TensorProto):
        proto = TensorProto()
        proto.CopyFrom(value)
    elif isinstance(value, (np.ndarray, np.generic)):
        proto = numpy_helper.from_array(np.asarray(value))
    else:
        return None
    proto.ClearField("name")
    proto.ClearField("doc_string")
    return proto.SerializeToString()


def node_cases():
    for case in load_model_tests(kind="node"):
        inputs, outputs = case.data_sets[0]
        yield "node", case.name, case.model, [tensor_proto(x) for x in inputs], [tensor_proto(x) for x in outputs]


def read_proto(path, type_proto):
    if type_proto.WhichOneof("value") != "tensor_type":
        return None
    return tensor_proto(onnx.load_tensor(str(path)))


def file_cases(kind):
    for folder in sorted((Path(DATA_DIR) / kind).iterdir()):
        if not (folder / "model.onnx").exists():
            continue
        model = onnx.load(str(folder / "model.onnx"))
        data = folder / "test_data_set_0"
        # constants may be listed among the inputs, and come last there
        given = len(list(data.glob("input_*.pb")))
        inputs = [read_proto(data / f"input_{i}.pb", x.type) for i, x in enumerate(model.graph.input[:given])]
        outputs = [read_proto(data / f"output_{i}.pb", x.type) for i, x in enumerate(model.graph.output)]
        yield kind, folder.name, model, inputs, outputs


class Parts:
    def __init__(self):
        self.data = bytearray()
        self.places = {}

    def add(self, part):
        if part is None:
            return None
        if part not in self.places:
            self.places[part] = [len(self.data), len(part)]
            self.data += part
        return self.places[part]


def main():
    warnings.filterwarnings("ignore")
    parts, described, left_out = Parts(), [], []
    everything = [*node_cases(), *(case for kind in FOLDERS for case in file_cases(kind))]
    for kind, name, model, inputs, outputs in sorted(everything, key=lambda case: (case[0], case[1])):
        for node in model.graph.node:
            node.ClearField("doc_string")
        model_bytes = model.SerializeToString()
        if sum(len(part or b"") for part in [model_bytes, *inputs, *outputs]) > LARGEST:
            left_out.append(f"{kind}/{name}")
            continue
        described.append(
            {
                "kind": kind,
                "name": name,
                "model": parts.add(model_bytes),
                "inputs": [parts.add(x) for x in inputs],
                "outputs": [parts.add(x) for x in outputs],
            }
        )
    header = json.dumps({"onnx": onnx.__version__, "cases": described}, separators=(",", ":")).encode()
    packed = gzip.compress(struct.pack("<I", len(header)) + header + bytes(parts.data), 9, mtime=0)
    (HERE / "nodes.bin.gz").write_bytes(packed)
    print(f"{len(described)} cases, {len(parts.data)} bytes of parts, {len(packed)} packed; left out:")
    print("\n".join(left_out))


if __name__ == "__main__":
    main()
