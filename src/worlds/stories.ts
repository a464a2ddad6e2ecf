// The stories world: a tiny English of names, gifts, places, colours and moods, in which the truth is known.

import { PatchClampError } from "../core/errors.ts";
import type { Rng } from "../core/rng.ts";
import { requireAtLeast, requireOneOf } from "./_options.ts";
import { drawWithin, splits } from "./split.ts";
import type { Split } from "./split.ts";
import { drawGift, drawThanks } from "./stories-gift.ts";
import type { GiftLabel } from "./stories-gift.ts";
import { drawPattern } from "./stories-pattern.ts";
import type { PatternLabel } from "./stories-pattern.ts";
import { drawTale, tell } from "./stories-tale.ts";
import type { MoodLabel } from "./stories-tale.ts";
import { bosWord, storiesVocabulary } from "./stories-vocabulary.ts";
import { toText } from "./words.ts";

/** What a text is about. */
export type StoriesKind = "gift" | "pattern" | "story";

/** A text of the world with what is true of it; a story may hold a gift as well. */
export interface StoriesSample {
  readonly kind: StoriesKind;
  readonly text: string;
  readonly words: readonly string[];
  readonly gift?: GiftLabel;
  readonly pattern?: PatternLabel;
  readonly mood?: MoodLabel;
}

export interface StoriesSampleOptions {
  /** Which half of the facts is drawn from, `train` by default. */
  split?: Split;
  /** What the text is about; 30 % gifts, 25 % patterns and 45 % stories when it is left out. */
  kind?: StoriesKind;
}

const kinds: readonly StoriesKind[] = ["gift", "pattern", "story"];
const kindWeights = [0.3, 0.25, 0.45];

/**
 * Draws one text of the stories world, at most 63 words long.
 *
 * @param rng - advances; the same state gives the same text
 * @throws PatchClampError `BAD_OPTION` when `split` or `kind` is none of those listed
 */
export function storiesSample(rng: Rng, options: StoriesSampleOptions = {}): StoriesSample {
  const { split = "train", kind = kinds[rng.categorical(kindWeights)]! } = options;
  requireOneOf("storiesSample", "split", split, splits);
  requireOneOf("storiesSample", "kind", kind, kinds);

  const { words, ...labels } = draw[kind](rng, split);
  return { kind, text: toText(words), words, ...labels };
}

const draw: Record<StoriesKind, (rng: Rng, split: Split) => Omit<StoriesSample, "kind" | "text">> =
  {
    gift: (rng, split) => {
      const gift = drawWithin(split, () => drawGift(rng));
      return { words: [...gift.words, ...drawThanks(rng, gift)], gift: gift.label };
    },
    pattern: (rng, split) => {
      const { words, label } = drawWithin(split, () => drawPattern(rng));
      return { words, pattern: label };
    },
    story: (rng, split) => {
      const tale = drawTale(rng, { split });
      const { words, label } = tell(tale, rng.pick(["happy", "sad"] as const));
      return { words, ...(tale.gift && { gift: tale.gift }), mood: label };
    },
  };

export interface StoriesBatchOptions {
  /** Rows, at least 1. */
  batch: number;
  /** Tokens in a row, at least 2. */
  pos: number;
  /** Which half of the facts is drawn from, `train` by default. */
  split?: Split;
}

/**
 * Packs texts into rows of token ids: every text follows a `<bos>`, every row begins with one, and the text at the end
 * of a row is cut where the row is full, so there is no padding.
 *
 * @param rng - advances; the same state gives the same batch
 * @param ids - the token id of every word of `storiesVocabulary`
 * @returns token ids, [batch, pos] in row-major order
 * @throws PatchClampError `BAD_OPTION` when `batch` or `pos` is too small or no integer, or `split` is none of those listed
 * @throws PatchClampError `UNKNOWN_NAME` when a word has no id
 */
export function storiesBatch(
  rng: Rng,
  ids: ReadonlyMap<string, number>,
  options: StoriesBatchOptions,
): Int32Array {
  const { batch, pos, split = "train" } = options;
  requireAtLeast("storiesBatch", "batch", batch, 1);
  requireAtLeast("storiesBatch", "pos", pos, 2);
  requireOneOf("storiesBatch", "split", split, splits);
  requireWords(ids);

  const tokens = new Int32Array(batch * pos);
  for (let row = 0; row < batch; row++) {
    const words: string[] = [];
    while (words.length < pos) words.push(bosWord, ...storiesSample(rng, { split }).words);
    for (let i = 0; i < pos; i++) tokens[row * pos + i] = ids.get(words[i]!)!;
  }
  return tokens;
}

function requireWords(ids: ReadonlyMap<string, number>): void {
  const missing = storiesVocabulary.find((word) => !ids.has(word));
  if (missing === undefined) return;
  throw new PatchClampError("UNKNOWN_NAME", {
    where: "storiesBatch",
    problem: `the word "${missing}" has no token id.`,
    fix: "give ids for every word of storiesVocabulary.",
  });
}
