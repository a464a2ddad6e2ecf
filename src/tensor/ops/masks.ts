// Ones and zeros in patterns: one-hot rows, triangles, the causal mask.

import { PatchClampError } from "../../core/errors.ts";
import type { ValueRef } from "../op.ts";
import { bools, defineOp, f32, i32, sameDType, showShape } from "../op.ts";
import { apply, Tensor } from "../tensor.ts";
import { ONNX_TYPE } from "./cast.ts";

/** Options of `tril` and `triu`. */
export interface TriangleOptions {
  /** The last (`tril`) or first (`triu`) diagonal kept: 0 is the main one, 1 the one above it. Default 0. */
  diagonal?: number;
}

declare module "../tensor.ts" {
  interface Tensor {
    /** For integers: rows of `depth` zeros with a one at the index, float32. */
    oneHot(depth: number): Tensor;
    /** The last two axes with zeros above a diagonal. */
    tril(options?: TriangleOptions): Tensor;
    /** The last two axes with zeros below a diagonal. */
    triu(options?: TriangleOptions): Tensor;
  }
}

interface OneHotAttrs {
  readonly depth: number;
}

const oneHotOp = defineOp<OneHotAttrs>({
  name: "oneHot",
  infer: ([indices], { depth }) => {
    sameDType("oneHot", [indices!], ["int32", "int64"]);
    return [{ shape: [...indices!.shape, depth], dtype: "float32" }];
  },
  grad: () => [null],
  // ONNX's OneHot takes no int32, and WebGPU lacks it
  lower: ({ emit, constant, inputs: [aval] }, [indices], { depth }) => {
    const { shape, dtype } = aval!;
    const column = emit("Reshape", [indices!, constant([...shape, 1], "int64")]);
    const numbers = emit(
      "Range",
      [0, depth, 1].map((value) => constant(value, dtype)),
    );
    return [emit("Cast", [emit("Equal", [column, numbers])], { to: ONNX_TYPE.float32 })];
  },
  reference: ([indices], { depth }) => [
    indices!.data.flatMap((index) => Array.from({ length: depth }, (_, i) => Number(i === index))),
  ],
  flops: () => 0,
  sliceThrough: (axis, [indices]) => (axis < indices!.shape.length ? [axis] : undefined),
  samples: [
    { inputs: [i32([2, 3], { low: 0, high: 3 })], attrs: { depth: 4 } },
    { inputs: [i32([3], { values: [-1, 2, 1] })], attrs: { depth: 2 } }, // outside: rows of zeros
    { inputs: [i32([], { low: 0, high: 0 })], attrs: { depth: 1 } },
  ],
});

/**
 * Rows of zeros with a one at the index. An index outside `0..depth-1` gives a row of zeros.
 *
 * @param indices - int32 or int64, any shape
 * @param depth - length of the rows, at least 1
 * @returns float32, shape [...indices.shape, depth]
 * @throws PatchClampError `DTYPE_MISMATCH` when the indices are not integers
 * @throws PatchClampError `BAD_OPTION` when `depth` is not a whole number of at least 1
 */
export function oneHot(indices: Tensor, depth: number): Tensor {
  if (!Number.isInteger(depth) || depth < 1) {
    throw new PatchClampError("BAD_OPTION", {
      where: "oneHot",
      problem: `depth is ${depth}, not a whole number of at least 1.`,
    });
  }
  return apply(oneHotOp, [indices], { depth });
}

Tensor.prototype.oneHot = function method(this: Tensor, depth): Tensor {
  return oneHot(this, depth);
};

interface TriangleAttrs {
  readonly part: "lower" | "upper";
  readonly diagonal: number;
}

