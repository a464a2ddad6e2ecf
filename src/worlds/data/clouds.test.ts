import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { conditionClouds, marginClouds } from "./clouds.ts";
import { gaussianMixture, unionOfSubspaces } from "./clusters.ts";

/** Products of all rows of a with all rows of b, [rows of a][rows of b]. */
function products(a: Float32Array, b: Float32Array, dimension: number): number[][] {
  const rows = (m: Float32Array): Float32Array[] =>
    Array.from({ length: m.length / dimension }, (_, i) =>
      m.subarray(i * dimension, (i + 1) * dimension),
    );
  return rows(a).map((u) =>
    rows(b).map((v) => u.reduce((total, value, k) => total + value * v[k]!, 0)),
  );
}

const expectOrthonormal = (rows: Float32Array, dimension: number): void => {
  products(rows, rows, dimension).forEach((row, i) =>
    row.forEach((value, j) => expect(value).toBeCloseTo(i === j ? 1 : 0, 5)),
  );
};

test("every point is on its class's side of every boundary, by the margin or more, and some by hardly more", () => {
  const margin = 0.7;
  const { values, labels, axes } = marginClouds(new Rng(1), { points: 600, classes: 3, margin });
  const gaps = products(values, axes, 16).map((along, i) => {
    const rivals = along.filter((_, c) => c !== labels[i]);
    return (along[labels[i]!]! - Math.max(...rivals)) / Math.SQRT2;
  });
  expect(Math.min(...gaps)).toBeGreaterThan(margin - 1e-5);
  expect(Math.min(...gaps)).toBeLessThan(margin + 0.05);
});

test("points span as many dimensions as classes and rank together, and the frame is orthonormal", () => {
  const { values, axes, nuisance } = marginClouds(new Rng(2), { points: 50, rank: 3 });
  const frame = Float32Array.of(...axes, ...nuisance);
  expectOrthonormal(frame, 16);
  // nothing is left of a point once its part in the frame is taken away
  products(values, frame, 16).forEach((along, i) => {
    const point = values.subarray(16 * i, 16 * i + 16);
    expect(Math.hypot(...along)).toBeCloseTo(Math.hypot(...point), 4);
  });
});

test.each([0, 0.6])(
  "directions that say nothing have variance 1 and the correlation %d",
  (correlation) => {
    const points = 4000;
    const { values, nuisance } = marginClouds(new Rng(3), { points, correlation, rank: 3 });
    const along = products(values, nuisance, 16);
    for (let a = 0; a < 3; a++) {
      for (let b = 0; b < 3; b++) {
        const mean = along.reduce((total, row) => total + row[a]! * row[b]!, 0) / points;
        // four standard errors: at most sqrt(2 / 4000) each
        expect(Math.abs(mean - (a === b ? 1 : correlation))).toBeLessThan(0.09);
      }
    }
  },
);

test("conditions lie where their bits say, and mixing moves them from two axes to XOR", () => {
  const options = { points: 2, dimension: 8, noise: 0 };
  for (const mixing of [0, 0.3, 1]) {
    const { values, bits, axes } = conditionClouds(new Rng(4), { ...options, mixing });
    expectOrthonormal(axes, 8);
    products(values, axes, 8).forEach((along, i) => {
      const [a, b, ab] = bits.subarray(3 * i, 3 * i + 3);
      expect(ab).toBe(a! * b!);
      expect(along[0]).toBeCloseTo((1 - mixing) * a!, 5);
      expect(along[1]).toBeCloseTo((1 - mixing) * b!, 5);
      expect(along[2]).toBeCloseTo(mixing * ab!, 5);
    });
    expect(
      new Set(Array.from({ length: 8 }, (_, i) => bits.slice(3 * i, 3 * i + 3).join())).size,
    ).toBe(4);
  }
});

test("centres of a mixture lie apart as told, and the likeliest cluster is nearly always the true one", () => {
  const mixture = gaussianMixture(new Rng(5), { points: 1000, clusters: 5, separation: 7 });
  const { centres, labels, posteriors } = mixture;
  for (let a = 0; a < 5; a++) {
    for (let b = 0; b < a; b++) {
      const [dx, dy] = [0, 1].map((k) => centres[2 * a + k]! - centres[2 * b + k]!);
      expect(Math.hypot(dx!, dy!)).toBeGreaterThanOrEqual(7);
    }
  }
  const right = labels.filter((label, i) => posteriors[5 * i + label]! > 0.5).length;
  expect(right).toBeGreaterThan(985);
});

test("posteriors are chances that come true: points given 0.7 to 0.9 are right that often", () => {
  const points = 4000;
  const { posteriors, labels } = gaussianMixture(new Rng(6), {
    points,
    clusters: 3,
    separation: 1.5,
  });
  let [expected, hits, variance] = [0, 0, 0];
  for (let at = 0; at < 3 * points; at++) {
    const p = posteriors[at]!;
    if (p < 0.7 || p > 0.9) continue;
    expected += p;
    variance += p * (1 - p);
    hits += labels[Math.floor(at / 3)] === at % 3 ? 1 : 0;
  }
  expect(expected).toBeGreaterThan(300);
  expect(Math.abs(hits - expected)).toBeLessThan(4 * Math.sqrt(variance));
});

test.each([true, false])(
  "points of a union of subspaces are their codes in their bases (right angles: %s)",
  (isOrthogonal) => {
    const { values, labels, bases, codes } = unionOfSubspaces(new Rng(7), {
      points: 40,
      isOrthogonal,
    });
    const along = products(values, bases, 32);
    labels.forEach((label, i) => {
      const own = along[i]!.slice(3 * label, 3 * label + 3);
      own.forEach((value, r) => expect(value).toBeCloseTo(codes[3 * i + r]!, 4));
      expect(Math.hypot(...own)).toBeCloseTo(
        Math.hypot(...values.subarray(32 * i, 32 * i + 32)),
        4,
      );
      const others = along[i]!.filter((_, r) => Math.floor(r / 3) !== label);
      expect(Math.max(...others.map(Math.abs)) < 1e-4).toBe(isOrthogonal);
    });
    for (let s = 0; s < 4; s++) expectOrthonormal(bases.subarray(96 * s, 96 * s + 96), 32);
  },
);

test("the same state gives the same points, and the stream advances by one word", () => {
  for (const draw of [marginClouds, conditionClouds, gaussianMixture, unionOfSubspaces]) {
    const rng = new Rng(8);
    expect(draw(rng)).toEqual(draw(new Rng(8)));
    expect(rng.counter).toBe(1);
  }
});

test("more directions than dimensions are refused", () => {
  const rng = new Rng(1);
  expect(() => marginClouds(rng, { dimension: 5 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: marginClouds: dimension is 5, not an integer of at least 6.]`,
  );
  expect(() =>
    unionOfSubspaces(rng, { dimension: 10, isOrthogonal: true }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: unionOfSubspaces: dimension is 10, not an integer of at least 12.]`,
  );
  expect(() => conditionClouds(rng, { mixing: 1.5 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: conditionClouds: mixing is 1.5, not a number from 0 to 1.]`,
  );
});
