// The skills of the language world as held-out measurements of a network that predicts the next token.

import { Rng } from "../core/rng.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { languageSample, skillNamed, toText, toWords } from "../worlds/index.ts";
import type { Knobs, LanguageSample, LanguageSkill } from "../worlds/index.ts";
import type { MeasureOptions, Skill } from "./organism.ts";

/** How a skill is measured. */
export interface LanguageMeasure {
  /** What the card calls it. */
  readonly name: string;
  /** Its name in the world. */
  readonly skill: string;
  /** What the card says it is. Default: what the skill does. */
  readonly meaning?: string;
  readonly bar: number;
  readonly knobs?: Knobs;
  /** Only texts for which this holds are measured. Default: all. */
  readonly only?: (sample: LanguageSample) => boolean;
  /** How many of the last answers must be right together. Default 1. */
  readonly together?: number;
  /** Whether every word of every answer counts by itself instead. Default false. */
  readonly byWord?: boolean;
  /**
   * Networks that it says nothing about: a mask tells an encoder how many words are missing, and the answers of a seq2seq network are
   * short. Default: none.
   */
  readonly unfitFor?: readonly ("encoder" | "seq2seq")[];
}

/** Rows that are read or written at a time. */
export const ROWS = 50;

/** Words that a judged answer may have. */
const LONGEST_ANSWER = 40;

/**
 * Makes a measurement of a skill. Where an answer is certain, it is right when each of its words is likeliest after what is before it,
 * so that greedy writing gives it; where it has many forms, the network writes at temperature 1 and the skill judges.
 */
export function languageMeasure(form: LanguageMeasure): Skill<LanguageNetwork> {
  const skill = skillNamed(form.skill);
  return {
    name: form.name,
    meaning: form.meaning ?? skill.summary,
    bar: form.bar,
    measure: async (net, options) => {
      const samples = measuredSamples(form, options);
      const hits: boolean[] = [];
      for (let at = 0; at < samples.length; at += ROWS) {
        const rows = samples.slice(at, at + ROWS);
        hits.push(
          ...(skill.judge === undefined
            ? await foundLikeliest(net, rows, form)
            : await judged(net, rows, { skill, seed: options.seed + at })),
        );
      }
      return hits.filter(Boolean).length / hits.length;
    },
  };
}

/** The held-out texts that a measurement is of. */
export function measuredSamples(
  { skill, knobs = {}, only = () => true }: LanguageMeasure,
  { seed, count }: MeasureOptions,
): LanguageSample[] {
  const rng = new Rng(seed).split(skill);
  const samples: LanguageSample[] = [];
  while (samples.length < count) {
    const sample = languageSample(rng, { skill, split: "heldOut", knobs });
    if (sample.answers.length > 0 && only(sample)) samples.push(sample);
  }
  return samples;
}

/** Whether the words of answers are likeliest, in one pass. */
async function foundLikeliest(
  net: LanguageNetwork,
  samples: readonly LanguageSample[],
  { byWord = false, together = 1 }: LanguageMeasure,
): Promise<boolean[]> {
  const { tokenizer } = net;
  const prompts = samples.map(({ text }) => tokenizer.encode(text));
  const { logits } = net.trace({ prompts, padding: "right" });
  const best = await logits.argmax({ axis: -1 }).numbers();
  const pos = logits.shape[1]!;
  // word i is token i + 1, since <bos> stands before the first word, and is predicted one place before
  return samples.flatMap(({ answers }, row) => {
    const right = (word: number): boolean => best[row * pos + word] === prompts[row]![word + 1];
    const spans = byWord ? answers : answers.slice(-together);
    const words = spans.flatMap(({ start, end }) =>
      Array.from({ length: end - start }, (_, i) => right(start + i)),
    );
    return byWord ? words : [words.every(Boolean)];
  });
}

/** Whether what the network writes at temperature 1 is judged to be right. */
async function judged(
  net: LanguageNetwork,
  samples: readonly LanguageSample[],
  { skill, seed }: { skill: LanguageSkill; seed: number },
): Promise<boolean[]> {
  const prompts = samples.map(({ words, answers }) =>
    toText(words.slice(0, answers.at(-1)!.start)),
  );
  const { tokenizer } = net;
  const stop = tokenizer.encode("<end> <eos>", { addSpecialTokens: false });
  const written = await net.complete(prompts, {
    maxTokens: LONGEST_ANSWER,
    temperature: 1,
    seed,
    stop,
  });
  return samples.map((sample, row) => skill.judge!(toWords(written[row]!), sample));
}
