// Initial weights from a seed, as host data. Linear weights are [out, in], convolutions [out, in, ...kernel].

import { PatchClampError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import { tensor, type Tensor } from "../runtime/index.ts";
import { showShape } from "../tensor/op.ts";
import { sizeOf } from "../tensor/tensor.ts";

/** Options of the initialisers. */
export interface InitOptions {
  /** The same seed gives the same weights; an integer in 0..2^32-1. */
  readonly seed: number;
}

/** Options of the initialisers that keep a signal's scale. */
export interface GainOptions extends InitOptions {
  /** Multiplies the standard deviation. Default 1; sqrt(2) makes up for a ReLU. */
  readonly gain?: number;
}

/** Normal with a standard deviation `std` (default 0.02, as GPT-2). */
export function normal(
  shape: readonly number[],
  options: InitOptions & { readonly std?: number },
): Tensor {
  const { seed, std = 0.02 } = options;
  const rng = new Rng(seed);
  return fill(shape, () => std * rng.normal());
}

/** Uniform in -bound..bound. */
export function uniform(
  shape: readonly number[],
  options: InitOptions & { readonly bound: number },
): Tensor {
  const { seed, bound } = options;
  const rng = new Rng(seed);
  return fill(shape, () => bound * (2 * rng.uniform() - 1));
}

/**
 * Normal with everything further than `limit` standard deviations from 0 drawn again.
 *
 * @param options - `std`: of the normal before it is cut, default 0.02; `limit`: default 2
 * @throws PatchClampError `BAD_OPTION` when the limit is below 0.01, where almost everything would be drawn again
 */
export function truncatedNormal(
  shape: readonly number[],
  options: InitOptions & { readonly std?: number; readonly limit?: number },
): Tensor {
  const { seed, std = 0.02, limit = 2 } = options;
  if (!(limit >= 0.01)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "truncatedNormal",
      problem: `limit is ${limit}, not a number of at least 0.01.`,
    });
  }
  const rng = new Rng(seed);
  return fill(shape, () => {
    let z = rng.normal();
    while (Math.abs(z) > limit) z = rng.normal();
    return std * z;
  });
}

/**
 * Uniform with variance gain^2 * 2 / (fanIn + fanOut).
 *
 * @source Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. (16)
 */
export function xavierUniform(shape: readonly number[], options: GainOptions): Tensor {
  const { seed, gain = 1 } = options;
  const { fanIn, fanOut } = fans("xavierUniform", shape);
  return uniform(shape, { seed, bound: gain * Math.sqrt(6 / (fanIn + fanOut)) });
}

/** Normal with variance gain^2 * 2 / (fanIn + fanOut); see `xavierUniform`. */
export function xavierNormal(shape: readonly number[], options: GainOptions): Tensor {
  const { seed, gain = 1 } = options;
  const { fanIn, fanOut } = fans("xavierNormal", shape);
  return normal(shape, { seed, std: gain * Math.sqrt(2 / (fanIn + fanOut)) });
}

/**
 * Uniform with variance gain^2 / fanIn; a gain of sqrt(1/3) is PyTorch's default for linear layers.
 *
 * @source He et al. 2015, arXiv:1502.01852, section 2.2
 */
export function kaimingUniform(shape: readonly number[], options: GainOptions): Tensor {
  const { seed, gain = 1 } = options;
  const { fanIn } = fans("kaimingUniform", shape);
  return uniform(shape, { seed, bound: gain * Math.sqrt(3 / fanIn) });
}

/** Normal with variance gain^2 / fanIn; see `kaimingUniform`. */
export function kaimingNormal(shape: readonly number[], options: GainOptions): Tensor {
  const { seed, gain = 1 } = options;
  const { fanIn } = fans("kaimingNormal", shape);
  return normal(shape, { seed, std: gain / Math.sqrt(fanIn) });
}

/**
 * A random matrix with orthonormal rows or columns, whichever are fewer, times `gain`; uniform over such matrices.
 *
 * @param shape - [out, in] or [out, in, ...kernel], the latter taken as a matrix of `out` rows
 * @source Saxe, McClelland & Ganguli 2014, arXiv:1312.6120
 */
export function orthogonal(shape: readonly number[], options: GainOptions): Tensor {
  const { seed, gain = 1 } = options;
  const columns = fans("orthogonal", shape).fanIn;
  const rows = sizeOf(shape) / columns;
  const [count, length] = rows <= columns ? [rows, columns] : [columns, rows];
  const basis = orthonormal(count, length, new Rng(seed));
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      data[i * columns + j] = gain * (rows <= columns ? basis[i]![j]! : basis[j]![i]!);
    }
  }
  return tensor(data, { shape });
}

/** Orthonormal vectors by the Gram-Schmidt process, done twice over so that rounding leaves no remainder. */
function orthonormal(count: number, length: number, rng: Rng): Float64Array[] {
  const basis: Float64Array[] = [];
  while (basis.length < count) {
    const v = Float64Array.from({ length }, () => rng.normal());
    for (const u of [...basis, ...basis]) {
      const along = u.reduce((sum, x, i) => sum + x * v[i]!, 0);
      for (let i = 0; i < length; i++) v[i]! -= along * u[i]!;
    }
    const norm = Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
    basis.push(v.map((x) => x / norm));
  }
  return basis;
}

function fill(shape: readonly number[], draw: () => number): Tensor {
  return tensor(Float32Array.from({ length: sizeOf(shape) }, draw), { shape });
}

/** How many values a unit reads, and how many units read one value. */
function fans(where: string, shape: readonly number[]): { fanIn: number; fanOut: number } {
  const [out, inner, ...kernel] = shape;
  if (out === undefined || inner === undefined || sizeOf(shape) === 0) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where,
      problem: `a tensor of shape ${showShape(shape)} has no fan-in.`,
      fix: "give [out, in], or [out, in, ...kernel] for a convolution; use normal or uniform for vectors.",
    });
  }
  const size = sizeOf(kernel);
  return { fanIn: inner * size, fanOut: out * size };
}
