// Operators that ask for shapes and change them; the numbers stay.

import { PatchClampError } from "../../core/errors.ts";
import { resolveAxis } from "../../tensor/tensor.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";
import { knownTensor } from "./known.ts";

/** Axes of a tensor of so many, counted from the front. */
export function axesOf(
  { opType, refuse }: ImportContext,
  axes: readonly number[],
  rank: number,
): number[] {
  const found = axes.map((axis) => resolveAxis(opType, axis, rank));
  if (new Set(found).size !== found.length)
    throw refuse(`names an axis twice in [${axes.join(", ")}]`);
  return found;
}

/** What is an input from some operator set on, and an attribute before. */
export function listOf(
  { opset, known, ints }: ImportContext,
  name: string,
  { input, since }: { readonly input: number; readonly since: number },
): readonly number[] | undefined {
  return opset >= since ? known(input) : ints(name);
}

/** Whole numbers as a tensor with data. */
export function integers(
  values: readonly number[],
  shape: readonly number[] = [values.length],
): Tensor {
  return knownTensor(values, { shape, dtype: "int64" });
}

function shapeOf({ input, int }: ImportContext): Tensor {
  const { shape } = input(0);
  return integers(shape.slice(int("start", 0), int("end", undefined)));
}

function reshaped(context: ImportContext): Tensor {
  const x = context.input(0);
  const wanted = listOf(context, "shape", { input: 1, since: 5 });
  if (wanted === undefined) throw context.refuse("lacks its shape");
  const keepsZero = context.int("allowzero", 0) === 1;
  const shape = wanted.map((size, i) => {
    if (size !== 0 || keepsZero) return size;
    const own = x.shape[i];
    if (own !== undefined) return own;
    throw context.refuse(`keeps axis ${i} of [${x.shape.join(", ")}], which has none`);
  });
  // of nothing, -1 stands for what is missing where the other sizes do not say it: nothing again
  const isEmpty = x.size === 0 && shape.includes(-1) && shape.every((size) => size !== 0);
  return x.reshape(isEmpty ? shape.map((size) => (size === -1 ? 0 : size)) : shape);
}

function flattened({ opType, input, int }: ImportContext): Tensor {
  const x = input(0);
  const axis = int("axis", 1);
  const at = axis === x.rank ? axis : resolveAxis(opType, axis, x.rank);
  const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
  return x.reshape([product(x.shape.slice(0, at)), product(x.shape.slice(at))]);
}

function squeezed(context: ImportContext): Tensor {
  const x = context.input(0);
  const named = listOf(context, "axes", { input: 1, since: 13 });
  const axes =
    named === undefined
      ? x.shape.flatMap((size, i) => (size === 1 ? [i] : []))
      : axesOf(context, named, x.rank);
  const long = axes.find((axis) => x.shape[axis] !== 1);
  if (long !== undefined)
    throw context.refuse(`drops axis ${long} of [${x.shape.join(", ")}], which is not of size 1`);
  return x.reshape(x.shape.filter((_, i) => !axes.includes(i)));
}

function unsqueezed(context: ImportContext): Tensor {
  const x = context.input(0);
  const named = listOf(context, "axes", { input: 1, since: 13 });
  if (named === undefined) throw context.refuse("lacks its axes");
  const axes = axesOf(context, named, x.rank + named.length);
  const own = x.shape.values();
  const shape = Array.from({ length: x.rank + axes.length }, (_, i) =>
    axes.includes(i) ? 1 : own.next().value!,
  );
  return x.reshape(shape);
}

function expanded({ opType, input, known }: ImportContext): Tensor {
  const x = input(0);
  const wanted = known(1) ?? [];
  const rank = Math.max(wanted.length, x.rank);
  // sizes go both ways: an axis of size 1 in what is wanted keeps that of the tensor
  const shape = Array.from({ length: rank }, (_, i) => {
    const size = wanted[i - rank + wanted.length] ?? 1;
    return size === 1 ? (x.shape[i - rank + x.rank] ?? 1) : size;
  });
  if (shape.every((size) => size >= 0)) return x.broadcastTo(shape);
  throw new PatchClampError("SHAPE_MISMATCH", {
    where: opType,
    problem: `there is no shape [${shape.join(", ")}].`,
  });
}

function transposed({ input, ints }: ImportContext): Tensor {
  return input(0).transpose(ints("perm"));
}

/** Channels become blocks of `size` x `size` places. */
function depthToSpace({ opType, input, int, text, refuse }: ImportContext): Tensor {
  const x = input(0);
  const [n, channels, height, width] = imageOf(opType, x);
  const size = int("blocksize", 1);
  const deep = channels / (size * size);
  if (!Number.isInteger(deep))
    throw refuse(`cannot make blocks of ${size} of ${channels} channels`);
  const isDepthFirst = text("mode", "DCR") === "DCR";
  const split = isDepthFirst
    ? x.reshape([n, size, size, deep, height, width]).transpose([0, 3, 4, 1, 5, 2])
    : x.reshape([n, deep, size, size, height, width]).transpose([0, 1, 4, 2, 5, 3]);
  return split.reshape([n, deep, height * size, width * size]);
}

/** Blocks of `size` x `size` places become channels. */
function spaceToDepth({ opType, input, int, text, refuse }: ImportContext): Tensor {
  const x = input(0);
  const [n, channels, height, width] = imageOf(opType, x);
  const size = int("blocksize", 1);
  const [rows, columns] = [height / size, width / size];
  if (!Number.isInteger(rows) || !Number.isInteger(columns))
    throw refuse(`cannot cut ${height} x ${width} into blocks of ${size}`);
  const isDepthFirst = text("mode", "DCR") === "DCR";
  return x
    .reshape([n, channels, rows, size, columns, size])
    .transpose(isDepthFirst ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4])
    .reshape([n, channels * size * size, rows, columns]);
}

function imageOf(where: string, { shape }: Tensor): [number, number, number, number] {
  if (shape.length === 4) return shape as unknown as [number, number, number, number];
  throw new PatchClampError("SHAPE_MISMATCH", {
    where,
    problem: `expected [batch, channels, height, width], got [${shape.join(", ")}].`,
  });
}

export const shapes: ImportHandlers = {
  Shape: shapeOf,
  Size: ({ input }) => integers([input(0).size], []),
  Reshape: reshaped,
  Flatten: flattened,
  Squeeze: squeezed,
  Unsqueeze: unsqueezed,
  Expand: expanded,
  Transpose: transposed,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};
