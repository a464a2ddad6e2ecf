// DeepSeek V2 (2024, arXiv:2405.04434) and V3 (arXiv:2412.19437): keys and values are made from one small latent a token,
// queries mostly from another; experts beside shared ones, chosen group by group. V3 scores them by sigmoids with a correction.

import type { Tap } from "../network/tap.ts";
import type { AttentionForm } from "../nn/attention.ts";
import { attend, attentionOutput } from "../nn/attention.ts";
import type { LinearParams, NormParams } from "../nn/layers.ts";
import { linear, rmsNorm } from "../nn/layers.ts";
import type { Routing } from "../nn/moe.ts";
import { bestGroups, sigmoidScores, softmaxOfAll } from "../nn/moe.ts";
import { concat } from "../runtime/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DeepseekConfig } from "./deepseek-config.ts";
import { deepseek2Config, deepseek3Config } from "./deepseek-config.ts";
import type { SharedParams, SparseParams } from "./experts.ts";
import {
  denseAbsent,
  expertEntries,
  expertsLayout,
  mixture,
  sharedEntries,
  sparse,
  withShared,
} from "./experts.ts";
import type { DecoderFamily, ParamEntry } from "./family.ts";
import { linearEntries, normEntries } from "./family.ts";
import type { Block, FeedForward } from "./llama.ts";
import { rotaryDecoder, scaled } from "./llama.ts";
import { sequential } from "./residual.ts";

interface LatentAttentionParams {
  /** Queries, from the latent where there is one. */
  readonly q: LinearParams;
  readonly qDown?: LinearParams;
  readonly qNorm?: NormParams;
  /** The latent of keys and values, and beside it the part of keys that turns, which all heads share. */
  readonly kvDown: LinearParams;
  readonly kvNorm: NormParams;
  /** For every head its keys, as far as they do not turn, and its values. */
  readonly kv: LinearParams;
  readonly o: LinearParams;
}

interface DeepseekMixture extends SharedParams {
  /** [expert]; V3 adds it to scores when experts are chosen. */
  readonly correction?: Tensor;
}

interface BlockParams {
  readonly ln1: NormParams;
  readonly attn: LatentAttentionParams;
  readonly ln2: NormParams;
  readonly mlp: SparseParams<DeepseekMixture>;
}

/** The norms of latents have one epsilon, whatever the config says of the others. */
const latentNorm = rmsNorm(1e-6);

/**
 * Attention whose queries, keys and values come from latents. Sites beside those of `attend`: `q_latent` and `kv_latent`
 * [batch, pos, rank], what the projections to the heads read; `q k rot_q rot_k` [batch, pos, head, dHead], in which what turns
 * comes last; `v` [batch, pos, head, dValue].
 *
 * @param x - [batch, pos, dModel]
 * @source DeepSeek-AI 2024, arXiv:2405.04434, section 2.1
 */
function latentAttention(
  x: Tensor,
  p: LatentAttentionParams,
  { config, form }: { readonly config: DeepseekConfig; readonly form: AttentionForm },
  tap: Tap,
): Tensor {
  const { nHeads, latents, isInterleaved } = config;
  const { still, turning, value } = config.head;
  const [batch, pos] = x.shape as [number, number];
  const heads = (t: Tensor): Tensor => t.reshape([batch, pos, nHeads, -1]);
  const parts = (t: Tensor, sizes: readonly number[]): [Tensor, Tensor] =>
    t.split({ axis: -1, sizes }) as [Tensor, Tensor];
  const rotate = (t: Tensor): Tensor => form.rotate!(isInterleaved ? halves(t) : t);
  const turn = (t: Tensor): Tensor => {
    const [stays, turns] = parts(t, [still, turning]);
    return concat([stays, rotate(turns)], { axis: -1 });
  };

  const { qDown, qNorm } = p;
  const source = qDown && qNorm ? tap("q_latent", latentNorm(linear(x, qDown), qNorm)) : x;
  const q = tap("q", heads(linear(source, p.q)));
  const [down, position] = parts(linear(x, p.kvDown), [latents.kv, turning]);
  const latent = tap("kv_latent", latentNorm(down, p.kvNorm));
  const [own, values] = parts(heads(linear(latent, p.kv)), [still, value]);
  const v = tap("v", values);

  // all heads share the part that turns, so it is turned once, unless somebody changed it
  const shared = position.reshape([batch, pos, 1, turning]);
  const keys = (turns: Tensor): Tensor =>
    concat([own, turns.broadcastTo([batch, pos, nHeads, turning])], { axis: -1 });
  const plain = keys(shared);
  const k = tap("k", plain);
  const rotQ = tap("rot_q", turn(q));
  const rotK = tap("rot_k", k === plain ? keys(rotate(shared)) : turn(k));
  return attentionOutput(attend({ q: rotQ, k: rotK, v }, form, tap), p.o, tap);
}

