// Which strengths of a dose curve are usable.

import type { DosePoint } from "../../values/index.ts";

/** What a band is judged by. */
export interface BandOptions {
  /** The effect without interventions. */
  readonly baseline: number;
  /** Smallest change that counts. */
  readonly least: number;
  /** How many random directions stand behind the points. */
  readonly controls: number;
  /** Where texts fall apart on this side, if anywhere. */
  readonly collapse: number | undefined;
  /** 1 for strengths above zero, which must raise the effect; -1 for those below, which must lower it. */
  readonly side: 1 | -1;
}

/**
 * The longest run of neighbouring strengths that act and do not harm; of equally long ones the weakest. A single strength that stands out
 * among others may be chance, and is no band.
 *
 * @returns from and to, the lower one first; undefined when no strength is usable
 */
export function usableBand(
  points: readonly DosePoint[],
  options: BandOptions,
): [number, number] | undefined {
  const { collapse, side } = options;
  const outward = points
    .filter(({ strength }) => strength * side > 0)
    .toSorted((a, b) => side * (a.strength - b.strength))
    .filter(({ strength }) => collapse === undefined || strength * side < collapse * side);
  let longest: DosePoint[] = [];
  let run: DosePoint[] = [];
  for (const point of outward) {
    run = isBeyondControl(point, options) ? [...run, point] : [];
    if (run.length > longest.length) longest = run;
  }
  if (longest.length < Math.max(1, Math.min(FEWEST, outward.length))) return undefined;
  const [first, last] = [longest[0]!.strength, longest.at(-1)!.strength];
  return side > 0 ? [first, last] : [last, first];
}

/** Neighbouring strengths that make a band, where as many were measured. */
const FEWEST = 2;

/** Student's t for 1, 2, ... degrees of freedom: a share of 0.95 lies below. The last one holds from there on, a little too large. */
const T95 = [6.31, 2.92, 2.35, 2.13, 2.02, 1.94, 1.89, 1.86, 1.83, 1.81];

/** Whether the effect is larger than that of one more random direction would be, at 5 % chance, and large enough to count. */
function isBeyondControl(point: DosePoint, options: BandOptions): boolean {
  const { baseline, least, controls, side } = options;
  const { effect, randomEffect = baseline, randomSpread = 0 } = point;
  const t = controls < 2 ? 0 : T95[Math.min(controls - 2, T95.length - 1)]!;
  const chance = t * randomSpread * Math.sqrt(1 + 1 / Math.max(1, controls));
  const change = side * (effect - randomEffect);
  return change > chance && change >= least && side * (effect - baseline) >= least;
}
