// Numbers of few bits that stand for real ones: real = (number - zero) scale. ONNX Runtime computes these operators as they stand, so that
// results are its own to the bit; gradients are those of `rounding.ts`.

import { stopGradient } from "../../tensor/control.ts";
import { ONNX_TYPE } from "../../tensor/ops/cast.ts";
import type { Aval, DType, Tensor } from "../../tensor/tensor.ts";
import { resolveAxis } from "../../tensor/tensor.ts";
import { typeOf } from "../model.ts";
import type { OnnxType } from "../model.ts";
import { convolutions } from "./convolution.ts";
import { heldAs, typeInFile } from "./data.ts";
import type { ImportContext, ImportHandler, ImportHandlers } from "./handler.ts";
import { linear } from "./linear.ts";
import { realForm } from "./real-form.ts";
import type { Spread } from "./rounding.ts";
import { before, codesOf, isRounded, rounded, spread, withGradientOf, within } from "./rounding.ts";

/** The least and the greatest number of a type. */
const RANGES: Partial<Record<OnnxType, readonly [lowest: number, greatest: number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32_768, 32_767],
  uint16: [0, 65_535],
  int4: [-8, 7],
  uint4: [0, 15],
  int2: [-2, 1],
  uint2: [0, 3],
};

/** Types that kernels make and take as they are held here. */
const isByte = (type: OnnxType): boolean => type === "int8" || type === "uint8";

/** The type of the numbers that a node makes: that of its zero, or what it says. */
function typeOfCodes({ inputs, int, refuse }: ImportContext): OnnxType {
  const zero = inputs[2];
  const said = int("output_dtype", 0);
  const type = zero ? (typeInFile(zero) ?? zero.dtype) : said === 0 ? "uint8" : typeOf(said);
  if (type !== undefined && RANGES[type] !== undefined) return type;
  throw refuse(`makes ${type ?? "an unknown type"} of real numbers`);
}

/** Which numbers have a scale of their own. */
function spreadOf({ opType, int, refuse }: ImportContext, x: Tensor, scale: Tensor): Spread {
  if (scale.size === 1) return { axis: 0, blockSize: 0 };
  const axis = resolveAxis(opType, int("axis", 1), x.rank);
  const blockSize = int("block_size", 0);
  const wanted =
    blockSize === 0 ? [x.shape[axis]!] : x.shape.with(axis, Math.ceil(x.shape[axis]! / blockSize));
  if (blockSize >= 0 && scale.shape.join() === wanted.join()) return { axis, blockSize };
  const [own, all] = [scale.shape.join(", "), x.shape.join(", ")];
  throw refuse(`has scales [${own}] in blocks of ${blockSize} along axis ${axis} of [${all}]`);
}

