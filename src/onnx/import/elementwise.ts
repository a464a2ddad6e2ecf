// Operators that work element by element.

import { customGradient } from "../../tensor/control.ts";
import { broadcastShapes } from "../../tensor/op.ts";
import { full } from "../../tensor/ops/creation.ts";
import type { DType, Tensor } from "../../tensor/tensor.ts";
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
    const first = context.input(0);
    const inputs = context.inputs.map((_, i) => aligned(context, first, context.input(i)));
    if (types.includes(first.dtype)) return inputs.slice(1).reduce(fn, first);
    const shape = broadcastShapes(context.opType, ...inputs.map((x) => x.shape));
    return context.asItIs([{ shape, dtype: result ?? first.dtype }], { inputs, attributes: {} });
  };
}

/** In the first versions the axes of the second input may begin at any axis of the first. */
function aligned({ opset, int }: ImportContext, x: Tensor, y: Tensor): Tensor {
  const axis = opset < 7 ? int("axis", -1) : -1;
  const missing = x.rank - axis - y.rank;
  return axis < 0 || missing <= 0
    ? y
    : y.reshape([...y.shape, ...Array.from({ length: missing }, () => 1)]);
}

/** One input, which the node takes as it stands; `slope` is the derivative by x. */
function withSlope(slope: (x: Tensor, y: Tensor) => Tensor): ImportHandler {
  return ({ input, asItIs }) =>
    customGradient(
      (x) => asItIs([x], { inputs: [x] })[0]!,
      ({ inputs: [x], output, cotangent }) => [cotangent.mul(slope(x!, output))],
    )(input(0));
}

/** A node that has the shape and type of its first input, or says another type. */
const asItIs =
  (dtype?: DType): ImportHandler =>
  (context) => {
    const shape = broadcastShapes(context.opType, ...context.inputs.map((x) => x?.shape ?? []));
    return context.asItIs([{ shape, dtype: dtype ?? context.input(0).dtype }]);
  };

/** a * x + b of the elements below 0, x of the others. */
const belowZero = (x: Tensor, below: Tensor): Tensor => x.greater(0).where(x, below);

/** In the first versions a slope for every channel stands without the axes after it. */
function prelu({ opset, input }: ImportContext): Tensor {
  const [x, slope] = [input(0), input(1)];
  const isChannels = opset < 7 && slope.rank === 1 && slope.size > 1 && x.rank > 2;
  const spread = isChannels ? slope.reshape([-1, ...x.shape.slice(2).map(() => 1)]) : slope;
  return belowZero(x, x.mul(spread));
}

/** Nothing is dropped where nothing is trained. */
function dropout({ input, inputs, known, hasOutput, refuse }: ImportContext): readonly Tensor[] {
  const x = input(0);
  const isTraining = inputs[2] !== undefined && known(2)?.[0] !== 0;
  if (isTraining && known(1)?.[0] !== 0) throw refuse("drops values at random, as in training");
  return hasOutput(1) ? [x, full(x.shape, 1, "bool")] : [x];
}

/** 0 near 0, and nearer to it by a bias elsewhere. */
function shrunk({ input, float }: ImportContext): Tensor {
  const [x, bias, bound] = [input(0), float("bias", 0), float("lambd", 0.5)];
  const below = x.less(-bound).where(x.add(bias), 0);
  return x.greater(bound).where(x.sub(bias), below);
}

export const elementwise: ImportHandlers = {
  Identity: ({ input }) => input(0),
  Add: broadcast((x, y) => x.add(y)),
  Sub: broadcast((x, y) => x.sub(y)),
  Mul: broadcast((x, y) => x.mul(y)),
  Div: broadcast((x, y) => x.div(y)),
  Min: broadcast((x, y) => x.minimum(y)),
  Max: broadcast((x, y) => x.maximum(y)),
  Sum: broadcast((x, y) => x.add(y)),
  Mean: (context) => {
    const others = context.inputs.slice(1).map((_, i) => context.input(i + 1));
    return others.reduce((x, y) => x.add(y), context.input(0)).div(others.length + 1);
  },
  Neg: unary((x) => x.neg(), NUMBERS),
  Exp: unary((x) => x.exp()),
  Log: unary((x) => x.log()),
  Sqrt: unary((x) => x.sqrt()),
  Reciprocal: unary((x) => x.reciprocal()),
  Abs: unary((x) => x.abs(), NUMBERS),
  Sign: unary((x) => x.sign()),
  Erf: unary((x) => x.erf()),
  Sin: unary((x) => x.sin()),
  Cos: unary((x) => x.cos()),
  Tan: withSlope((_, y) => y.square().add(1)),
  Tanh: unary((x) => x.tanh()),
  Sigmoid: unary((x) => x.sigmoid()),
  Softplus: unary((x) => x.softplus()),
  Softsign: unary((x) => x.div(x.abs().add(1))),
  Relu: unary((x) => x.relu()),
  Floor: unary((x) => x.floor()),
  Round: unary((x) => x.round()),
  Ceil: unary((x) => x.neg().floor().neg()),
  Sinh: withSlope((_, y) => y.square().add(1).sqrt()),
  Cosh: withSlope((x) => x.exp().sub(x.neg().exp()).div(2)),
  Asin: withSlope((x) => x.square().neg().add(1).rsqrt()),
  Acos: withSlope((x) => x.square().neg().add(1).rsqrt().neg()),
  Atan: withSlope((x) => x.square().add(1).reciprocal()),
  Asinh: withSlope((x) => x.square().add(1).rsqrt()),
  Acosh: withSlope((x) => x.square().sub(1).rsqrt()),
  Atanh: withSlope((x) => x.square().neg().add(1).reciprocal()),
  LeakyRelu: unary((x, { float }) => belowZero(x, x.mul(float("alpha", 0.01)))),
  PRelu: prelu,
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
  Shrink: shrunk,
  HardSigmoid: unary((x, { float }) =>
    x.mul(float("alpha", 0.2)).add(float("beta", 0.5)).clip({ min: 0, max: 1 }),
  ),
  HardSwish: unary((x) => x.mul(x.div(6).add(0.5).clip({ min: 0, max: 1 }))),
  Swish: unary((x, { float }) => x.mul(x.mul(float("alpha", 1)).sigmoid())),
  SwiGLU: ({ input, float }) =>
    input(0)
      .mul(input(0).mul(float("alpha", 1)).sigmoid())
      .mul(input(1)),
  Mish: unary((x) => x.mul(x.softplus().tanh())),
  Gelu: unary((x, { text }) =>
    x.gelu({ approximate: text("approximate", "none") === "tanh" ? "tanh" : "none" }),
  ),
  "com.microsoft.Gelu": unary((x) => x.gelu()),
  "com.microsoft.FastGelu": ({ input, inputs, name }) =>
    (inputs[1] === undefined ? input(0) : name("pre_activation", input(0).add(inputs[1]))).gelu({
      approximate: "tanh",
    }),
  "com.microsoft.BiasGelu": ({ input, name }) =>
    name("pre_activation", input(0).add(input(1))).gelu(),
  "com.microsoft.QuickGelu": unary((x, { float }) => x.mul(x.mul(float("alpha", 1.702)).sigmoid())),
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
  Dropout: dropout,
};
