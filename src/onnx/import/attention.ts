// Attention as ONNX has it, and as ONNX Runtime had it before.

import { arange } from "../../tensor/ops/creation.ts";
import { stack } from "../../tensor/ops/joining.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";
import { groupedAttention } from "./grouped-attention.ts";
import type { Attended } from "./heads.ts";
import { attend, biasOf, byHead, following, isWithin, joined } from "./heads.ts";
import { memories } from "./linear-attention.ts";
import { rotaries } from "./rotary.ts";

/** ONNX's own. */
function attention(context: ImportContext): readonly Tensor[] {
  const { input, inputs, int, float } = context;
  const isFlat = input(0).rank === 3;
  const kvHeads = int("kv_num_heads", 0);
  const q = byHead(input(0), int("q_num_heads", 0));
  const [mask, pastKey, pastValue, lengths] = inputs.slice(3);
  const k = following(pastKey, byHead(input(1), kvHeads));
  const v = following(pastValue, byHead(input(2), kvHeads));
  const [pos, keys] = [q.shape[2]!, k.shape[2]!];
  const isExternal = pastKey === undefined && lengths !== undefined;
  const bound = (name: string): number | undefined => {
    const given = int(name, -1);
    return given < 0 ? undefined : given;
  };
  const window = {
    offset: isExternal ? lengths.cast("int32").sub(pos) : (pastKey?.shape[2] ?? 0),
    pos,
    keys,
    behind: bound("left_window_size"),
  };
  // the nearer of the two bounds on what comes after
  const after = bound("right_window_size");
  const isCausal = int("is_causal", 0) === 1;
  const isAllowed = isWithin({ ...window, before: isCausal ? 0 : after });
  const isThere = lengths && arange(keys).less(lengths.cast("int32").reshape([-1, 1, 1, 1]));
  const form = {
    scale: float("scale", undefined),
    softcap: float("softcap", 0),
    biases: [
      mask && extended(mask.dtype === "bool" ? biasOf(mask) : mask, keys),
      isAllowed && biasOf(isAllowed),
      isThere && biasOf(isThere),
    ],
    mayBeBlind: mask !== undefined || lengths !== undefined || window.behind !== undefined,
  };
  const found = attend(context, { q, k, v }, form);
  return [isFlat ? joined(found.z) : found.z, k, v, shown(context, found)];
}

/** A mask for fewer keys than there are: it is not looked at the others. */
function extended(mask: Tensor, keys: number): Tensor {
  const missing = keys - mask.shape.at(-1)!;
  const isWhole = missing === 0 || mask.shape.at(-1) === 1;
  return isWhole
    ? mask
    : mask.pad({ axis: mask.rank - 1, before: 0, after: missing, value: -Infinity });
}

/** What the node shows of its inner values. */
function shown(context: ImportContext, { raw, capped, scores, pattern }: Attended): Tensor {
  const mode = context.int("qk_matmul_output_mode", 0);
  const found = [raw, capped, scores, pattern][mode];
  if (found === undefined) throw context.refuse(`shows its scores in mode ${mode}`);
  return found;
}

/** Queries, keys and values that come apart or in one tensor, with a bias for all three. */
function multiHead(context: ImportContext): readonly Tensor[] {
  const { input, inputs, int } = context;
  const heads = int("num_heads", 0);
  const [bias, padding, attentionBias, pastKey, pastValue, pastLength] = inputs.slice(3);
  if (pastLength !== undefined) throw context.refuse("writes into the keys of the past");
  const [query, key, value] = apart(context, heads);
  const isByHead = key.rank === 4 && inputs[1]?.rank === 4;
  const width = query.shape[2]!;
  const biased = (x: Tensor, start: number): Tensor => {
    if (bias === undefined || x.rank === 4) return x;
    return x.add(bias.slice({ axis: 0, start, end: start + x.shape[2]! }));
  };
  const q = byHead(biased(query, 0), heads);
  const k = following(pastKey, isByHead ? key : byHead(biased(key, width), heads));
  const v = following(pastValue, isByHead ? value : byHead(biased(value, 2 * width), heads));
  const found = masked(context, { q, k, v }, [padding, attentionBias], input(0).shape[0]!);
  return [joined(found.z), k, v, found.scores];
}

/** Queries, keys and values of one input, [batch, pos, head, 3, size], of two, the second [batch, key, head, 2, size], or of three. */
function apart({ input, inputs }: ImportContext, heads: number): readonly [Tensor, Tensor, Tensor] {
  const parts = (x: Tensor): Tensor[] => {
    const [batch, pos] = x.shape as [number, number];
    const sizes = Array.from({ length: x.shape[3]! }, () => 1);
    return x
      .split({ axis: 3, sizes })
      .map((part) => part.reshape([batch, pos, heads * x.shape[4]!]));
  };
  const [query, key, value] = [input(0), inputs[1], inputs[2]];
  if (key === undefined) return parts(query) as [Tensor, Tensor, Tensor];
  if (value === undefined) return [query, ...(parts(key) as [Tensor, Tensor])];
  return [query, key, value];
}

