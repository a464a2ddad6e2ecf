// Comparisons, logic and choice. Comparisons give bool, which has no gradient.

import type { Op } from "../op.ts";
import { bools, broadcastShapes, defineOp, f32, i32, sameDType } from "../op.ts";
import type { DType } from "../tensor.ts";
import { apply, Tensor } from "../tensor.ts";
import { repeated } from "./_layout.ts";
import { asTensor } from "./creation.ts";

declare module "../tensor.ts" {
  interface Tensor {
    equal(other: Tensor | number): Tensor;
    notEqual(other: Tensor | number): Tensor;
    less(other: Tensor | number): Tensor;
    lessEqual(other: Tensor | number): Tensor;
    greater(other: Tensor | number): Tensor;
    greaterEqual(other: Tensor | number): Tensor;
    /** Both (bool). */
    and(other: Tensor): Tensor;
    /** Either (bool). */
    or(other: Tensor): Tensor;
    /** Not (bool). */
    not(): Tensor;
    /** True where the value is NaN. */
    isNan(): Tensor;
    /** For a bool tensor: `a` where true, `b` where false; all broadcast. */
    where(a: Tensor | number, b: Tensor | number): Tensor;
  }
}

const NUMBERS: readonly DType[] = ["float32", "int32", "int64"];

function comparison(name: string, onnx: string, reference: (x: number, y: number) => boolean): Op {
  return defineOp({
    name,
    infer: ([x, y]) => {
      sameDType(name, [x!, y!], onnx === "Equal" ? [...NUMBERS, "bool"] : NUMBERS);
      return [{ shape: broadcastShapes(name, x!.shape, y!.shape), dtype: "bool" }];
    },
    grad: () => [null, null],
    lower: ({ emit }, [x, y]) => [
      name === "notEqual" ? emit("Not", [emit("Equal", [x!, y!])]) : emit(onnx, [x!, y!]),
    ],
    reference: ([x, y]) => {
      const shape = broadcastShapes(name, x!.shape, y!.shape);
      const others = repeated(y!, shape);
      return [repeated(x!, shape).map((v, i) => Number(reference(v, others[i]!)))];
    },
    samples: [
      { inputs: [i32([6], { low: 0, high: 2 }), i32([6], { low: 0, high: 2 })], attrs: {} },
      { inputs: [f32([2, 1]), f32([3])], attrs: {} },
    ],
  });
}

const COMPARISONS = {
  equal: comparison("equal", "Equal", (x, y) => x === y),
  notEqual: comparison("notEqual", "Equal", (x, y) => x !== y),
  less: comparison("less", "Less", (x, y) => x < y),
  lessEqual: comparison("lessEqual", "LessOrEqual", (x, y) => x <= y),
  greater: comparison("greater", "Greater", (x, y) => x > y),
  greaterEqual: comparison("greaterEqual", "GreaterOrEqual", (x, y) => x >= y),
} as const;
for (const [name, op] of Object.entries(COMPARISONS)) {
  Tensor.prototype[name as keyof typeof COMPARISONS] = function method(
    this: Tensor,
    other: Tensor | number,
  ): Tensor {
    return apply(op, [this, asTensor(other, this.dtype)], {});
  };
}

function logic(name: string, onnx: string, reference: (x: number, y: number) => number): Op {
  return defineOp({
    name,
    infer: ([x, y]) => {
      sameDType(name, [x!, y!], ["bool"]);
      return [{ shape: broadcastShapes(name, x!.shape, y!.shape), dtype: "bool" }];
    },
    grad: () => [null, null],
    lower: ({ emit }, [x, y]) => [emit(onnx, [x!, y!])],
    reference: ([x, y]) => {
      const shape = broadcastShapes(name, x!.shape, y!.shape);
      const others = repeated(y!, shape);
      return [repeated(x!, shape).map((v, i) => reference(v, others[i]!))];
    },
    samples: [
      { inputs: [bools([4], [0, 0, 1, 1]), bools([4], [0, 1, 0, 1])], attrs: {} },
      { inputs: [bools([2, 1], [0, 1]), bools([3], [0, 1, 1])], attrs: {} },
    ],
  });
}

const andOp = logic("and", "And", (x, y) => x & y);
const orOp = logic("or", "Or", (x, y) => x | y);

Tensor.prototype.and = function and(this: Tensor, other): Tensor {
  return apply(andOp, [this, other], {});
};
Tensor.prototype.or = function or(this: Tensor, other): Tensor {
  return apply(orOp, [this, other], {});
};

const notOp = defineOp({
  name: "not",
  infer: ([x]) => [{ shape: x!.shape, dtype: sameDType("not", [x!], ["bool"]) }],
  grad: () => [null],
  lower: ({ emit }, [x]) => [emit("Not", [x!])],
  reference: ([x]) => [x!.data.map((v) => 1 - v)],
  samples: [{ inputs: [bools([3], [0, 1, 1])], attrs: {} }],
});

Tensor.prototype.not = function not(this: Tensor): Tensor {
  return apply(notOp, [this], {});
};

const isNanOp = defineOp({
  name: "isNan",
  infer: ([x]) => {
    sameDType("isNan", [x!], ["float32"]);
    return [{ shape: x!.shape, dtype: "bool" }];
  },
  grad: () => [null],
  lower: ({ emit }, [x]) => [emit("IsNaN", [x!])],
  reference: ([x]) => [x!.data.map((v) => Number(Number.isNaN(v)))],
  samples: [{ inputs: [f32([3], { values: [0, Number.NaN, 1] })], attrs: {} }],
});

Tensor.prototype.isNan = function isNan(this: Tensor): Tensor {
  return apply(isNanOp, [this], {});
};

const whereOp = defineOp({
  name: "where",
  infer: ([condition, a, b]) => {
    sameDType("where", [condition!], ["bool"]);
    const dtype = sameDType("where", [a!, b!]);
    return [{ shape: broadcastShapes("where", condition!.shape, a!.shape, b!.shape), dtype }];
  },
  // da = g where the condition holds, db = g elsewhere
  grad: ({ inputs: [condition, a, b], cotangents: [g] }) => [
    null,
    condition!.where(g!, 0).sumTo(a!.shape),
    condition!.where(0, g!).sumTo(b!.shape),
  ],
  lower: ({ emit }, [condition, a, b]) => [emit("Where", [condition!, a!, b!])],
  reference: ([condition, a, b]) => {
    const shape = broadcastShapes("where", condition!.shape, a!.shape, b!.shape);
    const [holds, then, otherwise] = [condition!, a!, b!].map((x) => repeated(x, shape));
    return [holds!.map((c, i) => (c === 0 ? otherwise![i]! : then![i]!))];
  },
  samples: [
    { inputs: [bools([4], [0, 1, 1, 0]), f32([4]), f32([4])], attrs: {} },
    { inputs: [bools([2, 1], [0, 1]), f32([3]), f32([])], attrs: {} },
  ],
});

/** `a` where the condition holds, `b` where not; all three broadcast. */
export function where(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  const dtype = typeof a === "number" ? (typeof b === "number" ? "float32" : b.dtype) : a.dtype;
  return apply(whereOp, [condition, asTensor(a, dtype), asTensor(b, dtype)], {});
}

Tensor.prototype.where = function method(this: Tensor, a, b): Tensor {
  return where(this, a, b);
};
