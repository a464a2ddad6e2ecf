// Tensors from nothing and from host data.

import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import { fromHost } from "../leaf.ts";
import { defineOp, dtypeOfArray, showShape } from "../op.ts";
import type { DType, TypedArray } from "../tensor.ts";
import { apply, holds, hostArray, sizeOf, Tensor } from "../tensor.ts";

declare module "../tensor.ts" {
  interface Tensor {
    /** Zeros of the same shape and type. */
    zerosLike(): Tensor;
    /** Ones of the same shape and type. */
    onesLike(): Tensor;
  }
}

interface FullAttrs {
  readonly shape: readonly number[];
  readonly value: number;
  readonly dtype: DType;
}

// A constant of the graph. JSON has no infinities and no -0, so the value is kept as text where needed.
interface FullForm extends Omit<FullAttrs, "value"> {
  readonly value: number | "Infinity" | "-Infinity" | "NaN" | "-0";
}

const fullOp = defineOp<FullForm>({
  name: "full",
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  grad: () => [],
  lower: ({ emit, constant }, _, { shape, value, dtype }) => {
    const scalar = constant(Number(value), dtype);
    return [shape.length === 0 ? scalar : emit("Expand", [scalar, constant(shape, "int64")])];
  },
  reference: (_, { shape, value }) => [Array.from({ length: sizeOf(shape) }, () => Number(value))],
  samples: [
    { inputs: [], attrs: { shape: [2, 3], value: 1.5, dtype: "float32" } },
    { inputs: [], attrs: { shape: [], value: "-Infinity", dtype: "float32" } },
    { inputs: [], attrs: { shape: [2], value: 7, dtype: "int64" } },
  ],
});

/** A tensor with one value everywhere; part of the graph, so another value is another graph. */
export function full(shape: readonly number[], value: number, dtype: DType = "float32"): Tensor {
  const isPlain = Number.isFinite(value) && !Object.is(value, -0);
  const text = Object.is(value, -0) ? "-0" : String(value);
  return apply(fullOp, [], { shape, value: isPlain ? value : (text as FullForm["value"]), dtype });
}

/** Zeros. */
export function zeros(shape: readonly number[], dtype: DType = "float32"): Tensor {
  return full(shape, 0, dtype);
}

/** Ones. */
export function ones(shape: readonly number[], dtype: DType = "float32"): Tensor {
  return full(shape, 1, dtype);
}

Tensor.prototype.zerosLike = function zerosLike(this: Tensor): Tensor {
  return zeros(this.shape, this.dtype);
};
Tensor.prototype.onesLike = function onesLike(this: Tensor): Tensor {
  return ones(this.shape, this.dtype);
};

/** The tensor itself, or a scalar of the graph made from a number. */
export function asTensor(x: Tensor | number, dtype: DType): Tensor {
  return typeof x === "number" ? full([], x, dtype) : x;
}

/** Numbers nested to any depth, regular at every level. */
export type Nested = number | boolean | readonly Nested[];

/** Options of `tensor`. */
export interface TensorOptions {
  /** Default: the nesting of the data, or one axis for a typed array. */
  shape?: readonly number[];
  /** Default: the type of the typed array, bool for booleans, else float32. */
  dtype?: DType;
  /** Shown in errors and printed graphs. */
  name?: string;
}

/**
 * A tensor around data, which becomes an input of the graphs it is used in.
 *
 * @param data - a number, nested arrays, or a typed array, which is used as it is and must not be written to later
 * @throws PatchClampError `SHAPE_MISMATCH` when the nesting is ragged or the shape does not fit
 * @throws PatchClampError `DTYPE_MISMATCH` when a typed array cannot hold the dtype
 */
