// The language world: a small English-like language in which twenty-one skills live side by side. A text is drawn by one of
// them, and carries what is true of it.

import { PatchClampError } from "../../core/errors.ts";
import type { Rng } from "../../core/rng.ts";
import { nearest } from "../../core/text.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { splitOf, splits } from "../split.ts";
import type { Split } from "../split.ts";
import { toText } from "../words.ts";
import { languageSkills, skillShares } from "./catalog.ts";
import { chat } from "./lexicon.ts";
import type { Contrast, Knobs, LanguageSkill, Text } from "./skill.ts";

/** Every word of the language world, in a fixed order. */
export const languageVocabulary: readonly string[] = [
  ...new Set([
    ...". , ? ! : ;".split(" "),
    ...Object.values(chat),
    ...languageSkills.flatMap(({ vocabulary }) => vocabulary),
  ]),
];

/** A text of the language world, with the skill that drew it. */
export interface LanguageSample extends Text {
  /** Name of the skill. */
  readonly skill: string;
  readonly text: string;
}

/** What is drawn from. */
export interface LanguageSampleOptions {
  /** Name of a skill, such as `two-hop`. Default: any, by its share of the world. */
  skill?: string;
  /** Which half of the world, `train` by default. */
  split?: Split;
  /** How hard the text is; a knob that is left out is drawn. */
  knobs?: Knobs;
}

/**
 * Draws one text.
 *
 * @param rng - advances; the same state gives the same text
 * @throws PatchClampError `UNKNOWN_NAME` for a skill or a knob that there is not, `BAD_OPTION` for another split, a knob out of range
 * or knobs of no skill
 */
export function languageSample(rng: Rng, options: LanguageSampleOptions = {}): LanguageSample {
  const { split = "train", knobs = {}, skill: name } = options;
  requireOneOf("languageSample", "split", split, splits);
  if (name === undefined) checkNoKnobs(knobs);
  const skill =
    name === undefined
      ? languageSkills[rng.categorical(skillShares)]!
      : skillNamed(name, "languageSample");
  checkKnobs(skill, knobs);
  const text = drawFrom(skill, rng, split, knobs);
  return { skill: skill.name, text: toText(text.words), ...text };
}

/** How often a skill is asked for a text before it is said to have none. */
const PATIENCE = 1000;

function drawFrom(skill: LanguageSkill, rng: Rng, split: Split, given: Knobs): Text {
  for (let i = 0; i < PATIENCE; i++) {
    const text = skill.draw(rng, { ...drawnKnobs(skill, rng), ...given });
    if (splitOf(text.key) === split) return text;
  }
  throw new PatchClampError("BAD_OPTION", {
    where: "languageSample",
    problem: `${skill.name} has no text in the ${split} half with the knobs ${JSON.stringify(given)}.`,
    fix: "leave a knob out.",
  });
}

function drawnKnobs({ knobs }: LanguageSkill, rng: Rng): Knobs {
  return Object.fromEntries(
    Object.entries(knobs).map(([name, { least, most }]) => [
      name,
      least + rng.below(most - least + 1),
    ]),
  );
}

/**
 * A skill by its name.
 *
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNKNOWN_NAME` when there is none
 */
export function skillNamed(name: string, where = "skillNamed"): LanguageSkill {
  const found = languageSkills.find((skill) => skill.name === name);
  if (found !== undefined) return found;
  const names = languageSkills.map((skill) => skill.name);
  throw new PatchClampError("UNKNOWN_NAME", {
    where,
    problem: `the language world has no skill "${name}".`,
    fix: `did you mean ${nearest(name, names).join(", ")}? All skills: ${names.join(", ")}.`,
  });
}

function checkNoKnobs(given: Knobs): void {
  const [knob] = Object.keys(given);
  if (knob === undefined) return;
  throw new PatchClampError("BAD_OPTION", {
    where: "languageSample",
    problem: `the knob "${knob}" is set, but no skill is named that it is of.`,
    fix: "name a skill, or leave the knobs out.",
  });
}