const triangleOp = defineOp<TriangleAttrs>({
  name: "triangle",
  infer: ([x]) => [x!],
  // the same part of g
  grad: ({ cotangents: [g], attrs: { part, diagonal } }) => [
    part === "lower" ? g!.tril({ diagonal }) : g!.triu({ diagonal }),
  ],
  lower: ({ emit, constant }, [x], { part, diagonal }) => [
    emit("Trilu", [x!, constant(diagonal, "int64")], { upper: Number(part === "upper") }),
  ],
  reference: ([x], { part, diagonal }) => {
    const [rows, columns] = x!.shape.slice(-2) as [number, number];
    return [
      x!.data.map((value, i) => {
        const above = (i % columns) - (Math.floor(i / columns) % rows);
        return (part === "lower" ? above <= diagonal : above >= diagonal) ? value : 0;
      }),
    ];
  },
  flops: () => 0,
  samples: [
    { inputs: [f32([2, 3, 4])], attrs: { part: "lower", diagonal: 0 } },
    { inputs: [f32([3, 3])], attrs: { part: "upper", diagonal: 1 } },
    { inputs: [bools([3, 2])], attrs: { part: "lower", diagonal: -1 } },
  ],
});

function triangle(
  x: Tensor,
  part: TriangleAttrs["part"],
  { diagonal = 0 }: TriangleOptions,
): Tensor {
  const where = part === "lower" ? "tril" : "triu";
  if (x.rank < 2) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where,
      problem: `a tensor of shape ${showShape(x.shape)} has no rows and columns.`,
      fix: "give a tensor with at least two axes.",
    });
  }
  if (!Number.isInteger(diagonal)) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `diagonal is ${diagonal}, not a whole number.`,
    });
  }
  return apply(triangleOp, [x], { part, diagonal });
}

/**
 * The last two axes with zeros above a diagonal.
 *
 * @param x - any type, shape [..., rows, columns]
 * @throws PatchClampError `SHAPE_MISMATCH` when `x` has fewer than two axes
 */
export function tril(x: Tensor, options: TriangleOptions = {}): Tensor {
  return triangle(x, "lower", options);
}

/** The last two axes with zeros below a diagonal, else as `tril`. */
export function triu(x: Tensor, options: TriangleOptions = {}): Tensor {
  return triangle(x, "upper", options);
}

Tensor.prototype.tril = function method(this: Tensor, options): Tensor {
  return tril(this, options);
};
Tensor.prototype.triu = function method(this: Tensor, options): Tensor {
  return triu(this, options);
};

interface CausalAttrs {
  readonly query: number;
  readonly key: number;
}

const causalMaskOp = defineOp<CausalAttrs>({
  name: "causalMask",
  infer: (_, { query, key }) => [{ shape: [query, key], dtype: "bool" }],
  grad: () => [],
  lower: ({ emit, constant }, _, { query, key }) => {
    const range = (start: number, end: number): ValueRef =>
      emit(
        "Range",
        [start, end, 1].map((value) => constant(value, "int32")),
      );
    const last = emit("Reshape", [range(key - query, key), constant([query, 1], "int64")]);
    return [emit("LessOrEqual", [range(0, key), last])];
  },
  reference: (_, { query, key }) => [
    Array.from({ length: query * key }, (_unused, i) =>
      Number((i % key) - (key - query) <= Math.floor(i / key)),
    ),
  ],
  flops: () => 0,
  samples: [
    { inputs: [], attrs: { query: 3, key: 3 } },
    { inputs: [], attrs: { query: 1, key: 4 } },
  ],
});

/**
 * Which keys a query may look at: those not after it. The queries are the last of the positions.
 *
 * @param query - number of queries, at least 1
 * @param key - number of keys, at least `query`
 * @returns bool, shape [query, key]: entry (i, j) is true where j <= i + key - query
 * @throws PatchClampError `BAD_OPTION` when the numbers are not whole or there are fewer keys than queries
 */
export function causalMask(query: number, key: number = query): Tensor {
  if (!Number.isInteger(query) || !Number.isInteger(key) || query < 1 || key < query) {
    throw new PatchClampError("BAD_OPTION", {
      where: "causalMask",
      problem: `cannot make a mask for ${query} queries among ${key} keys.`,
      fix: "use whole numbers, at least one query, and no fewer keys than queries.",
    });
  }
  return apply(causalMaskOp, [], { query, key });
}
