import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { answerInContext, answerInWeights, sequenceBatch } from "./in-context-batch.ts";
import { labelledSequence, sequenceKinds } from "./in-context.ts";
import type { LabelledSequence, LabelledSequenceOptions } from "./in-context.ts";
import { itemWorld } from "./item-world.ts";

const world = itemWorld(new Rng(1));

const sequences = (options: LabelledSequenceOptions, count = 100): LabelledSequence[] => {
  const rng = new Rng(2);
  return Array.from({ length: count }, () => labelledSequence(rng, world, options));
};

test.each([
  ["bursty", true, true],
  ["in-weights", false, true],
  ["fresh", true, false],
  ["swapped", true, false],
] as const)(
  "%s sequences are solved in context: %s, in weights: %s",
  (kind, inContext, inWeights) => {
    const all = sequences({ kind });
    expect(all.every(({ solvedBy }) => solvedBy.inContext === inContext)).toBe(true);
    expect(all.every(({ solvedBy }) => solvedBy.inWeights === inWeights)).toBe(true);
  },
);

test.each([
  ["bursty", 1],
  ["in-weights", 0],
  ["fresh", 1],
  ["swapped", 1],
] as const)(
  "in %s sequences the nearest item in context has the share %d of right labels",
  (kind, share) => {
    const all = sequences({ kind });
    const right = all.filter((sequence) => answerInContext(sequence) === sequence.answer);
    expect(right.length / all.length).toBe(share);
  },
);

test.each([
  ["bursty", 1],
  ["in-weights", 1],
  ["swapped", 0],
] as const)(
  "in %s sequences the nearest class of the world has the share %d of right labels",
  (kind, share) => {
    const all = sequences({ kind });
    const right = all.filter((sequence) => answerInWeights(world, sequence) === sequence.answer);
    expect(right.length / all.length).toBe(share);
  },
);

test("knowing the world is worth no more than a guess on fresh classes", () => {
  const hits = sequences({ kind: "fresh" }, 400).filter(
    (sequence) => answerInWeights(world, sequence) === sequence.answer,
  );
  expect(hits.length).toBeLessThan(25 + 4 * Math.sqrt(25)); // one in 16 labels
});

test("independent sequences are solved in context exactly where the class is there", () => {
  const small = itemWorld(new Rng(3), { classes: 16, labels: 16 });
  const rng = new Rng(4);
  const all = Array.from({ length: 300 }, () =>
    labelledSequence(rng, small, { kind: "independent" }),
  );
  const there = all.filter(({ solvedBy }) => solvedBy.inContext);
  for (const sequence of all) {
    expect(sequence.solvedBy.inContext).toBe(answerInContext(sequence) === sequence.answer);
  }
  // one of 16 classes is missing from 8 draws with the chance (15 / 16)^8
  const expected = 300 * (1 - (15 / 16) ** 8);
  expect(Math.abs(there.length - expected)).toBeLessThan(4 * Math.sqrt(expected * 0.6));
});

test.each([1, 2, 4])(
  "with a burstiness of %d every class in the context occurs as often",
  (burstiness) => {
    for (const { classes } of sequences({ burstiness }, 20)) {
      const context = Array.from(classes.subarray(0, 8));
      const counts = context.map((of) => context.filter((other) => other === of).length);
      expect(counts).toEqual(Array<number>(8).fill(burstiness));
    }
  },
);

test("classes are as common as Zipf's law says", () => {
  const skewed = itemWorld(new Rng(5), { classes: 4, labels: 2, zipf: 1 });
  // 1, 1/2, 1/3 and 1/4 over 25/12
  const chances = [12, 6, 4, 3].map((share) => share / 25);
  chances.forEach((chance, k) => expect(skewed.frequencies[k]).toBeCloseTo(chance, 6));
  const rng = new Rng(6);
  const drawn = Array.from({ length: 200 }, () =>
    Array.from(labelledSequence(rng, skewed, { kind: "independent" }).classes),
  ).flat();
  chances.forEach((chance, k) => {
    const count = drawn.filter((of) => of === k).length;
    expect(Math.abs(count - 1800 * chance)).toBeLessThan(
      4 * Math.sqrt(1800 * chance * (1 - chance)),
    );
  });
});

