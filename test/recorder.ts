// A tap for tests of layers.

import type { SiteTap } from "../src/nn/layers.ts";
import type { Tensor } from "../src/tensor/tensor.ts";

/** Records every site, and edits those of `edits`. */
export function recorder(edits: Readonly<Record<string, (x: Tensor) => Tensor>> = {}): {
  tap: SiteTap;
  sites: Map<string, Tensor>;
} {
  const sites = new Map<string, Tensor>();
  const tap: SiteTap = (name, x) => {
    const value = edits[name]?.(x) ?? x;
    sites.set(name, value);
    return value;
  };
  return { tap, sites };
}