export function tensor(data: Nested | TypedArray, options: TensorOptions = {}): Tensor {
  const { name } = options;
  if (ArrayBuffer.isView(data)) {
    const { shape = [data.length], dtype = dtypeOfArray(data) } = options;
    if (!holds(dtype, data)) {
      throw new PatchClampError("DTYPE_MISMATCH", {
        where: "tensor",
        problem: `a ${data.constructor.name} cannot hold ${dtype}.`,
        fix: `use ${hostArray(dtype, 0).constructor.name}.`,
      });
    }
    checkCount(data.length, shape);
    return fromHost(data, { shape, dtype }, name);
  }
  const flat: (number | boolean)[] = [];
  const nesting = flatten(data, flat);
  const { shape = nesting, dtype = typeof flat[0] === "boolean" ? "bool" : "float32" } = options;
  checkCount(flat.length, shape);
  return fromHost(toHost(flat, dtype), { shape, dtype }, name);
}

function toHost(values: readonly (number | boolean)[], dtype: DType): TypedArray {
  if (dtype === "int64") {
    const broken = values.find((v) => !Number.isInteger(Number(v)));
    if (broken !== undefined) {
      throw new PatchClampError("BAD_INPUT", {
        where: "tensor",
        problem: `${broken} is not a whole number that int64 data can be made from.`,
        fix: "round it, or give a BigInt64Array.",
      });
    }
    return BigInt64Array.from(values, (v) => BigInt(v));
  }
  if (dtype === "float16") {
    throw new PatchClampError("DTYPE_MISMATCH", {
      where: "tensor",
      problem: "float16 is a storage type and is not made from numbers.",
      fix: 'make a float32 tensor and cast it: x.cast("float16").',
    });
  }
  const data = hostArray(dtype, values.length);
  for (const [i, v] of values.entries())
    data[i] = dtype === "bool" ? Number(v !== 0 && v !== false) : Number(v);
  return data;
}

function flatten(data: Nested, into: (number | boolean)[]): number[] {
  if (!Array.isArray(data)) {
    into.push(data as number | boolean);
    return [];
  }
  const inner = (data as readonly Nested[]).map((item) => flatten(item, into));
  const odd = inner.find((shape) => shape.join() !== inner[0]!.join());
  if (odd !== undefined) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "tensor",
      problem: `the nested data is ragged: ${showShape(inner[0]!)} beside ${showShape(odd)}.`,
      fix: "make all rows of one length, or pad them.",
    });
  }
  return [data.length, ...(inner[0] ?? [])];
}

function checkCount(count: number, shape: readonly number[]): void {
  const bad = shape.find((size) => !Number.isInteger(size) || size < 0);
  if (bad === undefined && sizeOf(shape) === count) return;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where: "tensor",
    problem: `${count} values do not fill the shape ${showShape(shape)}.`,
    fix:
      bad === undefined
        ? `give ${sizeOf(shape)} values, or another shape.`
        : "use whole sizes of at least 0.",
  });
}

/** The integers from `start` in steps of `step`, as int32 data. */
export function arange(count: number, options: { start?: number; step?: number } = {}): Tensor {
  const { start = 0, step = 1 } = options;
  return fromHost(
    Int32Array.from({ length: count }, (_, i) => start + i * step),
    { shape: [count], dtype: "int32" },
  );
}

/** The identity matrix, [n, n]. */
export function eye(n: number): Tensor {
  const data = new Float32Array(n * n);
  for (let i = 0; i < n; i++) data[i * n + i] = 1;
  return fromHost(data, { shape: [n, n], dtype: "float32" });
}

/** Standard normal data from a seed, times `scale` (default 1). */
export function randn(shape: readonly number[], options: { seed: number; scale?: number }): Tensor {
  const { seed, scale = 1 } = options;
  const data = new Rng(seed).normals(sizeOf(shape));
  if (scale !== 1) for (let i = 0; i < data.length; i++) data[i]! *= scale;
  return fromHost(data, { shape, dtype: "float32" });
}

/** Uniform data in [low, high) from a seed (default 0..1). */
export function rand(
  shape: readonly number[],
  options: { seed: number; low?: number; high?: number },
): Tensor {
  const { seed, low = 0, high = 1 } = options;
  const data = new Rng(seed).uniforms(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = low + (high - low) * data[i]!;
  return fromHost(data, { shape, dtype: "float32" });
}
