import * as fc from "fast-check";
import { expect, test } from "vitest";

import { waves, waveTurn } from "./waves.ts";

test("how alike two places are depends on how far apart they are alone", () => {
  const place = fc.integer({ min: 0, max: 200 });
  fc.assert(
    fc.property(place, place, place, (a, b, moved) => {
      const options = { size: 16, ratio: 100 };
      const alike = (one: number, other: number): number => {
        const [x, y] = [waves(one, options), waves(other, options)];
        return x.reduce((sum, value, i) => sum + value * y[i]!, 0);
      };
      expect(alike(a, a)).toBeCloseTo(8, 9);
      expect(alike(a + moved, b + moved)).toBeCloseTo(alike(a, b), 9);
    }),
  );
});

test("the shortest wave turns once in 2 pi places, and the waves grow by equal ratios", () => {
  const angles = [1, 10 ** -0.5, 10 ** -1, 10 ** -1.5];
  const expected = [...angles.map(Math.sin), ...angles.map(Math.cos)];
  for (const [i, value] of waves(1, { size: 8, ratio: 100 }).entries())
    expect(value).toBeCloseTo(expected[i]!, 12);
});

test("what turns a place by some places gives the waves of the place there", () => {
  const place = fc.integer({ min: -200, max: 200 });
  fc.assert(
    fc.property(place, place, (at, by) => {
      const options = { size: 16, ratio: 20 };
      const [from, to] = [waves(at, options), waves(at + by, options)];
      const turned = waveTurn(by, options).map((row) =>
        row.reduce((sum, value, i) => sum + value * from[i]!, 0),
      );
      for (const [i, value] of turned.entries()) expect(value).toBeCloseTo(to[i]!, 9);
    }),
  );
});
