// What heads look at in rows whose words come again, and what is lost without them.

import type { LanguageNetwork } from "../../network/language.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { tensor } from "../../tensor/ops/creation.ts";
import type { MarkedText } from "./text-rows.ts";

/** A head by its place. */
export interface Head {
  readonly layer: number;
  readonly head: number;
}

/** What a head looks at, 0..1. */
export interface HeadScores extends Head {
  /** Mean attention from a token to the one before it. */
  readonly previousToken: number;
  /** Mean attention from a token that was there before to those that came after it then. */
  readonly prefixMatching: number;
}

/**
 * Scores every head of a network.
 *
 * An induction head goes on with a repetition: it looks for where the present token was before, at what came next. It needs a head in a
 * layer below that tells each token which one is before it.
 *
 * @param rows - token ids of one length, with repetitions
 * @returns one record a head, layer by layer
 * @source Olsson et al. 2022, "In-context Learning and Induction Heads", arXiv:2209.11895, appendix "Head activation evaluators"
 */
export async function headScores(
  net: LanguageNetwork,
  rows: readonly (readonly number[])[],
): Promise<HeadScores[]> {
  const pass = await net.run(rows, { capture: "blocks.*.attn.pattern" });
  const scores: HeadScores[] = [];
  for (let layer = 0; layer < net.config.nLayers; layer++) {
    const pattern = pass.at(`blocks.${layer}.attn.pattern`); // [row, head, query, key]
    const [, heads, pos] = pattern.shape as [number, number, number, number];
    const data = await pattern.numbers();
    for (let head = 0; head < heads; head++) {
      const attention = (row: number, query: number, key: number): number =>
        data[((row * heads + head) * pos + query) * pos + key]!;
      scores.push({ layer, head, ...scoresOf(rows, attention) });
    }
  }
  return scores;
}

function scoresOf(
  rows: readonly (readonly number[])[],
  attention: (row: number, query: number, key: number) => number,
): Omit<HeadScores, keyof Head> {
  const [previous, matching]: [number[], number[]] = [[], []];
  for (const [row, tokens] of rows.entries()) {
    for (let query = 1; query < tokens.length; query++) {
      previous.push(attention(row, query, query - 1));
      const after = tokens.flatMap((token, i) =>
        i < query && token === tokens[query] ? [i + 1] : [],
      );
      if (after.length === 0) continue;
      matching.push(after.reduce((sum, key) => sum + attention(row, query, key), 0));
    }
  }
  return { previousToken: mean(previous), prefixMatching: mean(matching) };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * The share of answers that a network finds likeliest, without some of its heads.
 *
 * @param texts - of one length
 * @param without - heads whose output is set to 0. Default: none
 * @returns 0..1
 */
export async function answerAccuracy(
  net: LanguageNetwork,
  texts: readonly MarkedText[],
  without: readonly Head[] = [],
): Promise<number> {
  const edit = Object.fromEntries(
    [...new Set(without.map(({ layer }) => layer))].map((layer) => {
      const off = without.filter((one) => one.layer === layer).map(({ head }) => head);
      return [`blocks.${layer}.attn.z`, (z: Tensor) => withoutHeads(z, off)];
    }),
  );
  const { logits } = net.trace(
    texts.map(({ tokens }) => tokens),
    { edit },
  );
  const best = await logits.argmax({ axis: -1 }).numbers();
  const pos = logits.shape[1]!;
  const hits = texts.flatMap(({ tokens, answers }, row) =>
    answers.map((place) => best[row * pos + place - 1] === tokens[place]),
  );
  return mean(hits.map(Number));
}

/** Sets heads to 0: z is [batch, pos, head, dHead]. */
function withoutHeads(z: Tensor, off: readonly number[]): Tensor {
  const heads = z.shape[2]!;
  const keep = Float32Array.from({ length: heads }, (_, head) => (off.includes(head) ? 0 : 1));
  return z.mul(tensor(keep, { shape: [1, 1, heads, 1] }));
}
