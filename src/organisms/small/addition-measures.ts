// How well a network adds modulo p, and which frequencies of its number embeddings it does it with.

import type { Tree } from "../../core/tree.ts";
import { LanguageNetwork } from "../../network/language.ts";
import { tensor } from "../../tensor/ops/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ModularProblem } from "../../worlds/small/index.ts";
import { frequencyShares, onlyFrequencies } from "./fourier.ts";
import type { FrequencyShare } from "./fourier.ts";

/** The token of the number 0; special tokens come before it, and the other numbers follow in order. */
export const FIRST_NUMBER = 4;

/** The share of sums that a network gives rightly, 0..1. */
export async function additionAccuracy(
  net: LanguageNetwork,
  problems: readonly ModularProblem[],
): Promise<number> {
  const { logits } = net.trace(problems.map(({ words }) => words.join(" ")));
  const best = await logits.slice({ axis: 1, start: -1 }).argmax({ axis: -1 }).numbers();
  const hits = problems.filter(({ answer }, i) => net.tokenizer.token(best[i]!) === String(answer));
  return hits.length / problems.length;
}

/** The frequencies of the embeddings of 0..p-1, the strongest first. */
export async function numberFrequencies(
  net: LanguageNetwork,
  p: number,
): Promise<FrequencyShare[]> {
  const rows = await embeddingRows(net);
  return frequencyShares(rows.slice(FIRST_NUMBER, FIRST_NUMBER + p));
}

/**
 * The same network with number embeddings that have some of their frequencies only, to see which of them the sum is made of.
 *
 * @param p - the modulus
 * @param frequencies - what stays, each in 1..p/2
 * @source Nanda et al. 2023, arXiv:2301.05217: restricted and excluded loss, there of the logits
 */
export async function withFrequencies(
  net: LanguageNetwork,
  p: number,
  frequencies: readonly number[],
): Promise<LanguageNetwork> {
  const { name, config, forward, tokenizer, params } = net;
  const rows = await embeddingRows(net);
  const numbers = rows.slice(FIRST_NUMBER, FIRST_NUMBER + p);
  rows.splice(FIRST_NUMBER, p, ...onlyFrequencies(numbers, frequencies));
  return new LanguageNetwork({
    name,
    config,
    forward,
    tokenizer,
    params: { ...(params as Record<string, Tree<Tensor>>), embed: tensor(rows) },
  });
}

/** The embedding of every token, [dVocab][dModel]. */
async function embeddingRows(net: LanguageNetwork): Promise<number[][]> {
  const { embed } = net.params as { readonly embed: Tensor };
  const data = Array.from(await embed.numbers());
  const size = embed.shape[1]!;
  return Array.from({ length: embed.shape[0]! }, (_, id) => data.slice(id * size, (id + 1) * size));
}
