// Time series as sums of named parts, so that what a network finds in one can be held against what was put in.

import { Rng } from "../../core/rng.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { drawWithin, splits } from "../split.ts";
import type { Split } from "../split.ts";
import { requireBetween } from "./_options.ts";
import { drawEvents, eventWidth } from "./_series-events.ts";
import type { SeriesEvent } from "./_series-events.ts";
import { drawRecipe } from "./_series-recipe.ts";
import type { SeriesRecipe } from "./_series-recipe.ts";

export { seriesAnomalies, seriesMotifs } from "./_series-events.ts";
export type { SeriesAnomaly, SeriesEvent, SeriesMotif } from "./_series-events.ts";
export type { SeriesRecipe } from "./_series-recipe.ts";

/** What makes up most of a series. */
export const seriesFamilies = ["trending", "seasonal", "switching", "wandering", "mixed"] as const;

/** One of the families. */
export type SeriesFamily = (typeof seriesFamilies)[number];

export interface SeriesOptions {
  /** Points in time, at least 32; 96 by default. */
  length?: number;
  /** Drawn by default. */
  family?: SeriesFamily;
  /** Standard deviation of the noise, at least 0; the other parts have amplitudes around 1. 0.3 by default. */
  noise?: number;
  /** How often a motif occurs; 0 by default. */
  motifs?: number;
  /** How many anomalies there are; 0 by default. */
  anomalies?: number;
  /** Which half of all recipes (family, periods, slope, levels, memory); `train` by default. */
  split?: Split;
}

/** The parts of a series, each [length]; together they are its values. */
export interface SeriesParts {
  readonly trend: Float32Array;
  /** One for every season of the recipe. */
  readonly seasons: readonly Float32Array[];
  readonly regime: Float32Array;
  readonly noise: Float32Array;
  readonly motifs: Float32Array;
  readonly anomalies: Float32Array;
}

/** A series with all that is true of it. */
export interface SeriesSample {
  /** [length] */
  readonly values: Float32Array;
  readonly family: SeriesFamily;
  readonly recipe: SeriesRecipe;
  readonly parts: SeriesParts;
  /** [length]: the index in `recipe.levels` of the level that holds. */
  readonly regimes: Int32Array;
  /** In order of time; no two overlap. */
  readonly events: readonly SeriesEvent[];
  /** What decides its half of the world. */
  readonly key: string;
}

/**
 * Draws a series of trend, seasons, regimes, first-order autoregressive noise, motifs and anomalies.
 *
 * Each part has a stream of its own: turning one on changes none of the others.
 *
 * @param rng - advances by one word; the same state gives the same series
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range or the events do not fit into the length
 */
export function seriesSample(rng: Rng, options: SeriesOptions = {}): SeriesSample {
  const { length = 96, noise = 0.3, motifs = 0, anomalies = 0, split = "train" } = options;
  requireAtLeast("seriesSample", "length", length, 32);
  requireBetween("seriesSample", "noise", noise, [0, Infinity]);
  requireAtLeast("seriesSample", "motifs", motifs, 0);
  requireAtLeast("seriesSample", "anomalies", anomalies, 0);
  // half of the time is enough for any events to find a place
  requireBetween("seriesSample", "motifs + anomalies", motifs + anomalies, [
    0,
    Math.floor(length / (2 * eventWidth)),
  ]);
  requireOneOf("seriesSample", "split", split, splits);

  const own = new Rng(rng.word());
  const { family = own.split("family").pick(seriesFamilies) } = options;
  requireOneOf("seriesSample", "family", family, seriesFamilies);
  const plan = own.split("recipe");
  const recipe = drawWithin(split, () => drawRecipe(plan, family));

  const along = (value: (t: number) => number): Float32Array =>
    Float32Array.from({ length }, (_, t) => value(t));
  const regimes = drawRegimes(own.split("regimes"), recipe, length);
  const events = drawEvents(own.split("events"), length, { motifs, anomalies });
  const ofKind = (kind: SeriesEvent["kind"]): Float32Array =>
    along((t) => {
      const here = events.find(
        (e) => e.kind === kind && t >= e.start && t < e.start + e.shape.length,
      );
      return here === undefined ? 0 : here.shape[t - here.start]!;
    });
  const parts: SeriesParts = {
    trend: along((t) => recipe.slope * (t / 100)),
    seasons: recipe.seasons.map(({ period, amplitude, phaseRad }) =>
      along((t) => amplitude * Math.sin((2 * Math.PI * t) / period + phaseRad)),
    ),
    regime: Float32Array.from(regimes, (state) => recipe.levels[state]!),
    noise: autoregression(own.split("noise"), { length, memory: recipe.memory, deviation: noise }),
    motifs: ofKind("motif"),
    anomalies: ofKind("anomaly"),
  };
  return { values: total(parts), family, recipe, parts, regimes, events, key: recipe.key };
}

/** Values and families of many series, as networks take them. */
export interface SeriesBatch {
  /** [batch, length] */
  readonly values: Float32Array;
  /** [batch]: the index in `seriesFamilies`. */
  readonly families: Int32Array;
}

/**
 * Draws several series, as `seriesSample` does.
 *
 * @param rng - advances by one word a series
 * @throws PatchClampError `BAD_OPTION` when `batch` is no positive integer, or an option is one that `seriesSample` refuses
 */
export function seriesBatch(rng: Rng, options: SeriesOptions & { batch: number }): SeriesBatch {
  const { batch } = options;
  requireAtLeast("seriesBatch", "batch", batch, 1);
  const samples = Array.from({ length: batch }, () => seriesSample(rng, options));
  const length = samples[0]!.values.length;
  const values = new Float32Array(batch * length);
  samples.forEach((sample, row) => values.set(sample.values, row * length));
  const families = Int32Array.from(samples, ({ family }) => seriesFamilies.indexOf(family));
  return { values, families };
}

/**
 * Draws noise that remembers: x[t] = memory x[t - 1] + e[t], stationary from the start, so that values k steps apart have
 * the correlation memory^k.
 *
 * @param options - `memory` in -1..1, both left out; `deviation` of x, at least 0
 * @returns [length]
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 */
export function autoregression(
  rng: Rng,
  options: { length: number; memory: number; deviation?: number },
): Float32Array {
  const { length, memory, deviation = 1 } = options;
  requireAtLeast("autoregression", "length", length, 1);
  requireBetween("autoregression", "memory", memory, [-0.9999, 0.9999]);
  requireBetween("autoregression", "deviation", deviation, [0, Infinity]);
  const fresh = Math.sqrt(1 - memory ** 2);
  let x = rng.normal();
  return Float32Array.from({ length }, (_, t) => {
    if (t > 0) x = memory * x + fresh * rng.normal();
    return deviation * x;
  });
}

/** A chain that stays `dwell` steps on average and then takes any other level. */
function drawRegimes(rng: Rng, { levels, dwell }: SeriesRecipe, length: number): Int32Array {
  let state = rng.below(levels.length);
  return Int32Array.from({ length }, (_, t) => {
    if (t > 0 && levels.length > 1 && rng.uniform() < 1 / dwell) {
      state = (state + 1 + rng.below(levels.length - 1)) % levels.length;
    }
    return state;
  });
}

function total({ seasons, ...others }: SeriesParts): Float32Array {
  const all = [...seasons, ...Object.values(others)];
  return all[0]!.map((_, t) => all.reduce((sum, part) => sum + part[t]!, 0));
}
