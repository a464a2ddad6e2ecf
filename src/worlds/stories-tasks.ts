// What a network that knows the stories world can do, as prompts with their answers. Half of a list has one answer or
// order and half the other, in turn, so that guessing scores a half. Facts are from the held-out half unless asked.

import type { Rng } from "../core/rng.ts";
import { requireAtLeast, requireOneOf } from "./_options.ts";
import { drawWithin, splits } from "./split.ts";
import type { Split } from "./split.ts";
import { drawGift } from "./stories-gift.ts";
import type { NameOrder } from "./stories-gift.ts";
import { drawPattern } from "./stories-pattern.ts";
import type { Mood } from "./stories-sentences.ts";
import { drawTale, tell } from "./stories-tale.ts";
import type { Tale } from "./stories-tale.ts";
import { toText } from "./words.ts";

export interface StoriesTaskOptions {
  /** Which half of the facts is drawn from, `heldOut` by default. */
  split?: Split;
}

export interface GiftPromptOptions extends StoriesTaskOptions {
  /** One sentence for all, so that every prompt has the same words at the same positions; false by default. */
  isPlain?: boolean;
}

/** An indirect object to predict; positions count words from the beginning of the prompt, `<bos>` aside. */
export interface GiftPrompt {
  /** Ends before the receiver, such as `When Mira and Tomo went to the park, Mira gave the red cup to`. */
  readonly prompt: string;
  /** The receiver. */
  readonly answer: string;
  /** The giver, who must not be said. */
  readonly distractor: string;
  readonly order: NameOrder;
  /** Where the first name, the second name and the giver are said. */
  readonly positions: { readonly first: number; readonly second: number; readonly subject: number };
  /** The same prompt with the other giver: its answer and distractor are swapped, and no other word differs. */
  readonly counterfactual: string;
}

/**
 * Draws indirect objects: two names stand before the gap, and the one that does not give is the answer.
 *
 * @param count - how many, in turn ABBA and BABA
 * @throws PatchClampError `BAD_OPTION` when `count` is not a positive integer or `split` is none of those listed
 * @source Wang, Variengien, Conmy, Shlegeris & Steinhardt 2022, arXiv:2211.00593
 */
export function giftPrompts(
  rng: Rng,
  count: number,
  options: GiftPromptOptions = {},
): GiftPrompt[] {
  const { split = "heldOut", isPlain = false } = options;
  requireTask("giftPrompts", count, split);
  return Array.from({ length: count }, (_, i) => {
    const order = i % 2 === 0 ? "ABBA" : "BABA";
    const { words, label } = drawWithin(split, () => drawGift(rng, { order, isPlain }));
    const { giver, receiver, first, second, subject, answer } = label;
    const prompt = words.slice(0, answer);
    return {
      prompt: toText(prompt),
      answer: receiver,
      distractor: giver,
      order,
      positions: { first, second, subject },
      counterfactual: toText(prompt.with(subject, receiver)),
    };
  });
}

/** A pattern to follow; positions count words from the beginning of the text, `<bos>` aside. */
export interface PatternPrompt {
  readonly text: string;
  readonly words: readonly string[];
  readonly period: number;
  /** Positions whose word follows from the words before. */
  readonly predictable: readonly number[];
}

/**
 * Draws repeated patterns of random words.
 *
 * @throws PatchClampError `BAD_OPTION` as `giftPrompts` does
 * @source Olsson et al. 2022, "In-context learning and induction heads", arXiv:2209.11895
 */
export function patternPrompts(
  rng: Rng,
  count: number,
  options: StoriesTaskOptions = {},
): PatternPrompt[] {
  const { split = "heldOut" } = options;
  requireTask("patternPrompts", count, split);
  return Array.from({ length: count }, () => {
    const { words, label } = drawWithin(split, () => drawPattern(rng));
    return { text: toText(words), words, ...label };
  });
}

/** A story to end in the mood in which it began. */
export interface MoodPrompt {
  /** Ends with the last sentence before the ending. */
  readonly prompt: string;
  readonly mood: Mood;
}

/**
 * Draws beginnings of stories whose mood is stated: what follows must have it (`moodOf`).
 *
 * @param count - how many, in turn happy and sad
 * @throws PatchClampError `BAD_OPTION` as `giftPrompts` does
 */
export function moodPrompts(
  rng: Rng,
  count: number,
  options: StoriesTaskOptions = {},
): MoodPrompt[] {
  const { split = "heldOut" } = options;
  requireTask("moodPrompts", count, split);
  return Array.from({ length: count }, (_, i) => {
    const mood = i % 2 === 0 ? "happy" : "sad";
    return { prompt: beginning(drawTale(rng, { split, isCalm: false }), mood), mood };
  });
}

/**
 * Draws beginnings of stories without a mood: half of the endings in the world are happy.
 *
 * @throws PatchClampError `BAD_OPTION` as `giftPrompts` does
 */
export function neutralPrompts(
  rng: Rng,
  count: number,
  options: StoriesTaskOptions = {},
): string[] {
  const { split = "heldOut" } = options;
  requireTask("neutralPrompts", count, split);
  return Array.from({ length: count }, () =>
    beginning(drawTale(rng, { split, isCalm: true }), "happy"),
  );
}

/** The same beginning in both moods: as many words, of which only those of the mood differ. */
export interface MoodPair {
  readonly happy: string;
  readonly sad: string;
}

/**
 * Draws pairs of beginnings for a mood direction.
 *
 * @param options - `split` is `train` by default here, so that held-out prompts can test the direction
 * @throws PatchClampError `BAD_OPTION` as `giftPrompts` does
 */
export function moodPairs(rng: Rng, count: number, options: StoriesTaskOptions = {}): MoodPair[] {
  const { split = "train" } = options;
  requireTask("moodPairs", count, split);
  return Array.from({ length: count }, () => {
    const tale = drawTale(rng, { split, isCalm: false });
    return { happy: beginning(tale, "happy"), sad: beginning(tale, "sad") };
  });
}

function beginning(tale: Tale, mood: Mood): string {
  const { words, label } = tell(tale, mood);
  return toText(words.slice(0, label.ending.start));
}

function requireTask(where: string, count: number, split: Split): void {
  requireAtLeast(where, "count", count, 1);
  requireOneOf(where, "split", split, splits);
}
