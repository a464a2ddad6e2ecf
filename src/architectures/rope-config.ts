// Rotary positions as config.json describes them, in the spellings of `transformers` 4 and 5: which scaling for texts longer than
// those of the first training, and its numbers. rope.ts turns them into angles.

import { z } from "zod";

import { PatchClampError } from "../core/errors.ts";
import { count } from "./common-config.ts";

/** How queries and keys are turned by their positions. */
export interface Rope {
  /** Base of the wavelengths. */
  readonly theta: number;
  /** How many numbers of every head turn, from its start. */
  readonly dim: number;
  /** How wavelengths are stretched; null where they are not. */
  readonly scaling: RopeScaling | null;
  /** The longest text that this is made for, in tokens. */
  readonly context: number;
}

/** A way to stretch wavelengths. */
export type RopeScaling =
  | LinearScaling
  | DynamicScaling
  | YarnScaling
  | LongScaling
  | Llama3Scaling;

/** Divides every frequency. */
export interface LinearScaling {
  readonly kind: "linear";
  readonly factor: number;
}

/**
 * Raises theta with the length of the text, from the length of the first training on.
 *
 * @source bloc97 & emozilla 2023 ("dynamic NTK"), as in Peng et al. 2023, arXiv:2309.00071, section 3
 */
export interface DynamicScaling {
  readonly kind: "dynamic";
  readonly factor: number;
  /** Length of the texts in the first training, in tokens. */
  readonly originalContext: number;
}

/**
 * Keeps fast pairs, divides slow ones by `factor`, and blends linearly between, in the index of the pair.
 *
 * @source Peng et al. 2023, arXiv:2309.00071, section 3
 */
export interface YarnScaling {
  readonly kind: "yarn";
  readonly factor: number;
  readonly originalContext: number;
  /** Pairs that turn more often than this in the original context are kept. */
  readonly betaFast: number;
  /** Pairs that turn less often than this in it are divided. */
  readonly betaSlow: number;
  /** Whether the two bounds are rounded to whole pairs. */
  readonly isTruncated: boolean;
  /** What cosines and sines are multiplied by. */
  readonly gain: number;
  /** Weight of the length in the scale of scores, where a family has one: see `yarnGain`. */
  readonly mscaleAllDim?: number;
}

/**
 * Divides every frequency by a factor of its own, and by another one in long texts.
 *
 * @source Ding et al. 2024, arXiv:2402.13753
 */
export interface LongScaling {
  readonly kind: "longrope";
  readonly originalContext: number;
  /** One a pair, for texts that fit into the original context. */
  readonly shortFactors: readonly number[];
  /** One a pair, for longer texts. */
  readonly longFactors: readonly number[];
  readonly gain: number;
}

/**
 * Keeps wavelengths below originalContext / highFreqFactor positions, multiplies those above originalContext / lowFreqFactor by
 * `factor`, and blends frequencies between them linearly in originalContext / wavelength.
 *
 * @source Grattafiori et al. 2024, arXiv:2407.21783
 */
export interface Llama3Scaling {
  readonly kind: "llama3";
  readonly factor: number;
  readonly lowFreqFactor: number;
  readonly highFreqFactor: number;
  readonly originalContext: number;
}

const positive = z.number().positive();
const fraction = z.number().positive().max(1);

const common = {
  rope_theta: positive.optional(),
  partial_rotary_factor: fraction.optional(),
  original_max_position_embeddings: count.optional(),
};

const gained = { factor: positive.optional(), attention_factor: positive.optional() };

/** Dictionaries of the config, by their type. */
const forms = [
  z.strictObject({ rope_type: z.literal("default"), ...common }),
  z.strictObject({ rope_type: z.literal("linear"), ...common, factor: positive }),
  z.strictObject({ rope_type: z.literal("dynamic"), ...common, factor: positive }),
  z.strictObject({
    rope_type: z.literal("yarn"),
    ...common,
    ...gained,
    beta_fast: positive.default(32),
    beta_slow: positive.default(1),
    mscale: z.number().nonnegative().optional(),
    mscale_all_dim: z.number().nonnegative().optional(),
    truncate: z.boolean().default(true),
    // a note in early checkpoints
    finetuned: z.boolean().optional(),
  }),
  z.strictObject({
    rope_type: z.literal("longrope"),
    ...common,
    ...gained,
    short_factor: z.array(positive),
    long_factor: z.array(positive),
  }),
  z.strictObject({
    rope_type: z.literal("llama3"),
    ...common,
    factor: positive,
    low_freq_factor: positive,
    high_freq_factor: positive,
  }),
] as const;

const types = forms.map((form) => form.shape.rope_type.value);

/** `type` is how early versions wrote `rope_type`, `su` what they called `longrope`; null is "not set". */
function normalised(given: unknown): unknown {
  if (typeof given !== "object" || given === null) return given;
  const set = Object.entries(given).filter(([, value]) => value !== null);
  const { type = "default", ...rest } = Object.fromEntries(set) as Record<string, unknown>;
  const { rope_type: ropeType = type } = rest;
  return { ...rest, rope_type: ropeType === "su" ? "longrope" : ropeType };
}

/** One dictionary of rotary parameters, under any of its spellings. */
export const ropeParameters = z.preprocess(
  normalised,
  z.discriminatedUnion("rope_type", forms, {
    error: (issue) =>
      issue.code === "invalid_union" ? `expected one of ${types.join(", ")}` : undefined,
  }),
);

