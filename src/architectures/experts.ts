// What the families with mixtures of experts share: their sizes, what follows attention, and where expert weights lie.

import { z } from "zod";

import type { GatedMlpParams, LinearParams } from "../nn/layers.ts";
import { gatedMlp, linear } from "../nn/layers.ts";
import type { HiddenUnits, MixtureParams, Routing } from "../nn/moe.ts";
import { mixtureOfExperts } from "../nn/moe.ts";
import { count } from "./common-config.ts";
import type { ParamEntry } from "./family.ts";
import { activationFunction, linearEntries, normEntries } from "./family.ts";
import type { FeedForward } from "./llama.ts";
import { attentionEntries, gatedMlpEntries, rotaryAbsent, rotaryLayout } from "./llama.ts";
import type { LlamaConfig } from "./llama-config.ts";

/** Sizes of a mixture of experts. */
export interface MixtureSizes {
  readonly count: number;
  /** Experts a token. */
  readonly k: number;
  /** Hidden units of an expert. */
  readonly dMlp: number;
}

/** A rotary decoder with a mixture of experts in some or all layers; the others have an MLP. */
export interface ExpertsConfig extends LlamaConfig {
  readonly mixture: MixtureSizes;
  /** Whether each layer has experts. */
  readonly isSparse: readonly boolean[];
}

/** Keys that act in training only. */
export const routerIgnored = [
  "router_aux_loss_coef",
  "router_jitter_noise",
  "output_router_logits",
  "aux_loss_alpha",
  "seq_aux",
];

/** Keys of families in which some layers have no experts. */
export const sparsityKeys = {
  decoder_sparse_step: count.default(1),
  mlp_only_layers: z.array(z.int().nonnegative()).default([]),
};

/** Whether each layer has experts: those whose number, from 1, the step divides, unless they are listed. */
export function sparseLayers(
  nLayers: number,
  keys: z.output<z.ZodObject<typeof sparsityKeys>>,
): boolean[] {
  const { decoder_sparse_step: step, mlp_only_layers: dense } = keys;
  return Array.from({ length: nLayers }, (_, i) => (i + 1) % step === 0 && !dense.includes(i));
}

/** The MLP or the mixture of a layer. */
export type SparseParams<Mixture extends MixtureParams = MixtureParams> = GatedMlpParams | Mixture;

/** A mixture with an expert that every token uses, and may weigh. */
export interface SharedParams extends MixtureParams {
  readonly shared: GatedMlpParams;
  /** [1, dModel]: its sigmoid weighs the shared expert. */
  readonly sharedGate?: LinearParams;
}

/** What follows attention in a layer with experts. Sites below `moe`. */
export function mixture<Params extends MixtureParams, Config extends ExpertsConfig>(
  routingOf: (config: Config, params: Params) => Routing,
): FeedForward<Params, Config> {
  return (x, p, config, tap) => {
    const activation = activationFunction(config.activation);
    const hidden: HiddenUnits = (gate, pre) => activation(gate).mul(pre);
    const form = { k: config.mixture.k, routing: routingOf(config, p), hidden };
    return mixtureOfExperts(x, p, form, tap.in("moe"));
  };
}

/** The same with the shared expert; site `moe.shared_out`, what it adds. */
export function withShared<Params extends SharedParams, Config extends ExpertsConfig>(
  routed: FeedForward<Params, Config>,
): FeedForward<Params, Config> {
  return (x, p, config, tap) => {
    const out = gatedMlp(x, p.shared, activationFunction(config.activation));
    const { sharedGate } = p;
    const weighed = sharedGate === undefined ? out : linear(x, sharedGate).sigmoid().mul(out);
    return routed(x, p, config, tap).add(tap("moe.shared_out", weighed));
  };
}

/** Experts in the layers that have some, and an MLP in the others. */
export function sparse<Mixture extends MixtureParams, Config extends ExpertsConfig>(
  ofMixture: FeedForward<Mixture, Config>,
): FeedForward<SparseParams<Mixture>, Config> {
  return (x, p, config, tap) =>
    "router" in p
      ? ofMixture(x, p, config, tap)
      : gatedMlp(x, p, activationFunction(config.activation), tap.in("mlp"));
}

/** Where the router and the experts of a block lie, from what the file calls an expert's gate, linear branch and output. */
export function expertEntries(
  to: string,
  from: string,
  { dModel, mixture: { count: experts, dMlp } }: Pick<ExpertsConfig, "dModel" | "mixture">,
  names: readonly [gate: string, pre: string, out: string] = ["gate_proj", "up_proj", "down_proj"],
): ParamEntry[] {
  const [gate, pre, out] = names;
  const expert = (i: number): ParamEntry[] => [
    ...linearEntries(`${to}.experts.${i}.gate`, `${from}.experts.${i}.${gate}`, [dModel, dMlp]),
    ...linearEntries(`${to}.experts.${i}.in`, `${from}.experts.${i}.${pre}`, [dModel, dMlp]),
    ...linearEntries(`${to}.experts.${i}.out`, `${from}.experts.${i}.${out}`, [dMlp, dModel]),
  ];
  return [
    ...linearEntries(`${to}.router`, `${from}.gate`, [dModel, experts]),
    ...Array.from({ length: experts }, (_, i) => expert(i)).flat(),
  ];
}

/** Where the projections of a shared expert lie, `path` in the tree and `name` in the file. */
export function sharedEntries(
  path: string,
  name: string,
  [dModel, dMlp]: readonly [number, number],
): ParamEntry[] {
  return [
    ...linearEntries(`${path}.gate`, `${name}.gate_proj`, [dModel, dMlp]),
    ...linearEntries(`${path}.in`, `${name}.up_proj`, [dModel, dMlp]),
    ...linearEntries(`${path}.out`, `${name}.down_proj`, [dMlp, dModel]),
  ];
}

/** Where the parameters of a rotary decoder with experts lie, from those of a layer's experts and what else a layer has. */
export function expertsLayout(
  config: ExpertsConfig,
  mixtureOf: (to: string, from: string) => readonly ParamEntry[],
  attentionOf: (to: string, from: string) => readonly ParamEntry[] = (to, from) =>
    attentionEntries(to, from, config),
): ParamEntry[] {
  return rotaryLayout(config, (to, from, layer) => [
    ...normEntries(`${to}.ln1`, `${from}.input_layernorm`, config.dModel),
    ...attentionOf(to, from),
    ...normEntries(`${to}.ln2`, `${from}.post_attention_layernorm`, config.dModel),
    ...(config.isSparse[layer] ? mixtureOf(`${to}.mlp`, from) : gatedMlpEntries(to, from, config)),
  ]);
}

/** Why a layer without experts, or a network without shared ones, lacks their sites. */
export const denseAbsent = {
  ...rotaryAbsent,
  ...Object.fromEntries(
    ["router_logits", "experts", "weights", "expert_out", "shared_out"].map((site) => [
      `moe.${site}`,
      "this layer has no such experts",
    ]),
  ),
  ...Object.fromEntries(
    ["gate", "pre", "post"].map((site) => [
      `mlp.${site}`,
      "this layer has experts in place of one MLP",
    ]),
  ),
};
