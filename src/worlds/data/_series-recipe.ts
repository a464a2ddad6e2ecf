// What a series is made of. All numbers are rounded, so that recipes are countable and can be held out.

import type { Rng } from "../../core/rng.ts";
import type { SeriesFamily } from "./series.ts";

/** The numbers behind a series. */
export interface SeriesRecipe {
  /** Rise over 100 steps. */
  readonly slope: number;
  /** `period` in steps. */
  readonly seasons: readonly {
    readonly period: number;
    readonly amplitude: number;
    readonly phaseRad: number;
  }[];
  /** The levels between which the series switches; a single 0 when it does not. */
  readonly levels: readonly number[];
  /** Mean stay on a level, in steps. */
  readonly dwell: number;
  /** Correlation of the noise from one step to the next. */
  readonly memory: number;
  /** The content that decides its half. */
  readonly key: string;
}

/** How much of everything a family has. */
interface Make {
  /** Largest absolute slope, over 100 steps. */
  readonly slope: number;
  readonly seasons: number;
  readonly levels: number;
  readonly memory: readonly [least: number, most: number];
}

const makes: Record<SeriesFamily, Make> = {
  trending: { slope: 4, seasons: 1, levels: 1, memory: [0, 0.5] },
  seasonal: { slope: 0, seasons: 2, levels: 1, memory: [0, 0.5] },
  switching: { slope: 0, seasons: 0, levels: 3, memory: [0, 0.5] },
  wandering: { slope: 0, seasons: 0, levels: 1, memory: [0.9, 0.99] },
  mixed: { slope: 2, seasons: 2, levels: 2, memory: [0, 0.9] },
};

/** Periods in steps: none a multiple of another, so that two seasons never coincide. */
const periods = [5, 7, 8, 9, 11, 12, 13, 17, 19, 23] as const;

/** Draws the numbers of one series of a family. */
export function drawRecipe(rng: Rng, family: SeriesFamily): SeriesRecipe {
  const make = makes[family];
  const round = (value: number, digits: number): number => Number(value.toFixed(digits));
  const between = (least: number, most: number): number => least + (most - least) * rng.uniform();

  const steep = rng.pick([-1, 1]) * between(make.slope / 2, make.slope);
  const seasons = rng
    .shuffle(periods)
    .slice(0, make.seasons)
    .map((period) => ({
      period,
      amplitude: round(between(0.6, 1.4), 1),
      phaseRad: between(0, 2 * Math.PI),
    }));
  // apart by 1.5 at least, so that which one holds can be told through the noise
  const levels = rng
    .shuffle([-3, -1.5, 0, 1.5, 3])
    .slice(0, make.levels)
    .map((level) => (make.levels === 1 ? 0 : level));
  const recipe = {
    slope: make.slope === 0 ? 0 : round(steep, 1),
    seasons,
    levels,
    dwell: 16,
    memory: round(between(...make.memory), 3),
  };
  const content = seasons.map(({ period, amplitude }) => `${period}x${amplitude}`);
  const key = ["series", family, recipe.slope, ...content, ...levels, recipe.memory].join("|");
  return { ...recipe, key };
}
