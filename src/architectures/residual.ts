// How attention and MLP of a block meet the residual stream. Sites: `resid_pre`, `attn_out`, `resid_mid` (where there is one),
// `mlp_out`, `resid_post`.

import type { SiteMeanings } from "../network/sites.ts";
import type { Tap } from "../network/tap.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A function of the residual stream, [batch, pos, dModel] to the same. */
export type Layer = (x: Tensor) => Tensor;

/** What a block is made of: two modules and their norms. */
export interface BlockLayers {
  readonly ln1: Layer;
  readonly attn: Layer;
  readonly ln2: Layer;
  readonly mlp: Layer;
}

/** A block: the residual stream before it to the one after it, [batch, pos, dModel]. */
export type Residual<Layers = BlockLayers> = (x: Tensor, layers: Layers, tap: Tap) => Tensor;

/** The MLP reads what attention wrote. */
export const sequential: Residual = (x, { ln1, attn, ln2, mlp }, tap) => {
  const before = tap("resid_pre", x);
  const between = tap("resid_mid", before.add(tap("attn_out", attn(ln1(before)))));
  return tap("resid_post", between.add(tap("mlp_out", mlp(ln2(between)))));
};

/** Attention and MLP read the same stream, each through its own norm (Wang & Komatsuzaki 2021, GPT-J). */
export const parallel: Residual = (x, { ln1, attn, ln2, mlp }, tap) => {
  const before = tap("resid_pre", x);
  const attnOut = tap("attn_out", attn(ln1(before)));
  return tap("resid_post", before.add(attnOut).add(tap("mlp_out", mlp(ln2(before)))));
};

/** Attention and MLP read the same stream through one norm. */
export const parallelOnOneNorm: Residual<Omit<BlockLayers, "ln2">> = (
  x,
  { ln1, attn, mlp },
  tap,
) => {
  const before = tap("resid_pre", x);
  const normed = ln1(before);
  const attnOut = tap("attn_out", attn(normed));
  return tap("resid_post", before.add(attnOut).add(tap("mlp_out", mlp(normed))));
};

/** The stream itself is normalised each time a module has added to it (Vaswani et al. 2017), so the block is no plain sum. */
export const normalisedAfter: Residual = (x, { ln1, attn, ln2, mlp }, tap) => {
  const before = tap("resid_pre", x);
  const between = tap("resid_mid", ln1(before.add(tap("attn_out", attn(before)))));
  return tap("resid_post", ln2(between.add(tap("mlp_out", mlp(between)))));
};

/** What sites are in a block whose stream itself is normalised. */
export const normalisedAfterMeanings: SiteMeanings = {
  "blocks.{i}.ln1.normalized": [
    "batch pos dModel",
    "residual stream after attention, before gain and bias",
  ],
  "blocks.{i}.ln2.normalized": [
    "batch pos dModel",
    "residual stream after the MLP, before gain and bias",
  ],
  "blocks.{i}.resid_mid": ["batch pos dModel", "normalised residual stream after attention"],
  "blocks.{i}.resid_post": ["batch pos dModel", "normalised residual stream after the block"],
};
