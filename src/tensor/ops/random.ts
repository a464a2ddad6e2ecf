// Random numbers inside a traced graph: the very words of `core/rng.ts`, as unsigned 32-bit arithmetic. The seed is a
// tensor, so a compiled training step takes a new one every call.

import { PatchClampError } from "../../core/errors.ts";
import { hash32, HASH, Rng } from "../../core/rng.ts";
import type { LowerContext, NumberArray, ValueRef } from "../op.ts";
import { defineOp, i32, showShape } from "../op.ts";
import type { Aval } from "../tensor.ts";
import { apply, sizeOf, Tensor } from "../tensor.ts";
import { tensor } from "./creation.ts";
import { ONNX_TYPE } from "./cast.ts";

declare module "../tensor.ts" {
  interface Tensor {
    /** Sets a random part of the values to zero and scales the rest up to keep the mean. */
    dropout(options: DropoutOptions): Tensor;
    /** Adds Gaussian noise. */
    noise(options: NoiseOptions): Tensor;
  }
}

/** A stream of random numbers: an integer in 0..2^32-1, or the same 32 bits as an int32 scalar of the graph. */
export type Seed = Tensor | number;

/** Options of `dropout`. */
export interface DropoutOptions {
  /** Probability of dropping a value, in [0, 1). */
  rate: number;
  /** The same seed drops the same values. */
  seed: Seed;
}

/** Options of `noise`. */
export interface NoiseOptions {
  /** Standard deviation, at least 0; default 1. */
  scale?: number;
  /** The same seed adds the same noise. */
  seed: Seed;
}

const NO_GRADIENT = { reason: "random bits do not vary smoothly with their seed" };

interface UniformAttrs {
  readonly shape: readonly number[];
}

const randomUniformOp = defineOp<UniformAttrs>({
  name: "randomUniform",
  infer: ([seed], { shape }) => [
    { shape: (checkSeed("randomUniform", seed!), shape), dtype: "float32" },
  ],
  grad: NO_GRADIENT,
  // u = (word >>> 8) * 2^-24
  lower: (ctx, [seed], { shape }) => {
    const { emit, constant } = ctx;
    const count = sizeOf(shape);
    const words = hash(ctx, unsigned(ctx, seed!), (seedWord) => counters(ctx, seedWord, count));
    const kept = emit("BitShift", [words, constant(8, "uint32")], { direction: "RIGHT" });
    const uniform = emit("Mul", [
      emit("Cast", [kept], { to: ONNX_TYPE.float32 }),
      constant(2 ** -24, "float32"),
    ]);
    return [emit("Reshape", [uniform, constant(shape, "int64")])];
  },
  reference: ([seed], { shape }) => [Array.from(new Rng(seedOf(seed!)).uniforms(sizeOf(shape)))],
  samples: [
    { inputs: [i32([], { values: [7] })], attrs: { shape: [2, 3] } },
    { inputs: [i32([], { values: [-5] })], attrs: { shape: [17] } }, // the seed 2^32 - 5
    { inputs: [i32([], { values: [0] })], attrs: { shape: [] } },
  ],
});

/**
 * Numbers in [0, 1): value i is the i-th of `new Rng(seed).uniform()`, bit for bit, on every device.
 *
 * @param seed - an integer, or an int32 scalar
 * @throws PatchClampError `BAD_OPTION` when the seed is neither
 */
export function randomUniform(shape: readonly number[], seed: Seed): Tensor {
  return apply(randomUniformOp, [seedTensor("randomUniform", seed)], { shape });
}

interface SplitAttrs {
  readonly parts: readonly number[];
}

const splitSeedOp = defineOp<SplitAttrs>({
  name: "splitSeed",
  infer: ([seed]) => [{ shape: (checkSeed("splitSeed", seed!), []), dtype: "int32" }],
  grad: NO_GRADIENT,
  lower: (ctx, [seed], { parts }) => {
    const key = parts.reduce<ValueRef>(
      (word, part) =>
        hash(ctx, word, (own) => ctx.emit("BitwiseXor", [own, ctx.constant(part, "uint32")])),
      unsigned(ctx, seed!),
    );
    return [ctx.emit("Cast", [key], { to: ONNX_TYPE.int32 })];
  },
  reference: ([seed], { parts }) => [
    [parts.reduce((key, part) => hash32(key, part), seedOf(seed!)) | 0],
  ],
  samples: [
    { inputs: [i32([], { values: [7] })], attrs: { parts: [3, 0x5bd1e995] } },
    { inputs: [i32([], { values: [-(2 ** 31)] })], attrs: { parts: [0] } },
  ],
});

/**
 * The seed of an independent stream, named by a number or a word: the seed of `new Rng(seed).split(name)`.
 *
 * One seed a step is then enough for a whole network: each layer splits its own from it.
 *
 * @returns an int32 scalar
 */
export function splitSeed(seed: Seed, name: number | string): Tensor {
  return apply(splitSeedOp, [seedTensor("splitSeed", seed)], { parts: splitParts(name) });
}

/**
 * Standard normal numbers (Box and Muller 1958), from the same words as `new Rng(seed).normals(n)`.
 *
 * The words agree; logarithm and cosine are rounded in float32, so values differ from the host's by up to 1e-5.
 *
 * @throws PatchClampError `BAD_OPTION` when the seed is neither an integer nor an int32 scalar
 */
