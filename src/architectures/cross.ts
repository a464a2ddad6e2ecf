// What the blocks of a decoder have that looks at what an encoder read: a third module, between attention and MLP. Sites:
// `resid_pre`, `attn_out`, `resid_mid`, `cross_out`, `resid_cross`, `mlp_out`, `resid_post`.

import type { TargetInputs } from "../network/seq2seq-input.ts";
import type { AttentionParams } from "../nn/attention.ts";
import type { HeadSizes, SourceHeads } from "../nn/cross-attention.ts";
import { sourceHeads } from "../nn/cross-attention.ts";
import type { BlockLayers, Layer, Residual } from "./residual.ts";

/** What a block with cross attention is made of. */
export interface CrossBlockLayers extends BlockLayers {
  readonly lnCross: Layer;
  readonly cross: Layer;
}

/** Every module reads what the one before it wrote. */
export const sequentialWithCross: Residual<CrossBlockLayers> = (x, layers, tap) => {
  const { ln1, attn, lnCross, cross, ln2, mlp } = layers;
  const before = tap("resid_pre", x);
  const mid = tap("resid_mid", before.add(tap("attn_out", attn(ln1(before)))));
  const crossed = tap("resid_cross", mid.add(tap("cross_out", cross(lnCross(mid)))));
  return tap("resid_post", crossed.add(tap("mlp_out", mlp(ln2(crossed)))));
};

/** The stream itself is normalised each time a module has added to it (Vaswani et al. 2017). */
export const normalisedAfterWithCross: Residual<CrossBlockLayers> = (x, layers, tap) => {
  const { ln1, attn, lnCross, cross, ln2, mlp } = layers;
  const before = tap("resid_pre", x);
  const mid = tap("resid_mid", ln1(before.add(tap("attn_out", attn(before)))));
  const crossed = tap("resid_cross", lnCross(mid.add(tap("cross_out", cross(mid)))));
  return tap("resid_post", ln2(crossed.add(tap("mlp_out", mlp(crossed)))));
};

/**
 * Keys and values of the source in one layer. The first pass makes them and puts them into the cache, from where later ones take
 * them; they are kept as they are before any edit, so that an edit acts once in each pass.
 */
export function keptSourceHeads(
  { source, cache }: TargetInputs,
  layer: number,
  params: Pick<AttentionParams, "k" | "v">,
  sizes: HeadSizes,
): SourceHeads {
  const [k, v] = cache?.state(layer) ?? [];
  const heads = k && v ? { k, v } : sourceHeads(source, params, sizes);
  cache?.keep(layer, [heads.k, heads.v]);
  return heads;
}
