// How likely a network finds texts while a direction is added: what gradients are taken of, and what sites are ranked by.

import { negativeLogLikelihood } from "../../nn/losses.ts";
import { evaluate } from "../../tensor/evaluate.ts";
import { tensor } from "../../tensor/ops/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { LanguageNetwork } from "../language.ts";
import type { Inputs } from "../network.ts";
import { batchInputs, tokenBatch } from "../prompt.ts";
import type { Edit } from "../tap.ts";
import type { ContrastRow, ContrastRows } from "./contrast.ts";
import { CHUNK_TOKENS, chunksOf } from "./contrast.ts";
import { meanRow } from "./learn-linear.ts";

/** Most logits of a pass: a quarter of a gigabyte. */
const MOST_LOGITS = 2 ** 26;

/** Texts to score, as tensors that a compiled function can take. */
export type TextBatch = {
  /** What the network takes. */
  readonly inputs: Inputs;
  /** The token after each, int32, [batch, pos]. */
  readonly targets: Tensor;
  /** 1 where that token is scored, else 0: [batch, pos]. */
  readonly isScored: Tensor;
};

/**
 * Prepares texts for scoring: the tokens of the answer, or all but the first in a text without a prompt.
 *
 * @param pos - tokens that rows are padded to; at least those of the longest
 */
export function textBatch(rows: readonly ContrastRow[], pos: number): TextBatch {
  const { ids, lengths } = tokenBatch(
    rows.map((row) => row.ids),
    "right",
    0,
  );
  const longer = ids.map((row) => [...row, ...Array.from({ length: pos - row.length }, () => 0)]);
  const shape = [rows.length, pos];
  const targets = longer.flatMap((row) => [...row.slice(1), 0]);
  const isScored = rows.flatMap((row, r) => {
    const first = Math.max(row.answer ?? 1, 1);
    return longer[r]!.map((_, i) => Number(i + 1 >= first && i + 1 < lengths[r]!));
  });
  return {
    inputs: { ...batchInputs({ ids: longer, lengths, padding: "right" }) },
    targets: tensor(Int32Array.from(targets), { shape }),
    isScored: tensor(Float32Array.from(isScored), { shape }),
  };
}

/**
 * Log-probabilities of texts with an edit at one site. Traced.
 *
 * @param edit - default: none
 * @returns nats, [batch]
 */
export function logLikelihood(
  net: LanguageNetwork,
  { inputs, targets, isScored }: TextBatch,
  edit?: { readonly site: string; readonly apply: Edit },
): Tensor {
  const edits = new Map(edit === undefined ? [] : [[edit.site, [edit.apply]]]);
  const logits = net.applyTap(inputs, { edits }).get(net.output)!;
  return negativeLogLikelihood(logits, targets).mul(isScored).sum({ axis: 1 }).neg();
}

/**
 * Log-probabilities of texts of any number.
 *
 * @param edit - default: none
 * @returns nats, one a text
 */
export async function textLikelihoods(
  net: LanguageNetwork,
  rows: readonly ContrastRow[],
  edit?: { readonly site: string; readonly apply: Edit },
): Promise<number[]> {
  const found: number[] = [];
  const most = Math.min(CHUNK_TOKENS, MOST_LOGITS / net.config.dVocab);
  for (const chunk of chunksOf(rows, most)) {
    const texts = chunk.map((i) => rows[i]!);
    const pos = Math.max(...texts.map(({ ids }) => ids.length));
    const nats = logLikelihood(net, textBatch(texts, pos), edit);
    await evaluate([nats]);
    for (const [row, value] of (await nats.numbers()).entries()) found[chunk[row]!] = value;
  }
  return found;
}

/**
 * How far a direction shifts the odds between texts of two kinds: the mean change of the positive texts' log-probabilities less that of
 * the negative ones', from strength -1 to 1, halved.
 *
 * It needs two passes and no generated text, so that many sites can be compared by what a direction does rather than by how well it reads.
 *
 * @param vector - added at every position of `site`
 * @returns nats a text
 */
export async function preferenceShift(
  net: LanguageNetwork,
  rows: ContrastRows,
  { site, vector }: { readonly site: string; readonly vector: Float32Array },
): Promise<number> {
  const all = [...rows.positive, ...rows.negative];
  const at = (strength: number): Promise<number[]> =>
    textLikelihoods(net, all, { site, apply: (x) => x.add(tensor(vector).mul(strength)) });
  const [up, down] = [await at(1), await at(-1)];
  const changes = up.map((nats, i) => [(nats - down[i]!) / 2]);
  const count = rows.positive.length;
  return meanRow(changes.slice(0, count))[0]! - meanRow(changes.slice(count))[0]!;
}
