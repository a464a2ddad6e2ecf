// Operators that take tensors apart and put them together.

import { full } from "../../tensor/ops/creation.ts";
import { concat } from "../../tensor/ops/joining.ts";
import { resolveAxis } from "../../tensor/tensor.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";
import { axesOf, integers, listOf } from "./shapes.ts";

function joined({ inputs, input, int, opset }: ImportContext): Tensor {
  const axis = int("axis", opset < 4 ? 1 : -1);
  return concat(
    inputs.map((_, i) => input(i)),
    { axis },
  );
}

function split(context: ImportContext): readonly Tensor[] {
  const { opType, opset, input, int, ints, known, outputCount, refuse } = context;
  const x = input(0);
  const axis = resolveAxis(opType, int("axis", 0), x.rank);
  const size = x.shape[axis]!;
  const named = opset === 1 || opset >= 13 ? (known(1) ?? ints("split")) : ints("split");
  if (named !== undefined) return x.split({ axis, sizes: named });
  const count = int("num_outputs", outputCount);
  if (count !== outputCount) throw refuse(`makes ${count} pieces and has ${outputCount} outputs`);
  const piece = Math.ceil(size / count);
  // what is left over makes the last piece shorter
  const sizes = Array.from({ length: count }, (_, i) =>
    Math.max(0, Math.min(piece, size - i * piece)),
  );
  return x.split({ axis, sizes });
}

/** Bounds lie anywhere, also far outside: they are brought into the axis. */
function sliced(context: ImportContext): Tensor {
  const x = context.input(0);
  const isInput = { since: 10 } as const;
  const starts = listOf(context, "starts", { input: 1, ...isInput }) ?? [];
  const ends = listOf(context, "ends", { input: 2, ...isInput }) ?? [];
  const named = listOf(context, "axes", { input: 3, ...isInput }) ?? starts.map((_, i) => i);
  const steps = context.opset < 10 ? undefined : context.known(4);
  const axes = axesOf(context, named, x.rank);
  return axes.reduce((rest, axis, i) => {
    const step = steps?.[i] ?? 1;
    const size = rest.shape[axis]!;
    if (step === 0) throw context.refuse("takes steps of 0");
    const within = (bound: number, [lowest, highest]: readonly [number, number]): number =>
      Math.min(Math.max(bound < 0 ? bound + size : bound, lowest), highest);
    const start = within(starts[i]!, step > 0 ? [0, size] : [0, size - 1]);
    const end = within(ends[i]!, step > 0 ? [0, size] : [-1, size - 1]);
    const count = Math.max(0, Math.ceil((end - start) / step));
    if (count === 0) return rest.slice({ axis, start: 0, end: 0 });
    // a slice of this library counts negative ends from the back; one that runs off the front has none
    return rest.slice({ axis, start, step, ...(end < 0 ? {} : { end }) });
  }, x);
}

function tiled({ opset, input, known, refuse }: ImportContext): Tensor {
  const x = input(0);
  const given = known(1) ?? [];
  // the first version says how often, then along which axis
  const repeats =
    opset < 6 ? x.shape.map((_, i) => (i === known(2)?.[0] ? (given[0] ?? 1) : 1)) : given;
  if (repeats.some((count) => count < 0)) throw refuse(`repeats [${repeats.join(", ")}] times`);
  if (!repeats.includes(0)) return x.tile(repeats);
  return full(
    x.shape.map((size, i) => size * (repeats[i] ?? 1)),
    0,
    x.dtype,
  );
}

/** Where the elements of an axis come from when it is made longer. */
const SOURCES: Readonly<Record<string, (at: number, size: number) => number>> = {
  edge: (at, size) => Math.min(Math.max(at, 0), size - 1),
  // to and fro between the ends, which do not occur twice
  reflect: (at, size) => {
    const round = Math.max(2 * (size - 1), 1);
    const place = ((at % round) + round) % round;
    return Math.min(place, round - place);
  },
  wrap: (at, size) => ((at % size) + size) % size,
};

/** Elements that an axis may be made longer by. */
const MOST_PADS = 2 ** 24;

function padded(context: ImportContext): Tensor {
  const { opset, inputs, input, known, text, refuse } = context;
  const x = input(0);
  const pads = listOf(context, opset < 2 ? "paddings" : "pads", { input: 1, since: 11 });
  if (pads === undefined) throw refuse("lacks its sizes");
  const axes = axesOf(context, known(3) ?? x.shape.map((_, i) => i), x.rank);
  if (pads.length !== 2 * axes.length)
    throw refuse(`pads the axes [${axes.join(", ")}] by [${pads.join(", ")}]`);
  const mode = text("mode", "constant");
  const source = SOURCES[mode];
  if (source === undefined && mode !== "constant") throw refuse(`has the mode "${mode}"`);
  const value = opset < 11 ? context.float("value", 0) : (inputs[2] ?? 0);
  return axes.reduce((rest, axis, i) => {
    const [before, after] = [pads[i]!, pads[i + axes.length]!];
    if (before === 0 && after === 0) return rest;
    const size = rest.shape[axis]!;
    const length = before + size + after;
    if (length < 0 || Math.max(before, after) > MOST_PADS)
      throw refuse(`pads an axis of size ${size} by ${before} and ${after}`);
    if (source !== undefined) {
      if (size === 0) throw refuse(`continues an axis of size 0 by ${before} and ${after}`);
      const from = Array.from({ length }, (_, at) => source(at - before, size));
      return rest.gather(integers(from), { axis });
    }
    const kept = rest.slice({ axis, start: Math.max(0, -before), end: size + Math.min(0, after) });
    return around(kept, axis, [before, after], value);
  }, x);
}

function around(
  x: Tensor,
  axis: number,
  [before, after]: readonly [number, number],
  value: Tensor | number,
): Tensor {
  const number = typeof value === "number" ? value : value.value?.data?.[0];
  if (number !== undefined && Number.isFinite(Number(number))) {
    const sizes = { before: Math.max(0, before), after: Math.max(0, after) };
    return x.pad({ axis, ...sizes, value: Number(number) });
  }
  const one = typeof value === "number" ? full([], value, x.dtype) : value.reshape([]);
  const part = (size: number): Tensor[] =>
    size > 0 ? [one.broadcastTo(x.shape.with(axis, size))] : [];
  return concat([...part(before), x, ...part(after)], { axis });
}

/** Cuts or pads axes evenly on both sides until they have given sizes. */
function centred(context: ImportContext): Tensor {
  const { input, known, ints } = context;
  const x = input(0);
  const sizes = known(1) ?? [];
  const axes = axesOf(context, ints("axes") ?? x.shape.map((_, i) => i), x.rank);
  return axes.reduce((rest, axis, i) => {
    const extra = sizes[i]! - rest.shape[axis]!;
    if (extra > MOST_PADS) throw context.refuse(`pads an axis to ${sizes[i]}`);
    if (extra >= 0) {
      const before = Math.floor(extra / 2);
      return rest.pad({ axis, before, after: extra - before });
    }
    const start = Math.floor(-extra / 2);
    return rest.slice({ axis, start, end: start + sizes[i]! });
  }, x);
}

export const pieces: ImportHandlers = {
  Concat: joined,
  Split: split,
  Slice: sliced,
  Tile: tiled,
  Pad: padded,
  CenterCropPad: centred,
};
