// What convolutions and poolings share: which input position each window and kernel element reads.

import { PatchClampError } from "../../core/errors.ts";
import type { NumberArray } from "../op.ts";
import { showShape } from "../op.ts";
import type { Aval, Tensor } from "../tensor.ts";

/** One value for every spatial axis, or one an axis. */
export type PerAxis<T> = T | readonly T[];

/** Positions put around the input along an axis: at both ends, or `[before, after]`. */
export type Padding = PerAxis<number | readonly [before: number, after: number]>;

/** Which input position each output position and kernel element reads; one entry a spatial axis. */
export interface Geometry {
  readonly stride: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly dilation: readonly number[];
}

export function perAxis(
  where: string,
  name: string,
  value: PerAxis<number>,
  rank: number,
  least: number,
): readonly number[] {
  const list = typeof value === "number" ? Array.from({ length: rank }, () => value) : value;
  if (list.length !== rank || list.some((size) => !Number.isInteger(size) || size < least)) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `${name} is ${typeof value === "number" ? value : showShape(value)}, not ${rank} integer(s) from ${least}.`,
    });
  }
  return list;
}

export function paddingPerAxis(
  where: string,
  padding: Padding,
  rank: number,
): { before: readonly number[]; after: readonly number[] } {
  const list = typeof padding === "number" ? Array.from({ length: rank }, () => padding) : padding;
  const end = (side: 0 | 1): number[] =>
    list.map((entry) => (typeof entry === "number" ? entry : entry[side]));
  return {
    before: perAxis(where, "padding", end(0), rank, 0),
    after: perAxis(where, "padding", end(1), rank, 0),
  };
}

/** Input positions that a kernel of `size` elements covers. */
export function span(size: number, dilation: number): number {
  return (size - 1) * dilation + 1;
}

/** Number of windows along each spatial axis. */
export function windows(
  where: string,
  space: readonly number[],
  kernel: readonly number[],
  geometry: Geometry,
): number[] {
  return space.map((size, i) => {
    const padded = size + geometry.before[i]! + geometry.after[i]!;
    const covered = span(kernel[i]!, geometry.dilation[i]!);
    if (covered > padded) {
      throw new PatchClampError("SHAPE_MISMATCH", {
        where,
        problem: `the kernel covers ${covered} positions of axis ${i + 2}, but the padded input has ${padded}.`,
        fix: "use a smaller kernel or more padding.",
      });
    }
    return Math.floor((padded - covered) / geometry.stride[i]!) + 1;
  });
}

/** The index of every element of a kernel, in row-major order. */
export function offsets(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (found, size) =>
      found.flatMap((offset) => Array.from({ length: size }, (_, i) => [...offset, i])),
    [[]],
  );
}

export function padSpace(x: Tensor, { before, after }: Geometry, value: number): Tensor {
  return before.reduce<Tensor>((y, size, i) => {
    const isPadded = size > 0 || after[i]! > 0;
    return isPadded ? y.pad({ axis: i + 2, before: size, after: after[i]!, value }) : y;
  }, x);
}

/** What the kernel element at `offset` meets in each window of the padded input: [batch, channels, ...counts]. */
export function shifted(
  padded: Tensor,
  offset: readonly number[],
  counts: readonly number[],
  geometry: Geometry,
): Tensor {
  return counts.reduce<Tensor>((y, count, i) => {
    const start = offset[i]! * geometry.dilation[i]!;
    const step = geometry.stride[i]!;
    return y.slice({ axis: i + 2, start, end: start + (count - 1) * step + 1, step });
  }, padded);
}

/** Calls `visit` with the flat indices of input, kernel and output for every product of a convolution. */
export function eachTap(
  x: readonly number[],
  w: readonly number[],
  y: readonly number[],
  { stride, before, dilation, groups }: Geometry & { readonly groups: number },
  visit: (input: number, kernel: number, output: number) => void,
): void {
  const [, channels = 0, ...space] = x;
  const [out = 0, perGroup = 0, ...kernel] = w;
  const counts = y.slice(2);
  const flat = (index: readonly number[], shape: readonly number[]): number =>
    index.reduce((sum, i, axis) => sum * shape[axis]! + i, 0);
  for (const [n, o, c] of offsets([y[0]!, out, perGroup])) {
    const channel = Math.floor((o! * groups) / out) * perGroup + c!;
    for (const window of offsets(counts)) {
      for (const offset of offsets(kernel)) {
        const at = window.map(
          (i, axis) => i * stride[axis]! + offset[axis]! * dilation[axis]! - before[axis]!,
        );
        if (at.some((i, axis) => i < 0 || i >= space[axis]!)) continue;
        visit(
          flat([n!, channel, ...at], [0, channels, ...space]),
          flat([o!, c!, ...offset], w),
          flat([n!, o!, ...window], y),
        );
      }
    }
  }
}

export function asFloat({ shape }: NumberArray): Aval {
  return { shape, dtype: "float32" };
}
