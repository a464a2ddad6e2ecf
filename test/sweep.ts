// What the op sweep measures, on whatever backend is loaded: the samples of every record, drawn from a seed, and
// derivatives by differences.

import { backend } from "#engine";

import { Rng } from "../src/core/rng.ts";
import { emitGraph } from "../src/onnx/emit.ts";
import { collect } from "../src/tensor/graph.ts";
import type { Device, NumberArray, Op, Sample, SampleInput } from "../src/tensor/op.ts";
import { allOps } from "../src/tensor/op.ts";
import { tensor } from "../src/tensor/ops/creation.ts";
import type { Aval, Tensor } from "../src/tensor/tensor.ts";
import { applyMany, sizeOf } from "../src/tensor/tensor.ts";

/** One sample of one op. */
export interface Case {
  readonly op: Op;
  readonly sample: Sample<object>;
  /** `softmax {axis:1} [2, 3]`, unique. */
  readonly name: string;
}

/** Graph inputs stand for themselves: they have no rule to test. */
const LEAF = "leaf";

/** Every record but the leaf. */
export function sweptOps(): Op[] {
  return [...allOps().values()].filter((op) => op.name !== LEAF);
}

/** Every sample of every record. */
export function sweepCases(): Case[] {
  const seen = new Map<string, number>();
  return sweptOps().flatMap((op) =>
    op.samples.map((sample) => {
      const attrs = JSON.stringify(sample.attrs).replaceAll('"', "");
      const shapes = sample.inputs.map(({ shape }) => `[${shape.join(", ")}]`);
      const name = [op.name, ...(attrs === "{}" ? [] : [attrs]), ...shapes].join(" ");
      const count = (seen.get(name) ?? 0) + 1;
      seen.set(name, count);
      return { op, sample, name: count === 1 ? name : `${name} (${count})` };
    }),
  );
}

/** The values of a sample's inputs: the same in every run and on every backend. */
export function drawInputs({ sample, name }: Case): NumberArray[] {
  const rng = new Rng(1).split(name);
  return sample.inputs.map((input, i) => ({ shape: input.shape, data: draw(input, rng, i) }));
}

// Drawn floats are multiples of this, so that a value moved by a part of a step is exact in float32.
const QUANTUM = 2 ** -10;

/**
 * Floats are a shuffled grid, the grid of each input shifted against the others': uniform in the range, yet up to some
 * sixty values in -1..1 are so far from each other and from 0 that a difference quotient does not step over a kink.
 */
function draw(
  { shape, dtype, low = -1, high = 1, values }: SampleInput,
  rng: Rng,
  position: number,
): number[] {
  const count = sizeOf(shape);
  if (values !== undefined) return values.slice(0, count);
  if (!isFloat({ shape, dtype }))
    return Array.from({ length: count }, () => low + rng.below(high - low + 1));
  // Steps of the golden ratio keep the grids of different inputs apart, whatever their sizes.
  const shift = (0.77 + 0.382 * position) % 1;
  const grid = Array.from({ length: count }, (_, i) => low + ((high - low) * (i + shift)) / count);
  return rng.shuffle(grid.map((value) => Math.round(value / QUANTUM) * QUANTUM));
}

/** Directions to differentiate along: multiples of 1/4 in -1..1, so that steps along them are exact too. */
export function directionsLike(avals: readonly Aval[]): number[][] {
  const rng = new Rng(13);
  return avals.map(({ shape }) =>
    Array.from({ length: sizeOf(shape) }, () => rng.below(9) / 4 - 1),
  );
}

/** Whether values of the type have derivatives. */
export function isFloat({ dtype }: Aval): boolean {
  return dtype === "float32" || dtype === "float16";
}

/** Tensors around drawn values. */
export function toTensors({ sample }: Case, arrays: readonly NumberArray[]): Tensor[] {
  return sample.inputs.map(({ shape, dtype }, i) => {
    const data = arrays[i]!.data;
    if (dtype === "float16") return tensor(Float32Array.from(data), { shape }).cast("float16");
    return tensor(data, { shape, dtype });
  });
}

/** The op of a case, applied. */
export function applyCase({ op, sample }: Case, inputs: readonly Tensor[]): readonly Tensor[] {
  return applyMany(op, inputs, sample.attrs);
}

