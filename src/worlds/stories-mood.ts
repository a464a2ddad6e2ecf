import { allTemplates } from "./stories-sentences.ts";
import type { Mood } from "./stories-sentences.ts";
import { toWords } from "./words.ts";

const pairs = [...new Set(allTemplates.flat().filter((word) => word.includes("/")))].map((pair) =>
  pair.split("/"),
);

/** The words that only happy stories use, and those that only sad ones use; the two lists run in parallel. */
export const moodWords: Readonly<Record<Mood, readonly string[]>> = {
  happy: pairs.map(([happy]) => happy!),
  sad: pairs.map(([, sad]) => sad!),
};

const happyWords = new Set(moodWords.happy);
const sadWords = new Set(moodWords.sad);

/**
 * Reads the mood of a text off its words: the world has words that only happy stories use and words that only sad ones
 * use, so this is the truth and no guess.
 *
 * @param text - a story, or what a network wrote to end one
 * @returns `mixed` when there are words of both moods, `none` when there is no such word
 */
export function moodOf(text: string): Mood | "mixed" | "none" {
  const words = toWords(text);
  const isHappy = words.some((word) => happyWords.has(word));
  const isSad = words.some((word) => sadWords.has(word));
  if (isHappy && isSad) return "mixed";
  return isHappy ? "happy" : isSad ? "sad" : "none";
}
