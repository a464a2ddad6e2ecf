import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { Tree } from "./tree.ts";
import { fillTree, leaves, mapTree, treeOf } from "./tree.ts";

const { tree: trees } = fc.letrec<{ tree: Tree<number> }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.integer(),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), tie("tree"), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  ),
}));

test("filling a tree with its own leaves gives the tree", () => {
  fc.assert(
    fc.property(trees, (tree) => {
      const values = leaves(tree).map(([, leaf]) => leaf);
      expect(fillTree(tree, values)).toEqual(tree);
    }),
    { seed: 1, numRuns: 200 },
  );
});

test("mapping keeps paths and order", () => {
  fc.assert(
    fc.property(trees, (tree) => {
      const doubled = mapTree(tree, (leaf) => leaf * 2);
      expect(leaves(doubled)).toEqual(leaves(tree).map(([path, leaf]) => [path, leaf * 2]));
      const paths = leaves(mapTree<number, string>(tree, (_, path) => path));
      expect(paths.every(([path, own]) => path === own)).toBe(true);
    }),
    { seed: 2, numRuns: 200 },
  );
});

test("paths are dotted, also through lists", () => {
  const tree: Tree<number> = { blocks: [{ wQ: 1, wK: 2 }, { wQ: 3 }], embed: 4 };
  expect(leaves<number>(tree)).toEqual([
    ["blocks.0.wQ", 1],
    ["blocks.0.wK", 2],
    ["blocks.1.wQ", 3],
    ["embed", 4],
  ]);
  expect(leaves<number>(5)).toEqual([["", 5]]);
});

test("an object of a class is a leaf, and a caller may say what else is", () => {
  const bytes = new Uint8Array(2);
  expect(leaves<unknown>({ a: bytes, b: new Map() })).toHaveLength(2);
  const isPair = (value: unknown): boolean =>
    typeof value === "number" || (Array.isArray(value) && value.length === 2);
  expect(leaves<unknown>({ a: [1, 2], b: [3] }, isPair)).toEqual([
    ["a", [1, 2]],
    ["b.0", 3],
  ]);
});

test("too few or too many values do not fill a tree", () => {
  expect(() => fillTree({ a: 1, b: 2 }, [1])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: fillTree: the tree has 2 leaves, but 1 values were given.]`,
  );
  expect(() => fillTree({ a: 1 }, [1, 2, 3])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: fillTree: the tree has 1 leaves, but 3 values were given.]`,
  );
});

test("the tree of a tree's paths is the tree", () => {
  const tree = {
    embed: 1,
    blocks: [{ wQ: 2 }, { wQ: 3, bQ: 4 }],
    ends: { last: [5, 6] },
  } as Tree<number>;
  expect(treeOf(leaves<number>(tree))).toEqual(tree);
});
