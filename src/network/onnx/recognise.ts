// The standard names of what an ONNX graph computes, found by its structure: names in exports are made by tools and differ.

import type { OnnxModel } from "../../onnx/model.ts";

/** What was found in a graph. */
export interface Recognised {
  /** Standard site names by the names of values. */
  readonly sites: ReadonlyMap<string, string>;
  /** In words: what was recognised, and what not and why. */
  readonly report: readonly string[];
}

/** Finds the standard sites of a graph. */
export function recognise(_model: OnnxModel): Recognised {
  return { sites: new Map(), report: [] };
}