export function randomNormal(shape: readonly number[], seed: Seed): Tensor {
  const pairs = randomUniform([sizeOf(shape), 2], seed);
  const column = (i: number): Tensor => pairs.slice({ axis: 1, start: i, end: i + 1 });
  const radius = column(0).neg().add(1).log().mul(-2).sqrt();
  return radius
    .mul(
      column(1)
        .mul(2 * Math.PI)
        .cos(),
    )
    .reshape(shape);
}

/**
 * Sets a random part of the values to zero and divides the rest by `1 - rate`, which keeps the mean.
 *
 * @returns the shape of `x`; `x` itself at rate 0
 * @throws PatchClampError `BAD_OPTION` when the rate is outside [0, 1)
 * @source Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting"
 */
export function dropout(x: Tensor, options: DropoutOptions): Tensor {
  const { rate, seed } = options;
  if (!(rate >= 0 && rate < 1)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "dropout",
      problem: `the rate is ${rate}, not in [0, 1).`,
    });
  }
  if (rate === 0) return x;
  const isKept = randomUniform(x.shape, seed).greaterEqual(rate);
  return x.mul(isKept.cast(x.dtype).mul(1 / (1 - rate)));
}

/**
 * Adds independent Gaussian noise to every value.
 *
 * @returns the shape of `x`; `x` itself at scale 0
 * @throws PatchClampError `BAD_OPTION` when the scale is negative or not finite
 */
export function noise(x: Tensor, options: NoiseOptions): Tensor {
  const { scale = 1, seed } = options;
  if (!(scale >= 0 && Number.isFinite(scale))) {
    throw new PatchClampError("BAD_OPTION", {
      where: "noise",
      problem: `the scale is ${scale}, not a finite number from 0.`,
    });
  }
  return scale === 0 ? x : x.add(randomNormal(x.shape, seed).mul(scale));
}

Tensor.prototype.dropout = function dropoutMethod(this: Tensor, options) {
  return dropout(this, options);
};
Tensor.prototype.noise = function noiseMethod(this: Tensor, options) {
  return noise(this, options);
};

// Seeds

function seedTensor(where: string, seed: Seed): Tensor {
  if (typeof seed !== "number") return seed;
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `the seed is ${seed}, not an integer in 0..4294967295.`,
    });
  }
  return tensor(Int32Array.of(seed), { shape: [] });
}

function checkSeed(where: string, { dtype, shape }: Aval): void {
  if (dtype === "int32" && shape.length === 0) return;
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: `the seed is ${dtype} ${showShape(shape)}, not an int32 scalar.`,
    fix: 'give a number, or a tensor such as tensor(7, { dtype: "int32" }).',
  });
}

function seedOf({ data }: NumberArray): number {
  return data[0]! >>> 0;
}

/** The words that `Rng.split` hashes in, one after another. */
function splitParts(name: number | string): number[] {
  const parts = typeof name === "number" ? [name] : Array.from(name, (c) => c.codePointAt(0)!);
  return [...parts, 0x5bd1e995];
}

// The hash of core/rng.ts in ONNX. uint32 products keep their low 32 bits, as Math.imul does.

function unsigned({ emit }: LowerContext, seed: ValueRef): ValueRef {
  return emit("Cast", [seed], { to: ONNX_TYPE.uint32 });
}

/** `hash32(seed, counter)`, given what makes `counter ^ seed` of the seed. */
function hash(
  ctx: LowerContext,
  seed: ValueRef,
  keyedCounters: (seed: ValueRef) => ValueRef,
): ValueRef {
  const { emit, constant } = ctx;
  const golden = constant(HASH.golden, "uint32");
  const key = lowbias32(ctx, emit("BitwiseXor", [emit("Mul", [seed, golden]), golden]));
  return lowbias32(ctx, emit("BitwiseXor", [lowbias32(ctx, keyedCounters(seed)), key]));
}

function lowbias32({ emit, constant }: LowerContext, x: ValueRef): ValueRef {
  const mix = (y: ValueRef, bits: number): ValueRef =>
    emit("BitwiseXor", [
      y,
      emit("BitShift", [y, constant(bits, "uint32")], { direction: "RIGHT" }),
    ]);
  const times = (y: ValueRef, factor: number): ValueRef =>
    emit("Mul", [y, constant(factor, "uint32")]);
  return mix(times(mix(times(mix(x, HASH.s1), HASH.m1), HASH.s2), HASH.m2), HASH.s3);
}

/**
 * `[0 ^ seed, 1 ^ seed, ... ]`, `count` of them.
 *
 * A counter is `high * 2^k + low`, hence `high * 2^k ^ low`: xoring a short column with a short row makes them all,
 * and as the seed is in the column, the optimiser cannot fold the whole into the model as a constant.
 */
function counters({ emit, constant }: LowerContext, seed: ValueRef, count: number): ValueRef {
  const width = 2 ** Math.ceil(Math.log2(Math.max(count, 1)) / 2);
  const height = Math.ceil(count / width);
  const high = constant(
    Array.from({ length: height }, (_, i) => i * width),
    "uint32",
    [height, 1],
  );
  const low = constant(
    Array.from({ length: width }, (_, i) => i),
    "uint32",
  );
  const grid = emit("BitwiseXor", [emit("BitwiseXor", [high, seed]), low]);
  const flat = emit("Reshape", [grid, constant([-1], "int64")]);
  if (height * width === count) return flat;
  return emit("Slice", [flat, constant([0], "int64"), constant([count], "int64")]);
}
