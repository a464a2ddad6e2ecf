import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { column, number, valueOf } from "./expression.ts";
import { lawNamed, lawNames, laws, relevantColumns } from "./laws.ts";
import { lawTable, standardised } from "./tabular.ts";
import type { Table } from "./tabular.ts";
import { wordCounts } from "./word-counts.ts";

const columnOf = ({ columns, values }: Table, name: string): Float32Array => {
  const at = columns.findIndex((column) => column.name === name);
  return values.filter((_, i) => i % columns.length === at);
};

const correlation = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  const mean = (xs: ArrayLike<number>): number =>
    Array.from(xs).reduce((total, value) => total + value, 0) / xs.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += (a[i]! - ma) * (b[i]! - mb);
    aa += (a[i]! - ma) ** 2;
    bb += (b[i]! - mb) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
};

test.each(lawNames)(
  "%s: the derivatives of the table equal finite differences of its law",
  (law) => {
    const table = lawTable(new Rng(3), { law, rows: 20, correlated: 1, irrelevant: 1 });
    const width = table.columns.length;
    for (let r = 0; r < 20; r++) {
      const row = Object.fromEntries(
        table.columns.map(({ name }, i) => [name, table.values[r * width + i]!]),
      );
      expect(table.clean[r]).toBe(Math.fround(valueOf(table.law.formula, row)));
      table.columns.forEach(({ name, deviation }, i) => {
        const h = 1e-5 * deviation;
        const up = valueOf(table.law.formula, { ...row, [name]: row[name]! + h });
        const down = valueOf(table.law.formula, { ...row, [name]: row[name]! - h });
        // per standard deviation of the column; central differences lose about 1e-10 / 1e-5 of the value to rounding
        const slope = table.derivatives[r * width + i]! * deviation;
        const error = Math.abs(((up - down) / (2 * h)) * deviation - slope);
        expect(error).toBeLessThan(1e-5 * (Math.abs(slope) + Math.abs(up) + 1e-3));
      });
    }
  },
);

test("laws say known things: a metre of string swings in two seconds, 45 degrees throws farthest", () => {
  const period = valueOf(lawNamed("pendulum").formula, { length: 1, gravity: 9.81, amplitude: 0 });
  expect(period).toBeCloseTo(2.006, 3);
  const range = (angle: number): number =>
    valueOf(lawNamed("projectile").formula, { speed: 20, angle, gravity: 9.81 });
  expect(range(Math.PI / 4)).toBeCloseTo(400 / 9.81, 6);
  const image = valueOf(lawNamed("lens").formula, { object: 0.6, focal: 0.2 });
  expect(1 / 0.6 + 1 / image).toBeCloseTo(1 / 0.2, 9);
  const current = { voltage: 12, series: 1, branch1: 10, branch2: 10 };
  expect(valueOf(lawNamed("circuit").formula, current)).toBeCloseTo(2, 9);
  const sines = { incident: 0.5, index1: 1, index2: 1.5 };
  expect(1.5 * Math.sin(valueOf(lawNamed("refraction").formula, sines))).toBeCloseTo(
    Math.sin(0.5),
    9,
  );
  expect(laws.length).toBeGreaterThanOrEqual(6);
});

test("only what the formula names is relevant, and everything else has derivative 0", () => {
  const table = lawTable(new Rng(1), { law: "pendulum", irrelevant: 2, correlated: 2 });
  expect(table.columns.map(({ name, role }) => `${name} ${role}`)).toEqual([
    "length relevant",
    "gravity relevant",
    "amplitude relevant",
    "mass irrelevant",
    "shadow0 shadow",
    "shadow1 shadow",
    "nothing0 irrelevant",
    "nothing1 irrelevant",
  ]);
  const moves = table.columns.map((_, i) =>
    table.derivatives.some((slope, at) => at % table.columns.length === i && slope !== 0),
  );
  expect(moves).toEqual([true, true, true, false, false, false, false, false]);
  expect(relevantColumns(table.law)).toHaveLength(3);
});

test("a shadow correlates with its own column as told and with no other", () => {
  const table = lawTable(new Rng(2), { law: "gas", rows: 4000, correlated: 2, correlation: 0.8 });
  const shadow = columnOf(table, "shadow1");
  // 0.02 and 0.06: standard errors of a correlation over 4,000 rows are 0.006 and 0.016; held-out cells shift it a little
  expect(Math.abs(correlation(shadow, columnOf(table, "temperature")) - 0.8)).toBeLessThan(0.02);
  expect(Math.abs(correlation(shadow, columnOf(table, "amount")))).toBeLessThan(0.06);
});

test("noise adds a share of the target's spread to the target and changes nothing else", () => {
  const options = { law: "oscillator", rows: 2000, correlated: 1, irrelevant: 1 };
  const [quiet, loud] = [0, 0.5].map((noise) => lawTable(new Rng(4), { ...options, noise }));
  expect(loud!.values).toEqual(quiet!.values);
  expect(loud!.clean).toEqual(quiet!.target);
  const variance = (xs: ArrayLike<number>): number => {
    const all = Array.from(xs);
    const mean = all.reduce((a, b) => a + b, 0) / all.length;
    return all.reduce((total, value) => total + (value - mean) ** 2, 0) / all.length;
  };
  const share =
    variance(loud!.target.map((value, i) => value - loud!.clean[i]!)) / variance(loud!.clean);
  expect(Math.abs(share - 0.25)).toBeLessThan(0.03); // both variances are known to 3 to 5 in 100
});

