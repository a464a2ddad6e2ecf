// A dose curve in words.

import type { DoseCurve, DosePoint } from "./dose-curve.ts";

/**
 * One sentence on a curve: where it is usable, what it does there against random directions, and where texts fall apart.
 *
 * "share of calm texts: usable at strengths 0.5 to 2, with 0.91 at strength 2 against 0.4 without and 0.45 with random directions of the
 * same norm; texts fall apart from strength 4 on"
 */
export function describeCurve(curve: DoseCurve): string {
  const { metric, band, bandBelow, collapse, collapseBelow } = curve;
  const ends = [
    ...(collapse === undefined ? [] : [`from strength ${short(collapse)} on`]),
    ...(collapseBelow === undefined ? [] : [`from ${short(collapseBelow)} down`]),
  ];
  const parts = [
    band === undefined ? nothing(curve) : usable(curve, band),
    ...(bandBelow === undefined ? [] : [usable(curve, bandBelow)]),
    ...(ends.length === 0 ? [] : [`texts fall apart ${ends.join(" and ")}`]),
  ];
  return `${metric}: ${parts.join("; ")}`;
}

function usable({ points, baseline }: DoseCurve, [from, to]: readonly [number, number]): string {
  const span = from === to ? `strength ${short(from)}` : `strengths ${short(from)} to ${short(to)}`;
  const best = strongest(points, from, to);
  if (best === undefined) return `usable at ${span}`;
  const { effect, strength, randomEffect } = best;
  const without = baseline === undefined ? [] : [`${short(baseline)} without`];
  const random =
    randomEffect === undefined
      ? []
      : [`${short(randomEffect)} with random directions of the same norm`];
  const others = [...without, ...random].join(" and ");
  const against = others === "" ? "" : ` against ${others}`;
  const lack = randomEffect === undefined ? ", not compared with random directions" : "";
  return `usable at ${span}, with ${short(effect)} at strength ${short(strength)}${against}${lack}`;
}

/** The point of a band with the largest effect in its direction. */
function strongest(points: readonly DosePoint[], from: number, to: number): DosePoint | undefined {
  const sign = Math.sign(to);
  return points
    .filter(({ strength }) => strength >= from && strength <= to)
    .toSorted((a, b) => sign * (b.effect - a.effect))[0];
}

function nothing({ points }: DoseCurve): string {
  const most = Math.max(...points.map(({ strength }) => strength));
  if (most <= 0) return "not measured above strength zero";
  return `no usable strength was found up to ${short(most)}`;
}

/** A number with three significant digits. */
function short(x: number): string {
  return `${Number(x.toPrecision(3))}`;
}
