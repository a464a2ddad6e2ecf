// Operators that work element by element.

import { broadcastShapes } from "../../tensor/op.ts";
import { full } from "../../tensor/ops/creation.ts";
import type { DType, Tensor } from "../../tensor/tensor.ts";
import { bitsOf, typeOf } from "../model.ts";
import type { OnnxType } from "../model.ts";
import { heldAs } from "./data.ts";
import type { ImportContext, ImportHandler, ImportHandlers } from "./handler.ts";

/** One input. Types that the traced op does not take are left to the node as it stands. */
function unary(
  fn: (x: Tensor, context: ImportContext) => Tensor,
  types: readonly DType[] = ["float32"],
): ImportHandler {
  return (context) => {
    const x = context.input(0);
    return types.includes(x.dtype) ? fn(x, context) : context.asItIs([x]);
  };
}

const NUMBERS: readonly DType[] = ["float32", "int32", "int64"];

/** Two inputs or more, which broadcast. */
function broadcast(
  fn: (x: Tensor, y: Tensor) => Tensor,
  { types = NUMBERS, result }: { readonly types?: readonly DType[]; readonly result?: DType } = {},
): ImportHandler {
  return (context) => {
    const inputs = context.inputs.map((_, i) => context.input(i));
    const first = context.input(0);
    if (types.includes(first.dtype)) return inputs.slice(1).reduce(fn, first);
    const shape = broadcastShapes(context.opType, ...inputs.map((x) => x.shape));
    return context.asItIs([{ shape, dtype: result ?? first.dtype }]);
  };
}

/** A node that has the shape and type of its first input, or says another type. */
const asItIs =
  (dtype?: DType): ImportHandler =>
  (context) => {
    const shape = broadcastShapes(context.opType, ...context.inputs.map((x) => x?.shape ?? []));
    return context.asItIs([{ shape, dtype: dtype ?? context.input(0).dtype }]);
  };

/** Whole numbers are divided towards zero, as in C. */
function pow(context: ImportContext): Tensor | readonly Tensor[] {
  const [x, y] = [context.input(0), context.input(1)];
  const exponent = y.size === 1 ? context.inputs[1]!.value?.data : undefined;
  if (x.dtype !== "float32") {
    return context.asItIs([{ shape: broadcastShapes("Pow", x.shape, y.shape), dtype: x.dtype }]);
  }
  // a known exponent has a simpler form, and a gradient where the base is negative
  if (exponent !== undefined && y.rank <= x.rank) return x.pow(Number(exponent[0]));
  return x.pow(y.cast("float32"));
}

/** a * x + b of the elements below 0, x of the others. */
const belowZero = (x: Tensor, below: Tensor): Tensor => x.greater(0).where(x, below);

/** A number as a tensor of a type. */
const scalar = (value: number, dtype: DType): Tensor => full([], value, dtype);

function cast(context: ImportContext, to: DType, isBool: boolean): Tensor {
  const x = context.input(0);
  if (x.dtype === to) return x;
  return isBool && x.dtype !== "bool" ? x.notEqual(0) : x.cast(to);
}

function clip(context: ImportContext): Tensor | readonly Tensor[] {
  const x = context.input(0);
  const bound = (i: number, name: string): Tensor | number | undefined => {
    if (context.opset < 11) return context.float(name, undefined);
    const given = context.inputs[i];
    return given?.value?.data === undefined ? given : Number(given.value.data[0]);
  };
  const [min, max] = [bound(1, "min"), bound(2, "max")];
  if (x.dtype !== "float32") return context.asItIs([x]);
  const isKnown = typeof min !== "object" && typeof max !== "object";
  if (isKnown)
    return x.clip({ ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) });
  const above = min === undefined ? x : x.maximum(min);
  return max === undefined ? above : above.minimum(max);
}

