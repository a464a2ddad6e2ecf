// Layers as functions of a tensor and its parameters. They name their interior values through a `Tap`, which returns
// what it is given unless somebody edits that site; where a fused kernel hides an interior value, the slow form that
// shows it is taken only when the tap gives another tensor back.

import { PatchClampError } from "../core/errors.ts";
import { fromHost } from "../tensor/leaf.ts";
import { concat } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";

/** Names a value; returns the value to go on with. */
export type SiteTap = (name: string, x: Tensor) => Tensor;

const untapped: SiteTap = (_, x) => x;

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

/** Cosines and sines of rotary positions: each [batch or 1, pos, 1, dHead / 2]. */
export interface Rotary {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/**
 * Angles for rotary positions.
 *
 * @param positions - int32, [batch or 1, pos]
 * @param frequencies - radians a position for every pair of the head, [dHead / 2]
 * @source Su et al. 2021, arXiv:2104.09864, eq. (15)
 */
export function rotaryAngles(positions: Tensor, frequencies: Float32Array): Rotary {
  const [batch, pos] = positions.shape as [number, number];
  const rates = fromHost(frequencies, { shape: [frequencies.length], dtype: "float32" });
  const angles = positions.cast("float32").reshape([batch, pos, 1, 1]).mul(rates);
  return { cos: angles.cos(), sin: angles.sin() };
}

/**
 * Turns pairs (i, i + dHead / 2) of every head by their position's angle.
 *
 * @param x - [batch, pos, head, dHead]
 */
export function rotate(x: Tensor, { cos, sin }: Rotary): Tensor {
  const halfSize = x.shape.at(-1)! / 2;
  const [first, second] = x.split({ axis: -1, sizes: [halfSize, halfSize] }) as [Tensor, Tensor];
  return concat([first.mul(cos).sub(second.mul(sin)), second.mul(cos).add(first.mul(sin))], {
    axis: -1,
  });
}

/** Projections of an attention layer; `wO` is [dModel, nHeads * dHead]. */
export interface AttentionParams {
  readonly q: LinearParams;
  readonly k: LinearParams;
  readonly v: LinearParams;
  readonly o: LinearParams;
}

/** Keys and values of earlier positions, and where new ones go: each [batch, kvHead, capacity or pos, dHead]. */
export interface AttentionCache {
  readonly past: { readonly k: Tensor; readonly v: Tensor } | undefined;
  readonly store: (k: Tensor, v: Tensor) => void;
}

/** How an attention layer works. */
export interface AttentionForm {
  readonly nHeads: number;
  /** Heads of keys and values; query heads share them in groups of equal size. Default `nHeads`. */
  readonly nKvHeads?: number | undefined;
  readonly dHead: number;
  /** What scores are multiplied by. Default 1 / sqrt(dHead). */
  readonly scale?: number | undefined;
  /** Added to the scores, [batch or 1, 1, pos, capacity + pos]: 0, or a large negative number where not to look. */
  readonly mask: Tensor;
  readonly rotary?: Rotary | undefined;
  readonly cache?: AttentionCache | undefined;
}

/**
 * Multi-head attention with grouped key and value heads.
 *
 * Sites: `q k v` [batch, pos, head, dHead] (with rotary positions also `rot_q rot_k`), `scores` and `pattern`
 * [batch, head, query, key], `z` [batch, pos, head, dHead], `result` [batch, pos, head, dModel].
 *
 * @param x - [batch, pos, dModel]
 * @returns [batch, pos, dModel]
 * @source Vaswani et al. 2017, arXiv:1706.03762, eq. (1); Ainslie et al. 2023, arXiv:2305.13245 (grouped heads)
 */
export function attention(
  x: Tensor,
  params: AttentionParams,
  form: AttentionForm,
  tap: SiteTap = untapped,
): Tensor {
  const {
    nHeads,
    nKvHeads = nHeads,
    dHead,
    scale = 1 / Math.sqrt(dHead),
    mask,
    rotary,
    cache,
  } = form;
  if (nHeads % nKvHeads !== 0) {
    throw new PatchClampError("BAD_OPTION", {
      where: "attention",
      problem: `${nHeads} query heads cannot share ${nKvHeads} key heads in equal groups.`,
    });
  }
  const heads = (t: Tensor, count: number): Tensor =>
    t.reshape([t.shape[0]!, t.shape[1]!, count, dHead]);
  const turned = (name: string, t: Tensor): Tensor =>
    rotary === undefined ? t : tap(name, rotate(t, rotary));
  const q = turned("rot_q", tap("q", heads(linear(x, params.q), nHeads)));
  const kNew = turned("rot_k", tap("k", heads(linear(x, params.k), nKvHeads))).transpose([
    0, 2, 1, 3,
  ]);
  const vNew = tap("v", heads(linear(x, params.v), nKvHeads)).transpose([0, 2, 1, 3]);
  cache?.store(kNew, vNew);
  const past = cache?.past;

  const [batch, pos] = q.shape as [number, number];
  // query heads of a group lie behind one another, so that one product serves the group
  const grouped = [batch, nKvHeads, (nHeads / nKvHeads) * pos, dHead];
  // scaling the queries takes a small part of the time that scaling the scores would
  const qGroups = q.transpose([0, 2, 1, 3]).reshape(grouped).mul(scale);
  const dots = (k: Tensor): Tensor =>
    qGroups.matmul(k, { transposeB: true }).reshape([batch, nHeads, pos, k.shape[2]!]);
  const raw = past === undefined ? dots(kNew) : concat([dots(past.k), dots(kNew)], { axis: -1 });
  const scores = tap("scores", raw.add(mask));
  const pattern = tap("pattern", scores.softmax({ axis: -1 }));

  const mixed = (p: Tensor, v: Tensor): Tensor =>
    p.reshape([...grouped.slice(0, 3), v.shape[2]!]).matmul(v);
  const capacity = past?.k.shape[2] ?? 0;
  const sums =
    past === undefined
      ? mixed(pattern, vNew)
      : mixed(pattern.slice({ axis: -1, end: capacity }), past.v).add(
          mixed(pattern.slice({ axis: -1, start: capacity }), vNew),
        );
  const z = tap("z", sums.reshape([batch, nHeads, pos, dHead]).transpose([0, 2, 1, 3]));
  return output(z, params.o, tap);
}

/** Sums what the heads write; their single contributions are computed only if somebody edits them. */
function output(z: Tensor, o: LinearParams, tap: SiteTap): Tensor {
  const [batch, pos, nHeads, dHead] = z.shape as [number, number, number, number];
  const dModel = o.weight.shape[0]!;
  const perHead = z
    .transpose([2, 0, 1, 3])
    .reshape([nHeads, batch * pos, dHead])
    .matmul(o.weight.reshape([dModel, nHeads, dHead]).transpose([1, 0, 2]), { transposeB: true })
    .reshape([nHeads, batch, pos, dModel])
    .transpose([1, 2, 0, 3]);
  const result = tap("result", perHead);
  if (result === perHead) return linear(z.reshape([batch, pos, nHeads * dHead]), o);
  const sum = result.sum({ axis: 2 });
  return o.bias === undefined ? sum : sum.add(o.bias);
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

/** Added to a score so that its probability is 0; finite, so that a row of nothing else gives no NaN. */
export const NEVER = -1e30;

/**
 * The mask of causal attention over `pos` positions.
 *
 * @returns [1, 1, pos, pos]: 0 where the key is not later than the query, a large negative number elsewhere
 */
export function causalBias(pos: number): Tensor {
  return fromHost(causalBiasData(pos), { shape: [1, 1, pos, pos], dtype: "float32" }, "mask");
}

function causalBiasData(pos: number): Float32Array {
  const data = new Float32Array(pos * pos);
  for (let query = 0; query < pos; query++)
    data.fill(NEVER, query * pos + query + 1, (query + 1) * pos);
  return data;
}

/**
 * The mask of causal attention over rows of which some positions are padding.
 *
 * @param isReal - which positions of each row hold a token, [batch][pos]
 * @returns [batch, 1, pos, pos]
 */
export function paddedCausalBias(isReal: readonly (readonly boolean[])[]): Tensor {
  const pos = isReal[0]!.length;
  const data = new Float32Array(isReal.length * pos * pos);
  const causal = causalBiasData(pos);
  for (const [row, real] of isReal.entries()) {
    const part = data.subarray(row * pos * pos, (row + 1) * pos * pos);
    part.set(causal);
    for (let i = 0; i < part.length; i++) if (!real[i % pos]) part[i] = NEVER;
  }
  return fromHost(data, { shape: [isReal.length, 1, pos, pos], dtype: "float32" }, "mask");
}
