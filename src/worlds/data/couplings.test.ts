import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { drawCouplings, reachOf, runCouplings } from "./couplings.ts";
import type { Couplings } from "./couplings.ts";

/** Solves a x = b by elimination with pivots; a is [n, n]. */
function solve(a: number[][], b: number[]): number[] {
  const rows = a.map((row, i) => [...row, b[i]!]);
  const n = rows.length;
  for (let i = 0; i < n; i++) {
    const pivot = rows
      .slice(i)
      .reduce((best, row) => (Math.abs(row[i]!) > Math.abs(best[i]!) ? row : best));
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(i, 0, pivot);
    for (let j = 0; j < n; j++) {
      if (j === i) continue;
      const factor = rows[j]![i]! / rows[i]![i]!;
      for (let k = i; k <= n; k++) rows[j]![k]! -= factor * rows[i]![k]!;
    }
  }
  return rows.map((row, i) => row[n]! / row[i]!);
}

test("least squares on all channels and lags finds every weight, and 0 where there is no link", () => {
  const [channels, lags, length] = [4, 2, 6000];
  const couplings = drawCouplings(new Rng(1), { channels, lags, links: 4 });
  const x = runCouplings(new Rng(2), couplings, { length });
  const past = (t: number): number[] =>
    Array.from({ length: lags * channels }, (_, i) => {
      const [lag, c] = [1 + Math.floor(i / channels), i % channels];
      return x[(t - lag) * channels + c]!;
    });
  const size = lags * channels;
  const gram = Array.from({ length: size }, () => Array<number>(size).fill(0));
  const moments = Array.from({ length: channels }, () => Array<number>(size).fill(0));
  for (let t = lags; t < length; t++) {
    const p = past(t);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) gram[i]![j]! += p[i]! * p[j]!;
      for (let c = 0; c < channels; c++) moments[c]![i]! += p[i]! * x[t * channels + c]!;
    }
  }
  for (let to = 0; to < channels; to++) {
    const found = solve(gram, moments[to]!);
    found.forEach((weight, i) => {
      const [lag, from] = [1 + Math.floor(i / channels), i % channels];
      const link = couplings.links.find((l) => l.to === to && l.from === from && l.lag === lag);
      const own = from === to && lag === 1 ? couplings.memory : 0;
      // a coefficient's standard error is at most 1 / sqrt(length) = 0.013
      expect(Math.abs(weight - own - (link?.weight ?? 0))).toBeLessThan(0.055);
    });
  }
});

test("an uncoupled channel keeps memory^k of itself, and a driven one follows its driver by the lag", () => {
  const couplings: Couplings = {
    channels: 2,
    memory: 0,
    links: [{ from: 0, to: 1, lag: 3, weight: 0.8 }],
    key: "",
  };
  const length = 10_000;
  const x = runCouplings(new Rng(3), couplings, { length });
  const covariance = (lag: number): number => {
    let total = 0;
    for (let t = lag; t < length; t++) total += x[2 * (t - lag)]! * x[2 * t + 1]!;
    return total / length;
  };
  expect(Math.abs(covariance(3) - 0.8)).toBeLessThan(0.06); // five standard errors of about 0.016
  for (const lag of [0, 1, 2, 4, 5]) expect(Math.abs(covariance(lag))).toBeLessThan(0.06);
});

test("a scale of 0 uncouples the channels, and saturating ones differ from linear ones", () => {
  const couplings = drawCouplings(new Rng(4));
  const run = (options: object): Float32Array => runCouplings(new Rng(5), couplings, options);
  const alone = runCouplings(new Rng(5), { ...couplings, links: [] });
  expect(run({ scale: 0 })).toEqual(alone);
  expect(run({})).not.toEqual(alone);
  expect(run({ isSaturating: true })).not.toEqual(run({}));
});

test("reach counts the links of the shortest chain", () => {
  const link = (from: number, to: number) => ({ from, to, lag: 1, weight: 0.1 });
  const chain: Couplings = { channels: 3, memory: 0, links: [link(0, 1), link(1, 2)], key: "" };
  expect(Array.from(reachOf(chain))).toEqual([0, 1, 2, 0, 0, 1, 0, 0, 0]);
});

test("acyclic couplings never lead back, and nothing has a link to itself", () => {
  for (let seed = 0; seed < 20; seed++) {
    const couplings = drawCouplings(new Rng(seed), { isAcyclic: true, channels: 6, links: 10 });
    const reach = reachOf(couplings);
    expect(couplings.links).toHaveLength(10);
    for (let c = 0; c < 6; c++) expect(reach[7 * c]).toBe(0);
  }
});

test("the same state gives the same couplings, and no wiring is in both halves", () => {
  expect(drawCouplings(new Rng(6))).toEqual(drawCouplings(new Rng(6)));
  const keys = (split: "train" | "heldOut", seed: number): string[] => {
    const rng = new Rng(seed);
    const options = { channels: 3, links: 2, lags: 2, split };
    return Array.from({ length: 100 }, () => drawCouplings(rng, options).key);
  };
  const held = new Set(keys("heldOut", 1));
  expect(keys("train", 2).filter((key) => held.has(key))).toEqual([]);
});

test("channels that would grow without bound are refused", () => {
  expect(() => drawCouplings(new Rng(1), { memory: 0.7, channels: 2, links: 2 }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: drawCouplings: channel 0 keeps and receives 1.2 of what there was, so the channels may grow without bound.
      fix: keep memory plus the absolute weights into each channel below 1.]
  `);
  const couplings = drawCouplings(new Rng(1), { channels: 2, links: 2 });
  expect(() => runCouplings(new Rng(1), couplings, { scale: 4 }))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: runCouplings: channel 0 keeps and receives 2.4 of what there was, so the channels may grow without bound.
      fix: keep memory plus the absolute weights into each channel below 1.]
  `);
  expect(
    runCouplings(new Rng(1), couplings, { scale: 4, isSaturating: true }).every(Number.isFinite),
  ).toBe(true);
});

test("more links than pairs of channels are refused", () => {
  expect(() =>
    drawCouplings(new Rng(1), { channels: 3, links: 4, isAcyclic: true }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: drawCouplings: links is 4, not a number from 1 to 3.]`,
  );
});
