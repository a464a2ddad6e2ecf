import { expect, test } from "vitest";

import { modularAnswer, modularOperations, modularWorld } from "./modular.ts";
import type { ModularWorld } from "./modular.ts";

const every = ({ problems }: ModularWorld) => [...problems.train, ...problems.heldOut];

test("the first problems stay what they are", () => {
  const { problems } = modularWorld({ p: 59 });
  expect(problems.train.slice(0, 4).map(({ words, answer }) => `${words.join(" ")} ${answer}`))
    .toMatchInlineSnapshot(`
    [
      "34 50 = 25",
      "50 34 = 25",
      "1 14 = 15",
      "14 1 = 15",
    ]
  `);
});

test.each(modularOperations)(
  "%s: answers are what the operation is defined to give",
  (operation) => {
    const p = 13;
    const undone = {
      add: (a: number, b: number, c: number) => (c - b - a) % p === 0,
      subtract: (a: number, b: number, c: number) => (c + b - a) % p === 0,
      multiply: (a: number, b: number, c: number) => (a * b - c) % p === 0,
      divide: (a: number, b: number, c: number) => (b * c - a) % p === 0,
    }[operation];
    for (const { a, b, answer } of every(modularWorld({ p, operation, trainShare: 0.5 }))) {
      expect(answer).toBeGreaterThanOrEqual(0);
      expect(answer).toBeLessThan(p);
      expect(undone(a, b, answer)).toBe(true);
    }
  },
);

test.each(modularOperations)("%s: every pair is in one half, once", (operation) => {
  const p = 11;
  const pairs = every(modularWorld({ p, operation })).map(({ a, b }) => `${a} ${b}`);
  expect(new Set(pairs).size).toBe(pairs.length);
  expect(pairs).toHaveLength(operation === "divide" ? p * (p - 1) : p * p);
});

test.each(["add", "multiply"] as const)(
  "%s: a pair is in the half of its mirror image",
  (operation) => {
    const { train } = modularWorld({ p: 17, operation }).problems;
    const seen = new Set(train.map(({ a, b }) => `${a} ${b}`));
    expect(train.filter(({ a, b }) => !seen.has(`${b} ${a}`))).toEqual([]);
  },
);

test("training sees the share that was asked for, and another seed another part", () => {
  const [first, second] = [1, 2].map((seed) => modularWorld({ p: 31, trainShare: 0.6, seed }));
  const { train, heldOut } = first!.problems;
  // a mirrored pair may be one too many or too few
  expect(Math.abs(train.length / (train.length + heldOut.length) - 0.6)).toBeLessThan(0.02);
  expect(second!.problems.train).not.toEqual(train);
  expect(modularWorld({ p: 31, trainShare: 0.6, seed: 1 })).toEqual(first);
});

test("word i of the vocabulary is the number i, and a problem is made of such words", () => {
  const world = modularWorld({ p: 7 });
  expect(world.vocabulary).toEqual(["0", "1", "2", "3", "4", "5", "6", "="]);
  for (const { a, b, words } of every(world)) expect(words).toEqual([`${a}`, `${b}`, "="]);
});

test("division undoes multiplication, for large numbers too", () => {
  const p = 65521; // the largest prime below 2^16
  for (const [a, b] of [
    [3, 65520],
    [40000, 50000],
    [1, 2],
  ] as const)
    expect(modularAnswer("multiply", p, [modularAnswer("divide", p, [a, b]), b])).toBe(a);
});

test("refused options say what is wrong", () => {
  expect(() => modularWorld({ p: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: modularWorld: p is 1, not an integer from 2 to 1000.]`,
  );
  expect(() => modularWorld({ p: 15, operation: "divide" })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: modularWorld: p is 15, which 3 divides, and not every number can be divided by another modulo 15.
      fix: give a prime, such as 53, 59 or 113.]
  `);
  expect(() =>
    modularWorld({ p: 5, operation: "power" as never }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: modularWorld: operation is "power", not one of "add", "subtract", "multiply", "divide".]`,
  );
  expect(() => modularWorld({ p: 5, trainShare: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: modularWorld: trainShare is 0, not a number above 0 and up to 1.]`,
  );
  expect(() => modularWorld({ p: 2, trainShare: 0.99 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: modularWorld: a trainShare of 0.99 of 3 pairs leaves one half empty.]`,
  );
});
