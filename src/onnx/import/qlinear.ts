// Operators of ONNX Runtime whose inputs and results are numbers of 8 bits with scales and zeros of their own.

import { full } from "../../tensor/ops/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { resolveAxis } from "../../tensor/tensor.ts";
import { attentions } from "./attention.ts";
import { convolutions } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import type { ImportContext, ImportHandler, ImportHandlers } from "./handler.ts";
import { linear } from "./linear.ts";
import { normalise } from "./normalise.ts";
import { numbers } from "./numbers.ts";
import { pieces } from "./pieces.ts";
import { realForm } from "./real-form.ts";
import { before, codesOf, rounded, spread, withGradientOf, within } from "./rounding.ts";

/** Which inputs are numbers, their scale and their zero. */
type Trio = readonly [numbers: number, scale: number, zero: number];

/** The real numbers that an input stands for; undefined where it is left out. */
function realOf(context: ImportContext, [at, scaleAt, zeroAt]: Trio, axis = 0): Tensor | undefined {
  const codes = context.inputs[at];
  if (codes === undefined) return undefined;
  // ONNX Runtime reads some of them all the same
  if (codes.size === 0) throw context.refuse("works on no numbers");
  const [scale, zero] = [context.input(scaleAt), context.inputs[zeroAt]];
  const numbers = before(context, codes);
  const own = (t: Tensor): Tensor => {
    if (t.rank > 1 || t.size === 1) return t.size === 1 ? t.reshape([]) : t;
    const each = { axis: resolveAxis(context.opType, axis, codes.rank), blockSize: 0 };
    return spread(t, codes.shape, each);
  };
  const shifted = zero === undefined ? numbers : numbers.sub(own(zero.cast("float32")));
  return shifted.mul(own(scale));
}

/** Where a node has its numbers and what belongs to its result. */
interface Form {
  readonly inputs: readonly Trio[];
  readonly result: readonly [scale: number, zero: number];
}

/** The result of a node: of 8 bits, as ONNX Runtime computes it, for these real numbers. */
function asCodes(context: ImportContext, real: Tensor, { inputs: trios, result }: Form): Tensor {
  const [scaleAt, zeroAt] = result;
  const zero = context.inputs[zeroAt];
  const dtype = (zero ?? context.input(trios[0]![0])).dtype;
  // ONNX Runtime ends the process where zeros are left out
  const inputs = [...context.inputs];
  for (const [at, , ownZeroAt] of trios)
    if (inputs[at] !== undefined) inputs[ownZeroAt] ??= full([], 0, inputs[at].dtype);
  inputs[zeroAt] ??= full([], 0, dtype);
  const [codes] = context.asItIs([{ shape: real.shape, dtype }], {
    inputs: Array.from(inputs, (input) => input),
  });
  const steps = real.div(context.input(scaleAt).reshape([]));
  const shifted = zero === undefined ? steps : steps.add(zero.cast("float32").reshape([]));
  return rounded(codes!, within(shifted, dtype === "int8" ? [-128, 127] : [0, 255]));
}

/**
 * An operator that has one of ONNX's own for real numbers.
 *
 * @param opset - the operator set whose form the attributes have
 */
function rounding(
  float: ImportHandler,
  form: Form,
  opset: (context: ImportContext) => number = () => 13,
): ImportHandler {
  return (context) => {
    const reals = form.inputs.map((trio) => realOf(context, trio));
    return asCodes(context, realForm(context, float, reals, opset(context))[0]!, form);
  };
}

const TWO: Form = {
  inputs: [
    [0, 1, 2],
    [3, 4, 5],
  ],
  result: [6, 7],
};
const ONE: Form = { inputs: [[0, 1, 2]], result: [3, 4] };

/** A pooling whose channels may lie last. */
function pooling(float: ImportHandler): ImportHandler {
  return (context) => {
    const isLast = context.int("channels_last", 0) !== 0;
    if (context.input(0).rank < 3) throw context.refuse(`pools ${context.input(0).rank} axes`);
    const x = realOf(context, [0, 1, 2])!;
    const axes = x.shape.map((_, i) => i);
    const first = isLast ? x.transpose([0, x.rank - 1, ...axes.slice(1, -1)]) : x;
    const [y] = realForm(context, float, [first]);
    return asCodes(context, isLast ? y!.transpose([0, ...axes.slice(2), 1]) : y!, ONE);
  };
}

function matmul(context: ImportContext): Tensor {
  const a = realOf(context, [0, 1, 2], context.input(0).rank > 1 ? -2 : -1);
  const b = realOf(context, [3, 4, 5], -1);
  return asCodes(context, realForm(context, linear["MatMul"]!, [a, b])[0]!, TWO);
}

