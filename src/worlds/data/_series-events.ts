// Things that happen once in a series: motifs that return in the same form, and anomalies that should not be there.

import type { Rng } from "../../core/rng.ts";

/** The motifs, each a fixed form of 16 steps. */
export const seriesMotifs = ["hump", "saw", "chirp", "double"] as const;

/** The anomalies: one wild point, a level that holds for 8 steps, or 16 steps of fast ringing. */
export const seriesAnomalies = ["spike", "shift", "ringing"] as const;

export type SeriesMotif = (typeof seriesMotifs)[number];
export type SeriesAnomaly = (typeof seriesAnomalies)[number];

/** Something that was added to a series. */
export type SeriesEvent = {
  /** First step. */
  readonly start: number;
  /** What is added at each step from `start` on. */
  readonly shape: Float32Array;
} & (
  | { readonly kind: "motif"; readonly name: SeriesMotif }
  | { readonly kind: "anomaly"; readonly name: SeriesAnomaly }
);

/** The room of one event, in steps. */
export const eventWidth = 16;

const motifAt: Record<SeriesMotif, (u: number) => number> = {
  hump: (u) => 2 * Math.sin(Math.PI * u),
  saw: (u) => 2 * (1 - u),
  chirp: (u) => 1.5 * Math.sin(4 * Math.PI * u * (0.5 + u)),
  double: (u) => 2 * Math.abs(Math.sin(2 * Math.PI * u)),
};

/**
 * Draws events that do not overlap.
 *
 * @param counts - together at most as many as fit, which the caller has made sure of
 * @returns in order of time
 */
export function drawEvents(
  rng: Rng,
  length: number,
  counts: { readonly motifs: number; readonly anomalies: number },
): SeriesEvent[] {
  const count = counts.motifs + counts.anomalies;
  const starts = drawStarts(rng, length, count);
  const isMotif = rng.permutation(count);
  const name = rng.pick(seriesMotifs);
  return starts.map((start, i) =>
    isMotif[i]! < counts.motifs
      ? // one form a series: a motif is what returns
        { kind: "motif", name, start, shape: steps(eventWidth, motifAt[name]) }
      : { kind: "anomaly", ...drawAnomaly(rng), start },
  );
}

/** Deals the free steps at random between the events (stars and bars). */
function drawStarts(rng: Rng, length: number, count: number): number[] {
  const free = length - count * eventWidth;
  const cuts = Array.from({ length: count }, () => rng.below(free + 1)).toSorted((a, b) => a - b);
  return cuts.map((cut, i) => cut + i * eventWidth);
}

function drawAnomaly(rng: Rng): { name: SeriesAnomaly; shape: Float32Array } {
  const name = rng.pick(seriesAnomalies);
  const size = rng.pick([-1, 1]) * (4 + 2 * rng.uniform());
  switch (name) {
    case "spike":
      return { name, shape: Float32Array.of(size) };
    case "shift":
      return { name, shape: steps(8, () => size) };
    case "ringing":
      return {
        name,
        shape: steps(16, (u) => 0.5 * size * (Math.round(u * 16) % 2 === 0 ? 1 : -1)),
      };
  }
}

const steps = (width: number, form: (u: number) => number): Float32Array =>
  Float32Array.from({ length: width }, (_, i) => form(i / width));
