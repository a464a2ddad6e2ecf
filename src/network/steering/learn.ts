// Directions from contrasts: four ways to make one, and how well each does on texts it has not seen.

import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import { interventionSet, normOf, probe } from "../../values/index.ts";
import type { InterventionSet, NetworkIdentity, Probe } from "../../values/index.ts";
import type { LanguageNetwork } from "../language.ts";
import { selectSite } from "../sites.ts";
import type { Contrast, ContrastActivations, ContrastRows, ReadAt } from "./contrast.ts";
import { checkPaired, contrastActivations, contrastRows, splitContrast } from "./contrast.ts";
import type { SteeringGradientOptions, LossChange } from "./learn-gradient.ts";
import { pairLoss, trainDirection } from "./learn-gradient.ts";
import type { Separation } from "./learn-linear.ts";
import { dot, halfDifference, partAlong, principalComponent, separation } from "./learn-linear.ts";
import { logisticRegression } from "./learn-probe.ts";

/** Ways to make a direction. */
export type LearnMethod = "mean-difference" | "pca" | "probe" | "gradient";

/** Options that all ways of learning share. */
export interface MethodOptions {
  readonly method: LearnMethod;
  /** Which positions of a text stand for it. Default `last`. */
  readonly read?: ReadAt;
  /** L2 penalty of the method `probe`, above 0, in nats a text for a weight and activations of length 1. Default 0.01. */
  readonly l2?: number;
  /** Options of the method `gradient`. */
  readonly gradient?: SteeringGradientOptions;
  /** Of all that is drawn. Default 0. */
  readonly seed?: number;
  /** Stops the training of the method `gradient`. */
  readonly signal?: AbortSignal | undefined;
  /** The network that the set says it was made for. Default: this one. */
  readonly madeFor?: NetworkIdentity | undefined;
}

/** Options of `learnDirection`. */
export interface LearnOptions extends MethodOptions {
  /** Where the direction is learnt and added: a site of shape [batch, pos, width]. */
  readonly site: string;
  /**
   * Share of the texts of each kind that nothing is learnt from, and the quality is measured on, in [0, 1), rounded down. Default 0.25.
   * Where that is no text of one kind, all are learnt from, and the quality is that on learnt texts.
   */
  readonly holdOut?: number;
}

/** How good a direction is. */
export interface DirectionQuality extends Separation {
  /** Texts of each kind that this was measured on. */
  readonly texts: readonly [positive: number, negative: number];
  /** Whether nothing was learnt from these texts. */
  readonly isHeldOut: boolean;
  /** Method `pca`: share of the sum of squares of the learnt pairs' differences that lies along it, 0..1. */
  readonly explained?: number;
  /** Method `probe`: share of these texts that the probe puts on the right side, 0..1. */
  readonly accuracy?: number;
  /** Method `gradient`: the loss on these texts without the direction and with it. */
  readonly lossNats?: LossChange;
}

/** A direction that was learnt. */
export interface LearnedDirection {
  readonly method: LearnMethod;
  readonly site: string;
  /** [width], in activation units: what strength 1 adds. */
  readonly vector: Float32Array;
  /** The direction as an intervention, at all positions. */
  readonly set: InterventionSet;
  readonly quality: DirectionQuality;
  /** Method `probe`: the read-out itself, in log-odds. */
  readonly probe?: Probe;
}

/**
 * Makes a direction from texts of two kinds.
 *
 * Strength 1 adds half the distance between the means of the two kinds along the direction, so that it carries a text that lies between
 * them to the positive mean. A direction of the method `gradient` has the length it was trained with, at most that of half the difference
 * of means.
 *
 * - `mean-difference`: from the negative mean to the positive one (Marks & Tegmark 2023; Rimsky et al. 2023)
 * - `pca`: the first principal component of the differences of pairs (Zou et al. 2023)
 * - `probe`: the normal of a logistic regression
 * - `gradient`: trained so that positive texts become likelier than negative ones (Cao et al. 2024)
 *
 * @throws PatchClampError `BAD_INPUT` when a kind has no texts, `pca` and `gradient` are given texts that are not in pairs, or the direction
 * does not part the kinds; `BAD_OPTION` for options out of range; `UNKNOWN_SITE` and `SHAPE_MISMATCH` for a site without directions
 * @source Marks & Tegmark 2023, arXiv:2310.06824; Rimsky et al. 2023, arXiv:2312.06681; Zou et al. 2023, arXiv:2310.01405; Cao et al. 2024,
 * arXiv:2406.00045
 */
export async function learnDirection(
  net: LanguageNetwork,
  contrast: Contrast,
  options: LearnOptions,
): Promise<LearnedDirection> {
  const { holdOut = 0.25, seed = 0, read = "last" } = options;
  const where = "learnDirection";
  checkShare(where, holdOut);
  const site = selectSite(where, net.space, options.site);
  const rows = contrastRows(where, net, contrast);
  const parts = splitContrast(rows, { share: holdOut, least: 0, rng: new Rng(seed) });
  const { positive, negative } = parts.check;
  const hasCheck = positive.length > 0 && negative.length > 0;
  const part = async (of: ContrastRows): Promise<ContrastPart> => {
    const found = await contrastActivations(net, of, { where, sites: [site], read });
    return { rows: of, activations: found.get(site)! };
  };
  const learn = await part(hasCheck ? parts.learn : rows);
  const check = hasCheck ? await part(parts.check) : undefined;
  return directionAt(where, net, { ...options, site, learn, check });
}