test("items of one class differ by the variation told and keep the length of a class mean", () => {
  const wide = itemWorld(new Rng(7), { dimension: 400, variation: 0.5 });
  const { items, classes } = labelledSequence(new Rng(8), wide);
  const item = (i: number): Float32Array => items.subarray(400 * i, 400 * i + 400);
  const i = classes.indexOf(classes[8]!);
  const apart = item(i).reduce((total, value, k) => total + (value - item(8)[k]!) ** 2, 0);
  // two noises of variance 0.25 / 1.25 each, over 400 numbers
  expect(Math.abs(apart / 0.4 - 1)).toBeLessThan(0.3);
  const length = item(8).reduce((total, value) => total + value ** 2, 0);
  expect(Math.abs(length - 1)).toBeLessThan(0.3);
});

test("tokens are items and label vectors in turn, and the last item has no label", () => {
  const { tokens, items, labels } = labelledSequence(new Rng(9), world, { pairs: 4 });
  const d = world.dimension;
  expect(tokens).toHaveLength(9 * d);
  expect(tokens.subarray(8 * d)).toEqual(items.subarray(4 * d));
  for (let i = 0; i < 4; i++) {
    expect(tokens.subarray(2 * i * d, (2 * i + 1) * d)).toEqual(items.subarray(i * d, (i + 1) * d));
    const label = world.labelVectors.subarray(labels[i]! * d, (labels[i]! + 1) * d);
    expect(tokens.subarray((2 * i + 1) * d, (2 * i + 2) * d)).toEqual(label);
  }
});

test("where the answer stands in the context tells nothing", () => {
  const places = sequences({ burstiness: 1 }, 400).map(({ classes }) =>
    classes.indexOf(classes[8]!),
  );
  for (let place = 0; place < 8; place++) {
    const count = places.filter((p) => p === place).length;
    expect(Math.abs(count - 50)).toBeLessThan(4 * Math.sqrt(50));
  }
});

test("two items of one class stand at no fixed distance in the context", () => {
  const gaps = sequences({}, 200).map(({ classes }) => {
    const context = classes.subarray(0, 8);
    return context.lastIndexOf(context[0]!);
  });
  // the second item of the first one's class is equally likely in each of seven places
  for (let gap = 1; gap < 8; gap++) {
    const count = gaps.filter((g) => g === gap).length;
    expect(Math.abs(count - 200 / 7)).toBeLessThan(4 * Math.sqrt(200 / 7));
  }
});

test("a batch mixes the kinds in the shares told, and is the same for the same state", () => {
  const options = { batch: 600, bursty: 0.5, fresh: 0.4, pairs: 2 };
  const { kinds, tokens, answers } = sequenceBatch(new Rng(10), world, options);
  const share = (kind: string): number => kinds.filter((k) => k === kind).length;
  const expected = { independent: 300, fresh: 120, bursty: 180 };
  for (const [kind, count] of Object.entries(expected)) {
    expect(Math.abs(share(kind) - count)).toBeLessThan(4 * Math.sqrt(count));
  }
  expect(tokens).toHaveLength(600 * 5 * world.dimension);
  expect(sequenceBatch(new Rng(10), world, options).answers).toEqual(answers);
});

test("every kind is the same for the same state and advances it by one word", () => {
  for (const kind of sequenceKinds) {
    const rng = new Rng(11);
    const first = labelledSequence(rng, world, { kind });
    expect(labelledSequence(new Rng(11), world, { kind })).toEqual(first);
    expect(rng.counter).toBe(1);
  }
});

test("sequences that cannot be are refused", () => {
  const rng = new Rng(1);
  expect(() => labelledSequence(rng, world, { burstiness: 3 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: labelledSequence: 8 pairs cannot be made of classes that occur 3 times each.
      fix: let burstiness divide pairs.]
  `);
  const small = itemWorld(rng, { classes: 4, labels: 4 });
  expect(() => labelledSequence(rng, small, { kind: "swapped", burstiness: 2 }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: labelledSequence: the world has 4 labels, but the sequence needs 5.
      fix: make a larger world, or use fewer pairs or a higher burstiness.]
  `);
  expect(() => labelledSequence(rng, small, { kind: "in-weights", burstiness: 2 }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: labelledSequence: the world has 3 classes that may be in the context, but the sequence needs 4.
      fix: make a larger world, or use fewer pairs or a higher burstiness.]
  `);
  expect(() => itemWorld(rng, { classes: 4 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: itemWorld: labels is 16, not a number from 2 to 4.]`,
  );
});
