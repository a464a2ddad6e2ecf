// Attention over what another part of the network has read.

import type { Tensor } from "../tensor/tensor.ts";
import type { AttentionParams, ScoreForm } from "./attention.ts";
import { attend, attentionOutput } from "./attention.ts";
import type { LinearParams, SiteTap } from "./layers.ts";
import { linear, untapped } from "./layers.ts";

/** Keys and values of what is read: [batch, source, head, dHead]. They stay the same while a text is written. */
export interface SourceHeads {
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Sizes of the heads. */
export interface HeadSizes {
  readonly nHeads: number;
  readonly dHead: number;
}

/**
 * Keys and values of what cross attention reads.
 *
 * @param source - [batch, source, dModel]
 */
export function sourceHeads(
  source: Tensor,
  params: Pick<AttentionParams, "k" | "v">,
  sizes: HeadSizes,
): SourceHeads {
  return { k: byHead(source, params.k, sizes), v: byHead(source, params.v, sizes) };
}

/**
 * Multi-head attention of one sequence over another.
 *
 * Sites: `q` [batch, pos, head, dHead], `k v` [batch, source, head, dHead], `scores pattern` [batch, head, query, source], `z`
 * [batch, pos, head, dHead], `result` [batch, pos, head, dModel].
 *
 * @param x - where queries come from, [batch, pos, dModel]
 * @returns [batch, pos, dModel]
 * @source Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3
 */
export function crossAttention(
  x: Tensor,
  params: AttentionParams,
  { source, ...form }: HeadSizes & Pick<ScoreForm, "scale" | "mask"> & { source: SourceHeads },
  tap: SiteTap = untapped,
): Tensor {
  const q = tap("q", byHead(x, params.q, form));
  const k = tap("k", source.k);
  const v = tap("v", source.v);
  return attentionOutput(attend({ q, k, v }, form, tap), params.o, tap);
}

function byHead(x: Tensor, params: LinearParams, { nHeads, dHead }: HeadSizes): Tensor {
  return linear(x, params).reshape([x.shape[0]!, x.shape[1]!, nHeads, dHead]);
}
