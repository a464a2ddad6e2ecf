// What a network that reads and then writes learns from: texts of the language world as prompts with answers, and with holes where the
// answers were.

import type { Rng } from "../core/rng.ts";
import { hiddenKeys } from "../nn/masks.ts";
import { tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { languageSample } from "../worlds/index.ts";
import type { DrawnSkill, LanguageSample, Span } from "../worlds/index.ts";
import { languageConfigIds, languageIds, languageVocabSize } from "./language-text.ts";

/** Longest source and longest target, in words; a text beyond them is not taught. */
export const [SOURCE, TARGET] = [64, 32];

/** What stands where answers were left out of a source, in turn, and before each of them in the target. */
export const holes = Array.from({ length: 12 }, (_, i) => `<extra_id_${i}>`);

/** How many pairs are a text with holes. The others are what stands before one answer, and the answer. */
const FILLED = 0.8;

/** The id of every token. */
export const seq2seqIds: ReadonlyMap<string, number> = new Map([
  ...languageIds,
  ...holes.map((hole, i): [string, number] => [hole, languageVocabSize + i]),
]);

/** Prompts with answers. */
export type Pairs = {
  /** Words and `<eos>`, int32, [batch, SOURCE + 1] */
  readonly source: Tensor;
  /** Added to the scores of what looks at the source, [batch, 1, 1, SOURCE + 1]. */
  readonly sourceMask: Tensor;
  /** Start token, words and `<eos>`, int32, [batch, TARGET + 2] */
  readonly target: Tensor;
  /** How much a token of the target counts, float32. */
  readonly weights: Tensor;
};

/**
 * Draws a batch.
 *
 * @param skills - one of which is drawn for each row. Default: any of the world
 */
export function drawPairs(rng: Rng, batch: number, skills?: readonly DrawnSkill[]): Pairs {
  const [read, written] = [SOURCE + 1, TARGET + 2];
  const { pad_token_id: pad, eos_token_id: eos } = languageConfigIds;
  const source = new Int32Array(batch * read).fill(pad);
  const target = new Int32Array(batch * written).fill(pad);
  const weights = new Float32Array(target.length);
  const isReal: boolean[][] = [];
  for (let row = 0; row < batch; row++) {
    const pair = drawPair(rng, skills);
    source.set([...idsOf(pair.source), eos], row * read);
    target.set([...idsOf(pair.target), eos], row * written + 1);
    weights.fill(1, row * written + 1, row * written + pair.target.length + 2);
    isReal.push(Array.from({ length: read }, (_, i) => i <= pair.source.length));
  }
  return {
    source: tensor(source, { shape: [batch, read] }),
    sourceMask: hiddenKeys(isReal),
    target: tensor(target, { shape: [batch, written] }),
    weights: tensor(weights, { shape: [batch, written] }),
  };
}

/** What is read, and what is to be written. */
export interface Pair {
  readonly source: readonly string[];
  readonly target: readonly string[];
}

function drawPair(rng: Rng, skills?: readonly DrawnSkill[]): Pair {
  for (;;) {
    const sample = languageSample(rng, skills && rng.pick(skills));
    if (sample.answers.length === 0) continue;
    const isFilled = rng.uniform() < FILLED;
    const pair = isFilled ? withHoles(sample) : beforeAnswer(sample, rng.pick(sample.answers));
    if (fits(pair)) return pair;
  }
}

/** What stands before an answer, and the answer. */
export function beforeAnswer({ words }: LanguageSample, { start, end }: Span): Pair {
  return { source: words.slice(0, start), target: words.slice(start, end) };
}

/**
 * A text without its answers, as far as it fits, and all of them: many times as much to learn from as one answer.
 *
 * @source Raffel et al. 2020, arXiv:1910.10683, section 3.1.4; theirs leaves random words out
 */
export function withHoles({ words, answers }: LanguageSample): Pair {
  const [source, target]: [string[], string[]] = [[], []];
  let read = 0;
  for (const [i, { start, end }] of answers.slice(0, holes.length).entries()) {
    const reads = [...words.slice(read, start), holes[i]!];
    const writes = [holes[i]!, ...words.slice(start, end)];
    if (!fits({ source: [...source, ...reads], target: [...target, ...writes] })) break;
    source.push(...reads);
    target.push(...writes);
    read = end;
  }
  return { source, target };
}

/** Whether neither side of a pair is empty or too long. */
export function fits({ source, target }: Pair): boolean {
  return target.length > 0 && source.length <= SOURCE && target.length <= TARGET;
}

/** The ids of words. */
export function idsOf(words: readonly string[]): number[] {
  return words.map((word) => seq2seqIds.get(word)!);
}
