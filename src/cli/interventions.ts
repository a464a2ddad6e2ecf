// The files that the user steers with: opened, compared with the network at hand, and announced.

import type { LanguageNetwork } from "../network/language.ts";
import { originOf } from "../values/index.ts";
import type { DoseCurve, InterventionSet, Origin } from "../values/index.ts";
import { readSet } from "./value-formats.ts";

/** A set of interventions from a file. */
export interface LoadedSet {
  /** The file. */
  readonly path: string;
  readonly set: InterventionSet;
  /** Whether the network at hand is the one that it was made for. */
  readonly origin: Origin;
}

/**
 * Reads the interventions of files for a network.
 *
 * @param note - gets a line about each of them
 * @throws PatchClampError what `readSet` throws, and `SHAPE_MISMATCH` when one was made for a network of another width
 */
export async function loadSets(
  net: LanguageNetwork,
  paths: readonly string[],
  note: (line: string) => void = () => undefined,
): Promise<LoadedSet[]> {
  const loaded: LoadedSet[] = [];
  for (const path of paths) {
    const set = await readSet(path);
    const one = { path, set, origin: originOf(path, set.madeFor, await net.identity()) };
    loaded.push(one);
    note(announcement(one));
  }
  return loaded;
}

/** The sets alone, as `interventions` of a generation. */
export function setsOf(loaded: readonly LoadedSet[]): InterventionSet[] {
  return loaded.map(({ set }) => set);
}

/** What `--json` says of the files. */
export function listed(loaded: readonly LoadedSet[]): readonly Readonly<Record<string, unknown>>[] {
  return loaded.map(({ path, set: { name, curve }, origin }) => ({
    file: path,
    name: name ?? null,
    bands: curve === undefined ? null : bandsOf(curve),
    origin,
  }));
}

/** One line: what a file is called, at which strengths it is of use, and whether it was made for another network. */
export function announcement({ path, set, origin }: LoadedSet): string {
  const { name, curve, madeFor } = set;
  const called = name === undefined ? path : `${name} (${path})`;
  const stranger =
    origin === "different"
      ? `. It was made for ${madeFor!.network} with other weights, so what was measured need not hold here`
      : "";
  return `${called}: ${bandWords(curve)}${stranger}.`;
}

/** "usable at strengths 0.5 to 3, and at -3 to -1". */
function bandWords(curve: DoseCurve | undefined): string {
  if (curve === undefined) return "its dose curve was not measured";
  const bands = bandsOf(curve).map(rangeWords);
  return bands.length === 0
    ? `no usable strength was found (${curve.metric})`
    : `usable at strength${bands.length === 1 && !bands[0]!.includes(" to ") ? "" : "s"} ${bands.join(" and at ")} (${curve.metric})`;
}

function bandsOf({ band, bandBelow }: DoseCurve): (readonly [number, number])[] {
  return [band, bandBelow].filter((one) => one !== undefined);
}

function rangeWords([low, high]: readonly [number, number]): string {
  return low === high ? short(low) : `${short(low)} to ${short(high)}`;
}

/** A number with three significant digits. */
function short(x: number): string {
  return `${Number(x.toPrecision(3))}`;
}

/** Where a strength lies on the curves of some sets. */
export type Dose = "usable" | "outside" | "collapsed" | "unknown";

/**
 * Judges a strength by the curves; the worst counts.
 *
 * @returns `unknown` when no curve says anything, and at strength 0, which changes nothing
 */
export function doseOf(strength: number, sets: readonly InterventionSet[]): Dose {
  const curves = sets.flatMap(({ curve }) => curve ?? []);
  if (strength === 0 || curves.length === 0) return "unknown";
  if (curves.some((curve) => isCollapsed(strength, curve))) return "collapsed";
  const isUsable = (curve: DoseCurve): boolean =>
    bandsOf(curve).some(([low, high]) => strength >= low && strength <= high);
  return curves.every(isUsable) ? "usable" : "outside";
}

function isCollapsed(strength: number, { collapse, collapseBelow }: DoseCurve): boolean {
  return strength >= (collapse ?? Infinity) || strength <= (collapseBelow ?? -Infinity);
}