function attributesOf({ int }: ImportContext, names: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = int(name, undefined);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function quantise(context: ImportContext): Tensor {
  const { opType, inputs, input, asItIs } = context;
  const [x, scale, zero] = [input(0).cast("float32"), input(1), inputs[2]];
  const type = typeOfCodes(context);
  const each = spreadOf(context, x, scale);
  const steps = x.div(spread(scale, x.shape, each));
  const shift = zero && spread(zero.cast("float32"), x.shape, each);
  const shifted = (y: Tensor): Tensor => (shift === undefined ? y : y.add(shift));
  const dtype = heldAs(opType, type, "its output");
  const [min, max] = RANGES[type]!;
  const attributes = {
    ...attributesOf(context, ["axis", "block_size"]),
    ...(zero === undefined ? { output_dtype: ONNX_TYPE[dtype as "uint8"] } : {}),
  };
  const codes = isByte(type)
    ? asItIs([{ shape: x.shape, dtype }], {
        opType: "QuantizeLinear",
        inputs: [x, scale, zero],
        attributes,
      })[0]!
    : shifted(steps.round()).clip({ min, max }).cast(dtype);
  return rounded(codes, within(shifted(steps), [min, max]));
}

function dequantise(context: ImportContext): Tensor {
  const { inputs, input, asItIs } = context;
  const [codes, scale, zero] = [input(0), input(1), inputs[2]];
  const each = spreadOf(context, codes, scale);
  const real = (numbers: Tensor): Tensor => {
    const shift = zero && spread(zero.cast("float32"), codes.shape, each);
    return (shift ? numbers.sub(shift) : numbers).mul(spread(scale, codes.shape, each));
  };
  // there is no kernel that takes zeros of more bits
  const hasKernel = codes.dtype === "int8" || codes.dtype === "uint8";
  const values = hasKernel
    ? asItIs([{ shape: codes.shape, dtype: "float32" }], {
        opType: "DequantizeLinear",
        attributes: attributesOf(context, ["axis", "block_size"]),
      })[0]!
    : real(codesOf(context, codes));
  return isRounded(codes) ? withGradientOf(values, real(before(context, codes))) : values;
}

/** 8 bits by the range of the numbers themselves. */
function quantiseDynamically(context: ImportContext): readonly Tensor[] {
  const x = context.input(0);
  const [codes, scale, zero] = context.asItIs([
    { shape: x.shape, dtype: "uint8" },
    { shape: [], dtype: "float32" },
    { shape: [], dtype: "uint8" },
  ]) as [Tensor, Tensor, Tensor];
  const step = stopGradient(scale);
  return [rounded(codes, x.div(step).add(zero.cast("float32"))), step, zero];
}

/** Numbers less their zero, which one row or column may have for itself. */
function centred(
  context: ImportContext,
  [at, zeroAt]: readonly [number, number],
  axis: number,
): Tensor {
  const [x, zero] = [context.input(at), context.inputs[zeroAt]];
  const numbers = before(context, x);
  if (zero === undefined) return numbers;
  const shift = zero.cast("float32");
  if (shift.size === 1) return numbers.sub(shift.reshape([]));
  if (shift.rank > 1) return numbers.sub(shift);
  const own = resolveAxis(context.opType, Math.max(axis, -x.rank), x.rank);
  return numbers.sub(spread(shift, x.shape, { axis: own, blockSize: 0 }));
}

/** A product of whole numbers less their zeros, as int32. */
function product(float: ImportHandler, axes: readonly [number, number]): ImportHandler {
  return (context) => {
    const operands = [centred(context, [0, 2], axes[0]), centred(context, [1, 3], axes[1])];
    const [sums] = realForm(context, float, operands) as [Tensor];
    const aval = { shape: sums.shape, dtype: "int32" } as const;
    const isMany = context.opType === "ConvInteger" && (context.inputs[3]?.size ?? 1) > 1;
    return rounded(isMany ? withZeros(context, aval) : context.asItIs([aval])[0]!, sums);
  };
}

/** A convolution with a zero for every channel, where the kernel takes one: less each zero times the sum over the window. */
function withZeros({ input, inputs, asItIs }: ImportContext, aval: Aval): Tensor {
  const [x, w, zero] = [input(0), input(1), inputs[2]];
  const sums = (kernel: Tensor): Tensor => asItIs([aval], { inputs: [x, kernel, zero] })[0]!;
  const zeros = input(3).cast("int32");
  return sums(w).sub(sums(w.onesLike()).mul(zeros.reshape([-1, ...w.shape.slice(2).map(() => 1)])));
}

const matmul = linear["MatMul"]!;

/** A product of real numbers with weights of 8 bits, of which the former are rounded on the way or were before. */
function realProduct(
  context: ImportContext,
  a: Tensor,
  b: Tensor,
  bias: Tensor | undefined,
): Tensor {
  const [y] = realForm(context, matmul, [a, b]) as [Tensor];
  return withGradientOf(context.asItIs([y])[0]!, bias === undefined ? y : y.add(bias));
}

function dynamicMatmul(context: ImportContext): Tensor {
  const { input, inputs } = context;
  const b = centred(context, [1, 3], -1).mul(input(2));
  return realProduct(context, input(0), b, inputs[4]);
}

function matmulToFloat(context: ImportContext): Tensor {
  const { input, inputs, refuse } = context;
  if (input(0).dtype !== "uint8") throw refuse("multiplies int8, and its kernel takes uint8 alone");
  const a = centred(context, [0, 4], -2).mul(input(2));
  const b = centred(context, [1, 5], -1).mul(input(3));
  return realProduct(context, a, b, inputs[6]);
}

/** Operators that only move numbers, also those that were rounded. */
const MOVES = [
  "Identity",
  "Reshape",
  "Flatten",
  "Squeeze",
  "Unsqueeze",
  "Transpose",
  "Expand",
  "Tile",
  "Slice",
  "Split",
  "Concat",
  "Gather",
  "Pad",
  "MaxPool",
  "DepthToSpace",
  "SpaceToDepth",
] as const;

/** Handlers of operators that move numbers, whose results remember what their inputs were before they were rounded. */
export function remembering(handlers: ImportHandlers): ImportHandlers {
  const wrapped =
    (handler: ImportHandler): ImportHandler =>
    (context) => {
      const made = handler(context);
      if (!context.inputs.some((x) => x !== undefined && isRounded(x))) return made;
      const codes: readonly Tensor[] = Array.isArray(made) ? made : [made];
      const inputs = context.inputs.map((x) => x && (isRounded(x) ? before(context, x) : x));
      const real = realForm(context, handler, inputs, context.opset);
      return codes.map((own, i) => (WHOLE.includes(own.dtype) ? rounded(own, real[i]!) : own));
    };
  return Object.fromEntries(MOVES.map((name) => [name, wrapped(handlers[name]!)]));
}

const WHOLE: readonly DType[] = ["int8", "uint8", "int32"];

export const quantised: ImportHandlers = {
  QuantizeLinear: quantise,
  DequantizeLinear: dequantise,
  "com.microsoft.QuantizeLinear": quantise,
  "com.microsoft.DequantizeLinear": dequantise,
  DynamicQuantizeLinear: quantiseDynamically,
  MatMulInteger: product(matmul, [-2, -1]),
  ConvInteger: product(convolutions["Conv"]!, [0, 0]),
  "com.microsoft.DynamicQuantizeMatMul": dynamicMatmul,
  "com.microsoft.MatMulIntegerToFloat": matmulToFloat,
};
