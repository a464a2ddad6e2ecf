import * as fc from "fast-check";
import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { featuresAbove, featureTree, featureTreeRows, siblingsOf } from "./hierarchy.ts";
import type { FeatureTree, FeatureTreeOptions } from "./hierarchy.ts";

const trees = fc.record({
  branching: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
  probability: fc.double({ min: 0.05, max: 1, noNaN: true }),
  childProbability: fc.double({ min: 0.05, max: 1, noNaN: true }),
  isExclusive: fc.boolean(),
  least: fc.double({ min: 0.05, max: 1, noNaN: true }),
});

/** Which features are on, row by row. */
function rowsOn(tree: FeatureTree, { seed, rows }: { seed: number; rows: number }): Set<number>[] {
  const x = featureTreeRows(new Rng(seed), tree, rows);
  const width = tree.features.length;
  return Array.from(
    { length: rows },
    (_, row) =>
      new Set(tree.features.map(({ index }) => index).filter((i) => x[row * width + i]! > 0)),
  );
}

test("a child is on only with its parent, and exclusive siblings never together", () => {
  fc.assert(
    fc.property(trees, fc.nat(), (options, seed) => {
      const tree = featureTree(options);
      for (const on of rowsOn(tree, { seed, rows: 20 })) {
        for (const i of on) {
          expect(featuresAbove(tree, i).filter((above) => !on.has(above))).toEqual([]);
          if (!tree.isExclusive) continue;
          expect(siblingsOf(tree, i).filter((sibling) => on.has(sibling))).toEqual([]);
        }
      }
    }),
    { seed: 1, numRuns: 30 },
  );
});

test("a tree has as many features as its levels ask for, parents before children", () => {
  fc.assert(
    fc.property(trees, (options) => {
      const { features } = featureTree(options);
      const sizes = options.branching.map((_, i) =>
        options.branching.slice(0, i + 1).reduce((product, count) => product * count, 1),
      );
      expect(features).toHaveLength(sizes.reduce((sum, size) => sum + size, 0));
      for (const [i, { index, depth, parent, children }] of features.entries()) {
        expect(index).toBe(i);
        expect(depth).toBe(parent === undefined ? 0 : features[parent]!.depth + 1);
        expect(parent ?? -1).toBeLessThan(i);
        expect(children).toEqual(
          features.flatMap((child) => (child.parent === i ? [child.index] : [])),
        );
      }
    }),
    { seed: 2, numRuns: 30 },
  );
});

test.each([true, false])(
  "features are on as often as the tree says (exclusive: %s)",
  (isExclusive) => {
    const rows = 20_000;
    const tree = featureTree({ branching: [2, 3, 2], probability: 0.5, isExclusive });
    const all = rowsOn(tree, { seed: 4, rows });
    for (const { index, probability } of tree.features) {
      const share = all.filter((on) => on.has(index)).length / rows;
      // four standard deviations of a share of 20,000 draws
      expect(Math.abs(share - probability)).toBeLessThan(4 * Math.sqrt(0.25 / rows));
    }
  },
);

test("roots know nothing of each other", () => {
  const rows = 20_000;
  const tree = featureTree({ branching: [2, 2], probability: 0.5 });
  const [first, second] = tree.features.flatMap(({ index, parent }) =>
    parent === undefined ? [index] : [],
  );
  const both = rowsOn(tree, { seed: 4, rows }).filter((on) => on.has(first!) && on.has(second!));
  expect(Math.abs(both.length / rows - 0.25)).toBeLessThan(4 * Math.sqrt(0.25 / rows));
});

test("a feature that is on has at least the least value", () => {
  const values = (least: number): number[] =>
    [...featureTreeRows(new Rng(2), featureTree({ least }), 500)].filter((value) => value > 0);
  expect(new Set(values(1))).toEqual(new Set([1]));
  expect(Math.min(...values(0.25))).toBeGreaterThanOrEqual(0.25);
  expect(Math.max(...values(0.25))).toBeLessThanOrEqual(1);
  expect(Math.min(...values(0.25))).toBeLessThan(0.3);
});

test("refused options say what is wrong", () => {
  const refused = (options: FeatureTreeOptions) => () => featureTree(options);
  expect(refused({ branching: [] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: featureTree: the number of levels in branching is 0, not an integer of at least 1.]`,
  );
  expect(refused({ branching: [3, 0] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: featureTree: branching[1] is 0, not an integer of at least 1.]`,
  );
  expect(refused({ probability: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: featureTree: probability is 0, not a number above 0 and up to 1.]`,
  );
  expect(refused({ childProbability: 1.2 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: featureTree: childProbability is 1.2, not a number above 0 and up to 1.]`,
  );
  expect(refused({ least: Number.NaN })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: featureTree: least is NaN, not a number above 0 and up to 1.]`,
  );
});
