// Norms: every row along the last axis is brought to a common scale.

import { PatchClampError } from "../../core/errors.ts";
import type { LowerContext, NumberArray, Op, ValueRef } from "../op.ts";
import { defineOp, f32, sameDType, showShape } from "../op.ts";
import type { Aval } from "../tensor.ts";
import { apply, resolveAxis, sizeOf, Tensor } from "../tensor.ts";

/** Options of the norms. */
export interface NormOptions {
  /** Added to the variance (`rmsNorm`: to the mean square) before the root, so that zeros stay finite. Default 1e-5. */
  epsilon?: number;
}

declare module "../tensor.ts" {
  interface Tensor {
    /** Mean 0 and variance 1 over the last axis, then an optional gain and bias. */
    layerNorm(gain?: Tensor, bias?: Tensor, options?: NormOptions): Tensor;
    /** Mean square 1 over the last axis, then an optional gain. */
    rmsNorm(gain?: Tensor, options?: NormOptions): Tensor;
  }
}

interface NormAttrs {
  readonly epsilon: number;
}

/** Outputs of a norm: the result, and `stats` numbers for every row that the backward pass reads again. */
function inferNorm(name: string, inputs: readonly Aval[], stats: number): Aval[] {
  const dtype = sameDType(name, inputs, ["float32"]);
  const { shape } = inputs[0]!;
  return [
    { shape, dtype },
    ...Array.from({ length: stats }, () => ({ shape: shape.with(shape.length - 1, 1), dtype })),
  ];
}

/** The gain that ONNX insists on, when there is none. */
function emitOnes({ constant, inputs: [x] }: LowerContext): ValueRef {
  return constant(
    Array.from({ length: x!.shape.at(-1)! }, () => 1),
    "float32",
  );
}

/** Mean over the last axis, kept. */
function rowMean(x: Tensor): Tensor {
  return x.mean({ axis: -1, keepDims: true });
}

/** Rows of `data` along the last axis, normalised in plain loops. */
function normOf(
  [x, gain, bias]: readonly NumberArray[],
  epsilon: number,
  isCentred: boolean,
): number[][] {
  const n = x!.shape.at(-1)!;
  const y: number[] = [];
  const means: number[] = [];
  const scales: number[] = [];
  for (let start = 0; start < x!.data.length; start += n) {
    const row = x!.data.slice(start, start + n);
    const mean = isCentred ? row.reduce((a, b) => a + b, 0) / n : 0;
    const scale = 1 / Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / n + epsilon);
    y.push(...row.map((v, i) => (v - mean) * scale * (gain?.data[i] ?? 1) + (bias?.data[i] ?? 0)));
    means.push(mean);
    scales.push(scale);
  }
  return isCentred ? [y, means, scales] : [y, scales];
}

const layerNormOp = defineOp<NormAttrs>({
  name: "layerNorm",
  infer: (inputs) => inferNorm("layerNorm", inputs, 2),
  // With r = 1 / sqrt(var + epsilon), n = (x - mean) r and h = g gain:
  //   dx = r (h - mean(h) - n mean(h n)),  dgain = sum(g n),  dbias = sum(g);
  // from the other outputs  dx = gMean / size - n r^2 gScale / size.
  grad: ({
    inputs: [x, gain, bias],
    outputs: [y, mean, scale],
    cotangents: [gY, gMean, gScale],
  }) => {
    const size = x!.shape.at(-1)!;
    const g = gY ?? y!.zerosLike();
    const n = gain === undefined ? y! : x!.sub(mean!).mul(scale!);
    const h = gain === undefined ? g : g.mul(gain);
    let dx = scale!.mul(h.sub(rowMean(h)).sub(n.mul(rowMean(h.mul(n)))));
    if (gMean !== null) dx = dx.add(gMean!.div(size));
    if (gScale !== null) dx = dx.sub(n.mul(scale!.square().mul(gScale!).div(size)));
    if (gain === undefined) return [dx];
    const dGain = g.mul(n).sumTo(gain.shape);
    return bias === undefined ? [dx, dGain] : [dx, dGain, g.sumTo(bias.shape)];
  },
  lower: (context, [x, gain = emitOnes(context), bias = null], { epsilon }) =>
    context.emitMany(
      "LayerNormalization",
      [x!, gain, bias],
      { axis: -1, epsilon: { float: epsilon } },
      3,
    ),
  reference: (inputs, { epsilon }) => normOf(inputs, epsilon, true),
  flops: ([x]) => 8 * sizeOf(x!.shape),
  samples: [
    { inputs: [f32([2, 3, 8])], attrs: { epsilon: 1e-5 } },
    { inputs: [f32([3, 5]), f32([5]), f32([5])], attrs: { epsilon: 1e-2 } },
    { inputs: [f32([6]), f32([6])], attrs: { epsilon: 1e-5 } },
    { inputs: [f32([2, 1])], attrs: { epsilon: 1e-1 } }, // one value a row: nothing but its mean
  ],
});

