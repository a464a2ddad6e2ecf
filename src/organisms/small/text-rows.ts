// Training on rows that are one text each, of which some tokens are there to be predicted.

import type { Tree } from "../../core/tree.ts";
import type { LanguageNetwork } from "../../network/language.ts";
import { countedCrossEntropy } from "../../nn/index.ts";
import type { LossResult } from "../../nn/index.ts";
import { causalBias } from "../../nn/masks.ts";
import { arange, tensor } from "../../tensor/ops/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Organism, OrganismNetwork } from "../organism.ts";
import { trainOrganism } from "../train.ts";

/** A text, and the places of the tokens in it that a network is to predict. */
export interface MarkedText {
  readonly tokens: readonly number[];
  readonly answers: readonly number[];
}

/** Texts of one length, each [rows, pos]. */
export type TextRows = {
  /** int32 */
  readonly tokens: Tensor;
  /** 1 where a token is an answer, float32. */
  readonly weights: Tensor;
};

/** Puts texts of one length below each other. */
export function textRows(texts: readonly MarkedText[]): TextRows {
  const pos = texts[0]!.tokens.length;
  const shape = [texts.length, pos];
  const weights = new Float32Array(texts.length * pos);
  for (const [row, { answers }] of texts.entries()) {
    for (const place of answers) weights[row * pos + place] = 1;
  }
  return {
    tokens: tensor(Int32Array.from(texts.flatMap(({ tokens }) => tokens)), { shape }),
    weights: tensor(weights, { shape }),
  };
}

/** Mean nats of the answers. */
export function answerLoss(
  net: LanguageNetwork,
  params: Tree<Tensor>,
  { tokens, weights }: TextRows,
): LossResult {
  const next = (x: Tensor): Tensor => x.slice({ axis: 1, start: 1 });
  const pos = tokens.shape[1]! - 1;
  const positions = arange(pos).reshape([1, pos]);
  const inputs = {
    tokens: tokens.slice({ axis: 1, end: -1 }),
    positions,
    keyPositions: positions,
    mask: causalBias(pos),
  };
  const logits = net.applyTap(inputs, {}, params).get("logits")!;
  return countedCrossEntropy(logits, next(tokens), { weights: next(weights) });
}

/** Trains an organism to the end of its recipe. */
export async function trained<N extends OrganismNetwork>(
  organism: Organism<N>,
  signal: AbortSignal | undefined,
): Promise<N> {
  const run = await trainOrganism(organism, signal === undefined ? {} : { signal });
  for await (const _ of run);
  return run.network() as N;
}
