// Mamba (Gu & Dao 2023, arXiv:2312.00752): blocks of one gated state space each, in place of attention and MLP.

import type { DecoderInputs } from "../network/prompt.ts";
import type { Tap } from "../network/tap.ts";
import type { LinearParams, NormParams } from "../nn/layers.ts";
import { embedding, linear, rmsNorm } from "../nn/layers.ts";
import { causalConvolution, everyState, readStates, selectiveScan } from "../nn/ssm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderFamily, ParamEntry } from "./family.ts";
import { activationFunction, linearEntries, normEntries } from "./family.ts";
import type { MambaConfig, StateSpaceConfig } from "./mamba-config.ts";
import { mambaConfig } from "./mamba-config.ts";

/** A network of state spaces; what a layer of it holds is the family's affair. */
export interface StateSpaceParams<Layer> {
  /** [dVocab, dModel] */
  readonly embed: Tensor;
  readonly blocks: readonly { readonly ln1: NormParams; readonly ssm: Layer }[];
  readonly lnFinal: NormParams;
  /** [dVocab, dModel]; absent when tied to `embed`. */
  readonly unembed?: Tensor;
}

/** A layer: its normalised input, [batch, pos, dModel], to what it adds to the stream. */
export type StateSpaceLayer<Layer, Config> = (
  x: Tensor,
  params: Layer,
  context: LayerContext<Config>,
  tap: Tap,
) => Tensor;

/** What a layer knows besides its input. */
export interface LayerContext<Config> {
  readonly config: Config;
  /** What the layer kept after the last position. */
  readonly state: readonly Tensor[] | undefined;
  /** Takes what the layer wants back at the next position. */
  readonly keep: (state: readonly Tensor[]) => void;
  /** Puts zeros where there is padding, [batch, pos, ...]: what is 0 there neither reaches a convolution nor moves a state. */
  readonly hidePadding: (x: Tensor) => Tensor;
}

/** Makes the function of a network of state spaces: tokens into logits, [batch, pos, dVocab]. */
export function stateSpaceNetwork<Layer, Config extends StateSpaceConfig>(
  layer: StateSpaceLayer<Layer, Config>,
) {
  return (
    params: StateSpaceParams<Layer>,
    { tokens, isReal, cache }: DecoderInputs,
    tap: Tap,
    config: Config,
  ): Tensor => {
    const norm = rmsNorm(config.epsilon);
    const hidePadding = (x: Tensor): Tensor =>
      isReal === undefined ? x : x.mul(isReal.unsqueeze(-1));
    let x = tap("embed", embedding(tokens, params.embed));
    for (const [i, { ln1, ssm }] of params.blocks.entries()) {
      const at = tap.in(`blocks.${i}`);
      const context = {
        config,
        state: cache?.state(i),
        keep: (state: readonly Tensor[]) => cache?.keep(i, state),
        hidePadding,
      };
      x = at("resid_pre", x);
      const out = layer(norm(x, ln1, at.in("ln1")), ssm, context, at.in("ssm"));
      x = at("resid_post", x.add(at("ssm_out", out)));
    }
    const last = norm(x, params.lnFinal, tap.in("ln_final"));
    return linear(last, { weight: params.unembed ?? params.embed });
  };
}

interface MambaParams {
  readonly in: LinearParams;
  readonly gate: LinearParams;
  /** `weight` [dInner, 1, width] */
  readonly conv: LinearParams;
  readonly B: LinearParams;
  readonly C: LinearParams;
  readonly dtDown: LinearParams;
  readonly dtUp: LinearParams;
  /** Logarithm of how fast each place of the state is left, [dState, dInner]. */
  readonly logRates: Tensor;
  /** What of a channel goes past the state, [dInner]. */
  readonly skip: Tensor;
  readonly out: LinearParams;
}

/**
 * Sites: `conv_in`, `z` (before its SiLU), `x` (what enters the state), `dt`, `y` (what was read, with the skip) and `out` (gated),
 * [batch, pos, dInner]; `B` and `C` [batch, pos, dState]; `state` [batch, pos, dInner, dState]. Whoever edits `state` changes
 * what is read, not the states that follow.
 */
