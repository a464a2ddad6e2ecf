// Numbers of few bits, as they lie in bytes.

import { fromSource, isLeaf } from "../../tensor/leaf.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { stack } from "../../tensor/ops/joining.ts";

/** Numbers of 4 or 8 bits in bytes, the lower half of a byte first: uint8 [..., bytes] to float32 [..., numbers]. */
export function codesOf(packed: Tensor, bits: 4 | 8): Tensor {
  const bytes = packed.cast("float32");
  if (bits === 8) return bytes;
  const upper = bytes.div(16).floor();
  const halves = stack([bytes.sub(upper.mul(16)), upper], { axis: packed.rank });
  return halves.reshape([...packed.shape.slice(0, -1), packed.shape.at(-1)! * 2]);
}

/** Data in other shapes, by shape: what prepares data once for all runs must meet the same leaf every time. */
const reshaped = new WeakMap<Tensor, Map<string, Tensor>>();

/** A tensor in another shape, which remains data where it is. */
export function withShape(x: Tensor, shape: readonly number[]): Tensor {
  const { value } = x;
  const view = x.reshape(shape);
  if (view === x || !isLeaf(x) || value === undefined) return view;
  const own = reshaped.get(x) ?? new Map<string, Tensor>();
  reshaped.set(x, own);
  const key = shape.join();
  const found = own.get(key) ?? fromSource(() => value.read(), { shape, dtype: x.dtype });
  own.set(key, found);
  return found;
}
