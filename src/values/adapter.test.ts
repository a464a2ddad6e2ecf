import { expect, test } from "vitest";

import { tensor } from "../runtime/index.ts";
import { adapter, adapterScaling, mergeAdapter } from "./adapter.ts";

const targets = {
  "q.weight": {
    a: [
      [1, 2, 3],
      [0, 1, 0],
    ],
    b: [
      [1, 0],
      [2, -1],
    ],
  },
  "o.weight": { a: [[1, 1, 1]], b: [[1], [1]], alpha: 6 },
};
// B A of q: [[1, 2, 3], [2, 3, 6]]
const weights = {
  "q.weight": tensor([
    [1, 0, 0],
    [0, 1, 0],
  ]),
  "other.weight": tensor([[1]]),
};

test("a merged weight is W + alpha / rank * B A", async () => {
  const own = adapter({ alpha: 4, targets: { "q.weight": targets["q.weight"] } });
  const merged = mergeAdapter(weights, own);
  expect(await merged["q.weight"]!.data()).toEqual(Float32Array.of(3, 4, 6, 4, 7, 12));
  expect(merged["other.weight"]).toBe(weights["other.weight"]);
});

test("weights that are stored transposed get the transposed change", async () => {
  const own = adapter({ alpha: 4, isTransposed: true, targets: { w: targets["q.weight"] } });
  const merged = mergeAdapter(
    {
      w: tensor([
        [0, 0],
        [0, 0],
        [0, 0],
      ]),
    },
    own,
  );
  expect(await merged["w"]!.data()).toEqual(Float32Array.of(2, 4, 4, 6, 6, 12));
});

test("strength 0 leaves weights as they are, and -1 undoes the adapter", async () => {
  const own = adapter({ alpha: 4, targets: { "q.weight": targets["q.weight"] } });
  const still = mergeAdapter(weights, own, 0)["q.weight"]!;
  expect(await still.data()).toEqual(await weights["q.weight"].data());
  const back = mergeAdapter(mergeAdapter(weights, own), own, -1)["q.weight"]!;
  expect(await back.data()).toEqual(await weights["q.weight"].data());
});

test("the change is divided by the rank, or by its root where it is rank-stabilised", () => {
  const plain = adapter({ alpha: 8, targets });
  expect(adapterScaling(plain, "q.weight")).toBe(4);
  expect(adapterScaling(plain, "o.weight")).toBe(6);
  const stabilised = adapter({ alpha: 8, targets, isRankStabilised: true });
  expect(adapterScaling(stabilised, "q.weight")).toBeCloseTo(8 / Math.SQRT2, 9);
});

test("a weight that is not there is refused with the nearest names", () => {
  const own = adapter({ alpha: 1, targets });
  expect(() => mergeAdapter(weights, own)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: mergeAdapter: the adapter changes "o.weight", which the network does not have; nearest: q.weight, other.weight.
      fix: use an adapter that was trained for this network.]
  `);
});

test("a weight of another shape is refused", () => {
  const own = adapter({ alpha: 1, targets: { "other.weight": targets["q.weight"] } });
  expect(() => mergeAdapter(weights, own)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: mergeAdapter: the adapter changes "other.weight" as [2, 3], but it is [1, 1].
      fix: use an adapter that was trained for this network.]
  `);
});

test("an adapter of nothing is refused", () => {
  expect(() => adapter({ alpha: 1, targets: {} })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: adapter: targets of the adapter is empty.]`,
  );
});