/** A bias of whole numbers, in steps of the scales of what is multiplied. */
function biasOf(context: ImportContext, at: number, scales: readonly number[]): Tensor | undefined {
  const bias = context.inputs[at];
  return bias && scales.reduce((x, i) => x.mul(vector(context.input(i))), codesOf(context, bias));
}

const vector = (scale: Tensor): Tensor => scale.reshape(scale.size === 1 ? [] : [scale.size]);

function convolution(context: ImportContext): Tensor {
  const [x, w] = [realOf(context, [0, 1, 2]), realOf(context, [3, 4, 5])];
  const inputs = [x, w, biasOf(context, 8, [1, 4])];
  return asCodes(context, realForm(context, convolutions["Conv"]!, inputs)[0]!, TWO);
}

/** Its result is real where it has no scale for it. */
function gemm(context: ImportContext): Tensor {
  const axis = context.int("transB", 0) === 1 ? 0 : 1;
  const [a, b] = [realOf(context, [0, 1, 2]), realOf(context, [3, 4, 5], axis)];
  const bias = biasOf(context, 6, [1, 4]);
  const alpha = context.float("alpha", 1);
  const inputs = [a, b, bias?.mul(alpha)];
  const [y] = realForm(context, linear["Gemm"]!, inputs);
  if (context.inputs[7] !== undefined) return asCodes(context, y!, { ...TWO, result: [7, 8] });
  return withGradientOf(context.asItIs([y!])[0]!, y!);
}

function joined(context: ImportContext): Tensor {
  const count = Math.ceil((context.inputs.length - 2) / 3);
  const trios = Array.from({ length: count }, (_, i) => [2 + 3 * i, 3 + 3 * i, 4 + 3 * i] as const);
  const parts = trios.map((trio) => realOf(context, trio));
  const [y] = realForm(context, pieces["Concat"]!, parts);
  return asCodes(context, y!, { inputs: trios, result: [0, 1] });
}

function chosen(context: ImportContext): Tensor {
  const trios = [[1, 2, 3] as const, [4, 5, 6] as const];
  const inputs = [context.input(0), ...trios.map((trio) => realOf(context, trio))];
  const [y] = realForm(context, numbers["Where"]!, inputs);
  return asCodes(context, y!, { inputs: trios, result: [7, 8] });
}

/** Results as ONNX Runtime computes them, with the gradients of the same operator on real numbers. */
function likeReal(
  context: ImportContext,
  float: ImportHandler,
  inputs: readonly (Tensor | undefined)[],
): readonly Tensor[] {
  const real = realForm(context, float, inputs).slice(0, context.outputCount);
  return context
    .asItIs(real)
    .map((y, i) => (y.dtype === "float32" ? withGradientOf(y, real[i]!) : y));
}

function attention(context: ImportContext): readonly Tensor[] {
  const { inputs } = context;
  const [x, w] = [realOf(context, [0, 3, 6]), realOf(context, [1, 4, 7], 1)];
  const all = [x, w, inputs[2], inputs[5], inputs[8]];
  return likeReal(context, attentions["com.microsoft.Attention"]!, all);
}

function embedding(context: ImportContext): readonly Tensor[] {
  const { inputs, input } = context;
  const width = input(2).shape[1];
  const isLine = [5, 6].every((i) => input(i).rank === 1 && input(i).size === width);
  if (input(2).rank !== 2 || !isLine)
    throw context.refuse(`looks up [${input(2).shape.join(", ")}] for lines of another width`);
  const tables = [2, 3, 4, 5, 6].map((i) => realOf(context, [i, i + 6, i + 11]));
  const all = [inputs[0], inputs[1], ...tables, inputs[7]];
  return likeReal(context, normalise["com.microsoft.EmbedLayerNormalization"]!, all);
}

export const qlinear: ImportHandlers = {
  QLinearMatMul: matmul,
  QLinearConv: convolution,
  "com.microsoft.QLinearConv": convolution,
  "com.microsoft.QLinearAdd": rounding(elementwise["Add"]!, TWO),
  "com.microsoft.QLinearMul": rounding(elementwise["Mul"]!, TWO),
  "com.microsoft.QLinearSigmoid": rounding(elementwise["Sigmoid"]!, ONE),
  "com.microsoft.QLinearLeakyRelu": rounding(elementwise["LeakyRelu"]!, ONE),
  "com.microsoft.QLinearSoftmax": rounding(normalise["Softmax"]!, ONE, ({ int }) =>
    int("opset", 13),
  ),
  "com.microsoft.QLinearAveragePool": pooling(convolutions["AveragePool"]!),
  "com.microsoft.QLinearGlobalAveragePool": pooling(convolutions["GlobalAveragePool"]!),
  "com.microsoft.QLinearConcat": joined,
  "com.microsoft.QLinearWhere": chosen,
  "com.microsoft.QGemm": gemm,
  "com.microsoft.QAttention": attention,
  "com.microsoft.QEmbedLayerNormalization": embedding,
};
