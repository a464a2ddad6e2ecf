// Functions of one number at a time. Two operands broadcast as in NumPy.

import { PatchClampError } from "../../core/errors.ts";
import type { GradContext, LowerContext, Op, ValueRef } from "../op.ts";
import { broadcastShapes, defineOp, f32, sameDType } from "../op.ts";
import type { Aval, DType } from "../tensor.ts";
import { apply, Tensor } from "../tensor.ts";
import { repeated } from "./_layout.ts";
import { asTensor } from "./creation.ts";

/** What the right operand may be: numbers become constants of the graph. */
export type Operand = Tensor | number;

declare module "../tensor.ts" {
  interface Tensor {
    add(other: Operand): Tensor;
    sub(other: Operand): Tensor;
    mul(other: Operand): Tensor;
    div(other: Operand): Tensor;
    /** The smaller of the two. */
    minimum(other: Operand): Tensor;
    /** The larger of the two. */
    maximum(other: Operand): Tensor;
    /** `this` to the power of `exponent`; a fractional or traced exponent needs positive values. */
    pow(exponent: Operand): Tensor;
    neg(): Tensor;
    exp(): Tensor;
    /** Natural logarithm. */
    log(): Tensor;
    sqrt(): Tensor;
    /** 1 / sqrt(x). */
    rsqrt(): Tensor;
    abs(): Tensor;
    /** -1, 0 or 1. */
    sign(): Tensor;
    sin(): Tensor;
    cos(): Tensor;
    tanh(): Tensor;
    /** 1 / (1 + exp(-x)). */
    sigmoid(): Tensor;
    /** The error function. */
    erf(): Tensor;
    /** log(1 + exp(x)). */
    softplus(): Tensor;
    relu(): Tensor;
    square(): Tensor;
    /** 1 / x. */
    reciprocal(): Tensor;
    floor(): Tensor;
    /** To the nearest integer, halves to even. */
    round(): Tensor;
    /** The nearest value in `min..max`. */
    clip(range: { min?: number; max?: number }): Tensor;
  }
}

const NUMERIC: readonly DType[] = ["float32", "int32", "int64"];

/** The axis of an input that broadcasting maps to `axis` of the output; null where it is repeated. */
function broadcastAxis(axis: number, input: Aval, output: Aval): number | null {
  const own = axis - output.shape.length + input.shape.length;
  return own < 0 || input.shape[own] === 1 ? null : own;
}

type Partials = (x: Tensor, y: Tensor, z: Tensor, g: Tensor) => readonly [Tensor, Tensor];

function binary(
  name: string,
  onnx: string,
  partials: Partials,
  reference: (x: number, y: number) => number,
  range = {},
): Op {
  return defineOp({
    name,
    infer: ([x, y]) => [
      {
        shape: broadcastShapes(name, x!.shape, y!.shape),
        dtype: sameDType(name, [x!, y!], NUMERIC),
      },
    ],
    // dx = g * dz/dx, summed over what broadcasting repeated
    grad: ({ inputs: [x, y], outputs: [z], cotangents: [g] }) => {
      const [dx, dy] = partials(x!, y!, z!, g!);
      return [dx.sumTo(x!.shape), dy.sumTo(y!.shape)];
    },
    lower: ({ emit }, [x, y]) => [emit(onnx, [x!, y!])],
    sliceThrough: (axis, inputs, output) =>
      inputs.map((input) => broadcastAxis(axis, input, output)),
    reference: ([x, y]) => {
      const shape = broadcastShapes(name, x!.shape, y!.shape);
      const others = repeated(y!, shape);
      return [repeated(x!, shape).map((v, i) => reference(v, others[i]!))];
    },
    samples: [
      { inputs: [f32([2, 3], range), f32([2, 3], range)], attrs: {} },
      { inputs: [f32([2, 1, 3], range), f32([4, 1], range)], attrs: {} },
      { inputs: [f32([3], range), f32([], range)], attrs: {} },
    ],
  });
}

const addOp = binary(
  "add",
  "Add",
  (_x, _y, _z, g) => [g, g],
  (x, y) => x + y,
);
const subOp = binary(
  "sub",
  "Sub",
  (_x, _y, _z, g) => [g, g.neg()],
  (x, y) => x - y,
);
const mulOp = binary(
  "mul",
  "Mul",
  (x, y, _z, g) => [g.mul(y), g.mul(x)],
  (x, y) => x * y,
);
const divOp = binary(
  "div",
  "Div",
  (_x, y, z, g) => [g.div(y), g.mul(z).div(y).neg()],
  (x, y) => x / y,
  { low: 0.5, high: 2 },
);
// Ties give half the gradient to each side.
const half = (own: Tensor, other: Tensor): Tensor =>
  own.greater(other).cast("float32").add(own.equal(other).cast("float32").mul(0.5));
