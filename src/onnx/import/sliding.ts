// Where the windows of convolutions and poolings lie, by the attributes that these operators share.

import type { ImportContext } from "./handler.ts";

/** One entry for every axis of space. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Positions put before and after the input. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Number of windows. */
  readonly counts: readonly number[];
}

/** Positions that a window, a step or what is put around may have. */
const MOST = 2 ** 16;

/** Positions that a kernel covers. */
export const spanOf = (size: number, dilation: number): number => (size - 1) * dilation + 1;

/**
 * The windows over an input of the sizes `space`.
 *
 * @param kernel - sizes of the window; by default those of the attribute
 */
export function windowsOf(
  context: ImportContext,
  space: readonly number[],
  kernel: readonly number[] = context.ints("kernel_shape") ?? [],
): Windows {
  const { ints, int, text } = context;
  const ones = space.map(() => 1);
  const [stride, dilation] = [ints("strides") ?? ones, ints("dilations") ?? ones];
  const pads = ints("pads") ?? space.flatMap(() => [0, 0]);
  if (kernel.length !== space.length || pads.length !== 2 * space.length)
    throw context.refuse(`has a window of ${kernel.length} axes for ${space.length}`);
  const isWithin = (size: number, lowest: number): boolean => size >= lowest && size <= MOST;
  const isSane =
    [...kernel, ...stride, ...dilation].every((size) => isWithin(size, 1)) &&
    pads.every((size) => isWithin(size, 0));
  if (!isSane)
    throw context.refuse(
      `has windows of [${kernel.join(", ")}] in steps of [${stride.join(", ")}] with [${pads.join(", ")}] around`,
    );
  const isCeiled = int("ceil_mode", 0) === 1;
  const mode = text("auto_pad", "NOTSET");
  const found = space.map((size, i) => {
    const covered = spanOf(kernel[i]!, dilation[i]!);
    if (mode === "SAME_UPPER" || mode === "SAME_LOWER") {
      const count = Math.ceil(size / stride[i]!);
      const total = Math.max(0, (count - 1) * stride[i]! + covered - size);
      const smaller = Math.floor(total / 2);
      const before = mode === "SAME_UPPER" ? smaller : total - smaller;
      return { before, after: total - before, count };
    }
    const [before, after] = mode === "VALID" ? [0, 0] : [pads[i]!, pads[i + space.length]!];
    const steps = (size + before + after - covered) / stride[i]!;
    const whole = Math.floor(steps) + 1;
    const more = isCeiled ? Math.ceil(steps) + 1 : whole;
    // a window more must begin within the input or what is put before it
    const count = (more - 1) * stride[i]! < size + before ? more : whole;
    return { before, after, count };
  });
  const outside = found.findIndex(({ count }) => count < 1);
  if (outside >= 0)
    throw context.refuse(
      `has a window of ${kernel[outside]} that ${space[outside]} positions do not fill`,
    );
  return {
    kernel,
    stride,
    dilation,
    before: found.map(({ before }) => before),
    after: found.map(({ after }) => after),
    counts: found.map(({ count }) => count),
  };
}

/** Positions after the input that the last windows reach: fewer than are put there, or more. */
export function reached(
  { kernel, stride, dilation, before, counts }: Windows,
  space: readonly number[],
): number[] {
  return space.map((size, i) => {
    const end = (counts[i]! - 1) * stride[i]! + spanOf(kernel[i]!, dilation[i]!);
    return end - size - before[i]!;
  });
}
