// From a contrast to a set that steers: where a direction does most, and how strongly it may be used.

import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import type { DoseCurve, InterventionSet } from "../../values/index.ts";
import type { LanguageNetwork } from "../language.ts";
import { selectSites } from "../sites.ts";
import { atStrength, bestInBand } from "./choose-strength.ts";
import type { StrengthChoice } from "./choose-strength.ts";
import type { Contrast } from "./contrast.ts";
import { contrastActivations, contrastRows, splitContrast } from "./contrast.ts";
import { doseCurve } from "./dose-curve.ts";
import type { DoseCurveOptions } from "./dose-curve.ts";
import { checkShare, directionAt } from "./learn.ts";
import type {
  ContrastPart,
  DirectionQuality,
  LearnedDirection,
  LearnMethod,
  MethodOptions,
} from "./learn.ts";
import { preferenceShift } from "./learn-likelihood.ts";

/** Options of `learnSteering`; those of the dose curve and of the method among them. */
export interface LearnSteeringOptions
  extends Omit<DoseCurveOptions, "strengths">, Omit<MethodOptions, "method" | "seed" | "signal"> {
  readonly contrast: Contrast;
  /** Default `mean-difference`. */
  readonly method?: LearnMethod;
  /** Sites that are tried, by name or pattern. Default `blocks.*.resid_post`. */
  readonly sites?: string | readonly string[];
  /** Strengths of the dose curves; 1 is half the distance between the kinds. Default 0.5, 1, 2, 3, 4, 6 and 8. */
  readonly strengths?: readonly number[];
  /** Share of the texts of each kind that sites are chosen with, in [0, 1), at least one of each. Default 0.25. */
  readonly holdOut?: number;
  /** Sites that get a dose curve, the best by rank. Default 3. */
  readonly tries?: number;
  /** What measures a dose curve. Default `doseCurve`. */
  readonly curve?: typeof doseCurve;
}

/** A site that was tried. */
export interface SiteCandidate {
  readonly site: string;
  /**
   * What it is ranked by: how far its direction shifts the odds of held-out texts of the two kinds at strength 1, in nats a text. For the
   * method `gradient`, whose training is too slow for every site, that of the difference of means.
   */
  readonly shiftNats: number;
  /** Of the direction in the curve or, where there is no curve, the direction that it was ranked by. */
  readonly quality: DirectionQuality;
  /** In strengths of which 1 is half the distance between the kinds. Absent for sites that were not among the best. */
  readonly curve?: DoseCurve;
  /** The strength of the usable band with the largest effect. Absent where there is no band. */
  readonly best?: StrengthChoice;
}

/** A direction with its site and strength chosen. */
export interface LearnedSteering {
  /** Its strength 1 is the chosen one, and its curve is in these strengths. */
  readonly set: InterventionSet;
  readonly site: string;
  /** The chosen strength; 1 is half the distance between the kinds. Where nothing was usable, 1. */
  readonly strength: number;
  /** Whether a usable band was found. If not, the set holds the site that ranked best, and its curve says what it does. */
  readonly isUsable: boolean;
  readonly direction: LearnedDirection;
  /** Every site that was tried, the best first. */
  readonly candidates: readonly SiteCandidate[];
}

/**
 * Makes a direction at every site, ranks the sites by what their directions do to held-out texts, measures dose curves for the best, and
 * takes the site and the strength with the largest effect within a usable band.
 *
 * @throws PatchClampError `BAD_INPUT` when a kind has fewer than two texts, and what `learnDirection` and `doseCurve` throw: such as when
 * the network shows the effect already
 */
export async function learnSteering(
  net: LanguageNetwork,
  options: LearnSteeringOptions,
): Promise<LearnedSteering> {
  const { method = "mean-difference", tries = 3 } = options;
  if (!(Number.isInteger(tries) && tries > 0)) {
    throw new PatchClampError("BAD_OPTION", {
      where: WHERE,
      problem: `tries is ${tries}, not a whole number from 1.`,
    });
  }
  const sites = await sitesWithParts(net, options);
  const cheap = method === "gradient" ? "mean-difference" : method;
  const ranked: RankedSite[] = [];
  for (const parts of sites) {
    const direction = await directionAt(WHERE, net, {
      ...methodOptions(options),
      ...parts,
      method: cheap,
    });
    const shiftNats = await preferenceShift(net, parts.check.rows, direction);
    ranked.push({ ...parts, direction, shiftNats });
  }
  ranked.sort((a, b) => b.shiftNats - a.shiftNats);
  const tried: TriedSite[] = [];
  for (const [i, one] of ranked.slice(0, tries).entries()) {
    const direction =
      method === cheap
        ? one.direction
        : await directionAt(WHERE, net, { ...methodOptions(options), ...one, method });
    const progress = { index: i, total: Math.min(tries, ranked.length) };
    const curve = await curveOf(net, direction, options, progress);
    tried.push({ ...one, direction, curve, best: bestInBand(curve) });
  }
  return chosen(tried, ranked.slice(tried.length));
}

