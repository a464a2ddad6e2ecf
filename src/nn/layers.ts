// Layers as functions of a tensor and its parameters. They name their interior values through a `Tap`, which returns
// what it is given unless somebody edits that site; where a fused kernel hides an interior value, the slow form that
// shows it is taken only when the tap gives another tensor back.

import type { Tensor } from "../runtime/index.ts";

/** Names a value; returns the value to go on with. */
export type SiteTap = (name: string, x: Tensor) => Tensor;

/** The tap of a layer that nobody watches. */
export const untapped: SiteTap = (_, x) => x;

/** Weights [out, in] and, where there is one, a bias [out]. */
export interface LinearParams {
  readonly weight: Tensor;
  readonly bias?: Tensor | undefined;
}

/** `x @ weight.T + bias`: [..., in] to [..., out]. */
export function linear(x: Tensor, { weight, bias }: LinearParams): Tensor {
  return x.linear(weight, bias);
}

/**
 * Looks up rows of a table.
 *
 * @param ids - int32, any shape
 * @param table - [rows, dModel]
 * @returns [...ids.shape, dModel]
 */
export function embedding(ids: Tensor, table: Tensor): Tensor {
  return table.gather(ids, { axis: 0 });
}

/** Gain and, for layer norm, bias: each [dModel]. */
export interface NormParams {
  readonly weight: Tensor;
  readonly bias?: Tensor | undefined;
}

/** A normalisation of the last axis with its site `normalized`, the value before gain and bias. */
export type Norm = (x: Tensor, params: NormParams, tap?: SiteTap) => Tensor;

/** Layer normalisation (Ba, Kiros & Hinton 2016, arXiv:1607.06450). */
export function layerNorm(epsilon: number): Norm {
  return (x, { weight, bias }, tap = untapped) => {
    const plain = x.layerNorm(undefined, undefined, { epsilon });
    const normalized = tap("normalized", plain);
    if (normalized === plain) return x.layerNorm(weight, bias, { epsilon });
    const scaled = normalized.mul(weight);
    return bias === undefined ? scaled : scaled.add(bias);
  };
}

/** Root-mean-square normalisation (Zhang & Sennrich 2019, arXiv:1910.07467). */
export function rmsNorm(epsilon: number): Norm {
  return (x, { weight }, tap = untapped) => {
    const plain = x.rmsNorm(undefined, { epsilon });
    const normalized = tap("normalized", plain);
    return normalized === plain ? x.rmsNorm(weight, { epsilon }) : normalized.mul(weight);
  };
}

/** A function of the hidden units of an MLP. */
export type ActivationFunction = (x: Tensor) => Tensor;

/** Weights of an MLP. */
export interface MlpParams {
  readonly in: LinearParams;
  readonly out: LinearParams;
}

/**
 * A two-layer perceptron. Sites: `pre` (input of the activation function) and `post`, [batch, pos, dMlp].
 *
 * @param x - [batch, pos, dModel]
 */
export function mlp(
  x: Tensor,
  params: MlpParams,
  activation: ActivationFunction,
  tap: SiteTap = untapped,
): Tensor {
  const pre = tap("pre", linear(x, params.in));
  return linear(tap("post", activation(pre)), params.out);
}

/** Weights of a gated MLP. */
export interface GatedMlpParams extends MlpParams {
  readonly gate: LinearParams;
}

/**
 * An MLP whose hidden units are multiplied by gates. Sites: `gate` (input of the activation function), `pre` (the
 * linear branch) and `post` (their product), [batch, pos, dMlp].
 *
 * @source Shazeer 2020, arXiv:2002.05202
 */
export function gatedMlp(
  x: Tensor,
  params: GatedMlpParams,
  activation: ActivationFunction,
  tap: SiteTap = untapped,
): Tensor {
  const gate = tap("gate", linear(x, params.gate));
  const pre = tap("pre", linear(x, params.in));
  return linear(tap("post", activation(gate).mul(pre)), params.out);
}