const minimumOp = binary(
  "minimum",
  "Min",
  (x, y, _z, g) => [g.mul(half(y, x)), g.mul(half(x, y))],
  Math.min,
);
const maximumOp = binary(
  "maximum",
  "Max",
  (x, y, _z, g) => [g.mul(half(x, y)), g.mul(half(y, x))],
  Math.max,
);

const BINARY = {
  add: addOp,
  sub: subOp,
  mul: mulOp,
  div: divOp,
  minimum: minimumOp,
  maximum: maximumOp,
} as const;
for (const [name, op] of Object.entries(BINARY)) {
  Tensor.prototype[name as keyof typeof BINARY] = function method(
    this: Tensor,
    other: Operand,
  ): Tensor {
    return apply(op, [this, asTensor(other, this.dtype)], {});
  };
}

interface Unary {
  readonly onnx: string | ((context: LowerContext, x: ValueRef) => ValueRef);
  /** dy/dx in terms of x and y; absent where it is zero almost everywhere. */
  readonly derivative?: (x: Tensor, y: Tensor) => Operand;
  readonly reference: (x: number) => number;
  readonly range?: { low?: number; high?: number; values?: readonly number[] };
  readonly dtypes?: readonly DType[];
}

function unary(
  name: string,
  { onnx, derivative, reference, range = {}, dtypes = ["float32"] }: Unary,
): Op {
  return defineOp({
    name,
    infer: ([x]) => [{ shape: x!.shape, dtype: sameDType(name, [x!], dtypes) }],
    // dx = g * dy/dx
    grad: ({ inputs: [x], outputs: [y], cotangents: [g] }: GradContext<object>) => [
      derivative === undefined ? null : g!.mul(derivative(x!, y!)),
    ],
    lower: (context, [x]) => [
      typeof onnx === "string" ? context.emit(onnx, [x!]) : onnx(context, x!),
    ],
    sliceThrough: (axis) => [axis],
    reference: ([x]) => [x!.data.map(reference)],
    samples: [
      { inputs: [f32([2, 3], range)], attrs: {} },
      { inputs: [f32([1], range)], attrs: {} },
    ],
  });
}

function halfToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

const awayFromZero = { values: [-1.3, -0.7, -0.4, 0.45, 0.8, 1.6] };