const WHERE = "learnSteering";

/** A site with activations of the texts to learn from and to choose with. */
interface SiteParts {
  readonly site: string;
  readonly learn: ContrastPart;
  readonly check: ContrastPart;
}

interface RankedSite extends SiteParts {
  readonly direction: LearnedDirection;
  readonly shiftNats: number;
}

interface TriedSite extends RankedSite {
  readonly curve: DoseCurve;
  readonly best: StrengthChoice | undefined;
}

/** Splits the contrast and reads it at every site. */
async function sitesWithParts(
  net: LanguageNetwork,
  options: LearnSteeringOptions,
): Promise<SiteParts[]> {
  const { holdOut = 0.25, seed = 0, read = "last" } = options;
  checkShare(WHERE, holdOut);
  const sites = selectSites(WHERE, net.space, options.sites ?? "blocks.*.resid_post");
  const rows = contrastRows(WHERE, net, options.contrast);
  if (Math.min(rows.positive.length, rows.negative.length) < 2) {
    throw new PatchClampError("BAD_INPUT", {
      where: WHERE,
      problem: `there ${rows.positive.length === 1 ? "is" : "are"} ${rows.positive.length} positive and ${rows.negative.length} negative texts, but a site is chosen with texts that nothing was learnt from.`,
      fix: "give two of each kind or more, or choose the site and use learnDirection.",
    });
  }
  const { learn, check } = splitContrast(rows, { share: holdOut, least: 1, rng: new Rng(seed) });
  const how = { where: WHERE, sites, read };
  const [learnt, checked] = [
    await contrastActivations(net, learn, how),
    await contrastActivations(net, check, how),
  ];
  return sites.map((site) => ({
    site,
    learn: { rows: learn, activations: learnt.get(site)! },
    check: { rows: check, activations: checked.get(site)! },
  }));
}

function methodOptions(options: LearnSteeringOptions): Omit<MethodOptions, "method"> {
  const { read, l2, gradient, seed, signal, madeFor } = options;
  return Object.fromEntries(
    Object.entries({ read, l2, gradient, seed, signal, madeFor }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

function curveOf(
  net: LanguageNetwork,
  { set, site }: LearnedDirection,
  options: LearnSteeringOptions,
  { index, total }: { readonly index: number; readonly total: number },
): Promise<DoseCurve> {
  const { curve = doseCurve, strengths = [0.5, 1, 2, 3, 4, 6, 8], onProgress, ...rest } = options;
  const { effect, neutral, random, bounds, maxTokens, temperature, seed, maxRows, signal } = rest;
  const how = { random, bounds, maxTokens, temperature, seed, maxRows, signal };
  return curve(net, set, {
    effect,
    neutral,
    strengths,
    ...how,
    onProgress: ({ what, done }) =>
      onProgress?.({ what: `${site}: ${what}`, done: (index + done) / total }),
  });
}

function chosen(tried: readonly TriedSite[], others: readonly RankedSite[]): LearnedSteering {
  const effectOf = ({ best }: TriedSite): number => best?.effect ?? -Infinity;
  const byEffect = tried.toSorted((a, b) => effectOf(b) - effectOf(a) || b.shiftNats - a.shiftNats);
  const { site, direction, curve, best } = byEffect[0]!;
  const strength = best?.strength ?? 1;
  const candidates = [
    ...byEffect.map((one): SiteCandidate => ({
      ...ranking(one),
      curve: one.curve,
      ...(one.best === undefined ? {} : { best: one.best }),
    })),
    ...others.map(ranking),
  ];
  const set = atStrength({ ...direction.set, curve }, strength);
  return { set, site, strength, isUsable: best !== undefined, direction, candidates };
}

function ranking({ site, shiftNats, direction }: RankedSite): SiteCandidate {
  return { site, shiftNats, quality: direction.quality };
}