function checkKnobs({ name, knobs }: LanguageSkill, given: Knobs): void {
  for (const [knob, value] of Object.entries(given)) {
    const known = Object.hasOwn(knobs, knob) ? knobs[knob] : undefined;
    if (known === undefined) {
      const names = Object.keys(knobs);
      throw new PatchClampError("UNKNOWN_NAME", {
        where: "languageSample",
        problem: `${name} has no knob "${knob}".`,
        fix: names.length === 0 ? "it has none." : `its knobs are ${names.join(", ")}.`,
      });
    }
    if (Number.isInteger(value) && value >= known.least && value <= known.most) continue;
    throw new PatchClampError("BAD_OPTION", {
      where: "languageSample",
      problem: `${knob} is ${value}, not a whole number from ${known.least} to ${known.most} (${known.meaning}).`,
    });
  }
}

/** A prompt and what follows from it. */
export interface LanguageTask {
  readonly prompt: string;
  readonly answer: string;
  /** The same prompt with one thing changed, and its answer: as many words both. */
  readonly counterfactual?: { readonly prompt: string; readonly answer: string };
  /** The text that the prompt is the beginning of. */
  readonly sample: LanguageSample;
}

/** What `languageTasks` draws from. */
export interface LanguageTaskOptions extends Omit<LanguageSampleOptions, "skill"> {
  /** Whether only texts with a counterfactual are drawn. Default false. */
  isPaired?: boolean;
}

/**
 * Draws prompts of one skill with their answers: texts cut before their last answer.
 *
 * @param options - `split` is `heldOut` by default here
 * @throws PatchClampError as `languageSample`; `BAD_OPTION` when `count` is no positive integer, or the skill has no counterfactuals
 */
export function languageTasks(
  skill: string,
  rng: Rng,
  count: number,
  options: LanguageTaskOptions = {},
): LanguageTask[] {
  const { split = "heldOut", isPaired = false, knobs = {} } = options;
  requireAtLeast("languageTasks", "count", count, 1);
  return Array.from({ length: count }, () => {
    for (let i = 0; i < PATIENCE; i++) {
      const sample = languageSample(rng, { skill, split, knobs });
      if (sample.answers.length === 0) continue;
      if (!isPaired || sample.counterfactual !== undefined) return taskOf(sample);
    }
    throw new PatchClampError("BAD_OPTION", {
      where: "languageTasks",
      problem: `${skill} draws no ${isPaired ? "counterfactuals" : "answers"} with the knobs ${JSON.stringify(knobs)}.`,
      fix: "leave a knob out, or take another skill.",
    });
  });
}

function taskOf(sample: LanguageSample): LanguageTask {
  const { start, end } = sample.answers.at(-1)!;
  const cut = (words: readonly string[]): { prompt: string; answer: string } => ({
    prompt: toText(words.slice(0, start)),
    answer: toText(words.slice(start, end)),
  });
  const { counterfactual } = sample;
  return {
    ...cut(sample.words),
    ...(counterfactual && { counterfactual: cut(counterfactual) }),
    sample,
  };
}

/** Two beginnings, of which only `positive` has the trait. */
export interface LanguageContrast {
  readonly trait: string;
  readonly positive: string;
  readonly negative: string;
}

/**
 * Draws pairs of texts with and without a trait, to learn a direction from.
 *
 * @throws PatchClampError `UNKNOWN_NAME` for a skill that there is not, `BAD_OPTION` when its texts have no trait or `count` is no
 * positive integer
 */
export function languageContrasts(skill: string, rng: Rng, count: number): LanguageContrast[] {
  requireAtLeast("languageContrasts", "count", count, 1);
  const { contrast } = skillNamed(skill, "languageContrasts");
  if (contrast === undefined) {
    const able = languageSkills.filter((one) => one.contrast !== undefined);
    throw new PatchClampError("BAD_OPTION", {
      where: "languageContrasts",
      problem: `the texts of ${skill} have no trait.`,
      fix: `take one of ${able.map(({ name }) => name).join(", ")}.`,
    });
  }
  return Array.from({ length: count }, () => {
    const { trait, positive, negative }: Contrast = contrast(rng);
    return { trait, positive: toText(positive), negative: toText(negative) };
  });
}
