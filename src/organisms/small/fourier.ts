// Which frequencies things have that are numbered round a circle, such as the embeddings of numbers modulo p.

import { PatchClampError } from "../../core/errors.ts";

/** A frequency and its part in the whole. */
export interface FrequencyShare {
  /** Turns on the way round the circle, 1 to p / 2. */
  readonly frequency: number;
  /** Part of the power of all frequencies, 0..1. */
  readonly share: number;
}

/**
 * Splits the variation of vectors by frequency.
 *
 * With x_n the vector of number n, frequency k has the power |sum_n x_n exp(-2 pi i k n / p)|^2, summed over the vector's entries. The
 * mean, which is frequency 0, is left out, and of k and p - k, which have the same power, only the first is listed.
 *
 * @param vectors - those of the numbers 0..p-1 in order, all of one length: [p][size]
 * @returns all frequencies with their shares, the strongest first; shares sum to 1
 * @throws PatchClampError `BAD_INPUT` when all vectors are alike, so that nothing varies
 * @source Nanda et al. 2023, "Progress measures for grokking via mechanistic interpretability", arXiv:2301.05217, section 4.1
 */
export function frequencyShares(vectors: readonly ArrayLike<number>[]): FrequencyShare[] {
  if (vectors.every((x) => Array.from(x).join() === Array.from(vectors[0]!).join())) {
    throw new PatchClampError("BAD_INPUT", {
      where: "frequencyShares",
      problem: `the ${vectors.length} vectors are all alike, so they have no frequencies.`,
    });
  }
  const count = Math.floor(vectors.length / 2);
  const frequencies = Array.from({ length: count }, (_, i) => i + 1);
  const powers = frequencies.map((k) => powerAt(vectors, k));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return frequencies
    .map((frequency, i) => ({ frequency, share: powers[i]! / total }))
    .toSorted((a, b) => b.share - a.share);
}

/**
 * Takes all frequencies out of vectors but some; their mean stays.
 *
 * @param vectors - those of the numbers 0..p-1 in order, all of one length: [p][size]
 * @param frequencies - what stays, each in 1..p/2
 * @returns [p][size]
 */
export function onlyFrequencies(
  vectors: readonly ArrayLike<number>[],
  frequencies: readonly number[],
): number[][] {
  const p = vectors.length;
  // what a vector takes of one that is so many steps on: 1 / p for the mean, and 2 / p cos(2 pi k steps / p) for frequency k
  const weights = vectors.map((_, steps) =>
    frequencies.reduce(
      (sum, k) => sum + ((2 * k === p ? 1 : 2) / p) * Math.cos(angleOf(k * steps, p)),
      1 / p,
    ),
  );
  return vectors.map((own, n) =>
    Array.from(own, (_, j) =>
      vectors.reduce((sum, other, m) => sum + weights[(m - n + p) % p]! * other[j]!, 0),
    ),
  );
}

function powerAt(vectors: readonly ArrayLike<number>[], frequency: number): number {
  const angles = vectors.map((_, n) => angleOf(frequency * n, vectors.length));
  const power = (j: number): number => {
    const along = vectors.reduce((sum, x, n) => sum + x[j]! * Math.cos(angles[n]!), 0);
    const across = vectors.reduce((sum, x, n) => sum + x[j]! * Math.sin(angles[n]!), 0);
    return along ** 2 + across ** 2;
  };
  return Array.from(vectors[0] ?? [], (_, j) => power(j)).reduce((sum, x) => sum + x, 0);
}

/** Radians of so many p-th parts of a circle. */
function angleOf(parts: number, p: number): number {
  return (2 * Math.PI * (parts % p)) / p;
}