const UNARY = {
  neg: unary("neg", { onnx: "Neg", derivative: () => -1, reference: (x) => -x, dtypes: NUMERIC }),
  exp: unary("exp", { onnx: "Exp", derivative: (_, y) => y, reference: Math.exp }),
  log: unary("log", {
    onnx: "Log",
    derivative: (x) => x.reciprocal(),
    reference: Math.log,
    range: { low: 0.5, high: 3 },
  }),
  sqrt: unary("sqrt", {
    onnx: "Sqrt",
    derivative: (_, y) => y.reciprocal().mul(0.5),
    reference: Math.sqrt,
    range: { low: 0.5, high: 3 },
  }),
  rsqrt: unary("rsqrt", {
    onnx: ({ emit }, x) => emit("Reciprocal", [emit("Sqrt", [x])]),
    derivative: (x, y) => y.div(x).mul(-0.5),
    reference: (x) => 1 / Math.sqrt(x),
    range: { low: 0.5, high: 3 },
  }),
  abs: unary("abs", {
    onnx: "Abs",
    derivative: (x) => x.sign(),
    reference: Math.abs,
    range: awayFromZero,
    dtypes: NUMERIC,
  }),
  sign: unary("sign", { onnx: "Sign", reference: Math.sign, range: awayFromZero }),
  sin: unary("sin", { onnx: "Sin", derivative: (x) => x.cos(), reference: Math.sin }),
  cos: unary("cos", { onnx: "Cos", derivative: (x) => x.sin().neg(), reference: Math.cos }),
  // 1 - y^2
  tanh: unary("tanh", {
    onnx: "Tanh",
    derivative: (_, y) => y.square().neg().add(1),
    reference: Math.tanh,
  }),
  // y (1 - y)
  sigmoid: unary("sigmoid", {
    onnx: "Sigmoid",
    derivative: (_, y) => y.sub(y.square()),
    reference: (x) => 1 / (1 + Math.exp(-x)),
  }),
  // 2 / sqrt(pi) exp(-x^2); the reference is Abramowitz & Stegun 1964, eq. (7.1.26), error below 1.5e-7
  erf: unary("erf", {
    onnx: "Erf",
    derivative: (x) =>
      x
        .square()
        .neg()
        .exp()
        .mul(2 / Math.sqrt(Math.PI)),
    reference: (x) => {
      const t = 1 / (1 + 0.3275911 * Math.abs(x));
      const tail =
        t *
        (0.254829592 +
          t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
      return Math.sign(x) * (1 - tail * Math.exp(-x * x));
    },
  }),
  // max(x, 0) + log(1 + exp(-|x|)): ONNX's own Softplus is ten times slower and overflows later than needed
  softplus: unary("softplus", {
    onnx: ({ emit, constant }, x) => {
      const decay = emit("Exp", [emit("Neg", [emit("Abs", [x])])]);
      return emit("Add", [
        emit("Relu", [x]),
        emit("Log", [emit("Add", [decay, constant(1, "float32")])]),
      ]);
    },
    derivative: (x) => x.sigmoid(),
    reference: (x) => Math.log1p(Math.exp(x)),
    range: { low: -4, high: 4 },
  }),
  relu: unary("relu", {
    onnx: "Relu",
    derivative: (x) => x.greater(0).cast("float32"),
    reference: (x) => Math.max(x, 0),
    range: awayFromZero,
  }),
  square: unary("square", {
    onnx: ({ emit }, x) => emit("Mul", [x, x]),
    derivative: (x) => x.mul(2),
    reference: (x) => x * x,
  }),
  reciprocal: unary("reciprocal", {
    onnx: "Reciprocal",
    derivative: (_, y) => y.square().neg(),
    reference: (x) => 1 / x,
    range: { low: 0.5, high: 3 },
  }),
  floor: unary("floor", { onnx: "Floor", reference: Math.floor, range: awayFromZero }),
  round: unary("round", { onnx: "Round", reference: halfToEven, range: awayFromZero }),
} as const;
for (const [name, op] of Object.entries(UNARY)) {
  Tensor.prototype[name as keyof typeof UNARY] = function method(this: Tensor): Tensor {
    return apply(op, [this], {});
  };
}

Tensor.prototype.pow = function pow(this: Tensor, exponent: Operand): Tensor {
  if (typeof exponent !== "number") return this.log().mul(exponent).exp();
  if (exponent === 0) return this.onesLike();
  if (exponent === 0.5) return this.sqrt();
  if (exponent < 0) return this.pow(-exponent).reciprocal();
  if (!Number.isInteger(exponent)) return this.log().mul(exponent).exp();
  const root = this.pow(Math.floor(exponent / 2)).square();
  if (exponent === 1) return this;
  return exponent % 2 === 0 ? root : root.mul(this);
};

interface ClipAttrs {
  readonly min?: number;
  readonly max?: number;
}

const clipOp = defineOp<ClipAttrs>({
  name: "clip",
  infer: ([x]) => [{ shape: x!.shape, dtype: sameDType("clip", [x!], NUMERIC) }],
  // dx = g where min <= x <= max
  grad: ({ inputs: [x], cotangents: [g], attrs: { min, max } }) => {
    let inside = min === undefined ? x!.equal(x!) : x!.greaterEqual(min);
    if (max !== undefined) inside = inside.and(x!.lessEqual(max));
    return [g!.mul(inside.cast("float32"))];
  },
  lower: ({ emit, constant, inputs }, [x], { min, max }) => {
    const bound = (value: number | undefined): ValueRef | null =>
      value === undefined ? null : constant(value, inputs[0]!.dtype);
    return [emit("Clip", [x!, bound(min), bound(max)])];
  },
  sliceThrough: (axis) => [axis],
  reference: ([x], { min = -Infinity, max = Infinity }) => [
    x!.data.map((v) => Math.min(Math.max(v, min), max)),
  ],
  samples: [
    { inputs: [f32([6], awayFromZero)], attrs: { min: -0.6, max: 1 } },
    { inputs: [f32([6], awayFromZero)], attrs: { max: 0.6 } },
  ],
});

/**
 * The nearest value in `min..max`.
 *
 * @throws PatchClampError `BAD_OPTION` when `min` is above `max` or one is not a number
 */
export function clip(x: Tensor, range: { min?: number; max?: number }): Tensor {
  const { min, max } = range;
  if (Number.isNaN(min) || Number.isNaN(max) || (min ?? -Infinity) > (max ?? Infinity)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "clip",
      problem: `there is no value in ${min ?? ""}..${max ?? ""}.`,
    });
  }
  return apply(clipOp, [x], {
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  });
}

Tensor.prototype.clip = function method(this: Tensor, range): Tensor {
  return clip(this, range);
};