export const elementwise: ImportHandlers = {
  Identity: ({ input }) => input(0),
  Add: broadcast((x, y) => x.add(y)),
  Sub: broadcast((x, y) => x.sub(y)),
  Mul: broadcast((x, y) => x.mul(y)),
  Div: broadcast((x, y) => x.div(y)),
  Min: broadcast((x, y) => x.minimum(y), { types: ["float32"] }),
  Max: broadcast((x, y) => x.maximum(y), { types: ["float32"] }),
  Sum: broadcast((x, y) => x.add(y)),
  Mean: (context) => {
    const inputs = context.inputs.map((_, i) => context.input(i));
    return inputs.reduce((x, y) => x.add(y)).div(inputs.length);
  },
  Pow: pow,
  Mod: asItIs(),
  Neg: unary((x) => x.neg(), NUMBERS),
  Exp: unary((x) => x.exp()),
  Log: unary((x) => x.log()),
  Sqrt: unary((x) => x.sqrt()),
  Reciprocal: unary((x) => x.reciprocal()),
  Abs: unary((x) => x.abs()),
  Sign: unary((x) => x.sign()),
  Erf: unary((x) => x.erf()),
  Sin: unary((x) => x.sin()),
  Cos: unary((x) => x.cos()),
  Tan: unary((x) => x.sin().div(x.cos())),
  Tanh: unary((x) => x.tanh()),
  Sigmoid: unary((x) => x.sigmoid()),
  Softplus: unary((x) => x.softplus()),
  Softsign: unary((x) => x.div(x.abs().add(1))),
  Relu: unary((x) => x.relu()),
  Floor: unary((x) => x.floor()),
  Round: unary((x) => x.round()),
  Ceil: unary((x) => x.neg().floor().neg()),
  Sinh: unary((x) => x.exp().sub(x.neg().exp()).div(2)),
  Cosh: unary((x) => x.exp().add(x.neg().exp()).div(2)),
  Asin: asItIs(),
  Acos: asItIs(),
  Atan: asItIs(),
  Asinh: asItIs(),
  Acosh: asItIs(),
  Atanh: unary((x) => x.add(1).div(x.neg().add(1)).log().mul(0.5)),
  LeakyRelu: unary((x, { float }) => belowZero(x, x.mul(float("alpha", 0.01)))),
  PRelu: broadcast((x, slope) => belowZero(x, x.mul(slope)), { types: ["float32"] }),
  Elu: unary((x, { float }) => belowZero(x, x.minimum(0).exp().sub(1).mul(float("alpha", 1)))),
  // the constants are those of the specification
  Selu: unary((x, { float }) => {
    const alpha = float("alpha", 1.67326319217681884765625);
    const negative = x.minimum(0).exp().sub(1).mul(alpha);
    return belowZero(x, negative).mul(float("gamma", 1.05070102214813232421875));
  }),
  Celu: unary((x, { float }) => {
    const alpha = float("alpha", 1);
    return belowZero(x, x.minimum(0).div(alpha).exp().sub(1).mul(alpha));
  }),
  ThresholdedRelu: unary((x, { float }) => x.greater(float("alpha", 1)).where(x, 0)),
  Shrink: asItIs(),
  HardSigmoid: unary((x, { float }) =>
    x.mul(float("alpha", 0.2)).add(float("beta", 0.5)).clip({ min: 0, max: 1 }),
  ),
  HardSwish: unary((x) => x.mul(x.div(6).add(0.5).clip({ min: 0, max: 1 }))),
  Swish: unary((x, { float }) => x.mul(x.mul(float("alpha", 1)).sigmoid())),
  Mish: unary((x) => x.mul(x.softplus().tanh())),
  Gelu: unary((x, { text }) =>
    x.gelu({ approximate: text("approximate", "none") === "tanh" ? "tanh" : "none" }),
  ),
  "com.microsoft.Gelu": unary((x) => x.gelu()),
  "com.microsoft.FastGelu": ({ input, inputs }) =>
    (inputs[1] === undefined ? input(0) : input(0).add(inputs[1])).gelu({ approximate: "tanh" }),
  "com.microsoft.BiasGelu": ({ input }) => input(0).add(input(1)).gelu(),
  "com.microsoft.QuickGelu": unary((x, { float }) => x.mul(x.mul(float("alpha", 1.702)).sigmoid())),
  Clip: clip,
  Equal: broadcast((x, y) => x.equal(y), { types: [...NUMBERS, "bool"], result: "bool" }),
  Less: broadcast((x, y) => x.less(y), { result: "bool" }),
  LessOrEqual: broadcast((x, y) => x.lessEqual(y), { result: "bool" }),
  Greater: broadcast((x, y) => x.greater(y), { result: "bool" }),
  GreaterOrEqual: broadcast((x, y) => x.greaterEqual(y), { result: "bool" }),
  And: broadcast((x, y) => x.and(y), { types: ["bool"] }),
  Or: broadcast((x, y) => x.or(y), { types: ["bool"] }),
  Xor: broadcast((x, y) => x.or(y).and(x.and(y).not()), { types: ["bool"] }),
  Not: ({ input }) => input(0).not(),
  IsNaN: ({ input }) => input(0).isNan(),
  IsInf: asItIs("bool"),
  BitwiseAnd: asItIs(),
  BitwiseOr: asItIs(),
  BitwiseXor: asItIs(),
  BitwiseNot: asItIs(),
  BitShift: asItIs(),
  Where: ({ input }) => input(0).where(input(1), input(2)),
  Cast: (context) => {
    const type: OnnxType = typeOf(context.int("to", 1)) ?? "string";
    if (bitsOf(type) < 8) throw context.refuse(`makes ${type} of its input`);
    return cast(context, heldAs(context.opType, type, "its output"), type === "bool");
  },
  CastLike: (context) => cast(context, context.input(1).dtype, context.input(1).dtype === "bool"),
  // nothing is dropped where nothing is trained
  Dropout: ({ input }) => [input(0), scalar(1, "bool").broadcastTo(input(0).shape)],
};
