// A skill of the language world: a seeded source of texts in which it is known what follows from what.

import type { Rng } from "../../core/rng.ts";

/** A stretch of words: from `start` up to but not including `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A text with what is true of it. Positions count its words from 0. */
export interface Text<L = unknown> {
  readonly words: readonly string[];
  /**
   * Stretches of words that follow from what stands before them and from what is true in the world, in order. A network
   * that has the skill finds each of them likeliest, word by word; the prompt of an answer is all that stands before it.
   */
  readonly answers: readonly Span[];
  /** Stretches that nobody should write by themselves, such as a slip that is corrected: training does not imitate them. */
  readonly slips?: readonly Span[];
  /** What is true of the text, in the skill's own terms. */
  readonly label: L;
  /** Its content in a fixed form. Texts of one key are in the same half of the world, and halves never share a key. */
  readonly key: string;
  /**
   * The text with one thing changed, so that the last answer is another one. It has as many words, and its last answer
   * stands where that of `words` stands.
   */
  readonly counterfactual?: readonly string[];
}

/** How hard a text is, in whole numbers. */
export type Knobs = Readonly<Record<string, number>>;

/** A whole number that makes texts easier or harder. */
export interface Knob {
  /** What it counts, in a few words. */
  readonly meaning: string;
  readonly least: number;
  /** Texts for training have every value from `least` to `most`. */
  readonly most: number;
}

/** The same beginning twice, once with a trait and once without, to learn the direction of the trait from. */
export interface Contrast {
  readonly trait: string;
  readonly positive: readonly string[];
  readonly negative: readonly string[];
}

/** Something that a network of the language world can do. */
export interface LanguageSkill<L = unknown> {
  /** Such as `two-hop`. */
  readonly name: string;
  /** What a network does that has the skill, in one sentence. */
  readonly summary: string;
  /** Every word of its texts. */
  readonly vocabulary: readonly string[];
  readonly knobs: Readonly<Record<string, Knob>>;
  /**
   * Draws a text from either half of the world.
   *
   * @param knobs - a number for every knob
   */
  readonly draw: (rng: Rng, knobs: Knobs) => Text<L>;
  /**
   * For skills whose answers have many forms: whether what a network wrote after the prompt is right. The prompt is
   * what stands before the last answer, and the network writes at temperature 1. Without it, answers are compared word by word.
   */
  judge?(written: readonly string[], text: Text<L>): boolean;
  /** Draws a pair for a trait that texts of this skill can have. */
  readonly contrast?: (rng: Rng) => Contrast;
}