/** Attention under the masks that ONNX Runtime's operators have in common. */
function masked(
  context: ImportContext,
  heads: { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor },
  [padding, bias]: readonly [Tensor | undefined, Tensor | undefined],
  batch: number,
): Attended {
  const { int, float } = context;
  const [pos, keys] = [heads.q.shape[2]!, heads.k.shape[2]!];
  const isCausal = int("unidirectional", 0) === 1;
  const isAllowed = isCausal ? isWithin({ offset: keys - pos, pos, keys, before: 0 }) : undefined;
  const filter = float("mask_filter_value", -10_000);
  const isThere = padding && keyMask(context, padding, { batch, pos, keys });
  const scale = float("scale", 0);
  return attend(context, heads, {
    scale: scale === 0 ? undefined : scale,
    biases: [isThere && biasOf(isThere, filter), isAllowed && biasOf(isAllowed, LOWEST), bias],
  });
}

// what ONNX Runtime's kernels put where it is not allowed to look: softmax has no NaN for a row of them
const LOWEST = -3.4028234663852886e38;

/** Which keys are there, by the form of the mask: bool, to be broadcast to [batch, head, pos, key]. */
function keyMask(
  context: ImportContext,
  mask: Tensor,
  { batch, pos, keys }: { readonly batch: number; readonly pos: number; readonly keys: number },
): Tensor {
  const column = arange(keys);
  const perRow = (x: Tensor): Tensor => x.cast("int32").reshape([batch, 1, 1, 1]);
  if (mask.rank === 1 && mask.size === batch) return column.less(perRow(mask));
  if (mask.rank === 1 && mask.size === 2 * batch) {
    const [ends, starts] = mask.split({ axis: 0, sizes: [batch, batch] });
    return column.less(perRow(ends!)).and(column.greaterEqual(perRow(starts!)));
  }
  if (mask.rank === 2) return mask.greater(0).reshape([mask.shape[0]!, 1, 1, keys]);
  if (mask.rank === 3) return mask.greater(0).reshape([mask.shape[0]!, 1, pos, keys]);
  throw context.refuse(`has a mask of [${mask.shape.join(", ")}]`);
}

/** Projections and attention in one operator. Names `q`, `k` and `v`, [batch, pos, head * size]. */
function projected(context: ImportContext): readonly Tensor[] {
  const { input, inputs, int, ints, name } = context;
  const [x, weight] = [input(0), input(1)];
  const [bias, mask, past, attentionBias, pastLength] = inputs.slice(2);
  if (int("do_rotary", 0) === 1) throw context.refuse("turns its queries and keys");
  if (pastLength !== undefined) throw context.refuse("writes into the keys of the past");
  const heads = int("num_heads", 0);
  const third = weight.shape[1]! / 3;
  const sizes = ints("qkv_hidden_sizes") ?? [third, third, third];
  const [batch, pos] = x.shape as [number, number];
  const flat = x.reshape([batch * pos, x.shape[2]!]).matmul(weight);
  const all = bias === undefined ? flat : flat.add(bias);
  const [q, k, v] = all
    .split({ axis: 1, sizes })
    .map((part, i) => byHead(name("qkv"[i]!, part.reshape([batch, pos, sizes[i]!])), heads));
  const before = (i: number): Tensor | undefined =>
    past?.slice({ axis: 0, start: i, end: i + 1 }).squeeze(0);
  const keys = following(before(0), k!);
  const values = following(before(1), v!);
  const found = masked(context, { q: q!, k: keys, v: values }, [mask, attentionBias], batch);
  // with values of another size than the keys there is no present, as one tensor could not hold both
  const present =
    keys.shape.join() === values.shape.join() ? [stack([keys, values], { axis: 0 })] : [];
  return [joined(found.z), ...present];
}

/** Attention whose scores and pattern the file itself changes, by bodies. */
function flexAttention(context: ImportContext): Tensor {
  const { input, float, attribute, body } = context;
  const change = (name: string): ((x: Tensor) => Tensor) | undefined => {
    const found = attribute(name);
    return found?.kind === "graph" ? (x) => body(found.value, [x])[0]! : undefined;
  };
  const changes = { scores: change("score_mod"), pattern: change("prob_mod") };
  const heads = { q: input(0), k: input(1), v: input(2) };
  return attend(context, heads, { scale: float("scale", undefined), changes }).z;
}

export const attentions: ImportHandlers = {
  Attention: attention,
  "ai.onnx.preview.FlexAttention": flexAttention,
  "com.microsoft.MultiHeadAttention": multiHead,
  "com.microsoft.Attention": projected,
  "com.microsoft.GroupQueryAttention": groupedAttention,
  ...rotaries,
  ...memories,
};
