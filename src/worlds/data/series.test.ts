import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { autoregression, seriesBatch, seriesFamilies, seriesSample } from "./series.ts";

/** Squared amplitude at each whole number of turns in the series. */
const spectrum = (values: Float32Array): number[] =>
  Array.from({ length: values.length / 2 }, (_, k) => {
    let [re, im] = [0, 0];
    values.forEach((value, t) => {
      const angle = (2 * Math.PI * k * t) / values.length;
      re += value * Math.cos(angle);
      im += value * Math.sin(angle);
    });
    return re ** 2 + im ** 2;
  });

test.each(seriesFamilies)("%s: the parts add up to the values", (family) => {
  const { values, parts } = seriesSample(new Rng(1), {
    family,
    length: 160,
    motifs: 2,
    anomalies: 2,
  });
  const all = [
    parts.trend,
    ...parts.seasons,
    parts.regime,
    parts.noise,
    parts.motifs,
    parts.anomalies,
  ];
  values.forEach((value, t) => {
    const whole = all.reduce((total, part) => total + part[t]!, 0);
    expect(Math.abs(value - whole)).toBeLessThan(1e-5); // float32, up to 7 numbers below 16
  });
});

test("each season's spectrum has its peak at its own period", () => {
  for (let seed = 0; seed < 8; seed++) {
    const { parts, recipe } = seriesSample(new Rng(seed), { family: "seasonal", length: 400 });
    expect(recipe.seasons).toHaveLength(2);
    parts.seasons.forEach((season, i) => {
      const power = spectrum(season);
      const peak = power.indexOf(Math.max(...power));
      expect(Math.abs(peak - 400 / recipe.seasons[i]!.period)).toBeLessThanOrEqual(0.5);
    });
  }
});

test.each([-0.5, 0, 0.6, 0.95])("noise of memory %d has the autocorrelation memory^k", (memory) => {
  const length = 20_000;
  const x = autoregression(new Rng(2), { length, memory, deviation: 2 });
  const covariance = (k: number): number =>
    x.subarray(k).reduce((total, value, t) => total + value * x[t]!, 0) / length;
  // Bartlett: the standard error of a correlation is at most sqrt((1 + m^2) / (1 - m^2) / n)
  const error = Math.sqrt((1 + memory ** 2) / (1 - memory ** 2) / length);
  for (const k of [1, 2, 5]) {
    expect(Math.abs(covariance(k) / covariance(0) - memory ** k)).toBeLessThan(4 * error);
  }
  expect(Math.abs(covariance(0) / 4 - 1)).toBeLessThan(4 * Math.SQRT2 * error);
});

test("noise is as wide at its first step as at any other", () => {
  const rng = new Rng(3);
  const firsts = Array.from(
    { length: 2000 },
    () => autoregression(rng, { length: 1, memory: 0.99 })[0]!,
  );
  const variance = firsts.reduce((total, value) => total + value ** 2, 0) / 2000;
  expect(Math.abs(variance - 1)).toBeLessThan(0.13); // four standard errors, sqrt(2 / 2000) each
});

test("the regime part is the level of the regime, and stays are as long as told", () => {
  const { parts, regimes, recipe } = seriesSample(new Rng(4), {
    family: "switching",
    length: 8000,
  });
  expect(parts.regime).toEqual(Float32Array.from(regimes, (state) => recipe.levels[state]!));
  expect(new Set(regimes).size).toBe(3);
  const changes = regimes.filter((state, t) => t > 0 && state !== regimes[t - 1]).length;
  const expected = 8000 / recipe.dwell;
  expect(Math.abs(changes - expected)).toBeLessThan(4 * Math.sqrt(expected));
});

test("a family has the parts of its name and no other", () => {
  const has = (family: (typeof seriesFamilies)[number]): boolean[] => {
    const { recipe } = seriesSample(new Rng(5), { family });
    return [recipe.slope !== 0, recipe.seasons.length > 0, recipe.levels.length > 1];
  };
  expect(has("trending")).toEqual([true, true, false]);
  expect(has("seasonal")).toEqual([false, true, false]);
  expect(has("switching")).toEqual([false, false, true]);
  expect(has("wandering")).toEqual([false, false, false]);
  expect(has("mixed")).toEqual([true, true, true]);
});

test("events lie within the series and apart, motifs return in one form, and outside nothing is added", () => {
  for (let seed = 0; seed < 20; seed++) {
    const { events, parts } = seriesSample(new Rng(seed), { length: 192, motifs: 3, anomalies: 3 });
    const motifs = events.filter(({ kind }) => kind === "motif");
    expect(motifs).toHaveLength(3);
    expect(new Set(motifs.map(({ shape }) => shape.join())).size).toBe(1);
    const covered = new Int32Array(192);
    for (const { start, shape } of events) shape.forEach((_, i) => covered[start + i]!++);
    expect(events.every(({ start, shape }) => start >= 0 && start + shape.length <= 192)).toBe(
      true,
    );
    expect(Math.max(...covered)).toBe(1);
    expect(parts.anomalies.every((value, t) => value === 0 || covered[t] === 1)).toBe(true);
  }
});

test("an anomaly changes its own steps and no others", () => {
  const [without, with_] = [0, 1].map((anomalies) =>
    seriesSample(new Rng(6), { family: "mixed", anomalies }),
  );
  const { start, shape } = with_!.events[0]!;
  const isOutside = (_: number, t: number): boolean => t < start || t >= start + shape.length;
  expect(with_!.values.filter(isOutside)).toEqual(without!.values.filter(isOutside));
  expect(with_!.values).not.toEqual(without!.values);
});

test("the same state gives the same series, and no recipe is in both halves", () => {
  expect(seriesSample(new Rng(7))).toEqual(seriesSample(new Rng(7)));
  const keys = (split: "train" | "heldOut", seed: number): string[] => {
    const rng = new Rng(seed);
    return Array.from({ length: 200 }, () => seriesSample(rng, { family: "wandering", split }).key);
  };
  const held = new Set(keys("heldOut", 1));
  expect(held.size).toBeGreaterThan(4);
  expect(keys("train", 2).filter((key) => held.has(key))).toEqual([]);
});

test("a batch holds the same series as the samples do", () => {
  const { values, families } = seriesBatch(new Rng(8), { batch: 3, length: 40 });
  const rng = new Rng(8);
  for (let row = 0; row < 3; row++) {
    const sample = seriesSample(rng, { length: 40 });
    expect(values.subarray(40 * row, 40 * row + 40)).toEqual(sample.values);
    expect(seriesFamilies[families[row]!]).toBe(sample.family);
  }
});

test("what a series cannot be is refused", () => {
  const rng = new Rng(1);
  expect(() => seriesSample(rng, { length: 8 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: seriesSample: length is 8, not an integer of at least 32.]`,
  );
  expect(() => seriesSample(rng, { motifs: 2, anomalies: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: seriesSample: motifs + anomalies is 4, not a number from 0 to 3.]`,
  );
  expect(() => autoregression(rng, { length: 4, memory: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: autoregression: memory is 1, not a number from -0.9999 to 0.9999.]`,
  );
});
