"""Quantises the exports beside this folder with onnxruntime's own tools, and runs them with onnxruntime.

    pip install onnx==1.23.2 onnxruntime==1.31.1 safetensors
    python test/golden/onnx/quantised/make.py        (a minute; rewrites all)

MODEL-FORM.onnx is an export in one of these forms:

    dynamic     weights of 8 bits, products by DynamicQuantizeLinear and MatMulInteger: what transformers.js loads as `q8`
    fused       the same with the operators that onnxruntime makes of it, such as DynamicQuantizeMatMul
    qdq         QuantizeLinear and DequantizeLinear around every operator, weights by channels
    qdq16       the same with 16 bits for what lies between operators
    qlinear     operators on whole numbers, such as QLinearConv
    q4, q4zero  weights of 4 bits in blocks by MatMulNBits, with one zero for all or one for each block; tables by GatherBlockQuantized
    q8blocks    weights of 8 bits in blocks by MatMulNBits
    q4qdq       weights of 4 bits by DequantizeLinear in blocks

outputs.safetensors holds the first output of each, by name, without onnxruntime's own changes to the graph, in float32.
"""

import logging
import tempfile
from pathlib import Path

import onnx
import onnxruntime as ort
from onnx import version_converter
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).parent
EXPORTS = HERE.parent / "exports"
BLOCK = 16


def inputs_of(name):
    stored = load_file(EXPORTS / f"{name}.safetensors")
    return {key.removeprefix("in/"): value for key, value in stored.items() if key.startswith("in/")}


class Calibration(CalibrationDataReader):
    def __init__(self, name):
        self.rest = [inputs_of(name)]

    def get_next(self):
        return self.rest.pop() if self.rest else None


def dynamic(source, target, weights=QuantType.QInt8):
    quantize_dynamic(source, target, weight_type=weights, per_channel=True, reduce_range=True,
                     extra_options={"EnableSubgraph": True, "MatMulConstBOnly": True})


def static(name, source, target, form, activations=QuantType.QUInt8):
    quantize_static(source, target, Calibration(name), quant_format=form, per_channel=form == QuantFormat.QDQ,
                    activation_type=activations, weight_type=QuantType.QInt8)


def blocks(source, target, bits, symmetric, form=QuantFormat.QOperator):
    tables = form == QuantFormat.QOperator and bits == 4
    config = DefaultWeightOnlyQuantConfig(
        block_size=BLOCK, is_symmetric=symmetric, quant_format=form, bits=bits,
        op_types_to_quantize=("MatMul", "Gather") if tables else ("MatMul",),
        **({"quant_axes": (("MatMul", 0), ("Gather", 1))} if tables else {}))
    # tables and numbers of 4 bits are of this operator set, and the tool itself changes only its number
    quantizer = MatMulNBitsQuantizer(version_converter.convert_version(onnx.load(source), 21), algo_config=config)
    quantizer.process()
    quantizer.model.save_model_to_file(str(target))


def fused(source, target):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    with tempfile.NamedTemporaryFile(suffix=".onnx") as between:
        dynamic(source, between.name)
        ort.InferenceSession(between.name, options)


def output_of(path, given):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options)
    feeds = {port.name: given[port.name] for port in session.get_inputs()}
    return session.run(None, feeds)[0]


def main():
    logging.disable(logging.INFO)
    export = lambda name: str(EXPORTS / f"{name}-script.onnx")
    at = lambda name: str(HERE / f"{name}.onnx")
    dynamic(export("bert"), at("bert-dynamic"))
    fused(export("bert"), at("bert-fused"))
    dynamic(export("llama"), at("llama-dynamic"), QuantType.QUInt8)
    static("resnet", export("resnet"), at("resnet-qdq"), QuantFormat.QDQ)
    static("resnet", export("resnet"), at("resnet-qlinear"), QuantFormat.QOperator)
    static("vit", export("vit"), at("vit-qdq16"), QuantFormat.QDQ, QuantType.QUInt16)
    blocks(export("llama"), at("llama-q4"), 4, True)
    blocks(export("llama"), at("llama-q4zero"), 4, False)
    blocks(export("llama"), at("llama-q8blocks"), 8, True)
    blocks(export("llama"), at("llama-q4qdq"), 4, False, QuantFormat.QDQ)
    outputs = {}
    for path in sorted(HERE.glob("*.onnx")):
        model = onnx.load(path)
        onnx.checker.check_model(model)
        del model.graph.value_info[:]
        for node in model.graph.node:
            node.doc_string = ""
        onnx.save(model, path)
        outputs[path.stem] = output_of(path, inputs_of(path.stem.split("-")[0]))
        print(path.stem, path.stat().st_size, sorted({node.op_type for node in model.graph.node}))
    save_file(outputs, HERE / "outputs.safetensors")


main()
