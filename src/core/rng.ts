// Counter-based random numbers: value i of stream `seed` is a pure function of (seed, i), so a stream can be split,
// skipped and resumed, and gives the same bits in Node, in a browser and inside a traced graph (`tensor/ops/random.ts`
// emits the very same integer operations).
//
// The mixing function is the two-round xorshift-multiply hash "lowbias32" (C. Wellons, Hash Prospector, 2018), keyed by
// xoring one half of the seed in before each of two applications.

import { PatchClampError } from "./errors.ts";

/** Multipliers and shifts of lowbias32, shared with the traced form. */
export const HASH = {
  m1: 0x7feb352d,
  m2: 0x846ca68b,
  s1: 16,
  s2: 15,
  s3: 16,
  golden: 0x9e3779b9,
} as const;

function lowbias32(x: number): number {
  x = Math.imul(x ^ (x >>> HASH.s1), HASH.m1);
  x = Math.imul(x ^ (x >>> HASH.s2), HASH.m2);
  return (x ^ (x >>> HASH.s3)) >>> 0;
}

/**
 * Hashes one counter under one key.
 *
 * @param seed - the stream, an integer in 0..2^32-1
 * @param counter - the position in the stream, an integer in 0..2^32-1
 * @returns 32 random bits, an integer in 0..2^32-1
 */
export function hash32(seed: number, counter: number): number {
  const first = lowbias32(counter ^ seed);
  return lowbias32(first ^ lowbias32(Math.imul(seed, HASH.golden) ^ HASH.golden));
}

/** A stream of random numbers: the state is `counter`, and nothing else. */
export class Rng {
  readonly seed: number;
  /** Position in the stream: how many 32-bit words were drawn. */
  counter: number;

  /**
   * @param seed - any integer in 0..2^32-1
   * @throws PatchClampError `BAD_OPTION` when the seed is not such an integer
   */
  constructor(seed: number, counter = 0) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
      throw new PatchClampError("BAD_OPTION", {
        where: "Rng",
        problem: `the seed is ${seed}, not an integer in 0..4294967295.`,
      });
    }
    this.seed = seed;
    this.counter = counter;
  }

  /** 32 random bits, an integer in 0..2^32-1. */
  word(): number {
    return hash32(this.seed, this.counter++);
  }

  /** A number in [0, 1) with 24 random bits, so that float32 holds it exactly. */
  uniform(): number {
    return (this.word() >>> 8) * 2 ** -24;
  }

  /** A number from the standard normal distribution (Box and Muller 1958; two words each). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** An integer in 0..n-1; the bias is below n / 2^32. */
  below(n: number): number {
    return Math.floor((this.word() / 2 ** 32) * n);
  }

  /** One element, each equally likely. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** The integers 0..n-1 in random order (Fisher and Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }

  /** `items` in random order; the argument is left alone. */
  shuffle<T>(items: readonly T[]): T[] {
    return Array.from(this.permutation(items.length), (i) => items[i]!);
  }

  /**
   * An index drawn with probability proportional to its weight.
   *
   * @param weights - non-negative numbers, not all zero
   * @throws PatchClampError `BAD_OPTION` when they are not
   */
  categorical(weights: ArrayLike<number>): number {
    let total = 0;
    for (let i = 0; i < weights.length; i++) {
      if (weights[i]! < 0) throw noDistribution(`weight ${i} is ${weights[i]}`);
      total += weights[i]!;
    }
    if (!(total > 0) || !Number.isFinite(total))
      throw noDistribution(`the weights sum to ${total}`);
    let left = this.uniform() * total;
    for (let i = 0; i < weights.length; i++) {
      left -= weights[i]!;
      if (left < 0) return i;
    }
    let last = weights.length - 1;
    while (weights[last] === 0) last--;
    return last;
  }

  /** `count` standard normal numbers. */
  normals(count: number): Float32Array {
    return Float32Array.from({ length: count }, () => this.normal());
  }

  /** `count` numbers in [0, 1). */
  uniforms(count: number): Float32Array {
    return Float32Array.from({ length: count }, () => this.uniform());
  }

  /** An independent stream, named by a number or a word; the parent does not advance. */
  split(name: number | string): Rng {
    let key = this.seed;
    for (const part of typeof name === "number"
      ? [name]
      : Array.from(name, (c) => c.codePointAt(0)!)) {
      key = hash32(key, part);
    }
    return new Rng(hash32(key, 0x5bd1e995));
  }
}

function noDistribution(problem: string): PatchClampError {
  return new PatchClampError("BAD_OPTION", {
    where: "Rng.categorical",
    problem: `${problem}, so this is no distribution.`,
  });
}