/** Shapes and types of an op's outputs as ONNX Runtime reports them, past our executor, which goes by `infer`. */
export async function runtimeAvals(swept: Case, device: Device): Promise<Aval[]> {
  const { ort, sessionOptions } = backend;
  const graph = collect(applyCase(swept, toTensors(swept, drawInputs(swept))));
  const { bytes, inputs, outputs } = emitGraph(graph, { device });
  const session = await ort.InferenceSession.create(bytes, await sessionOptions(device, 1));
  try {
    const given = graph.inputs.map(({ value, dtype, shape }, i) => [
      inputs[i]!,
      new ort.Tensor(dtype as "float32", value!.data as Float32Array, shape),
    ]);
    const results = await session.run(Object.fromEntries(given));
    return outputs.map(({ name }) => ({
      shape: [...results[name]!.dims],
      dtype: results[name]!.type as Aval["dtype"],
    }));
  } finally {
    await session.release();
  }
}

/** What a record's plain loops make of the drawn inputs; empty where it has none for them. */
export function referenceOf(swept: Case): readonly (readonly number[])[] {
  return swept.op.reference?.(drawInputs(swept), swept.sample.attrs) ?? [];
}

// Relative to the largest output: sums of up to some hundred products of order 1 in float32 (100 * 6e-8), and ONNX
// Runtime's exp, tanh and erf are polynomials good to some 1e-7.
export const FORWARD = 1e-5;

/** The largest finite magnitude, at least 1. */
export function scaleOf(values: readonly number[]): number {
  return values.reduce(
    (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
    1,
  );
}

/** What is wrong with `actual`, element by element; infinities and NaN must be the same. */
export function differences(
  actual: ArrayLike<number>,
  expected: readonly number[],
  tolerance: number,
): string[] {
  const wrong = expected.flatMap((value, i) => {
    const isClose = Object.is(value, actual[i]) || Math.abs(value - actual[i]!) <= tolerance;
    return isClose ? [] : [`element ${i} is ${actual[i]}, not ${value} within ${tolerance}`];
  });
  return actual.length === expected.length
    ? wrong
    : [`${actual.length} elements, not ${expected.length}`];
}

/** Normal numbers, a list for each shape. */
export function normalsLike(avals: readonly Aval[], seed: number): Tensor[] {
  return avals.map(({ shape }, i) =>
    tensor(new Rng(seed).split(i).normals(sizeOf(shape)), { shape }),
  );
}

/** The sum of all products of two lists of tensors. */
export function inner(xs: readonly Tensor[], ys: readonly Tensor[]): Tensor {
  return xs.map((x, i) => x.mul(ys[i]!).sum()).reduce((sum, term) => sum.add(term));
}

// The first step of the difference quotients; the second is half of it. A power of two, so that moved values are exact.
const STEP = 2 ** -7;

/** A derivative by differences, and how far rounding may have carried it. */
export interface Quotient {
  readonly value: number;
  readonly rounding: number;
}

/**
 * The derivative at 0 of the sum of `weights * f(t)`, by central differences with Richardson extrapolation.
 *
 * Truncation is STEP^4 / 480 of the fifth derivative, 8e-12 of it. Outputs are good to one unit in the last place,
 * 2^-23 of themselves; the quotients at STEP / 2 and STEP carry 2 and 1 times that over STEP, and extrapolation adds
 * 4/3 of the one to 1/3 of the other: 3 * 2^-23 / STEP in all.
 */
export async function differentiate(
  f: (t: number) => Promise<readonly ArrayLike<number>[]>,
  weights: readonly ArrayLike<number>[],
): Promise<Quotient> {
  let size = 0;
  const quotient = async (h: number): Promise<number> => {
    const [after, before] = [await f(h), await f(-h)];
    size = Math.max(size, dot(after, weights, Math.abs));
    return (dot(after, weights) - dot(before, weights)) / (2 * h);
  };
  const [near, far] = [await quotient(STEP / 2), await quotient(STEP)];
  return { value: (4 * near - far) / 3, rounding: (3 * 2 ** -23 * size) / STEP };
}

/** The sum of all products of two lists of arrays, in float64. */
export function dot(
  xs: readonly ArrayLike<number>[],
  ys: readonly ArrayLike<number>[],
  of: (product: number) => number = (product) => product,
): number {
  let sum = 0;
  for (const [k, x] of xs.entries())
    for (let i = 0; i < x.length; i++) sum += of(x[i]! * ys[k]![i]!);
  return sum;
}
