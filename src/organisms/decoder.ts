// What organisms have in common that predict the next token.

import type { Tree } from "../core/tree.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { countedCrossEntropy, crossEntropy } from "../nn/index.ts";
import type { LossResult } from "../nn/index.ts";
import { causalBias, packedCausalBias } from "../nn/masks.ts";
import { arange } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Rows in which texts lie side by side, each [batch, pos]. */
export type PackedRows = {
  /** int32 */
  readonly tokens: Tensor;
  /** Place of a token in its text, int32. */
  readonly positions: Tensor;
  /** Which text a token belongs to, int32. */
  readonly segments: Tensor;
  /** How much a token counts as something to predict, float32. */
  readonly weights: Tensor;
};

/** Mean nats of the next token over rows that are one stretch of text, [batch, pos]. */
export function nextTokenLoss(net: LanguageNetwork, params: Tree<Tensor>, tokens: Tensor): Tensor {
  const pos = tokens.shape[1]! - 1;
  const positions = arange(pos).reshape([1, pos]);
  const inputs = {
    tokens: tokens.slice({ axis: 1, end: -1 }),
    positions,
    keyPositions: positions,
    mask: causalBias(pos),
  };
  const logits = net.applyTap(inputs, {}, params).get("logits")!;
  return crossEntropy(logits, tokens.slice({ axis: 1, start: 1 }));
}

/** Every site of a pass over packed rows without their last token, in which no text sees another. */
export function packedSites(
  net: LanguageNetwork,
  params: Tree<Tensor>,
  { tokens, positions, segments }: PackedRows,
): Map<string, Tensor> {
  const read = (x: Tensor): Tensor => x.slice({ axis: 1, end: -1 });
  const places = read(positions);
  const inputs = {
    tokens: read(tokens),
    positions: places,
    keyPositions: places,
    mask: packedCausalBias(read(segments)),
  };
  return net.applyTap(inputs, {}, params);
}

/** Weighted mean nats of the next token over packed rows, from the logits of `packedSites`. */
export function packedTokenLoss(
  sites: ReadonlyMap<string, Tensor>,
  { tokens, weights }: PackedRows,
): LossResult {
  const next = (x: Tensor): Tensor => x.slice({ axis: 1, start: 1 });
  return countedCrossEntropy(sites.get("logits")!, next(tokens), { weights: next(weights) });
}
