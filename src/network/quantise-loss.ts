// What weights in fewer bits cost: how far the predictions move, and how well they still foresee texts.

import { Rng } from "../core/rng.ts";
import { evaluate } from "../runtime/index.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { LanguageNetwork } from "./language.ts";

/** How a network with other weights differs from the original on some texts. */
export interface QuantisationLoss {
  /** Mean Kullback-Leibler divergence of the next-token predictions from the original's, in nats. */
  readonly klNats: number;
  /** Share of positions, 0..1, at which both find the same token likeliest. */
  readonly agreement: number;
  /** Perplexity of the texts, before and after. */
  readonly perplexity: { readonly before: number; readonly after: number };
  /** Positions that were compared. */
  readonly positions: number;
}

/**
 * Compares the predictions of two networks on texts, one after the other.
 *
 * @param before - the original
 * @param texts - token ids, two or more each
 */
export async function quantisationLoss(
  before: LanguageNetwork,
  after: LanguageNetwork,
  texts: readonly (readonly number[])[],
): Promise<QuantisationLoss> {
  let [kl, agreed, surprise, surpriseAfter, positions] = [0, 0, 0, 0, 0];
  for (const ids of texts) {
    const count = ids.length - 1;
    const next = fromHost(Int32Array.from(ids.slice(1)), { shape: [1, count, 1], dtype: "int32" });
    const [p, q] = [before, after].map((net) => {
      const { logits } = net.trace([ids]);
      return logits.slice({ axis: 1, end: count }).logSoftmax();
    });
    const sums = [
      p!.exp().mul(p!.sub(q!)).sum(),
      p!
        .topK({ k: 1 })
        .indices.equal(q!.topK({ k: 1 }).indices)
        .cast("float32")
        .sum(),
      p!.takeAlongAxis(next).sum().neg(),
      q!.takeAlongAxis(next).sum().neg(),
    ];
    await evaluate(sums);
    const [ownKl, same, own, ownAfter] = await Promise.all(sums.map((sum) => sum.item()));
    kl += ownKl!;
    agreed += same!;
    surprise += own!;
    surpriseAfter += ownAfter!;
    positions += count;
  }
  return {
    klNats: kl / positions,
    agreement: agreed / positions,
    perplexity: {
      before: Math.exp(surprise / positions),
      after: Math.exp(surpriseAfter / positions),
    },
    positions,
  };
}

/** Texts to compare networks on, for want of others: what a network writes of itself. */
export interface OwnTextOptions {
  /** Texts. Default 4. */
  count?: number;
  /** Most tokens of each, the first included. Default 64. */
  length?: number;
  /** Of the draws. Default 1. */
  seed?: number;
}

/**
 * Lets a network write texts, drawing each token as it expects it.
 *
 * @returns token ids
 */
export async function ownTexts(
  net: LanguageNetwork,
  options: OwnTextOptions = {},
): Promise<number[][]> {
  const { count = 4, length = 64, seed = 1 } = options;
  const { dVocab, nCtx } = net.config;
  const { bos, eos } = net.hasTokenizer ? net.tokenizer : {};
  const rng = new Rng(seed);
  const texts = Array.from({ length: count }, () => [bos ?? eos ?? rng.below(dVocab)]);
  const maxTokens = Math.min(length, nCtx) - 1;
  const drawing = { maxTokens, temperature: 1, seed, stop: [] } as const;
  for await (const { row, id } of net.generate(
    texts.map((ids) => [...ids]),
    drawing,
  ))
    texts[row]!.push(id);
  return texts;
}
