// Turning pairs of numbers by angles, as rotary positions do (Su et al. 2021, arXiv:2104.09864).

import { PatchClampError } from "../../core/errors.ts";
import type { LowerContext, ValueRef } from "../op.ts";
import { defineOp, f32, sameDType, showShape } from "../op.ts";
import { apply, sizeOf, Tensor } from "../tensor.ts";

declare module "../tensor.ts" {
  interface Tensor {
    /** Turns pairs (i, i + n) of the first 2 n numbers of the last axis: [batch, pos, head, size] by [batch or 1, pos, 1, n]. */
    turn(cos: Tensor, sin: Tensor): Tensor;
  }
}

const turnOp = defineOp({
  name: "turn",
  infer: ([x, cos, sin]) => {
    const dtype = sameDType("turn", [x!, cos!, sin!], ["float32"]);
    const [batch, pos, , size] = x!.shape;
    const [rows, places, one, pairs] = cos!.shape;
    const fits = (rows === 1 || rows === batch) && places === pos && one === 1;
    const isWhole = x!.shape.length === 4 && cos!.shape.join() === sin!.shape.join();
    if (!isWhole || !fits || 2 * pairs! > size!) {
      throw new PatchClampError("SHAPE_MISMATCH", {
        where: "turn",
        problem: `cannot turn ${showShape(x!.shape)} by angles ${showShape(cos!.shape)} and ${showShape(sin!.shape)}.`,
        fix: "turn [batch, pos, head, size] by two [batch or 1, pos, 1, n], where 2 n is at most size.",
      });
    }
    return [{ shape: x!.shape, dtype }];
  },
  // y1 = x1 c - x2 s, y2 = x2 c + x1 s:  dx = turned back;  dc = sum(g1 x1 + g2 x2),  ds = sum(g2 x1 - g1 x2) over heads
  grad: ({ inputs: [x, cos, sin], cotangents: [g] }) => {
    const halves = (t: Tensor): [Tensor, Tensor] => {
      const pairs = cos!.shape[3]!;
      const half = (start: number): Tensor => t.slice({ axis: 3, start, end: start + pairs });
      return [half(0), half(pairs)];
    };
    const [[x1, x2], [g1, g2]] = [halves(x!), halves(g!)];
    return [
      g!.turn(cos!, sin!.neg()),
      g1.mul(x1).add(g2.mul(x2)).sumTo(cos!.shape),
      g2.mul(x1).sub(g1.mul(x2)).sumTo(sin!.shape),
    ];
  },
  lower: (context, inputs) => [
    context.device === "webgpu" ? turnedByParts(context, inputs) : turnedAtOnce(context, inputs),
  ],
  reference: ([x, cos, sin]) => {
    const [, pos, heads, size] = x!.shape as [number, number, number, number];
    const [rows, , , pairs] = cos!.shape as [number, number, number, number];
    return [
      x!.data.map((value, i) => {
        const [at, place] = [i % size, Math.floor(i / (size * heads))];
        if (at >= 2 * pairs) return value;
        const angle = (rows === 1 ? place % pos : place) * pairs + (at % pairs);
        const other = at < pairs ? -x!.data[i + pairs]! : x!.data[i - pairs]!;
        return value * cos!.data[angle]! + other * sin!.data[angle]!;
      }),
    ];
  },
  flops: ([x]) => 3 * sizeOf(x!.shape),
  samples: [
    { inputs: [f32([2, 3, 2, 4]), f32([1, 3, 1, 2]), f32([1, 3, 1, 2])], attrs: {} },
    { inputs: [f32([2, 3, 2, 6]), f32([2, 3, 1, 2]), f32([2, 3, 1, 2])], attrs: {} }, // a part of each head
    { inputs: [f32([1, 1, 1, 2]), f32([1, 1, 1, 1]), f32([1, 1, 1, 1])], attrs: {} },
  ],
});

/** One kernel, which looks angles up by position: here by the row of a table of all of them. */
function turnedAtOnce(context: LowerContext, [x, cos, sin]: readonly ValueRef[]): ValueRef {
  const { emit, reshape, constant, inputs } = context;
  const [batch, pos, heads, size] = inputs[0]!.shape as [number, number, number, number];
  const [rows, , , pairs] = inputs[1]!.shape as [number, number, number, number];
  const table = (angles: ValueRef): ValueRef =>
    reshape(angles, inputs[1]!.shape, [rows * pos, pairs]);
  const places =
    rows === 1
      ? constant([0], "int64", [1])
      : constant(
          Array.from({ length: rows * pos }, (_, i) => i),
          "int64",
          [rows, pos],
        );
  const flat = [batch, pos, heads * size];
  const turned = emit(
    "com.microsoft.RotaryEmbedding",
    [reshape(x!, inputs[0]!.shape, flat), places, table(cos!), table(sin!)],
    { num_heads: heads, rotary_embedding_dim: 2 * pairs === size ? 0 : 2 * pairs },
  );
  return reshape(turned, flat, inputs[0]!.shape);
}

/** For WebGPU, which lacks the kernel. */
function turnedByParts(context: LowerContext, [x, cos, sin]: readonly ValueRef[]): ValueRef {
  const { emit, emitMany, constant, inputs } = context;
  const [size, pairs] = [inputs[0]!.shape[3]!, inputs[1]!.shape[3]!];
  const rest = size - 2 * pairs;
  const sizes = rest === 0 ? [pairs, pairs] : [pairs, pairs, rest];
  const split = [x!, constant(sizes, "int64", [sizes.length])];
  const [first, second, ...still] = emitMany("Split", split, { axis: 3 }, sizes.length);
  const times = (a: ValueRef, b: ValueRef): ValueRef => emit("Mul", [a, b]);
  const turned = [
    emit("Sub", [times(first!, cos!), times(second!, sin!)]),
    emit("Add", [times(second!, cos!), times(first!, sin!)]),
  ];
  return emit("Concat", [...turned, ...still], { axis: 3 });
}

/**
 * Turns pairs (i, i + n) of the first 2 n numbers of the last axis by angles.
 *
 * @param x - [batch, pos, head, size]
 * @param cos - of the angles, [batch or 1, pos, 1, n]
 * @param sin - of the same shape
 * @throws PatchClampError `SHAPE_MISMATCH` when they do not fit
 * @source Su et al. 2021, arXiv:2104.09864, eq. (15)
 */
export function turn(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  return apply(turnOp, [x, cos, sin], {});
}

Tensor.prototype.turn = function turnMethod(this: Tensor, cos, sin): Tensor {
  return turn(this, cos, sin);
};
