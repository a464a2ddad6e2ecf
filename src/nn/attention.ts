// Attention over heads. What families differ in comes as functions: how positions turn queries and keys, how these are
// normalised, how scores are bounded, and how they become probabilities.

import { PatchClampError } from "../core/errors.ts";
import { concat } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { LinearParams, SiteTap } from "./layers.ts";
import { linear, untapped } from "./layers.ts";

/** Projections of an attention layer; the weight of `o` is [dModel, nHeads * dHead]. */
export interface AttentionParams {
  readonly q: LinearParams;
  readonly k: LinearParams;
  readonly v: LinearParams;
  readonly o: LinearParams;
}

/** Keys and values, each [batch, kvHead, pos, dHead]. */
export interface KeyValues {
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Keys and values of earlier positions, and where new ones go. */
export interface AttentionCache {
  readonly past: KeyValues | undefined;
  /** Takes the new ones; may give those of all positions, earlier ones first, which are then looked at as one. */
  readonly store: (k: Tensor, v: Tensor) => KeyValues | undefined;
}

/** A function of queries or keys, [batch, pos, head, dHead]. */
export type HeadFunction = (x: Tensor) => Tensor;

/** How scores become probabilities. */
export interface ScoreForm {
  /** What scores are multiplied by. Default 1 / sqrt(dHead). */
  readonly scale?: number | undefined;
  /** Bounds the scaled scores before the mask is added. Default: leaves them. */
  readonly cap?: ((scores: Tensor) => Tensor) | undefined;
  /**
   * Added to the scores, [batch or 1, head or 1, pos or 1, capacity + pos]: a bias, or a large negative number where not to look.
   * Default: every query looks everywhere.
   */
  readonly mask?: Tensor | undefined;
  /** Makes probabilities of the scores, [batch, head, query, key]. Default: softmax over keys. */
  readonly normalise?: ((scores: Tensor) => Tensor) | undefined;
  readonly cache?: AttentionCache | undefined;
}

/** How an attention layer works. */
export interface AttentionForm extends ScoreForm {
  readonly nHeads: number;
  /** Heads of keys and values; query heads share them in groups of equal size. Default `nHeads`. */
  readonly nKvHeads?: number | undefined;
  readonly dHead: number;
  /** Normalise queries and keys before they are turned: sites `q_norm` and `k_norm`. Default: they are not. */
  readonly norm?: { readonly q: HeadFunction; readonly k: HeadFunction } | undefined;
  /** Turns queries and keys by their positions: sites `rot_q` and `rot_k`. Default: they are not. */
  readonly rotate?: HeadFunction | undefined;
}

/**
 * Multi-head attention with grouped key and value heads.
 *
 * Sites: `q k v` [batch, pos, head, dHead] (then `q_norm k_norm` and `rot_q rot_k` where the layer has them), `scores` and
 * `pattern` [batch, head, query, key], `z` [batch, pos, head, dHead], `result` [batch, pos, head, dModel].
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
  const { nHeads, nKvHeads = nHeads, dHead, norm, rotate } = form;
  const heads = (p: LinearParams, count: number): Tensor =>
    linear(x, p).reshape([x.shape[0]!, x.shape[1]!, count, dHead]);
  const changed = (name: string, t: Tensor, change: HeadFunction | undefined): Tensor =>
    change === undefined ? t : tap(name, change(t));
  const placed = (name: "q" | "k", count: number): Tensor => {
    const plain = tap(name, heads(params[name], count));
    const normed = changed(`${name}_norm`, plain, norm?.[name]);
    return changed(`rot_${name}`, normed, rotate);
  };
  const q = placed("q", nHeads);
  const k = placed("k", nKvHeads);
  const v = tap("v", heads(params.v, nKvHeads));
  return attentionOutput(attend({ q, k, v }, form, tap), params.o, tap);
}

/** Queries, keys and values by head: [batch, pos, head, dHead], [batch, key, kvHead, dHead], [batch, key, kvHead, dValue]. */
export interface Heads {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/**
 * What every head reads: values mixed by attention probabilities. Sites `scores pattern z`.
 *
 * @returns z, [batch, pos, head, dValue]
 * @throws PatchClampError `BAD_OPTION` when query heads cannot share key heads in equal groups
 */
export function attend({ q, k, v }: Heads, form: ScoreForm, tap: SiteTap = untapped): Tensor {
  const [batch, pos, nHeads, dHead] = q.shape as [number, number, number, number];
  const nKvHeads = k.shape[2]!;
  if (nHeads % nKvHeads !== 0) {
    throw new PatchClampError("BAD_OPTION", {
      where: "attention",
      problem: `${nHeads} query heads cannot share ${nKvHeads} key heads in equal groups.`,
    });
  }
  const { scale = 1 / Math.sqrt(dHead), cap, mask, cache } = form;
  const { normalise = (scores: Tensor) => scores.softmax({ axis: -1 }) } = form;
  const kNew = k.transpose([0, 2, 1, 3]);
  const vNew = v.transpose([0, 2, 1, 3]);
  const whole = cache?.store(kNew, vNew);
  const past = whole === undefined ? cache?.past : undefined;
  const { k: keys, v: values } = whole ?? { k: kNew, v: vNew };

  // query heads of a group lie behind one another, so that one product serves the group
  const grouped = [batch, nKvHeads, (nHeads / nKvHeads) * pos];
  // scaling the queries takes a small part of the time that scaling the scores would
  const scaled = scale === 1 ? q : q.mul(scale);
  const qGroups = scaled.transpose([0, 2, 1, 3]).reshape([...grouped, dHead]);
  const dots = (own: Tensor): Tensor =>
    qGroups.matmul(own, { transposeB: true }).reshape([batch, nHeads, pos, own.shape[2]!]);
  const raw = past === undefined ? dots(keys) : concat([dots(past.k), dots(keys)], { axis: -1 });
  const capped = cap === undefined ? raw : cap(raw);
  const scores = tap("scores", mask === undefined ? capped : capped.add(mask));
  const pattern = tap("pattern", normalise(scores));

  const mixed = (p: Tensor, own: Tensor): Tensor =>
    p.reshape([...grouped, own.shape[2]!]).matmul(own);
  const capacity = past?.k.shape[2] ?? 0;
  const sums =
    past === undefined
      ? mixed(pattern, values)
      : mixed(pattern.slice({ axis: -1, end: capacity }), past.v).add(
          mixed(pattern.slice({ axis: -1, start: capacity }), values),
        );
  const dValue = v.shape[3]!;
  return tap("z", sums.reshape([batch, nHeads, pos, dValue]).transpose([0, 2, 1, 3]));
}

/**
 * Sums what the heads write; their single contributions, site `result`, are computed only if somebody edits them.
 *
 * @param z - [batch, pos, head, dValue]
 * @returns [batch, pos, dModel]
 */
export function attentionOutput(z: Tensor, o: LinearParams, tap: SiteTap = untapped): Tensor {
  const [batch, pos, nHeads, dValue] = z.shape as [number, number, number, number];
  const dModel = o.weight.shape[0]!;
  const perHead = z
    .transpose([2, 0, 1, 3])
    .reshape([nHeads, batch * pos, dValue])
    .matmul(o.weight.reshape([dModel, nHeads, dValue]).transpose([1, 0, 2]), { transposeB: true })
    .reshape([nHeads, batch, pos, dModel])
    .transpose([1, 2, 0, 3]);
  const result = tap("result", perHead);
  if (result === perHead) return linear(z.reshape([batch, pos, nHeads * dValue]), o);
  const sum = result.sum({ axis: 2 });
  return o.bias === undefined ? sum : sum.add(o.bias);
}
