// Mamba-2 (Dao & Gu 2024, arXiv:2405.21060): state spaces with one decay a head, and a norm behind the gate.

import type { Tap } from "../network/tap.ts";
import type { LinearParams, NormParams } from "../nn/layers.ts";
import { linear, rmsNorm } from "../nn/layers.ts";
import { causalConvolution, chunkedScan, everyState, readStates } from "../nn/ssm.ts";
import type { HeadInputs } from "../nn/ssm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderFamily } from "./family.ts";
import { activationFunction, linearEntries, normEntries } from "./family.ts";
import type { LayerContext } from "./mamba.ts";
import {
  absentInStateSpaces,
  besideEntries,
  convEntries,
  stateSpaceLayout,
  stateSpaceNetwork,
} from "./mamba.ts";
import type { Mamba2Config } from "./mamba2-config.ts";
import { mamba2Config } from "./mamba2-config.ts";

interface Mamba2Params {
  readonly gate: LinearParams;
  /** To x, B and C beside each other. */
  readonly in: LinearParams;
  readonly dt: LinearParams;
  /** Added to the step sizes, [nHeads]. */
  readonly dtBias: Tensor;
  /** `weight` [dInner + 2 * nGroups * dState, 1, width] */
  readonly conv: LinearParams;
  /** Logarithm of how fast each head forgets, [nHeads]. */
  readonly logRates: Tensor;
  /** What of a head goes past the state, [nHeads]. */
  readonly skip: Tensor;
  readonly norm: NormParams;
  readonly out: LinearParams;
}

/**
 * Sites: `conv_in` [batch, pos, dInner + 2 * nGroups * dState] (x, B and C beside each other), `z` (before its SiLU), `out` (gated)
 * and `norm.normalized` [batch, pos, dInner]; `x` (what enters the state) and `y` (what was read, with the skip)
 * [batch, pos, head, dHead]; `dt` [batch, pos, head]; `B` and `C` [batch, pos, group, dState]; `state`
 * [batch, pos, head, dHead, dState]. Whoever edits `state` changes what is read, not the states that follow.
 */
function mamba2Layer(
  input: Tensor,
  p: Mamba2Params,
  { config, state, keep, hidePadding }: LayerContext<Mamba2Config>,
  tap: Tap,
): Tensor {
  const { nHeads, dHead, dInner, dState, nGroups, dtLimit } = config;
  const [batch, pos] = input.shape as [number, number, number];
  const [window, start] = state ?? [];

  const z = tap("z", linear(input, p.gate));
  const conv = causalConvolution(tap("conv_in", hidePadding(linear(input, p.in))), p.conv, window);
  const [x, B, C] = activationFunction(config.activation)(conv.y).split({
    axis: -1,
    sizes: [dInner, nGroups * dState, nGroups * dState],
  }) as [Tensor, Tensor, Tensor];
  const steps = linear(input, p.dt).add(p.dtBias).softplus();
  const given = {
    x: tap("x", x.reshape([batch, pos, nHeads, dHead])),
    dt: tap("dt", hidePadding(bounded(steps, dtLimit))),
    B: tap("B", B.reshape([batch, pos, nGroups, dState])),
    C: tap("C", C.reshape([batch, pos, nGroups, dState])),
  };
  const rates = p.logRates.exp().neg();

  const scanned = chunkedScan(given, rates, start);
  keep([conv.window, scanned.state]);
  const states = headStates(given, rates, start);
  const seen = tap("state", states);
  const read = seen === states ? scanned.y : readHeads(seen, given.C);
  const y = tap("y", read.add(given.x.mul(p.skip.unsqueeze(-1))));
  const gated = tap("out", y.reshape([batch, pos, dInner]).mul(z.silu()));
  return linear(normByGroup(gated, p.norm, config, tap.in("norm")), p.out);
}

function bounded(steps: Tensor, [least, most]: Mamba2Config["dtLimit"]): Tensor {
  const atLeast = least > 0 ? steps.maximum(least) : steps; // they are positive already
  return most < Infinity ? atLeast.minimum(most) : atLeast;
}

/** The state of every head after every position, [batch, pos, head, dHead, dState]. */
function headStates({ x, dt, B }: HeadInputs, rates: Tensor, start: Tensor | undefined): Tensor {
  const [batch, pos, nHeads, dHead] = x.shape as [number, number, number, number];
  const [groups, dState] = B.shape.slice(2) as [number, number];
  const perChannel = (t: Tensor): Tensor =>
    t
      .unsqueeze(-1)
      .broadcastTo([...t.shape, dHead])
      .reshape([...t.shape.slice(0, -1), groups, -1]);
  const given = { x: x.reshape([batch, pos, groups, -1]), dt: perChannel(dt), B };
  const states = everyState(given, perChannel(rates).unsqueeze(1), start);
  return states.reshape([batch, pos, nHeads, dHead, dState]);
}

/** What is read of the states of heads, [batch, pos, head, dHead]. */
function readHeads(states: Tensor, C: Tensor): Tensor {
  const [batch, pos, nHeads, dHead, dState] = states.shape as [
    number,
    number,
    number,
    number,
    number,
  ];
  const groups = C.shape[2]!;
  return readStates(states.reshape([batch, pos, groups, -1, dState]), C).reshape([
    batch,
    pos,
    nHeads,
    dHead,
  ]);
}

/** The root-mean-square norm of each group of channels by itself; site `normalized`, [batch, pos, dInner]. */
function normByGroup(
  x: Tensor,
  params: NormParams,
  { nGroups, epsilon }: Mamba2Config,
  tap: Tap,
): Tensor {
  if (nGroups === 1) return rmsNorm(epsilon)(x, params, tap);
  const [batch, pos] = x.shape as [number, number, number];
  const normalized = x.reshape([batch, pos, nGroups, -1]).rmsNorm(undefined, { epsilon });
  return tap("normalized", normalized.reshape(x.shape)).mul(params.weight);
}

/** Reads tokens into logits, [batch, pos, dVocab]. */
const mamba2 = stateSpaceNetwork(mamba2Layer);

/** The family that config.json calls `Mamba2ForCausalLM`. */
export const mamba2Family: DecoderFamily<Mamba2Config> = {
  architectures: ["Mamba2ForCausalLM"],
  kind: "decoder",
  config: mamba2Config,
  forward: mamba2,
  layout: (config) => {
    const { dModel, dInner, dState, nGroups, nHeads, hasBias } = config;
    const dConv = dInner + 2 * nGroups * dState;
    return stateSpaceLayout(config, (to, from) => [
      ...besideEntries(
        `${from}.in_proj`,
        [
          [`${to}.gate`, dInner],
          [`${to}.in`, dConv],
          [`${to}.dt`, nHeads],
        ],
        dModel,
        hasBias,
      ),
      { path: `${to}.dtBias`, name: `${from}.dt_bias`, shape: [nHeads] },
      ...convEntries(`${to}.conv`, `${from}.conv1d`, dConv, config),
      { path: `${to}.logRates`, name: `${from}.A_log`, shape: [nHeads] },
      { path: `${to}.skip`, name: `${from}.D`, shape: [nHeads] },
      ...normEntries(`${to}.norm`, `${from}.norm`, dInner),
      ...linearEntries(`${to}.out`, `${from}.out_proj`, [dInner, dModel], hasBias),
    ]);
  },
  absent: absentInStateSpaces,
};
