// Rotary positions: pairs of numbers turned by angles that stand in a table.

import { arange } from "../../tensor/ops/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";

/** Angles for every position: each [batch or 1, pos, 1, pairs]. */
export interface Angles {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** Rows of tables [positions, pairs] at positions [batch or 1, pos]. */
export function anglesAt(cos: Tensor, sin: Tensor, positions: Tensor): Angles {
  const rows = (table: Tensor): Tensor => table.gather(positions).unsqueeze(2);
  return { cos: rows(cos), sin: rows(sin) };
}

/**
 * Turns the first numbers of every head: number i with the one half of them behind it, or with its neighbour.
 *
 * @param x - [batch, pos, head, size]
 */
export function turnedBy(x: Tensor, { cos, sin }: Angles, isInterleaved: boolean): Tensor {
  if (!isInterleaved) return x.turn(cos, sin);
  const pairs = cos.shape[3]!;
  const lead = x.shape.slice(0, 3);
  const changedOver = (t: Tensor, shape: readonly number[]): Tensor =>
    t
      .reshape([...lead, ...shape])
      .transpose([0, 1, 2, 4, 3])
      .reshape([...lead, 2 * pairs]);
  const first = x.slice({ axis: 3, end: 2 * pairs });
  const halves = changedOver(first, [pairs, 2]).turn(cos, sin);
  const turned = changedOver(halves, [2, pairs]);
  return x.shape[3] === 2 * pairs
    ? turned
    : turned.concatWith([x.slice({ axis: 3, start: 2 * pairs })], 3);
}

/** Applies `turn` to [batch, pos, head * size] or [batch, head, pos, size], as [batch, pos, head, size]. */
function byPosition(context: ImportContext, size: number, turn: (x: Tensor) => Tensor): Tensor {
  const x = context.input(0);
  if (x.rank === 4) return turn(x.transpose([0, 2, 1, 3])).transpose([0, 2, 1, 3]);
  if (x.rank !== 3) throw context.refuse(`turns a tensor of ${x.rank} axes`);
  const [batch, pos, width] = x.shape as [number, number, number];
  const heads = context.int("num_heads", 0);
  const dHead = heads > 0 ? width / heads : size;
  return turn(x.reshape([batch, pos, width / dHead, dHead])).reshape(x.shape);
}

/** ONNX's form: tables by position, or where no positions are given an angle for every place of the batch. */
function rotary(context: ImportContext): Tensor {
  const [cos, sin, positions] = [context.input(1), context.input(2), context.inputs[3]];
  const angles =
    positions === undefined
      ? { cos: cos.unsqueeze(2), sin: sin.unsqueeze(2) }
      : anglesAt(cos, sin, positions);
  return byPosition(context, 2 * cos.shape.at(-1)!, (x) =>
    turnedBy(x, angles, context.int("interleaved", 0) === 1),
  );
}

/** ONNX Runtime's form: positions are given for every place, or that of the first place alone. */
function rotaryFrom(context: ImportContext): Tensor {
  const [given, cos, sin] = [context.input(1), context.input(2), context.input(3)];
  if (context.int("is_packed_batching", 0) === 1) throw context.refuse("packs its batch");
  const scale = context.float("scale", 1);
  const turned = byPosition(context, 2 * cos.shape.at(-1)!, (x) => {
    const places =
      given.size === 1
        ? arange(x.shape[1]!)
            .cast(given.dtype)
            .add(given.reshape([1]))
        : given;
    const positions = places.reshape([-1, x.shape[1]!]);
    return turnedBy(x, anglesAt(cos, sin, positions), context.int("interleaved", 0) === 1);
  });
  return scale === 1 ? turned : turned.mul(scale);
}

export const rotaries: ImportHandlers = {
  RotaryEmbedding: rotary,
  "com.microsoft.RotaryEmbedding": rotaryFrom,
};
