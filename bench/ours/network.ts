// GPT-2 of any size with hashed weights, as one of PatchClamp's own networks.

import { buildNetwork, gpt2Family } from "patchclamp";
import type { LanguageDefinition, LanguageNetwork } from "patchclamp";
import { tensor } from "patchclamp/tensor";
import type { Tensor } from "patchclamp/tensor";

import { transposed } from "../weights.ts";
import type { Weights } from "../weights.ts";

/** A network of GPT-2's family with these weights. */
export function gpt2Network(weights: Weights): LanguageNetwork {
  const { nLayers, dModel, nHeads, dMlp, dVocab, nCtx } = weights.shape;
  const config = gpt2Family.config({
    n_layer: nLayers,
    n_embd: dModel,
    n_head: nHeads,
    n_inner: dMlp,
    vocab_size: dVocab,
    n_positions: nCtx,
  });
  return buildNetwork({ name: "bench", family: gpt2Family, config, params: gpt2Params(weights) });
}

/** The weights as the family's parameters; linear layers become [out, in]. */
function gpt2Params(weights: Weights): LanguageDefinition["params"] {
  const { nLayers, dModel: d } = weights.shape;
  const plain = (name: string): Tensor => {
    const { data, dims } = weights.get(name);
    return tensor(data, { shape: dims, name });
  };
  const norm = (name: string) => ({ weight: plain(`${name}.weight`), bias: plain(`${name}.bias`) });
  const linear = (name: string) => {
    const weight = weights.get(`${name}.weight`);
    const [from, to] = weight.dims as [number, number];
    const turned = tensor(transposed(weight), { shape: [to, from], name: `${name}.weight` });
    return { weight: turned, bias: plain(`${name}.bias`) };
  };
  const attention = (name: string) => {
    const weight = transposed(weights.get(`${name}.c_attn.weight`));
    const bias = weights.get(`${name}.c_attn.bias`).data;
    const third = (part: number) => ({
      weight: tensor(weight.subarray(part * d * d, (part + 1) * d * d), { shape: [d, d] }),
      bias: tensor(bias.subarray(part * d, (part + 1) * d)),
    });
    return { q: third(0), k: third(1), v: third(2), o: linear(`${name}.c_proj`) };
  };
  const block = (i: number) => ({
    ln1: norm(`h.${i}.ln_1`),
    attn: attention(`h.${i}.attn`),
    ln2: norm(`h.${i}.ln_2`),
    mlp: { in: linear(`h.${i}.mlp.c_fc`), out: linear(`h.${i}.mlp.c_proj`) },
  });
  return {
    embed: plain("wte.weight"),
    posEmbed: plain("wpe.weight"),
    blocks: Array.from({ length: nLayers }, (_, i) => block(i)),
    lnFinal: norm("ln_f"),
  };
}
