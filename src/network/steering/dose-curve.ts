// What interventions do at several strengths: how much of an effect they bring, against random directions of the same norm, and what it
// costs.

import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import { doseCurveSchema } from "../../values/index.ts";
import type { CollapseBounds, DoseCurve, DosePoint, InterventionSet } from "../../values/index.ts";
import type { LanguageNetwork } from "../language.ts";
import { selectSites } from "../sites.ts";
import { usableBand } from "./band.ts";
import type { Doses, Measuring, Text } from "./doses.ts";
import { mean } from "./doses.ts";
import type { Effect, Reading } from "./effect.ts";
import { collapseOf, neutralPassages, perplexities, repetition } from "./fluency.ts";
import { randomTwin } from "./random-control.ts";
import type { Passage } from "./scoring.ts";
import { USUAL_TOKENS, writtenAt } from "./writing.ts";

/** From where on texts count as fallen apart. */
const USUAL_BOUNDS: CollapseBounds = { perplexity: 2, repetition: 0.3 };

/** Options of `doseCurve`. */
export interface DoseCurveOptions extends Omit<Measuring, "onPart"> {
  /** What the interventions are for. */
  readonly effect: Effect;
  /** Each multiplies the strengths of the set; 0 is measured in any case. */
  readonly strengths: readonly number[];
  /** Texts of two tokens or more that have nothing to do with the effect. */
  readonly neutral: readonly Text[];
  /** How many random directions to compare with. Default 3. */
  readonly random?: number | undefined;
  /** From where on a text counts as fallen apart. Default: twice the perplexity, or 0.3 more repetition, than without. */
  readonly bounds?: Partial<CollapseBounds> | undefined;
  /** Hears how far the measurement is. */
  readonly onProgress?: ((progress: DoseProgress) => void) | undefined;
}

/** How far a curve is. */
export interface DoseProgress {
  /** What was measured, such as "effect" or "random direction 2 of 3". */
  readonly what: string;
  /** Share of all that is measured, above 0 up to 1. */
  readonly done: number;
}

/**
 * Measures what interventions do at several strengths.
 *
 * The usable band is the longest run of neighbouring strengths, at least two, before the collapse at which the effect is beyond what random directions
 * of the same norm do: by Student's t for their spread (one-sided, 5 %), and by the smallest change that counts. Above zero the effect
 * must rise, below zero fall. Where there is nothing to draw at random, the smallest change that counts has to do.
 *
 * @returns points by rising strength, zero among them
 * @throws PatchClampError `BAD_OPTION` when strengths, `random` or `bounds` are out of range, `BAD_INPUT` when neutral texts are missing,
 * the network shows the effect without the interventions, or its numbers overflow at a strength; `ABORTED`; and what interventions and
 * prompts throw that do not fit the network
 * @source Turner et al. 2023, arXiv:2308.10248 (effect and perplexity by strength, random vectors of the same norm)
 */
export async function doseCurve(
  net: LanguageNetwork,
  set: InterventionSet,
  options: DoseCurveOptions,
): Promise<DoseCurve> {
  const { effect, neutral, random = 3, seed = 0, temperature = 1, maxTokens } = options;
  checkOptions(options);
  const passages = neutralPassages(net, neutral);
  const strengths = [...new Set([0, ...options.strengths])].toSorted((a, b) => a - b);
  const twins = randomTwins(net, set, { random, seed });
  const stage = stages(3 + twins.length, options);

  const doses = { interventions: [set], strengths };
  const readings = await effect.measure(net, doses, stage("effect"));
  const effects = readings.map(({ values }) => mean(values));
  checkEffects(effect, strengths, effects);
  const baseline = effects[strengths.indexOf(0)]!;
  const controls: number[][] = [];
  for (const [i, twin] of twins.entries()) {
    const how = stage(`random direction ${i + 1} of ${twins.length}`);
    controls.push(await controlEffects({ net, effect, how }, twin, strengths, baseline));
  }
  const odd = await perplexities(net, doses, passages, stage("perplexity"));
  const repeated = await repetitions(net, doses, { passages, readings, how: stage("repetition") });

  const points = strengths.map((strength, i) => ({
    strength,
    effect: effects[i]!,
    ...spreadOf(controls.map((control) => control[i]!)),
    perplexity: odd[i]!,
    repetition: repeated[i]!,
  }));
  return judgedCurve(points, {
    metric: effect.metric,
    bounds: { ...USUAL_BOUNDS, ...options.bounds },
    measured: {
      neutralTexts: neutral.length,
      randomDirections: twins.length,
      leastChange: effect.least,
      maxTokens: maxTokens ?? USUAL_TOKENS,
      temperature,
      seed,
    },
  });
}

/** Finds the collapse and the usable band on both sides of zero. */
function judgedCurve(
  points: readonly DosePoint[],
  judging: Required<Pick<DoseCurve, "metric" | "bounds" | "measured">>,
): DoseCurve {
  const { bounds, measured } = judging;
  const plain = points.find(({ strength }) => strength === 0)!;
  const baseline = plain.effect;
  const side = (sign: 1 | -1): { collapse?: number; band?: [number, number] } => {
    const collapse = collapseOf(points, plain, bounds, sign);
    const { leastChange: least, randomDirections: controls } = measured;
    const band = usableBand(points, { baseline, least, controls, collapse, side: sign });
    return {
      ...(collapse === undefined ? {} : { collapse }),
      ...(band === undefined ? {} : { band }),
    };
  };
  const { collapse: collapseBelow, band: bandBelow } = side(-1);
  return doseCurveSchema.parse({
    ...judging,
    points,
    baseline,
    ...side(1),
    ...(collapseBelow === undefined ? {} : { collapseBelow }),
    ...(bandBelow === undefined ? {} : { bandBelow }),
  });
}

