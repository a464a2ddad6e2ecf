// Gradients through whole numbers that stand for real ones. Rounding has none, so they are those of the same network without it: what is
// rounded keeps beside it what it was before, and a number made of it has the gradient of the same number made of that. Scales and
// zeros that follow from the numbers themselves have none: without rounding they cancel.

import { customGradient } from "../../tensor/control.ts";
import { isLeaf } from "../../tensor/leaf.ts";
import { ONNX_TYPE } from "../../tensor/ops/cast.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ImportContext } from "./handler.ts";

const unrounded = new WeakMap<Tensor, Tensor>();

/**
 * Remembers what whole numbers were before they were rounded.
 *
 * @param codes - whole numbers
 * @param real - float32, the same numbers with what was rounded off, traced; of these only gradients are computed
 * @returns `codes`
 */
export function rounded(codes: Tensor, real: Tensor): Tensor {
  unrounded.set(codes, real);
  return codes;
}

/** Whether it is known what whole numbers were before they were rounded. */
export function isRounded(codes: Tensor): boolean {
  return unrounded.has(codes);
}

/** Whole numbers as float32. Where they are no constants there is no gradient, which is said and not passed over. */
export function codesOf({ asItIs }: Pick<ImportContext, "asItIs">, codes: Tensor): Tensor {
  if (codes.dtype === "float32") return codes;
  if (isLeaf(codes)) return codes.cast("float32");
  const [real] = asItIs([{ shape: codes.shape, dtype: "float32" }], {
    opType: "Cast",
    inputs: [codes],
    attributes: { to: ONNX_TYPE.float32 },
  });
  return real!;
}

/** Whole numbers as they were before they were rounded; what were no others, as float32. */
export function before(context: Pick<ImportContext, "asItIs">, codes: Tensor): Tensor {
  return unrounded.get(codes) ?? codesOf(context, codes);
}

/** Values as they are, with the gradient of others. */
export function withGradientOf(values: Tensor, other: Tensor): Tensor {
  return customGradient<readonly [Tensor]>(
    () => values,
    ({ cotangent }) => [cotangent],
  )(other);
}

/** Numbers that are rounded into a range, before that: outside it they are kept at its ends, where gradients end too. */
export function within(x: Tensor, [lowest, greatest]: readonly [number, number]): Tensor {
  return x.clip({ min: lowest - 0.5, max: greatest + 0.5 });
}

/** Where a scale or a zero belongs to an axis, or to blocks along it. */
export interface Spread {
  readonly axis: number;
  /** Numbers along the axis that share one; 0 says that there is one for each place on it. */
  readonly blockSize: number;
}

/**
 * A scale, or a zero, in a form that broadcasts.
 *
 * @param t - one number, one for each place on an axis, or one for each block along it
 * @param shape - of what it is for
 */
export function spread(t: Tensor, shape: readonly number[], { axis, blockSize }: Spread): Tensor {
  if (t.size === 1) return t.reshape([]);
  if (blockSize === 0) return t.reshape(shape.map((_, i) => (i === axis ? t.size : 1)));
  const [length, blocks] = [shape[axis]!, t.shape[axis]!];
  // one block may be said to be longer than the axis
  const size = Math.min(blockSize, length);
  const each = t.unsqueeze(axis + 1);
  const repeated = each.broadcastTo(each.shape.with(axis + 1, size));
  return repeated.reshape(t.shape.with(axis, blocks * size)).slice({ axis, end: length });
}