/** Texts of a contrast with their activations at a site. */
export interface ContrastPart {
  readonly rows: ContrastRows;
  readonly activations: ContrastActivations;
}

/**
 * Makes a direction from activations that were read already.
 *
 * @param check - (option) texts that the quality is measured on. Default: those it is learnt from
 * @throws PatchClampError as `learnDirection`
 */
export async function directionAt(
  where: string,
  net: LanguageNetwork,
  options: MethodOptions & {
    readonly site: string;
    readonly learn: ContrastPart;
    readonly check?: ContrastPart | undefined;
  },
): Promise<LearnedDirection> {
  const { method, site, learn, check = learn, gradient } = options;
  const { vector, explained, readOut } = await METHODS[method](where, net, options);
  if (!vector.some((x) => x !== 0)) throw equalMeans(where, site);
  const { positive, negative } = check.activations;
  const quality: DirectionQuality = {
    ...separation(vector, positive, negative),
    texts: [positive.length, negative.length],
    isHeldOut: check !== learn,
    ...(explained === undefined ? {} : { explained }),
    ...(readOut === undefined ? {} : { accuracy: accuracyOf(readOut, check.activations) }),
    ...(method === "gradient"
      ? {
          lossNats: {
            before: Math.LN2,
            after: await pairLoss(net, check.rows, { site, vector, beta: gradient?.beta }),
          },
        }
      : {}),
  };
  const set = interventionSet({
    interventions: [{ kind: "add", site, vector, note: `learnt by ${method}` }],
    madeFor: options.madeFor ?? (await net.identity()),
  });
  return {
    method,
    site,
    vector,
    set,
    quality,
    ...(readOut === undefined ? {} : { probe: readOut }),
  };
}

interface Learnt {
  readonly vector: Float32Array;
  readonly explained?: number;
  readonly readOut?: Probe;
}

type Method = (
  where: string,
  net: LanguageNetwork,
  options: MethodOptions & { readonly site: string; readonly learn: ContrastPart },
) => Learnt | Promise<Learnt>;

const METHODS: Readonly<Record<LearnMethod, Method>> = {
  "mean-difference": (_, __, { learn: { activations } }) => ({
    vector: Float32Array.from(halfDifference(activations.positive, activations.negative)),
  }),
  pca: (where, _, { site, learn: { rows, activations } }) => {
    checkPaired(where, 'the method "pca"', rows);
    const { positive, negative } = activations;
    const half = halfDifference(positive, negative);
    if (half.every((x) => x === 0)) throw equalMeans(where, site);
    const differences = positive.map((row, i) =>
      Float64Array.from(row, (x, unit) => x - negative[i]![unit]!),
    );
    const { unit, explained } = principalComponent(differences, half);
    // along it lies half the distance of the means, which also tells which way it points
    return { vector: Float32Array.from(partAlong(half, unit)), explained };
  },
  probe: (where, _, { site, learn: { activations }, l2 = 0.01 }) => {
    if (!(l2 > 0 && Number.isFinite(l2))) {
      throw new PatchClampError("BAD_OPTION", {
        where,
        problem: `l2 is ${l2}, not a number above 0.`,
        fix: "leave it out for 0.01; without a penalty, a probe of kinds that lie apart grows without end.",
      });
    }
    const { positive, negative } = activations;
    const half = halfDifference(positive, negative);
    if (half.every((x) => x === 0)) throw equalMeans(where, site);
    const { weight, bias } = logisticRegression(positive, negative, l2);
    return {
      vector: Float32Array.from(partAlong(half, weight)),
      readOut: probe({ kind: "linear", site, direction: Float32Array.from(weight), bias }),
    };
  },
  gradient: async (
    where,
    net,
    { site, learn: { rows, activations }, gradient = {}, seed = 0, signal },
  ) => {
    checkPaired(where, 'the method "gradient"', rows);
    const half = Float32Array.from(halfDifference(activations.positive, activations.negative));
    const { maxNorm = normOf(half) } = gradient;
    if (gradient.maxNorm === undefined && maxNorm === 0) throw equalMeans(where, site);
    return {
      vector: await trainDirection(where, net, rows, { ...gradient, site, maxNorm, seed, signal }),
    };
  },
};

/** Share of texts that a linear probe puts on the right side. */
function accuracyOf(readOut: Probe, { positive, negative }: ContrastActivations): number {
  if (readOut.kind !== "linear") return Number.NaN;
  const { direction, bias, threshold } = readOut;
  const isFound = (row: Float32Array): boolean => dot(row, direction.data) + bias >= threshold;
  const right =
    positive.filter((row) => isFound(row)).length + negative.filter((row) => !isFound(row)).length;
  return right / (positive.length + negative.length);
}

/**
 * Checks a share of texts to hold out.
 *
 * @throws PatchClampError `BAD_OPTION` when it is outside [0, 1)
 */
export function checkShare(where: string, holdOut: number): void {
  if (holdOut >= 0 && holdOut < 1) return;
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: `holdOut is ${holdOut}, not in [0, 1).`,
  });
}

function equalMeans(where: string, site: string): PatchClampError {
  return new PatchClampError("BAD_INPUT", {
    where,
    problem: `the two kinds of texts have equal means at "${site}", so there is no direction.`,
    fix: "use texts that differ where they are read, or a site after the token embedding.",
    facts: { site },
  });
}