interface ControlContext {
  readonly net: LanguageNetwork;
  readonly effect: Effect;
  readonly how: Measuring;
}

/** What a random twin does at every strength; at zero it does nothing, like everything else. */
async function controlEffects(
  { net, effect, how }: ControlContext,
  twin: InterventionSet,
  strengths: readonly number[],
  baseline: number,
): Promise<number[]> {
  const others = strengths.filter((strength) => strength !== 0);
  const readings = await effect.measure(net, { interventions: [twin], strengths: others }, how);
  const found = new Map(others.map((strength, i) => [strength, mean(readings[i]!.values)]));
  return strengths.map((strength) => found.get(strength) ?? baseline);
}

function randomTwins(
  net: LanguageNetwork,
  set: InterventionSet,
  { random, seed }: { random: number; seed: number },
): InterventionSet[] {
  const rng = new Rng(seed).split("random directions");
  const widthOf = (pattern: string): number => {
    const [first] = selectSites("doseCurve", net.space, pattern);
    return net
      .sites()
      .find(({ name }) => name === first)!
      .shape.at(-1)!;
  };
  return Array.from(
    { length: random },
    (_, i) => randomTwin(set, rng.split(i), widthOf) ?? [],
  ).flat();
}

/** Mean and standard deviation of what random directions did; nothing where there were none. */
function spreadOf(effects: readonly number[]): Pick<DosePoint, "randomEffect" | "randomSpread"> {
  if (effects.length === 0) return {};
  const randomEffect = mean(effects);
  if (effects.length === 1) return { randomEffect };
  const squares = effects.reduce((sum, x) => sum + (x - randomEffect) ** 2, 0);
  return { randomEffect, randomSpread: Math.sqrt(squares / (effects.length - 1)) };
}

interface TextContext {
  readonly passages: readonly Passage[];
  /** Of the effect. */
  readonly readings: readonly Reading[];
  readonly how: Measuring;
}

/** Repetition at each strength: in the texts that the effect was read from or, if it needed none, in what follows neutral beginnings. */
async function repetitions(
  net: LanguageNetwork,
  doses: Doses,
  { passages, readings, how }: TextContext,
): Promise<number[]> {
  const own = readings.flatMap(({ written }) => (written === undefined ? [] : [written]));
  const beginnings = passages.map(({ given }) => given);
  const texts =
    own.length === readings.length
      ? own
      : (await writtenAt(net, doses, beginnings, how)).map((some) => some.map(({ ids }) => ids));
  how.onPart?.(1);
  return texts.map((some) => mean(some.map((ids) => repetition(ids))));
}

/** How each stage is measured, and what it says of its progress. */
function stages(total: number, options: DoseCurveOptions): (what: string) => Measuring {
  const { maxTokens, temperature, seed, maxRows, signal, onProgress } = options;
  let before = 0;
  return (what) => {
    const start = before++;
    const onPart = (share: number): void => onProgress?.({ what, done: (start + share) / total });
    return { maxTokens, temperature, seed, maxRows, signal, onPart };
  };
}

function checkOptions({ strengths, random = 3, bounds = {} }: DoseCurveOptions): void {
  const odd = strengths.find((strength) => !Number.isFinite(strength));
  const { perplexity, repetition: repeated } = { ...USUAL_BOUNDS, ...bounds };
  const problems = [
    [odd !== undefined, `a strength is ${odd}, not a finite number`],
    [strengths.every((strength) => strength === 0), "no strength but zero is to be measured"],
    [!Number.isInteger(random) || random < 0, `random is ${random}, not a whole number from 0 on`],
    [!(perplexity >= 1), `bounds.perplexity is ${perplexity}, not a factor of at least 1`],
    [!(repeated >= 0 && repeated <= 1), `bounds.repetition is ${repeated}, not a share`],
  ] as const;
  const problem = problems.find(([holds]) => holds)?.[1];
  if (problem === undefined) return;
  throw new PatchClampError("BAD_OPTION", { where: "doseCurve", problem: `${problem}.` });
}

/** The unsteered network must not show the effect, and a steered one must still give numbers. */
function checkEffects(
  { metric, already }: Effect,
  strengths: readonly number[],
  effects: readonly number[],
): void {
  const odd = effects.findIndex((effect) => !Number.isFinite(effect));
  if (odd >= 0) {
    throw new PatchClampError("BAD_INPUT", {
      where: "doseCurve",
      problem: `at strength ${strengths[odd]} the effect is ${effects[odd]}: the network's numbers overflow.`,
      fix: "leave out strengths this large.",
    });
  }
  const baseline = effects[strengths.indexOf(0)]!;
  if (baseline <= already) return;
  throw new PatchClampError("BAD_INPUT", {
    where: "doseCurve",
    problem: `without the interventions the ${metric} is ${short(baseline)} already, above ${short(already)}, so they could prove nothing.`,
    fix: "use prompts after which the network does otherwise, or turn the effect round.",
    facts: { baseline, already },
  });
}

function short(x: number): string {
  return `${Number(x.toPrecision(3))}`;
}
