// GPT-2 (Radford et al. 2019): learned positions, layer norm before each module, tanh-GELU, tied embeddings.

import type { DecoderInputs } from "../network/prompt.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionParams } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import type { MlpParams, NormParams } from "../nn/layers.ts";
import { embedding, layerNorm, linear, mlp } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderFamily, ParamEntry } from "./family.ts";
import { activationFunction, layerCache, normEntries } from "./family.ts";
import type { Gpt2Config } from "./gpt2-config.ts";
import { gpt2Config } from "./gpt2-config.ts";

interface BlockParams {
  readonly ln1: NormParams;
  readonly attn: AttentionParams;
  readonly ln2: NormParams;
  readonly mlp: MlpParams;
}

/** Parameters of GPT-2. Linear weights are [out, in]. */
export interface Gpt2Params {
  /** [dVocab, dModel] */
  readonly embed: Tensor;
  /** [nCtx, dModel] */
  readonly posEmbed: Tensor;
  readonly blocks: readonly BlockParams[];
  readonly lnFinal: NormParams;
  /** [dVocab, dModel]; absent when tied to `embed`. */
  readonly unembed?: Tensor;
}

/** Reads tokens into logits, [batch, pos, dVocab]. */
export function gpt2(
  params: Gpt2Params,
  inputs: DecoderInputs,
  tap: Tap,
  config: Gpt2Config,
): Tensor {
  const { tokens, positions } = inputs;
  const embedded = tap("embed", embedding(tokens, params.embed));
  let x = embedded.add(tap("pos_embed", embedding(positions, params.posEmbed)));
  for (const [i, block] of params.blocks.entries()) {
    x = gpt2Block(x, block, { inputs, config, layer: i }, tap.in(`blocks.${i}`));
  }
  const last = layerNorm(config.epsilon)(x, params.lnFinal, tap.in("ln_final"));
  return linear(last, { weight: params.unembed ?? params.embed });
}

interface BlockContext {
  readonly inputs: DecoderInputs;
  readonly config: Gpt2Config;
  readonly layer: number;
}

function gpt2Block(
  x: Tensor,
  p: BlockParams,
  { inputs, config, layer }: BlockContext,
  tap: Tap,
): Tensor {
  const norm = layerNorm(config.epsilon);
  const { nHeads, dHead, scaleBySize, scaleByInverseLayer } = config;
  const scale = (scaleBySize ? 1 / Math.sqrt(dHead) : 1) / (scaleByInverseLayer ? layer + 1 : 1);
  const form = { nHeads, dHead, scale, mask: inputs.mask, cache: layerCache(inputs, layer) };

  x = tap("resid_pre", x);
  x = tap(
    "resid_mid",
    x.add(tap("attn_out", attention(norm(x, p.ln1, tap.in("ln1")), p.attn, form, tap.in("attn")))),
  );
  const activation = activationFunction(config.activation);
  return tap(
    "resid_post",
    x.add(tap("mlp_out", mlp(norm(x, p.ln2, tap.in("ln2")), p.mlp, activation, tap.in("mlp")))),
  );
}

/** The family that config.json calls `GPT2LMHeadModel`. */
export const gpt2Family: DecoderFamily<Gpt2Config> = {
  architectures: ["GPT2LMHeadModel"],
  kind: "decoder",
  config: gpt2Config,
  optionalPrefix: "transformer.",
  forward: gpt2,
  layout: ({ nLayers, dModel, dMlp, dVocab, nCtx, ties }) => [
    { path: "embed", name: "transformer.wte.weight", shape: [dVocab, dModel] },
    { path: "posEmbed", name: "transformer.wpe.weight", shape: [nCtx, dModel] },
    ...Array.from({ length: nLayers }, (_, i) => {
      const from = `transformer.h.${i}`;
      const to = `blocks.${i}`;
      return [
        ...normEntries(`${to}.ln1`, `${from}.ln_1`, dModel, true),
        ...["q", "k", "v"].flatMap((name, part) =>
          conv1d(`${to}.attn.${name}`, `${from}.attn.c_attn`, [dModel, dModel], {
            start: part * dModel,
            total: 3 * dModel,
          }),
        ),
        ...conv1d(`${to}.attn.o`, `${from}.attn.c_proj`, [dModel, dModel]),
        ...normEntries(`${to}.ln2`, `${from}.ln_2`, dModel, true),
        ...conv1d(`${to}.mlp.in`, `${from}.mlp.c_fc`, [dModel, dMlp]),
        ...conv1d(`${to}.mlp.out`, `${from}.mlp.c_proj`, [dMlp, dModel]),
      ];
    }).flat(),
    ...normEntries("lnFinal", "transformer.ln_f", dModel, true),
    ...(ties ? [] : [{ path: "unembed", name: "lm_head.weight", shape: [dVocab, dModel] }]),
  ],
  absent: {
    "attn.rot_q": "GPT-2 has learned positions and rotates nothing",
    "attn.rot_k": "GPT-2 has learned positions and rotates nothing",
    "mlp.gate": "its MLP has no gates",
  },
};

/** GPT-2's linear layers keep their weights as [in, out]. */
function conv1d(
  path: string,
  name: string,
  [from, to]: readonly [number, number],
  part?: ParamEntry["part"],
): ParamEntry[] {
  const shared = part === undefined ? {} : { part };
  return [
    {
      path: `${path}.weight`,
      name: `${name}.weight`,
      shape: [to, from],
      isTransposed: true,
      ...shared,
    },
    { path: `${path}.bias`, name: `${name}.bias`, shape: [to], ...shared },
  ];
}
