import { expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import { drawWithin, splitOf, splits } from "./split.ts";

test.each(splits)("what is drawn within the %s half is in it", (split) => {
  const rng = new Rng(1);
  const keys = Array.from(
    { length: 100 },
    () => drawWithin(split, () => ({ key: `fact|${rng.below(1000)}` })).key,
  );
  expect(keys.map(splitOf)).toEqual(keys.map(() => split));
  expect(new Set(keys).size).toBeGreaterThan(50);
});

test("facts of which none is in a half are no reason to draw for ever", () => {
  const numbers = Array.from({ length: 100 }, (_, i) => `fact|${i}`);
  const key = numbers.find((one) => splitOf(one) === "train")!;
  expect(() => drawWithin("heldOut", () => ({ key }))).toThrow(
    `drawWithin: none of 10000 facts drawn is in the heldOut half; the last one is ${key}.`,
  );
});