/**
 * Brings every row along the last axis to mean 0 and variance 1, then multiplies by `gain` and adds `bias`.
 *
 * @param x - float32, shape [..., size]
 * @param gain - shape [size]; default: ones
 * @param bias - shape [size]; default: zeros
 * @returns shape of `x`
 * @throws PatchClampError `SHAPE_MISMATCH` when gain or bias is not of shape [size]
 * @source Ba, Kiros & Hinton 2016, arXiv:1607.06450
 */
export function layerNorm(
  x: Tensor,
  gain?: Tensor,
  bias?: Tensor,
  options: NormOptions = {},
): Tensor {
  const { epsilon = 1e-5 } = options;
  return applyNorm(layerNormOp, x, gain, bias, epsilon);
}

Tensor.prototype.layerNorm = function method(this: Tensor, gain, bias, options): Tensor {
  return layerNorm(this, gain, bias, options);
};

/** The norm and its scale in plain ops: the single op of WebGPU leaves the scale unwritten. */
function emitRmsNorm(
  { emit, constant }: LowerContext,
  x: ValueRef,
  gain: ValueRef,
  epsilon: number,
): ValueRef[] {
  const square = emit("ReduceMean", [emit("Mul", [x, x]), constant([-1], "int64")]);
  const root = emit("Sqrt", [emit("Add", [square, constant(epsilon, "float32")])]);
  const scale = emit("Reciprocal", [root]);
  return [emit("Mul", [emit("Mul", [x, scale]), gain]), scale];
}

const rmsNormOp = defineOp<NormAttrs>({
  name: "rmsNorm",
  infer: (inputs) => inferNorm("rmsNorm", inputs, 1),
  // With r = 1 / sqrt(mean(x^2) + epsilon), n = x r and h = g gain:
  //   dx = r (h - n mean(h n)),  dgain = sum(g n);  from the other output  dx = -n r^2 gScale / size.
  grad: ({ inputs: [x, gain], outputs: [y, scale], cotangents: [gY, gScale] }) => {
    const g = gY ?? y!.zerosLike();
    const n = gain === undefined ? y! : x!.mul(scale!);
    const h = gain === undefined ? g : g.mul(gain);
    let dx = scale!.mul(h.sub(n.mul(rowMean(h.mul(n)))));
    if (gScale !== null) dx = dx.sub(n.mul(scale!.square().mul(gScale!).div(x!.shape.at(-1)!)));
    return gain === undefined ? [dx] : [dx, g.mul(n).sumTo(gain.shape)];
  },
  // ONNX Runtime's own op of ONNX's domain, where it is older than RMSNormalization
  lower: (context, [x, gain = emitOnes(context)], { epsilon }) =>
    context.device === "webgpu"
      ? emitRmsNorm(context, x!, gain, epsilon)
      : context.emitMany(
          "SimplifiedLayerNormalization",
          [x!, gain],
          { axis: -1, epsilon: { float: epsilon } },
          2,
        ),
  reference: (inputs, { epsilon }) => normOf(inputs, epsilon, false),
  flops: ([x]) => 4 * sizeOf(x!.shape),
  samples: [
    { inputs: [f32([2, 3, 8])], attrs: { epsilon: 1e-5 } },
    { inputs: [f32([3, 5]), f32([5])], attrs: { epsilon: 1e-2 } },
    { inputs: [f32([2, 1])], attrs: { epsilon: 1e-1 } }, // one value a row: its sign, nearly
  ],
});

/**
 * Brings every row along the last axis to a mean square of 1, then multiplies by `gain`.
 *
 * @param x - float32, shape [..., size]
 * @param gain - shape [size]; default: ones
 * @returns shape of `x`
 * @throws PatchClampError `SHAPE_MISMATCH` when gain is not of shape [size]
 * @source Zhang & Sennrich 2019, arXiv:1910.07467
 */
export function rmsNorm(x: Tensor, gain?: Tensor, options: NormOptions = {}): Tensor {
  const { epsilon = 1e-5 } = options;
  return applyNorm(rmsNormOp, x, gain, undefined, epsilon);
}

Tensor.prototype.rmsNorm = function method(this: Tensor, gain, options): Tensor {
  return rmsNorm(this, gain, options);
};

/** Checks the weights and options of a norm and applies it. */
function applyNorm(
  op: Op<NormAttrs>,
  x: Tensor,
  gain: Tensor | undefined,
  bias: Tensor | undefined,
  epsilon: number,
): Tensor {
  resolveAxis(op.name, -1, x.rank);
  const size = x.shape.at(-1)!;
  for (const [name, weight] of Object.entries({ gain, bias })) {
    if (weight === undefined || (weight.rank === 1 && weight.shape[0] === size)) continue;
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: op.name,
      problem: `the ${name} has shape ${showShape(weight.shape)}, but the last axis of ${showShape(x.shape)} needs [${size}].`,
    });
  }
  if (!(epsilon >= 0 && epsilon < Infinity)) {
    throw new PatchClampError("BAD_OPTION", {
      where: op.name,
      problem: `epsilon is ${epsilon}, not a finite number of at least 0.`,
    });
  }
  const weights = [gain ?? bias?.onesLike(), bias].filter((weight) => weight !== undefined);
  return apply(op, [x, ...weights], { epsilon });
}
