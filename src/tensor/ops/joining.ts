// Ops that take tensors apart and put them together.

import { PatchClampError } from "../../core/errors.ts";
import { defineOp, f32, i32, sameDType, showShape } from "../op.ts";
import type { NumberArray } from "../op.ts";
import type { Aval } from "../tensor.ts";
import { apply, resolveAxis, sizeOf, Tensor } from "../tensor.ts";
import { moved } from "./_layout.ts";

declare module "../tensor.ts" {
  interface Tensor {
    /** Adds `before` and `after` elements of `value` along one axis. */
    pad(options: PadOptions): Tensor;
    /** Shifts along an axis; what falls off one end comes in at the other. */
    roll(options: { axis: number; by: number }): Tensor;
    /** Repeats the whole tensor `repeats[i]` times along axis i. */
    tile(repeats: readonly number[]): Tensor;
    /** Cuts an axis into pieces of the given sizes. */
    split(options: { axis: number; sizes: readonly number[] }): Tensor[];
    /** This tensor followed by others along an axis. */
    concatWith(others: readonly Tensor[], axis: number): Tensor;
  }
}

Tensor.prototype.split = function split(this: Tensor, { axis, sizes }): Tensor[] {
  const at = resolveAxis("split", axis, this.rank);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total !== this.shape[at]) {
    throw new PatchClampError("SHAPE_MISMATCH", {
      where: "split",
      problem: `the pieces ${showShape(sizes)} add up to ${total}, but axis ${axis} of ${showShape(this.shape)} has ${this.shape[at]}.`,
    });
  }
  let start = 0;
  return sizes.map((size) => {
    const piece = this.slice({ axis: at, start, end: start + size });
    start += size;
    return piece;
  });
};
Tensor.prototype.roll = function roll(this: Tensor, { axis, by }): Tensor {
  const size = this.shape[resolveAxis("roll", axis, this.rank)]!;
  const shift = ((by % size) + size) % size;
  if (shift === 0) return this;
  const [head, tail] = this.split({ axis, sizes: [size - shift, shift] });
  return concat([tail!, head!], { axis });
};

/** Options of `pad`. */
export interface PadOptions {
  axis: number;
  before: number;
  after: number;
  /** Default 0. */
  value?: number;
}

interface PadAttrs {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
  readonly value: number;
}

const padOp = defineOp<PadAttrs>({
  name: "pad",
  infer: ([x], { axis, before, after }) => [
    { shape: x!.shape.with(axis, x!.shape[axis]! + before + after), dtype: x!.dtype },
  ],
  grad: ({ inputs: [x], cotangents: [g], attrs: { axis, before } }) => [
    g!.slice({ axis, start: before, end: before + x!.shape[axis]! }),
  ],
  // Amounts for all axes: where only some are named, ONNX Runtime's moving of transposes past a Pad takes one for another.
  lower: ({ emit, constant, inputs: [aval] }, [x], { axis, before, after, value }) => {
    const { shape, dtype } = aval!;
    const amounts = [before, after].flatMap((size) => shape.map((_, i) => (i === axis ? size : 0)));
    return [emit("Pad", [x!, constant(amounts, "int64"), constant(value, dtype)])];
  },
  sliceThrough: (axis, _inputs, _output, attrs) => (axis === attrs.axis ? undefined : [axis]),
  reference: ([x], { axis, before, after, value }) => {
    const size = x!.shape[axis]!;
    const inner = sizeOf(x!.shape.slice(axis + 1));
    const length = before + size + after;
    const count = sizeOf(x!.shape.with(axis, length));
    return [
      Array.from({ length: count }, (_, i) => {
        const at = (Math.floor(i / inner) % length) - before;
        const row = Math.floor(i / (inner * length)) * size + at;
        return at < 0 || at >= size ? value : x!.data[row * inner + (i % inner)]!;
      }),
    ];
  },
  samples: [
    { inputs: [f32([2, 3])], attrs: { axis: 1, before: 1, after: 2, value: 0 } },
    { inputs: [f32([2])], attrs: { axis: 0, before: 0, after: 1, value: -1 } },
  ],
});

Tensor.prototype.pad = function pad(this: Tensor, options): Tensor {
  const { axis, before, after, value = 0 } = options;
  if (![before, after].every((size) => Number.isInteger(size) && size >= 0)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "pad",
      problem: `cannot add ${before} elements before and ${after} after; both must be whole and at least 0.`,
      fix: "use slice to take elements away.",
    });
  }
  if (before === 0 && after === 0) return this;
  return apply(padOp, [this], { axis: resolveAxis("pad", axis, this.rank), before, after, value });
};

interface ConcatAttrs {
  readonly axis: number;
}