test("classes are cut from the target in order, each with about as many rows", () => {
  const table = lawTable(new Rng(5), { law: "enzyme", rows: 3000, classes: 3 });
  for (let c = 0; c < 3; c++) {
    const rows = table.labels.filter((label) => label === c).length;
    expect(Math.abs(rows - 1000)).toBeLessThan(130); // five standard deviations of a binomial, 26 each
  }
  const { labels, target, thresholds } = table;
  const isWithin = (label: number, r: number): boolean =>
    target[r]! >= (thresholds[label - 1] ?? -Infinity) &&
    target[r]! < (thresholds[label] ?? Infinity);
  expect(labels.every(isWithin)).toBe(true);
});

test("standardised columns have mean 0 and standard deviation 1", () => {
  const table = lawTable(new Rng(6), {
    law: "radiation",
    rows: 4000,
    correlated: 1,
    irrelevant: 1,
  });
  const scaled = standardised(table);
  const width = table.columns.length;
  for (let i = 0; i < width; i++) {
    const values = Array.from(scaled.filter((_, at) => at % width === i));
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const deviation = Math.hypot(...values.map((value) => value - mean)) / Math.sqrt(values.length);
    expect(Math.abs(mean)).toBeLessThan(0.08); // 1 / sqrt(4000) = 0.016, and held-out cells
    expect(Math.abs(deviation - 1)).toBeLessThan(0.05);
  }
});

test("training and held-out rows never share a cell of the relevant columns", () => {
  const cells = (split: "train" | "heldOut", seed: number): string[] => {
    const table = lawTable(new Rng(seed), { law: "lens", rows: 500, split });
    const bins = ["object", "focal"].map((name) => {
      const { range } = table.law.columns.find((column) => column.name === name)!;
      return columnOf(table, name).map((v) =>
        Math.floor((8 * (v - range[0])) / (range[1] - range[0])),
      );
    });
    return Array.from(bins[0]!, (bin, r) => `${bin},${bins[1]![r]}`);
  };
  const held = new Set(cells("heldOut", 1));
  expect(held.size).toBeGreaterThan(2);
  expect(cells("train", 2).filter((cell) => held.has(cell))).toEqual([]);
});

test("the same state gives the same table, and the stream advances by one word", () => {
  const [a, b] = [new Rng(7), new Rng(7)];
  expect(lawTable(a, { law: "hillside", rows: 8 })).toEqual(
    lawTable(b, { law: "hillside", rows: 8 }),
  );
  expect(a.counter).toBe(1);
});

test("a law of one's own is taken, and refused when it names a column that it does not have", () => {
  const range = [0, 1] as const;
  const law = {
    name: "mine",
    target: { name: "y", unit: "1" },
    columns: [{ name: "x", unit: "1", range }],
    formula: column("x"),
  };
  const table = lawTable(new Rng(1), { law, split: "heldOut" });
  expect(table.clean).toEqual(table.values);
  expect(() =>
    lawTable(new Rng(1), { law: { ...law, formula: column("z") } }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: lawTable: the formula of "mine" names z, but its columns are x.]`,
  );
  expect(() =>
    lawTable(new Rng(1), { law: { ...law, formula: number(1) } }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: lawTable: the formula of "mine" names no column, so its target never changes.]`,
  );
});

test("what a table cannot be is refused", () => {
  const rng = new Rng(1);
  expect(() => lawTable(rng, { law: "gravity" })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: lawNamed: there is no law "gravity"; there are pendulum, projectile, lens, circuit, gas, oscillator, enzyme, refraction, radiation, hillside.]`,
  );
  expect(() => lawTable(rng, { law: "gas", noise: -1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: lawTable: noise is -1, not a number of at least 0.]`,
  );
  expect(() => lawTable(rng, { law: "gas", correlation: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: lawTable: correlation is 2, not a number from 0 to 1.]`,
  );
  expect(rng.counter).toBe(0);
});

test("word counts are Poisson: variance equals mean, and rare words are rare", () => {
  const rows = 4000;
  const { counts, rates } = wordCounts(new Rng(1), { rows, words: 6, telling: 2 });
  rates.forEach((rate, word) => {
    const own = Array.from(counts.filter((_, at) => at % 6 === word));
    const mean = own.reduce((a, b) => a + b, 0) / rows;
    const variance = own.reduce((total, k) => total + (k - mean) ** 2, 0) / rows;
    expect(Math.abs(mean - rate)).toBeLessThan(5 * Math.sqrt(rate / rows));
    // the variance of a Poisson sample's variance is about (rate + 2 rate^2) / rows
    expect(Math.abs(variance - rate)).toBeLessThan(5 * Math.sqrt((rate + 2 * rate ** 2) / rows));
  });
});

test("the classes of word counts are as common as their log-odds say", () => {
  const { labels, logOdds, weights } = wordCounts(new Rng(2), { rows: 4000 });
  expect(weights.filter((weight) => weight !== 0)).toHaveLength(12);
  const chances = Array.from(logOdds, (l) => 1 / (1 + Math.exp(-l)));
  const expected = chances.reduce((a, b) => a + b, 0);
  const deviation = Math.sqrt(chances.reduce((total, p) => total + p * (1 - p), 0));
  const ones = labels.filter((label) => label === 1).length;
  expect(Math.abs(ones - expected)).toBeLessThan(5 * deviation);
  const sure = labels.filter((_, row) => chances[row]! > 0.95);
  expect(sure.length).toBeGreaterThan(50);
  expect(sure.filter((label) => label === 1).length / sure.length).toBeGreaterThan(0.93);
});

test("more telling words than words are refused", () => {
  expect(() => wordCounts(new Rng(1), { words: 4, telling: 5 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: wordCounts: telling is 5, not a number from 1 to 4.]`,
  );
});
