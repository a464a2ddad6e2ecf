import * as fc from "fast-check";
import { expect, test } from "vitest";

import { maxDifference } from "../../../test/tiny.ts";
import { Rng } from "../../core/rng.ts";
import { cosine } from "../../values/index.ts";
import {
  dot,
  halfDifference,
  meanRow,
  partAlong,
  principalComponent,
  separation,
} from "./learn-linear.ts";

const rowsOf = (rng: Rng, count: number, width: number): Float64Array[] =>
  Array.from({ length: count }, () => Float64Array.from(rng.normals(width)));

test("half the difference of means is half the difference of means", () => {
  const half = halfDifference(
    [
      [1, 5],
      [3, 7],
    ],
    [[0, 10]],
  );
  expect([...half]).toEqual([1, -2]);
});

test("the part along a direction is the projection, whatever the direction's length or sign", () => {
  for (const along of [Float64Array.of(2, 2), Float64Array.of(-0.1, -0.1)]) {
    const part = partAlong([3, 4], along);
    expect(maxDifference(part, [3.5, 3.5])).toBeLessThan(1e-12);
  }
});

test("no direction explains more of the differences than the first component, and the map leaves it alone", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1e6 }),
      fc.integer({ min: 2, max: 12 }),
      (seed, count) => {
        const rng = new Rng(seed);
        const width = 6;
        const planted = rng.normals(width);
        const rows = rowsOf(rng, count, width).map((row) =>
          row.map((x, i) => 0.5 * x + 2 * planted[i]!),
        );
        const { unit, explained } = principalComponent(rows, meanRow(rows));
        const total = rows.reduce((sum, row) => sum + dot(row, row), 0);
        const share = (u: ArrayLike<number>): number =>
          rows.reduce((sum, row) => sum + dot(row, u) ** 2, 0) / dot(u, u) / total;
        expect(dot(unit, unit)).toBeCloseTo(1, 10);
        expect(explained).toBeCloseTo(share(unit), 8);
        for (const other of rowsOf(rng, 20, width)) {
          expect(share(other)).toBeLessThanOrEqual(explained + 1e-9);
          // near the component, where a maximum that was missed would show
          const near = unit.map((x, i) => x + 0.01 * other[i]!);
          expect(share(near)).toBeLessThanOrEqual(explained + 1e-9);
        }
      },
    ),
    { seed: 4, numRuns: 40 },
  );
});

test("the component is taken about zero: what all differences share is it", () => {
  const rows = [
    [10, 1],
    [10, -1],
    [10, 0],
  ];
  const { unit, explained } = principalComponent(rows, meanRow(rows));
  expect(Math.abs(cosine(Float32Array.from(unit), Float32Array.of(1, 0)))).toBeCloseTo(1, 6);
  expect(explained).toBeCloseTo(300 / 302, 8);
});

test("separation counts how often positives lie further along, ties half, and the distance in deviations", () => {
  const direction = [1, 0];
  const at = (...xs: number[]): number[][] => xs.map((x) => [x, 9]);
  expect(separation(direction, at(3, 5), at(0, 2))).toEqual({ auc: 1, distance: 3 });
  expect(separation(direction, at(0, 2), at(3, 5))).toEqual({ auc: 0, distance: -3 });
  expect(separation(direction, at(1, 2), at(1, 2)).auc).toBe(0.5);
  expect(separation(direction, at(1), at(1))).toEqual({ auc: 0.5, distance: 0 });
  expect(separation(direction, at(2), at(1)).distance).toBe(Infinity);
});