const concatOp = defineOp<ConcatAttrs>({
  name: "concat",
  infer: (inputs, { axis }) => {
    const dtype = sameDType("concat", inputs);
    const rest = (x: Aval): string => x.shape.toSpliced(axis, 1).join();
    const odd = inputs.find(
      (x) => x.shape.length !== inputs[0]!.shape.length || rest(x) !== rest(inputs[0]!),
    );
    if (odd !== undefined) {
      throw new PatchClampError("SHAPE_MISMATCH", {
        where: "concat",
        problem: `cannot put ${showShape(odd.shape)} after ${showShape(inputs[0]!.shape)} along axis ${axis}.`,
        fix: "make all other axes equal.",
      });
    }
    const total = inputs.reduce((sum, x) => sum + x.shape[axis]!, 0);
    return [{ shape: inputs[0]!.shape.with(axis, total), dtype }];
  },
  grad: ({ inputs, cotangents: [g], attrs: { axis } }) =>
    g!.split({ axis, sizes: inputs.map((x) => x.shape[axis]!) }),
  lower: ({ emit }, inputs, { axis }) => [emit("Concat", inputs, { axis })],
  sliceThrough: (axis, inputs, _output, attrs) =>
    axis === attrs.axis ? undefined : inputs.map(() => axis),
  reference: (inputs, { axis }) => {
    const outer = sizeOf(inputs[0]!.shape.slice(0, axis));
    const part = ({ shape, data }: NumberArray, i: number): readonly number[] => {
      const size = sizeOf(shape.slice(axis));
      return data.slice(i * size, (i + 1) * size);
    };
    const parts = Array.from({ length: outer }, (_, i) => inputs.flatMap((x) => part(x, i)));
    return [parts.flat()];
  },
  samples: [
    { inputs: [f32([2, 3]), f32([2, 1])], attrs: { axis: 1 } },
    { inputs: [i32([2], { low: 0, high: 9 }), i32([1], { low: 0, high: 9 })], attrs: { axis: 0 } },
  ],
});

/**
 * Tensors one after another along an axis.
 *
 * @throws PatchClampError `SHAPE_MISMATCH` when another axis differs, `BAD_INPUT` when there are none
 */
export function concat(tensors: readonly Tensor[], options: { axis: number }): Tensor {
  const first = firstOf("concat", tensors);
  const axis = resolveAxis("concat", options.axis, first.rank);
  return tensors.length === 1 ? first : apply(concatOp, tensors, { axis });
}

Tensor.prototype.concatWith = function concatWith(this: Tensor, others, axis): Tensor {
  return concat([this, ...others], { axis });
};

/** Tensors of one shape beside each other along a new axis. */
export function stack(tensors: readonly Tensor[], options: { axis: number }): Tensor {
  const axis = resolveAxis("stack", options.axis, firstOf("stack", tensors).rank + 1);
  return concat(
    tensors.map((x) => x.unsqueeze(axis)),
    { axis },
  );
}

function firstOf(where: string, tensors: readonly Tensor[]): Tensor {
  if (tensors[0] !== undefined) return tensors[0];
  throw new PatchClampError("BAD_INPUT", { where, problem: "there are no tensors to join." });
}

interface TileAttrs {
  readonly repeats: readonly number[];
}

const tileOp = defineOp<TileAttrs>({
  name: "tile",
  infer: ([x], { repeats }) => [
    { shape: x!.shape.map((size, i) => size * repeats[i]!), dtype: x!.dtype },
  ],
  // sum over the copies
  grad: ({ inputs: [x], cotangents: [g], attrs: { repeats } }) => {
    const apart = g!.reshape(x!.shape.flatMap((size, i) => [repeats[i]!, size]));
    return [apart.sum({ axis: x!.shape.map((_, i) => 2 * i) }).reshape(x!.shape)];
  },
  lower: ({ emit, constant }, [x], { repeats }) => [emit("Tile", [x!, constant(repeats, "int64")])],
  reference: ([x], { repeats }) => {
    const { shape } = x!;
    const longer = shape.map((size, i) => size * repeats[i]!);
    return [moved(x!, longer, (index) => index.map((at, axis) => at % shape[axis]!))];
  },
  samples: [{ inputs: [f32([2, 3])], attrs: { repeats: [2, 3] } }],
});

Tensor.prototype.tile = function tile(this: Tensor, repeats): Tensor {
  if (repeats.length !== this.rank || !repeats.every((n) => Number.isInteger(n) && n >= 1)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "tile",
      problem: `repeats is ${showShape(repeats)}, but the tensor has shape ${showShape(this.shape)}.`,
      fix: "give one whole number of at least 1 for every axis.",
    });
  }
  return repeats.every((n) => n === 1) ? this : apply(tileOp, [this], { repeats });
};
