// Rows for training: whole texts packed side by side, each of which sees nothing of its neighbours.

import type { Rng } from "../../core/rng.ts";
import { PatchClampError } from "../../core/errors.ts";
import { requireAtLeast } from "../_options.ts";
import type { Split } from "../split.ts";
import type { LanguageSample, LanguageSampleOptions } from "./world.ts";
import { languageSample } from "./world.ts";

/** A skill that texts are drawn of, and how hard they are. */
export type DrawnSkill = Pick<LanguageSampleOptions, "skill" | "knobs">;

/** Options of `languageBatch`. */
export interface LanguageBatchOptions {
  /** Rows, at least 1. */
  batch: number;
  /** Tokens in a row, at least 121, so that any text fits. */
  pos: number;
  /** Which half of the world, `train` by default. */
  split?: Split;
  /** Skills that are drawn, each as often as any other; at least one. Default: all, by their shares. */
  skills?: readonly DrawnSkill[];
  /** How much words count that no truth decides, from 0 to 1. Default 0.1. */
  context?: number;
}

/** Rows of packed texts, each [batch, pos] in row-major order. */
export interface LanguageBatch {
  /** Token ids: `<bos>`, the words, `<eos>`; the end of a row is `<pad>`. */
  readonly tokens: Int32Array;
  /** Place of every token in its own text, from 0. */
  readonly positions: Int32Array;
  /** Which text of its row a token belongs to, from 1; 0 is padding. */
  readonly segments: Int32Array;
  /** How much a token counts as something to predict: 1 in an answer, `context` in other text, 0 where nothing is to be learned. */
  readonly weights: Float32Array;
}

/** Longest text, in words, of the language world. */
export const LONGEST_TEXT = 118;

/** Share of a batch that is drawn before texts are looked at for where they fit. */
const FILL = 0.98;

/** Texts, for each row, that are drawn again for the room that is left; most of them are too long for it. */
const SPARE = 3;

/**
 * Draws texts and packs them into rows.
 *
 * @param rng - advances; the same state gives the same batch
 * @param ids - the token id of every word of `languageVocabulary`, and of `<bos>`, `<eos>` and `<pad>`
 * @throws PatchClampError `BAD_OPTION` when `batch` or `pos` is too small or no integer, `context` is not from 0 to 1, or `skills` is
 * empty; `UNKNOWN_NAME` for a skill that there is not, or when a word has no id
 */
export function languageBatch(
  rng: Rng,
  ids: ReadonlyMap<string, number>,
  options: LanguageBatchOptions,
): LanguageBatch {
  const { batch, pos, split = "train", skills, context = 0.1 } = options;
  requireAtLeast("languageBatch", "batch", batch, 1);
  requireAtLeast("languageBatch", "pos", pos, LONGEST_TEXT + 3);
  if (!(context >= 0 && context <= 1)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "languageBatch",
      problem: `context is ${context}, and must be a number from 0 to 1.`,
    });
  }
  if (skills?.length === 0) {
    throw new PatchClampError("BAD_OPTION", {
      where: "languageBatch",
      problem: "skills is empty, so there is nothing to draw.",
      fix: "name a skill, or leave skills out to draw from all.",
    });
  }
  const draw = (): LanguageSample =>
    languageSample(rng, { split, ...(skills && rng.pick(skills)) });
  const rows = packed(draw, batch, pos);
  return filled(rows, { pos, context, id: (word) => idOf(ids, word) });
}

/** Puts longer texts first, each into the first row that has room, then whatever fits; a text that fits nowhere is left out. */
function packed(draw: () => LanguageSample, batch: number, pos: number): LanguageSample[][] {
  const rows = Array.from({ length: batch }, () => ({ texts: [] as LanguageSample[], room: pos }));
  const place = (text: LanguageSample): void => {
    const length = text.words.length + 2;
    const row = rows.find(({ room }) => room >= length);
    row?.texts.push(text);
    if (row !== undefined) row.room -= length;
  };
  const texts: LanguageSample[] = [];
  for (let room = batch * pos * FILL; room > 0; room -= texts.at(-1)!.words.length + 2)
    texts.push(draw());
  for (const text of texts.toSorted((a, b) => b.words.length - a.words.length)) place(text);
  for (let i = 0; i < SPARE * batch; i++) place(draw());
  return rows.map((row) => row.texts);
}

function filled(
  rows: readonly LanguageSample[][],
  { pos, context, id }: { pos: number; context: number; id: (word: string) => number },
): LanguageBatch {
  const size = rows.length * pos;
  const tokens = new Int32Array(size).fill(id("<pad>"));
  const [positions, segments] = [new Int32Array(size), new Int32Array(size)];
  const weights = new Float32Array(size);
  for (const [row, texts] of rows.entries()) {
    let at = row * pos;
    for (const [i, { words, answers, slips = [] }] of texts.entries()) {
      const length = words.length + 2;
      tokens.set([id("<bos>"), ...words.map(id), id("<eos>")], at);
      positions.set(
        Int32Array.from({ length }, (_, k) => k),
        at,
      );
      segments.fill(i + 1, at, at + length);
      weights.fill(context, at + 1, at + length); // nobody predicts where a text begins
      const first = at + 1;
      for (const { start, end } of answers) weights.fill(1, first + start, first + end);
      for (const { start, end } of slips) weights.fill(0, first + start, first + end);
      at += length;
    }
  }
  return { tokens, positions, segments, weights };
}

function idOf(ids: ReadonlyMap<string, number>, word: string): number {
  const id = ids.get(word);
  if (id !== undefined) return id;
  throw new PatchClampError("UNKNOWN_NAME", {
    where: "languageBatch",
    problem: `the word "${word}" has no token id.`,
    fix: "give ids for every word of languageVocabulary and for <bos>, <eos> and <pad>.",
  });
}
