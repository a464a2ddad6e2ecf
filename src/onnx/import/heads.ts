// Attention over heads in traced tensors, so that scores and patterns are values like others, with gradients.

import { arange } from "../../tensor/ops/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ImportContext } from "./handler.ts";

/** Queries, keys and values by head: [batch, head, pos, size], [batch, kvHead, key, size], [batch, kvHead, key, valueSize]. */
export interface Heads {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/** How scores become a pattern. */
export interface ScoreForm {
  /** What scores are multiplied by; default: 1 / sqrt(size). */
  readonly scale?: number | undefined;
  /** Bounds the scores to this number on both sides, before anything is added; 0: it does not. */
  readonly softcap?: number;
  /** Added to the scores, broadcast: a bias, or -Infinity where not to look. */
  readonly biases?: readonly (Tensor | undefined)[];
  /** Whether a query may find nothing to look at: its pattern is then 0. */
  readonly mayBeBlind?: boolean;
  /** For every head the score of a key without value, [head]. */
  readonly sink?: Tensor | undefined;
  /** What becomes of scores, and of the pattern; default: they stay as they are. */
  readonly changes?: {
    readonly scores?: ((x: Tensor) => Tensor) | undefined;
    readonly pattern?: ((x: Tensor) => Tensor) | undefined;
  };
}

/** What attention computes on its way, each [batch, head, pos, key], and z, [batch, head, pos, valueSize]. */
export interface Attended {
  readonly raw: Tensor;
  readonly capped: Tensor;
  readonly scores: Tensor;
  readonly pattern: Tensor;
  readonly z: Tensor;
}

/**
 * What every head reads: values mixed by attention. Names `scores` and `pattern`.
 *
 * @source Vaswani et al. 2017, arXiv:1706.03762, eq. (1); Ainslie et al. 2023, arXiv:2305.13245 (grouped heads)
 */
export function attend(context: ImportContext, { q, k, v }: Heads, form: ScoreForm): Attended {
  const [batch, nHeads, pos, dHead] = q.shape as [number, number, number, number];
  const [, nKvHeads, keys] = k.shape as [number, number, number];
  if (nHeads % nKvHeads !== 0)
    throw context.refuse(`shares ${nKvHeads} key heads among ${nHeads} query heads`);
  const { scale = 1 / Math.sqrt(dHead), softcap = 0, biases = [], changes = {} } = form;
  const { scores: changed = same, pattern: mixed = same } = changes;
  // query heads of a group lie behind one another, so that one product serves the group
  const grouped = [batch, nKvHeads, (nHeads / nKvHeads) * pos];
  const raw = q
    .mul(scale)
    .reshape([...grouped, dHead])
    .matmul(k, { transposeB: true })
    .reshape([batch, nHeads, pos, keys]);
  const capped = softcap > 0 ? raw.div(softcap).tanh().mul(softcap) : raw;
  const bias = biases.reduce(
    (a, b) => (a === undefined || b === undefined ? (a ?? b) : a.add(b)),
    undefined,
  );
  const scores = context.name("scores", changed(bias === undefined ? capped : capped.add(bias)));
  const isSeeing =
    form.mayBeBlind === true && bias !== undefined
      ? bias.max({ axis: -1, keepDims: true }).greater(-Infinity)
      : undefined;
  const pattern = context.name("pattern", mixed(patternOf(scores, isSeeing, form.sink)));
  const z = pattern
    .reshape([...grouped, keys])
    .matmul(v)
    .reshape([batch, nHeads, pos, v.shape[3]!]);
  return { raw, capped, scores, pattern, z };
}

const same = (x: Tensor): Tensor => x;

function patternOf(scores: Tensor, isSeeing: Tensor | undefined, sink: Tensor | undefined): Tensor {
  const keys = scores.shape[3]!;
  if (sink !== undefined) {
    const column = sink.reshape([1, sink.size, 1, 1]).broadcastTo([...scores.shape.slice(0, 3), 1]);
    return scores.concatWith([column], 3).softmax({ axis: 3 }).slice({ axis: 3, end: keys });
  }
  if (isSeeing === undefined) return scores.softmax({ axis: 3 });
  // a row of nothing but -Infinity would have neither a pattern nor a gradient
  return isSeeing.where(scores, 0).softmax({ axis: 3 }).mul(isSeeing.cast("float32"));
}

/** [batch, pos, head * size] by head: [batch, head, pos, size]. What is by head stays so. */
export function byHead(x: Tensor, heads: number): Tensor {
  if (x.rank === 4) return x;
  const [batch, pos, width] = x.shape as [number, number, number];
  return x.reshape([batch, pos, heads, width / heads]).transpose([0, 2, 1, 3]);
}

/** [batch, head, pos, size] as [batch, pos, head * size]. */
export function joined(x: Tensor): Tensor {
  const [batch, heads, pos, size] = x.shape as [number, number, number, number];
  return x.transpose([0, 2, 1, 3]).reshape([batch, pos, heads * size]);
}

/** Earlier keys or values followed by new ones, along the positions. */
export function following(past: Tensor | undefined, x: Tensor): Tensor {
  return past === undefined ? x : past.concatWith([x], 2);
}

/** 0 where it is allowed to look, -Infinity (or another number) where it is not. */
export function biasOf(isAllowed: Tensor, otherwise = -Infinity): Tensor {
  return isAllowed.where(0, otherwise);
}

/** Which keys queries may look at by where both lie: how far a key may lie behind its query, and how far before. */
export interface Window {
  /** Position of the first query, one number or one for each row of the batch, [batch]. */
  readonly offset: number | Tensor;
  readonly pos: number;
  readonly keys: number;
  readonly behind?: number | undefined;
  readonly before?: number | undefined;
}

/** Which keys queries may look at: bool, [pos, keys], or [batch, 1, pos, keys] where the offset differs by row. */
export function isWithin({ offset, pos, keys, behind, before }: Window): Tensor | undefined {
  if (behind === undefined && before === undefined) return undefined;
  const column = arange(keys).reshape([1, keys]);
  const rows = arange(pos).reshape([pos, 1]);
  const places =
    typeof offset === "number"
      ? rows.add(offset)
      : rows.add(offset.cast("int32").reshape([offset.size, 1, 1, 1]));
  const last = before === undefined ? undefined : column.lessEqual(places.add(before));
  const first = behind === undefined ? undefined : column.greaterEqual(places.sub(behind));
  return last !== undefined && first !== undefined ? last.and(first) : (last ?? first);
}
