// The strength of a set: which one its dose curve speaks for, and how it becomes the set's own.

import { interventionSet } from "../../values/index.ts";
import type { DoseCurve, InterventionSet } from "../../values/index.ts";

/** A strength and what it does. */
export interface StrengthChoice {
  readonly strength: number;
  /** In the unit of the curve. */
  readonly effect: number;
}

/**
 * The strength above zero with the largest effect in the usable band; the weakest of equals.
 *
 * @returns undefined where the curve has no band
 */
export function bestInBand({ points, band }: DoseCurve): StrengthChoice | undefined {
  if (band === undefined) return undefined;
  const [first, ...others] = points.filter(
    ({ strength }) => strength > 0 && strength >= band[0] && strength <= band[1],
  );
  if (first === undefined) return undefined;
  const { strength, effect } = others.reduce((a, b) => (b.effect > a.effect ? b : a), first);
  return { strength, effect };
}

/**
 * A set of directions that does at strength 1 what this one does at another. Its curve goes with it.
 *
 * @param set - of the kind `add` throughout
 * @param strength - above 0
 */
export function atStrength(set: InterventionSet, strength: number): InterventionSet {
  const { interventions, curve } = set;
  return interventionSet({
    ...set,
    interventions: interventions.map((one) =>
      one.kind === "add" ? { ...one, scale: one.scale * strength } : one,
    ),
    ...(curve === undefined ? {} : { curve: curveAt(curve, strength) }),
  });
}

function curveAt(curve: DoseCurve, unit: number): DoseCurve {
  const { points, collapse, collapseBelow, band, bandBelow } = curve;
  const range = ([from, to]: readonly [number, number]): [number, number] => [
    from / unit,
    to / unit,
  ];
  return {
    ...curve,
    points: points.map((point) => ({ ...point, strength: point.strength / unit })),
    ...(collapse === undefined ? {} : { collapse: collapse / unit }),
    ...(collapseBelow === undefined ? {} : { collapseBelow: collapseBelow / unit }),
    ...(band === undefined ? {} : { band: range(band) }),
    ...(bandBelow === undefined ? {} : { bandBelow: range(bandBelow) }),
  };
}