/** What `ropeParameters` reads. */
export type RopeParameters = z.output<typeof ropeParameters>;

/** Keys of config.json about rotary positions, to be spread among a family's handled keys and given to `readRope`. */
export const ropeKeys = {
  // transformers 4 wrote these ...
  rope_theta: positive.optional(),
  rope_scaling: ropeParameters.optional(),
  partial_rotary_factor: fraction.optional(),
  original_max_position_embeddings: count.optional(),
  // ... and 5 writes this one, which holds the others
  rope_parameters: ropeParameters.optional(),
};

/** What `ropeKeys` reads. */
export type RopeKeys = z.output<z.ZodObject<typeof ropeKeys>>;

/** What holds where the config says nothing. */
export interface RopeDefaults {
  /** Numbers of a head, of which all turn or the part that the config says. */
  readonly dHead: number;
  /** `max_position_embeddings`. */
  readonly nCtx: number;
  /** Default 10000. */
  readonly theta?: number | undefined;
  /** Default 1. */
  readonly fraction?: number | undefined;
  /** Length of the texts in the first training, where the config says it beside the dictionary, which it overrides. */
  readonly originalContext?: number | undefined;
}

/**
 * The rotary positions of a config that has one dictionary of them.
 *
 * @param where - the public function reported in an error
 * @throws PatchClampError `BAD_FILE` when a scaling has another number of factors than heads have pairs
 */
export function readRope(where: string, keys: RopeKeys, defaults: RopeDefaults): Rope {
  const given = keys.rope_scaling ?? keys.rope_parameters ?? { rope_type: "default" };
  return ropeFrom(where, given, {
    dHead: defaults.dHead,
    nCtx: defaults.nCtx,
    theta: keys.rope_theta ?? defaults.theta,
    fraction: keys.partial_rotary_factor ?? defaults.fraction,
    originalContext: keys.original_max_position_embeddings ?? defaults.originalContext,
  });
}

/**
 * The rotary positions of one dictionary, for configs that have several.
 *
 * @param where - the public function reported in an error
 * @throws PatchClampError `BAD_FILE` when a scaling has another number of factors than heads have pairs
 */
export function ropeFrom(where: string, given: RopeParameters, defaults: RopeDefaults): Rope {
  const { dHead, nCtx, theta = 10000, originalContext } = defaults;
  const { partial_rotary_factor: part = defaults.fraction ?? 1 } = given;
  const scaling = scalingOf(given, nCtx, originalContext);
  const dim = Math.floor(dHead * part);
  if (scaling?.kind === "longrope") checkFactors(where, scaling, Math.ceil(dim / 2));
  return { theta: given.rope_theta ?? theta, dim, scaling, context: longest(scaling, nCtx) };
}

function checkFactors(
  where: string,
  { shortFactors, longFactors }: LongScaling,
  pairs: number,
): void {
  for (const [key, { length }] of [
    ["short_factor", shortFactors],
    ["long_factor", longFactors],
  ] as const) {
    if (length === pairs) continue;
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `longrope has ${length} numbers in "${key}", but heads have ${pairs} pairs that turn.`,
      fix: "give one for every pair.",
    });
  }
}

function scalingOf(given: RopeParameters, nCtx: number, beside?: number): RopeScaling | null {
  const originalContext = beside ?? given.original_max_position_embeddings ?? nCtx;
  switch (given.rope_type) {
    case "default":
      return null;
    case "linear":
      return { kind: "linear", factor: given.factor };
    case "dynamic":
      return { kind: "dynamic", factor: given.factor, originalContext: nCtx };
    case "yarn": {
      const { factor = nCtx / originalContext, mscale, mscale_all_dim: mscaleAllDim } = given;
      const inferred =
        mscale && mscaleAllDim
          ? yarnGain(factor, mscale) / yarnGain(factor, mscaleAllDim)
          : yarnGain(factor);
      return {
        kind: "yarn",
        factor,
        originalContext,
        betaFast: given.beta_fast,
        betaSlow: given.beta_slow,
        isTruncated: given.truncate,
        gain: given.attention_factor ?? inferred,
        ...(mscaleAllDim === undefined ? {} : { mscaleAllDim }),
      };
    }
    case "longrope": {
      const { factor = nCtx / originalContext } = given;
      const inferred =
        factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalContext));
      return {
        kind: "longrope",
        originalContext,
        shortFactors: given.short_factor,
        longFactors: given.long_factor,
        gain: given.attention_factor ?? inferred,
      };
    }
    case "llama3":
      return {
        kind: "llama3",
        factor: given.factor,
        lowFreqFactor: given.low_freq_factor,
        highFreqFactor: given.high_freq_factor,
        originalContext,
      };
  }
}

/** Configs with these two scalings name the context before it is stretched; with yarn, some do. */
function longest(scaling: RopeScaling | null, nCtx: number): number {
  if (scaling?.kind === "linear" || scaling?.kind === "dynamic")
    return Math.max(nCtx, Math.floor(nCtx * scaling.factor));
  if (scaling?.kind === "yarn")
    return Math.max(nCtx, Math.floor(scaling.originalContext * scaling.factor));
  return nCtx;
}

/**
 * How much stronger attention gets with the stretching.
 *
 * @source Peng et al. 2023, arXiv:2309.00071, eq. (22)
 */
export function yarnGain(factor: number, mscale = 1): number {
  return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
}