function mambaLayer(
  input: Tensor,
  p: MambaParams,
  { config, state, keep, hidePadding }: LayerContext<MambaConfig>,
  tap: Tap,
): Tensor {
  const [window, start] = state ?? [];
  const activation = activationFunction(config.activation);

  const conv = causalConvolution(tap("conv_in", hidePadding(linear(input, p.in))), p.conv, window);
  const z = tap("z", linear(input, p.gate));
  const x = tap("x", activation(conv.y));
  const dt = tap("dt", hidePadding(linear(linear(x, p.dtDown), p.dtUp).softplus()));
  const given = {
    x: x.unsqueeze(2),
    dt: dt.unsqueeze(2),
    B: tap("B", linear(x, p.B)).unsqueeze(2),
    C: tap("C", linear(x, p.C)).unsqueeze(2),
  };
  const rates = p.logRates.exp().neg().unsqueeze(0);

  const scanned = selectiveScan(given, rates, start);
  keep([conv.window, scanned.state]);
  const states = everyState(given, rates, start).squeeze(2);
  const seen = tap("state", states);
  const read = seen === states ? scanned.y : readStates(seen.unsqueeze(2), given.C);
  const y = tap("y", read.squeeze(2).add(x.mul(p.skip)));
  return linear(tap("out", y.mul(z.silu())), p.out);
}

/** Reads tokens into logits, [batch, pos, dVocab]. */
const mamba = stateSpaceNetwork(mambaLayer);

/** Where the parameters of a network of state spaces lie; `layer` lists those of one layer. */
export function stateSpaceLayout(
  { nLayers, dModel, dVocab, ties }: StateSpaceConfig,
  layer: (path: string, name: string) => readonly ParamEntry[],
): ParamEntry[] {
  return [
    { path: "embed", name: "backbone.embeddings.weight", shape: [dVocab, dModel] },
    ...Array.from({ length: nLayers }, (_, i) => [
      ...normEntries(`blocks.${i}.ln1`, `backbone.layers.${i}.norm`, dModel),
      ...layer(`blocks.${i}.ssm`, `backbone.layers.${i}.mixer`),
    ]).flat(),
    ...normEntries("lnFinal", "backbone.norm_f", dModel),
    ...(ties ? [] : [{ path: "unembed", name: "lm_head.weight", shape: [dVocab, dModel] }]),
  ];
}

/** Entries of linear layers that lie beside each other in one tensor of the file, from the first on. */
export function besideEntries(
  name: string,
  parts: readonly (readonly [path: string, rows: number])[],
  from: number,
  hasBias = false,
): ParamEntry[] {
  const total = parts.reduce((sum, [, rows]) => sum + rows, 0);
  return parts.flatMap(([path, rows], i) => {
    const start = parts.slice(0, i).reduce((sum, [, before]) => sum + before, 0);
    const entries = linearEntries(path, name, [from, rows], hasBias);
    return entries.map((entry) => ({ ...entry, part: { start, total } }));
  });
}

/** Entries of a depthwise convolution. */
export function convEntries(
  path: string,
  name: string,
  channels: number,
  { convWidth, hasConvBias }: StateSpaceConfig,
): ParamEntry[] {
  const weight = {
    path: `${path}.weight`,
    name: `${name}.weight`,
    shape: [channels, 1, convWidth],
  };
  const bias = { path: `${path}.bias`, name: `${name}.bias`, shape: [channels] };
  return hasConvBias ? [weight, bias] : [weight];
}

const noSuchLayer = "a block holds a state space in place of attention and MLP";

/** Why networks of state spaces lack sites that other decoders have. */
export const absentInStateSpaces: Readonly<Record<string, string>> = {
  pos_embed: "a state space knows the order of tokens by itself",
  attn_out: `${noSuchLayer}; what it adds is "ssm_out"`,
  mlp_out: `${noSuchLayer}; what it adds is "ssm_out"`,
  resid_mid: noSuchLayer,
};

/** The family that config.json calls `MambaForCausalLM`. */
export const mambaFamily: DecoderFamily<MambaConfig> = {
  architectures: ["MambaForCausalLM"],
  kind: "decoder",
  config: mambaConfig,
  forward: mamba,
  layout: (config) => {
    const { dModel, dInner, dState, dtRank, hasBias } = config;
    return stateSpaceLayout(config, (to, from) => [
      ...besideEntries(
        `${from}.in_proj`,
        [
          [`${to}.in`, dInner],
          [`${to}.gate`, dInner],
        ],
        dModel,
        hasBias,
      ),
      ...convEntries(`${to}.conv`, `${from}.conv1d`, dInner, config),
      ...besideEntries(
        `${from}.x_proj`,
        [
          [`${to}.dtDown`, dtRank],
          [`${to}.B`, dState],
          [`${to}.C`, dState],
        ],
        dInner,
      ),
      ...linearEntries(`${to}.dtUp`, `${from}.dt_proj`, [dtRank, dInner], true),
      // channels last, as the scan wants them
      {
        path: `${to}.logRates`,
        name: `${from}.A_log`,
        shape: [dState, dInner],
        isTransposed: true,
      },
      { path: `${to}.skip`, name: `${from}.D`, shape: [dInner] },
      ...linearEntries(`${to}.out`, `${from}.out_proj`, [dInner, dModel], hasBias),
    ]);
  },
  absent: absentInStateSpaces,
};
