// OPT (Zhang et al. 2022, arXiv:2205.01068): learned positions, ReLU, tied embeddings. The one of 350 million parameters normalises
// the stream after its modules and embeds tokens in fewer numbers than the stream has.

import type { DecoderInputs } from "../network/prompt.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionParams } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import type { LinearParams, MlpParams, NormParams } from "../nn/layers.ts";
import { embedding, layerNorm, linear, mlp } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderFamily } from "./family.ts";
import { activationFunction, layerCache, linearEntries, normEntries } from "./family.ts";
import type { OptConfig } from "./opt-config.ts";
import { optConfig } from "./opt-config.ts";
import { normalisedAfter, sequential } from "./residual.ts";

interface BlockParams {
  readonly ln1: NormParams;
  readonly attn: AttentionParams;
  readonly ln2: NormParams;
  readonly mlp: MlpParams;
}

/** Parameters of OPT. Linear weights are [out, in]. */
export interface OptParams {
  /** [dVocab, dEmbed] */
  readonly embed: Tensor;
  /** [nCtx + 2, dModel], of which the first two rows stand for no position. */
  readonly posEmbed: Tensor;
  /** From embeddings into the stream, [dModel, dEmbed], where their sizes differ. */
  readonly projectIn?: LinearParams;
  readonly blocks: readonly BlockParams[];
  readonly lnFinal?: NormParams;
  /** From the stream to what the unembedding reads, [dEmbed, dModel], where their sizes differ. */
  readonly projectOut?: LinearParams;
  /** [dVocab, dEmbed]; absent when tied to `embed`. */
  readonly unembed?: Tensor;
}

const RESERVED_POSITIONS = 2;

/** Reads tokens into logits, [batch, pos, dVocab]. */
function opt(params: OptParams, inputs: DecoderInputs, tap: Tap, config: OptConfig): Tensor {
  const { tokens, positions } = inputs;
  const { projectIn, projectOut, lnFinal } = params;
  const tokenEmbed = embedding(tokens, params.embed);
  const embedded = tap("embed", projectIn ? linear(tokenEmbed, projectIn) : tokenEmbed);
  const places = embedding(positions.add(RESERVED_POSITIONS), params.posEmbed);
  let x = embedded.add(tap("pos_embed", places));
  for (const [i, block] of params.blocks.entries()) {
    x = optBlock(x, block, { inputs, config, layer: i }, tap.in(`blocks.${i}`));
  }
  const last = lnFinal ? layerNorm(config.epsilon)(x, lnFinal, tap.in("ln_final")) : x;
  const read = projectOut ? linear(last, projectOut) : last;
  return linear(read, { weight: params.unembed ?? params.embed });
}

interface BlockContext {
  readonly inputs: DecoderInputs;
  readonly config: OptConfig;
  readonly layer: number;
}

function optBlock(
  x: Tensor,
  p: BlockParams,
  { inputs, config, layer }: BlockContext,
  tap: Tap,
): Tensor {
  const { nHeads, dHead, normsBefore } = config;
  const norm = layerNorm(config.epsilon);
  const activation = activationFunction(config.activation);
  const form = { nHeads, dHead, mask: inputs.mask, cache: layerCache(inputs, layer) };
  const layers = {
    ln1: (own: Tensor) => norm(own, p.ln1, tap.in("ln1")),
    attn: (own: Tensor) => attention(own, p.attn, form, tap.in("attn")),
    ln2: (own: Tensor) => norm(own, p.ln2, tap.in("ln2")),
    mlp: (own: Tensor) => mlp(own, p.mlp, activation, tap.in("mlp")),
  };
  return (normsBefore ? sequential : normalisedAfter)(x, layers, tap);
}

/** The family that config.json calls `OPTForCausalLM`. */
export const optFamily: DecoderFamily<OptConfig> = {
  architectures: ["OPTForCausalLM"],
  kind: "decoder",
  config: optConfig,
  optionalPrefix: "model.",
  // where a tied unembedding was stored as well, the embedding counts
  unused: /^lm_head\.weight$/,
  forward: opt,
  layout: ({ nLayers, dModel, dEmbed, dMlp, dVocab, nCtx, hasFinalNorm, hasBias, ties }) => {
    const own = "model.decoder";
    const projects = dEmbed !== dModel;
    const positions = [nCtx + RESERVED_POSITIONS, dModel];
    return [
      { path: "embed", name: `${own}.embed_tokens.weight`, shape: [dVocab, dEmbed] },
      { path: "posEmbed", name: `${own}.embed_positions.weight`, shape: positions },
      ...(projects ? linearEntries("projectIn", `${own}.project_in`, [dEmbed, dModel]) : []),
      ...Array.from({ length: nLayers }, (_, i) => {
        const from = `${own}.layers.${i}`;
        const to = `blocks.${i}`;
        const square = [dModel, dModel] as const;
        return [
          ...normEntries(`${to}.ln1`, `${from}.self_attn_layer_norm`, dModel, true),
          ...["q", "k", "v"].flatMap((name) =>
            linearEntries(`${to}.attn.${name}`, `${from}.self_attn.${name}_proj`, square, hasBias),
          ),
          ...linearEntries(`${to}.attn.o`, `${from}.self_attn.out_proj`, square, hasBias),
          ...normEntries(`${to}.ln2`, `${from}.final_layer_norm`, dModel, true),
          ...linearEntries(`${to}.mlp.in`, `${from}.fc1`, [dModel, dMlp], hasBias),
          ...linearEntries(`${to}.mlp.out`, `${from}.fc2`, [dMlp, dModel], hasBias),
        ];
      }).flat(),
      ...(hasFinalNorm ? normEntries("lnFinal", `${own}.final_layer_norm`, dModel, true) : []),
      ...(projects ? linearEntries("projectOut", `${own}.project_out`, [dModel, dEmbed]) : []),
      ...(ties ? [] : [{ path: "unembed", name: "lm_head.weight", shape: [dVocab, dEmbed] }]),
    ];
  },
  absent: {
    "attn.rot_q": "OPT has learned positions and rotates nothing",
    "attn.rot_k": "OPT has learned positions and rotates nothing",
    "mlp.gate": "its MLP has no gates",
    "ln_final.normalized": "the norm of its last block is the last one",
  },
};
