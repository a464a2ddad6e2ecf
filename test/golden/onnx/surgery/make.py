"""Makes the models of the surgery tests: small ONNX files as exporters and quantisers write them, with random weights.

    pip install torch==2.13.0 onnx==1.23.2
    python test/golden/onnx/surgery/make.py        (seconds; rewrites the .onnx files beside it)
    python test/golden/onnx/surgery/make.py check FILE ...   (onnx.checker's word on saved models)

decoder.onnx     two blocks of a transformer, exported by torch.onnx with dynamic batch and sequence, with metadata and doc strings
external.onnx    three layers whose weights lie in weights/external.bin
quantised.onnx   dynamic, static and 4-bit quantised products side by side
bodies.onnx      an If and a Loop whose bodies read values around them
shapes.onnx      operators that move, join, reduce and convolve, over axes of any size
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def model(name, nodes, inputs, outputs, initializers, opset=18, domains=(), **more):
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers, **more)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    made = helper.make_model(graph, opset_imports=opsets, producer_name="make.py", ir_version=9)
    onnx.checker.check_model(made)
    return made


def weights(rng, **shapes):
    return [numpy_helper.from_array((rng.standard_normal(s) * 0.3).astype(np.float32), n) for n, s in shapes.items()]


def value(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def decoder():
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

        def forward(self, x):
            batch, pos, width = x.shape
            q, k, v = (y.view(batch, pos, self.heads, -1).transpose(1, 2) for y in self.qkv(self.ln1(x)).chunk(3, -1))
            scores = q @ k.transpose(-1, -2) / (width / self.heads) ** 0.5
            hidden = torch.ones(pos, pos, dtype=torch.bool).triu(1)
            z = scores.masked_fill(hidden, -1e9).softmax(-1) @ v
            x = x + self.proj(z.transpose(1, 2).reshape(batch, pos, width))
            return x + self.down(nn.functional.gelu(self.up(self.ln2(x)), approximate="tanh"))

    class Decoder(nn.Module):
        def __init__(self, width=16):
            super().__init__()
            self.embed, self.place = nn.Embedding(24, width), nn.Embedding(12, width)
            self.blocks = nn.ModuleList(Block(width, 2) for _ in range(2))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 24, bias=False)

        def forward(self, ids):
            x = self.embed(ids) + self.place(torch.arange(ids.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    torch.manual_seed(1)
    path = HERE / "decoder.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Decoder().eval(), (torch.zeros(2, 5, dtype=torch.int64),), str(path), dynamo=False,
                          opset_version=17, input_names=["ids"], output_names=["logits"], do_constant_folding=True,
                          dynamic_axes={"ids": {0: "batch", 1: "pos"}, "logits": {0: "batch", 1: "pos"}})
    made = onnx.load(path)
    made.doc_string = "a decoder"
    made.graph.node[3].doc_string = "a node"
    made.metadata_props.add(key="author", value="nobody")
    return made


def external():
    rng = np.random.default_rng(2)
    layers = [helper.make_node("MatMul", ["x", "w0"], ["h0"], "first"), helper.make_node("Relu", ["h0"], ["a0"], "act"),
              helper.make_node("Gemm", ["a0", "w1", "b1"], ["h1"], "second", transB=1),
              helper.make_node("Tanh", ["h1"], ["a1"]), helper.make_node("MatMul", ["a1", "w2"], ["y"], "third")]
    return model("external", layers, [value("x", ["batch", 8])], [value("y", ["batch", 4])],
                 weights(rng, w0=(8, 160), w1=(160, 160), b1=(160,), w2=(160, 4)))


def quantised():
    rng = np.random.default_rng(3)
    packed = rng.integers(0, 256, (16, 1, 16), dtype=np.uint8)
    arrays = dict(w8=rng.integers(-127, 128, (32, 16), dtype=np.int8), zero=np.int8(0), ws=np.float32(0.01),
                  packed=packed, scales=(rng.random(16) * 0.1).astype(np.float32),
                  xs=np.float32(0.05), xz=np.uint8(128), ys=np.float32(0.1), yz=np.uint8(120),
                  wq=rng.integers(0, 256, (16, 8), dtype=np.uint8), wz=np.uint8(127))
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["xq", "xscale", "xzero"], "quantise"),
        helper.make_node("MatMulInteger", ["xq", "w8", "xzero", "zero"], ["whole"], "integer"),
        helper.make_node("Cast", ["whole"], ["float"], "cast", to=FLOAT),
        helper.make_node("Mul", ["xscale", "ws"], ["scale"], "scale"),
        helper.make_node("Mul", ["float", "scale"], ["h8"], "dequantise"),
        helper.make_node("MatMulNBits", ["x", "packed", "scales"], ["h4"], "nbits", domain="com.microsoft",
                         K=32, N=16, bits=4, block_size=32),
        helper.make_node("Add", ["h8", "h4"], ["h"], "sum"),
        helper.make_node("QuantizeLinear", ["h", "xs", "xz"], ["hq"], "static"),
        helper.make_node("QLinearMatMul", ["hq", "xs", "xz", "wq", "ws", "wz", "ys", "yz"], ["yq"], "qlinear"),
        helper.make_node("DequantizeLinear", ["yq", "ys", "yz"], ["y"], "back"),
    ]
    return model("quantised", nodes, [value("x", ["batch", "pos", 32])], [value("y", ["batch", "pos", 8])],
                 [numpy_helper.from_array(np.asarray(a), n) for n, a in arrays.items()], domains=["com.microsoft"])


def bodies():
    rng = np.random.default_rng(4)
    then = helper.make_graph([helper.make_node("Mul", ["h", "two"], ["doubled"], "double")], "then", [],
                             [value("doubled", ["batch", 4])])
    other = helper.make_graph([helper.make_node("Sub", ["h", "x"], ["less"], "less")], "else", [],
                              [value("less", ["batch", 4])])
    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["still"]), helper.make_node("MatMul", ["carried", "w"], ["turned"]),
         helper.make_node("Add", ["turned", "h"], ["next"])], "body",
        [value("step", [], INT64), value("going", [], TensorProto.BOOL), value("carried", ["batch", 4])],
        [value("still", [], TensorProto.BOOL), value("next", ["batch", 4])])
    nodes = [
        helper.make_node("Tanh", ["x"], ["h"], "tanh"),
        helper.make_node("ReduceSum", ["x"], ["sum"], "sum", keepdims=0),
        helper.make_node("Greater", ["sum", "nought"], ["positive"], "positive"),
        helper.make_node("If", ["positive"], ["chosen"], "branch", then_branch=then, else_branch=other),
        helper.make_node("Loop", ["steps", "", "chosen"], ["looped"], "loop", body=body),
        helper.make_node("Add", ["looped", "unused_bias"], ["y"], "end"),
        helper.make_node("Exp", ["x"], ["side"], "side"),
    ]
    made = weights(rng, w=(4, 4), unused_bias=(4,))
    made += [numpy_helper.from_array(np.float32(2), "two"), numpy_helper.from_array(np.float32(0), "nought"),
             numpy_helper.from_array(np.int64(3), "steps")]
    return model("bodies", nodes, [value("x", ["batch", 4])], [value("y", ["batch", 4]), value("side", ["batch", 4])], made)


def shapes():
    rng = np.random.default_rng(5)
    nodes, outputs, constants = [], [], weights(rng, kernel=(6, 4, 3, 3), depthwise=(4, 1, 3, 3), table=(9, 5))

    def ints(*values):
        constants.append(numpy_helper.from_array(np.array(values, dtype=np.int64), f"ints{len(constants)}"))
        return constants[-1].name

    def add(op, *inputs, count=1, domain="", **attributes):
        names = [f"{op.lower()}{len(nodes)}_{i}" for i in range(count)]
        nodes.append(helper.make_node(op, list(inputs), names, f"node{len(nodes)}", domain=domain, **attributes))
        outputs.extend(names)
        return names[0] if count == 1 else names

    add("Conv", "x", "kernel", pads=[1, 1, 1, 1])
    add("Conv", "x", "kernel", strides=[2, 1])
    add("Conv", "x", "depthwise", group=4, auto_pad="SAME_UPPER", strides=[2, 2])
    add("MaxPool", "x", kernel_shape=[2, 2])
    add("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1)
    add("GlobalAveragePool", "x")
    add("BatchNormalization", "x", *(w.name for w in weights_into(constants, rng, 4)))
    add("ReduceMean", "x", ints(2, 3))
    add("ReduceMax", "x", ints(-1), keepdims=0)
    add("ReduceSum", "x", keepdims=0)
    add("ArgMax", "x", axis=1, keepdims=0)
    add("TopK", "x", ints(2), axis=1, count=2)
    add("Transpose", "x", perm=[0, 2, 3, 1])
    add("Flatten", "x", axis=2)
    rows = add("Reshape", "x", ints(0, 4, -1))
    add("Reshape", rows, ints(-1, 2))
    add("MatMul", rows, add("Transpose", rows, perm=[0, 2, 1]))
    add("Einsum", rows, rows, equation="bcn,bdn->bcd")
    add("Unsqueeze", rows, ints(0, -1))
    add("Squeeze", add("ReduceMin", "x", ints(1)), ints(1))
    add("Concat", "x", "x", axis=1)
    add("Concat", "x", "x", "x", axis=2)
    add("Split", "x", ints(1, 3), axis=1, count=2)
    add("Split", "x", axis=1, count=2, num_outputs=2)
    add("Slice", "x", ints(0, 1), ints(2**62, -1), ints(2, 1))
    add("Slice", "x", ints(-1), ints(-2**62), ints(1), ints(-1))
    add("Slice", "x", ints(-2), ints(2**62), ints(3))
    add("Pad", "x", ints(0, 0, 1, 2, 0, 0, 3, 0))
    add("Tile", "x", ints(1, 2, 1, 3))
    add("Expand", "x", ints(3, 1, 1, 1, 1))
    add("Gather", "x", ints(0, 2), axis=1)
    ids = add("Range", *(constant_into(constants, np.int64(n)) for n in (1, 9, 3)))
    add("Gather", "table", ids)
    add("OneHot", ids, constant_into(constants, np.int64(9)), "onoff")
    constants.append(numpy_helper.from_array(np.array([0, 1], dtype=np.float32), "onoff"))
    add("NonZero", "x")
    size = add("Shape", "x")
    add("Shape", "x", start=1, end=-1)
    add("Size", "x")
    halves = add("Div", add("Slice", size, ints(2), ints(4)), ints(2))
    add("ConstantOfShape", halves)
    add("ConstantOfShape", add("Mul", add("Slice", size, ints(0), ints(2)), ints(3)))
    add("DepthToSpace", "x", blocksize=2)
    add("Where", add("Greater", "x", "table_cell"), "x", "table_cell")
    constants.append(numpy_helper.from_array(np.float32(0), "table_cell"))
    add("CumSum", "x", constant_into(constants, np.int64(1)))
    add("Cast", "x", to=TensorProto.INT64)
    add("FusedMatMul", rows, rows, domain="com.microsoft", transB=1)
    add("FastGelu", "x", domain="com.microsoft")
    add("Resize", "x", "", "", add("Concat", add("Slice", size, ints(0), ints(2)), ints(5, 7), axis=0))
    gives = [value(outputs[0], ["batch", 6, "height", "width"])]
    return model("shapes", nodes, [value("x", ["batch", 4, "height", "width"])], gives, constants, domains=["com.microsoft"])


def weights_into(constants, rng, width):
    made = [numpy_helper.from_array(rng.random(width).astype(np.float32), f"bn{i}") for i in range(4)]
    constants.extend(made)
    return made


def constant_into(constants, number):
    constants.append(numpy_helper.from_array(np.asarray(number), f"number{len(constants)}"))
    return constants[-1].name


def main():
    for make in (decoder, quantised, bodies, shapes):
        onnx.save(make(), HERE / f"{make.__name__}.onnx")
    (HERE / "weights").mkdir(exist_ok=True)
    (HERE / "weights" / "external.bin").unlink(missing_ok=True)
    onnx.save(external(), HERE / "external.onnx", save_as_external_data=True, location="weights/external.bin", size_threshold=256)


def check(paths):
    for path in paths:
        onnx.checker.check_model(path, full_check="microsoft" not in Path(path).read_bytes().decode("latin1"))
        print("fine", path)


if __name__ == "__main__":
    check(sys.argv[2:]) if sys.argv[1:2] == ["check"] else main()
