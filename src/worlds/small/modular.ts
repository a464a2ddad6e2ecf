// Arithmetic modulo p: a world so small that every problem in it can be listed. A network can learn the half it is shown
// by heart, or find the rule that gives the other half as well.

import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import { requireOneOf } from "../_options.ts";
import type { Split } from "../split.ts";
import { requireCount, requireShare } from "./_options.ts";

/** a + b, a - b, a b, and the c for which b c = a, each modulo p. */
export const modularOperations = ["add", "subtract", "multiply", "divide"] as const;

/** What is done with two numbers. */
export type ModularOperation = (typeof modularOperations)[number];

/** Options of `modularWorld`. */
export interface ModularOptions {
  /** The modulus, 2 to 1000; a prime for division. */
  p: number;
  /** Default `add`. */
  operation?: ModularOperation;
  /** Share of the pairs that training sees, above 0 and below 1. Default 0.3, as in the paper. */
  trainShare?: number;
  /** Decides which pairs these are. Default 0. */
  seed?: number;
}

/** Two numbers and what the operation makes of them, each in 0..p-1. */
export interface ModularProblem {
  readonly a: number;
  readonly b: number;
  readonly answer: number;
  /** What a network reads, such as `["12", "5", "="]`; the answer comes next. */
  readonly words: readonly string[];
}

/** All problems of one operation, in two halves. */
export interface ModularWorld {
  readonly p: number;
  readonly operation: ModularOperation;
  /** The numbers in order, so that word i is the number i, and then `=`. */
  readonly vocabulary: readonly string[];
  /** Every problem once, in random order. Where the operation commutes, a pair and its mirror image are in the same half. */
  readonly problems: Readonly<Record<Split, readonly ModularProblem[]>>;
}

/**
 * Lists the problems of an operation and parts them into what training sees and what it does not.
 *
 * @throws PatchClampError `BAD_OPTION` when `p` is out of its range or, for division, no prime; when `operation` is none of
 * those listed; or when a half would be empty
 * @source Power et al. 2022, "Grokking", arXiv:2201.02177; Nanda et al. 2023, arXiv:2301.05217
 */
export function modularWorld(options: ModularOptions): ModularWorld {
  const { p, operation = "add", trainShare = 0.3, seed = 0 } = options;
  requireCount("modularWorld", "p", p, [2, 1000]);
  requireOneOf("modularWorld", "operation", operation, modularOperations);
  requireShare("modularWorld", "trainShare", trainShare);
  if (operation === "divide") requirePrime(p);

  const groups = new Rng(seed).split("pairs").shuffle(groupsOfPairs(p, operation));
  const cut = Math.round(trainShare * groups.length);
  if (cut === 0 || cut === groups.length) throw emptyHalf(trainShare, groups.length);
  const problems = (part: readonly Pair[][]): ModularProblem[] =>
    part.flat().map(([a, b]) => ({
      a,
      b,
      answer: modularAnswer(operation, p, [a, b]),
      words: [String(a), String(b), "="],
    }));
  return {
    p,
    operation,
    vocabulary: [...Array.from({ length: p }, (_, i) => String(i)), "="],
    problems: { train: problems(groups.slice(0, cut)), heldOut: problems(groups.slice(cut)) },
  };
}

/** Two numbers in 0..p-1. */
type Pair = readonly [a: number, b: number];

/**
 * What an operation makes of two numbers.
 *
 * @param p - the modulus; a prime for division
 * @param pair - two numbers in 0..p-1; the second is not 0 in division
 * @returns a number in 0..p-1
 */
export function modularAnswer(operation: ModularOperation, p: number, [a, b]: Pair): number {
  switch (operation) {
    case "add":
      return (a + b) % p;
    case "subtract":
      return (a - b + p) % p;
    case "multiply":
      return (a * b) % p;
    case "divide":
      return (a * power(b, p - 2, p)) % p; // b^(p-2) b = b^(p-1) = 1, by Fermat's little theorem
  }
}

/** base^exponent modulo p, by squaring. */
function power(base: number, exponent: number, p: number): number {
  if (exponent === 0) return 1;
  const root = power(base, Math.floor(exponent / 2), p);
  return (((root * root) % p) * (exponent % 2 === 1 ? base : 1)) % p;
}

/** Pairs that must not be parted: a held-out pair would be given away by its mirror image. */
function groupsOfPairs(p: number, operation: ModularOperation): Pair[][] {
  const commutes = operation === "add" || operation === "multiply";
  const groups: Pair[][] = [];
  for (let a = 0; a < p; a++) {
    for (let b = operation === "divide" ? 1 : 0; b < p; b++) {
      if (!commutes || a === b) groups.push([[a, b]]);
      else if (a < b)
        groups.push([
          [a, b],
          [b, a],
        ]);
    }
  }
  return groups;
}

function requirePrime(p: number): void {
  const divisor = Array.from({ length: p - 2 }, (_, i) => i + 2).find((d) => p % d === 0);
  if (divisor === undefined) return;
  throw new PatchClampError("BAD_OPTION", {
    where: "modularWorld",
    problem: `p is ${p}, which ${divisor} divides, and not every number can be divided by another modulo ${p}.`,
    fix: "give a prime, such as 53, 59 or 113.",
  });
}

function emptyHalf(trainShare: number, count: number): PatchClampError {
  return new PatchClampError("BAD_OPTION", {
    where: "modularWorld",
    problem: `a trainShare of ${trainShare} of ${count} pairs leaves one half empty.`,
  });
}
