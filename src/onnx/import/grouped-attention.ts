// ONNX Runtime's attention of decoders: grouped heads, rotary positions and a cache of keys and values in one operator.

import { arange, zeros } from "../../tensor/ops/creation.ts";
import { concat } from "../../tensor/ops/joining.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ImportContext } from "./handler.ts";
import { attend, biasOf, byHead, isWithin, joined } from "./heads.ts";
import { knownNumbers } from "./known.ts";
import type { Angles } from "./rotary.ts";
import { anglesAt, turnedBy } from "./rotary.ts";

/** Where the new positions go among the earlier ones. */
interface Places {
  readonly batch: number;
  /** New positions. */
  readonly pos: number;
  /** Positions of the longest row, with the new ones. */
  readonly total: number;
  /** Positions before the new ones: one number where it is known and the same for every row, else [batch]. */
  readonly offset: number | Tensor;
}

/**
 * Attention of a decoder's step: new keys and values are put behind the earlier ones, and queries look back at them.
 *
 * @returns what the heads read, [batch, pos, head * size], all keys and all values, [batch, kvHead, key, size], and scores or pattern
 */
export function groupedAttention(context: ImportContext): readonly Tensor[] {
  const { inputs, int, float, input } = context;
  const extra = inputs.findIndex((x, i) => i > 11 && x !== undefined);
  if (extra >= 0) throw context.refuse(`has an input ${extra}`);
  const [nHeads, nKvHeads] = [int("num_heads", 0), int("kv_num_heads", 0)];
  const [query, key, value] = queryKeyValue(context, nHeads, nKvHeads);
  const [batch, pos] = query.shape as [number, number];
  const total = context.known(6)?.[0] ?? pos;
  const places: Places = { batch, pos, total, offset: offsetOf(input(5), { batch, pos, total }) };
  const heads = (x: Tensor, count: number): Tensor =>
    x.reshape([batch, pos, count, x.shape[2]! / count]);
  const turn = turning(context, places);
  const q = turn(heads(query, nHeads)).transpose([0, 2, 1, 3]);
  const k = stored(context, inputs[3], turn(heads(key, nKvHeads)).transpose([0, 2, 1, 3]), places);
  const v = stored(context, inputs[4], byHead(value, nKvHeads), places);
  const upTo = (x: Tensor): Tensor => x.slice({ axis: 2, end: total });
  const width = int("local_window_size", -1);
  const isAllowed = isWithin({
    offset: places.offset,
    pos,
    keys: total,
    before: 0,
    behind: width > 0 ? width - 1 : undefined,
  });
  const isSmooth = int("smooth_softmax", 0) === 1;
  const scale = float("scale", 0);
  const seesAll = pos === 1 && width <= 0 && places.offset === total - 1;
  const found = attend(
    context,
    { q, k: upTo(k), v: upTo(v) },
    {
      scale: scale === 0 ? undefined : scale,
      softcap: float("softcap", 0),
      biases: [inputs[10], isAllowed && !seesAll ? biasOf(isAllowed) : undefined],
      sink: inputs[11] ?? (isSmooth ? zeros([nHeads]) : undefined),
    },
  );
  const shown = int("qk_output", 0) === 2 ? found.pattern : found.scores;
  return [joined(found.z), k, v, shown];
}

/** Queries, keys and values, each [batch, pos, head * size], which may come in one input. */
function queryKeyValue(
  { input, inputs }: ImportContext,
  nHeads: number,
  nKvHeads: number,
): readonly [Tensor, Tensor, Tensor] {
  const [x, key] = [input(0), inputs[1]];
  if (key !== undefined) return [x, key, input(2)];
  const dHead = x.shape[2]! / (nHeads + 2 * nKvHeads);
  const sizes = [nHeads, nKvHeads, nKvHeads].map((count) => count * dHead);
  return x.split({ axis: 2, sizes }) as unknown as readonly [Tensor, Tensor, Tensor];
}

/** Positions before the new ones. `last` holds for each row the position of its last. */
function offsetOf(last: Tensor, { batch, pos, total }: Omit<Places, "offset">): number | Tensor {
  // a prompt begins every row, however long it is
  if (pos === total) return 0;
  const known = knownNumbers(last);
  const isEven = batch === 1 || known?.every((at) => at === total - 1) === true;
  return isEven
    ? total - pos
    : last
        .reshape([batch])
        .cast("int32")
        .add(1 - pos);
}

/** Turns [batch, pos, head, size] by its positions, where the operator does. */
function turning(context: ImportContext, { pos, offset }: Places): (x: Tensor) => Tensor {
  const { int, input, inputs } = context;
  if (int("do_rotary", 0) === 0) return (x) => x;
  const isInterleaved = int("rotary_interleaved", 0) === 1;
  const angles = (): Angles => {
    const [cos, sin, positions] = [input(7), input(8), inputs[9]];
    if (positions !== undefined) return anglesAt(cos, sin, positions);
    if (typeof offset !== "number") {
      return anglesAt(cos, sin, arange(pos).add(offset.reshape([offset.size, 1])));
    }
    const rows = (table: Tensor): Tensor =>
      table
        .slice({ axis: 0, start: offset, end: offset + pos })
        .reshape([1, pos, 1, table.shape[1]!]);
    return { cos: rows(cos), sin: rows(sin) };
  };
  const made = angles();
  return (x) => turnedBy(x, made, isInterleaved);
}

/** Earlier keys or values with the new ones where they belong: [batch, kvHead, the longer of the two, size]. */
function stored(
  context: ImportContext,
  past: Tensor | undefined,
  x: Tensor,
  { batch, pos, total, offset }: Places,
): Tensor {
  if (past === undefined) return x;
  const room = past.shape[2]!;
  if (typeof offset === "number") {
    if (offset > room)
      throw context.refuse(`follows ${offset} positions, of which ${room} are given`);
    const before = offset > 0 ? [past.slice({ axis: 2, end: offset })] : [];
    const after = room > total ? [past.slice({ axis: 2, start: total })] : [];
    return concat([...before, x, ...after], { axis: 2 });
  }
  const places = arange(Math.max(room, total)).reshape([1, Math.max(room, total)]);
  const start = offset.reshape([batch, 1]);
  const isNew = places.greaterEqual(start).and(places.less(start.add(pos)));
  const from = isNew.where(places.sub(start).add(room), places.minimum(Math.max(room - 1, 0)));
  const whole = past.concatWith([x], 2);
  const shape = [batch, x.shape[1]!, places.size, x.shape[3]!];
  return whole.takeAlongAxis(from.reshape([batch, 1, places.size, 1]).broadcastTo(shape), {
    axis: 2,
  });
}