/** Pairs (2 i, 2 i + 1) as (i, i + n), which changes no product of queries and keys. */
function halves(x: Tensor): Tensor {
  const pairs = x.shape.at(-1)! / 2;
  const apart = x.reshape([...x.shape.slice(0, -1), pairs, 2]);
  return apart.transpose([0, 1, 2, 4, 3]).reshape(x.shape);
}

function deepseekBlock(
  feedForward: FeedForward<SparseParams<DeepseekMixture>, DeepseekConfig>,
): Block<BlockParams, DeepseekConfig> {
  return (x, p, context, tap) => {
    const { config } = context;
    const norm = rmsNorm(config.epsilon);
    const layers = {
      ln1: (t: Tensor) => norm(t, p.ln1, tap.in("ln1")),
      attn: (t: Tensor) => latentAttention(t, p.attn, context, tap.in("attn")),
      ln2: (t: Tensor) => norm(t, p.ln2, tap.in("ln2")),
      mlp: (t: Tensor) => feedForward(t, p.mlp, config, tap),
    };
    return sequential(x, layers, tap);
  };
}

/** Weights of experts times a factor, and the choice limited to the best groups by their `best` largest scores. */
function limited(routing: Routing, { groups, expertScale }: DeepseekConfig, best: number): Routing {
  return {
    ...routing,
    ...(groups === null ? {} : { limit: bestGroups(groups, best) }),
    weigh: (logits, experts) => scaled(routing.weigh(logits, experts), expertScale),
  };
}

function deepseek(
  routingOf: (config: DeepseekConfig, params: DeepseekMixture) => Routing,
): DecoderFamily<DeepseekConfig>["forward"] {
  return rotaryDecoder(deepseekBlock(sparse(withShared(mixture(routingOf)))));
}

function attentionLayout(to: string, from: string, config: DeepseekConfig): ParamEntry[] {
  const { dModel, nHeads, dHead, latents, head, hasBias } = config;
  const [wide, at] = [nHeads * dHead, `${from}.self_attn`];
  const up = nHeads * (head.still + head.value);
  const queries =
    latents.q === null
      ? linearEntries(`${to}.attn.q`, `${at}.q_proj`, [dModel, wide])
      : [
          ...linearEntries(`${to}.attn.qDown`, `${at}.q_a_proj`, [dModel, latents.q], hasBias),
          ...normEntries(`${to}.attn.qNorm`, `${at}.q_a_layernorm`, latents.q),
          ...linearEntries(`${to}.attn.q`, `${at}.q_b_proj`, [latents.q, wide]),
        ];
  return [
    ...queries,
    ...linearEntries(
      `${to}.attn.kvDown`,
      `${at}.kv_a_proj_with_mqa`,
      [dModel, latents.kv + head.turning],
      hasBias,
    ),
    ...normEntries(`${to}.attn.kvNorm`, `${at}.kv_a_layernorm`, latents.kv),
    ...linearEntries(`${to}.attn.kv`, `${at}.kv_b_proj`, [latents.kv, up]),
    ...linearEntries(`${to}.attn.o`, `${at}.o_proj`, [nHeads * head.value, dModel], hasBias),
  ];
}

function layout(
  config: DeepseekConfig,
  more: (to: string, from: string) => readonly ParamEntry[] = () => [],
): ParamEntry[] {
  const { dModel, dShared } = config;
  return expertsLayout(
    config,
    (to, from) => [
      ...expertEntries(to, `${from}.mlp`, config),
      ...more(to, from),
      ...sharedEntries(`${to}.shared`, `${from}.mlp.shared_experts`, [dModel, dShared]),
    ],
    (to, from) => attentionLayout(to, from, config),
  );
}

const absent = {
  ...denseAbsent,
  "attn.q_latent": "this network makes queries of the stream itself",
};

/** The family that config.json calls `DeepseekV2ForCausalLM`. */
export const deepseek2Family: DecoderFamily<DeepseekConfig> = {
  architectures: ["DeepseekV2ForCausalLM"],
  kind: "decoder",
  config: deepseek2Config,
  forward: deepseek((config) => limited(softmaxOfAll, config, 1)),
  layout: (config) => layout(config),
  absent,
};

/** The family that config.json calls `DeepseekV3ForCausalLM`. */
export const deepseek3Family: DecoderFamily<DeepseekConfig> = {
  architectures: ["DeepseekV3ForCausalLM"],
  kind: "decoder",
  config: deepseek3Config,
  forward: deepseek((config, { correction }) =>
    limited(sigmoidScores(correction!, config.isNormalised), config, 2),
  ),
  layout: (config) =>
    layout(config, (to, from) => [
      {
        path: `${to}.correction`,
        name: `${from}.mlp.gate.e_score_correction_bias`,
        shape: [config.mixture.count],
      },
    ]),
  // the layer that guesses the token after the next, above the network's 61
  unused: /^model\.layers\.61\./,
  absent,
};
