// Several rows that go on with one prompt, which is read once.

import type { Tree } from "../core/tree.ts";
import { leaves, mapTree } from "../core/tree.ts";
import { evaluate } from "../tensor/evaluate.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Inputs } from "./network.ts";
import type { Kept } from "./row-cache.ts";

/** What a prompt's pass leaves to the passes after it. */
export interface Carried extends Kept {
  /** What is the same for all passes. */
  readonly fixed: Inputs;
  /** What conditions of interventions remember, [batch, ...]. */
  readonly memory: Inputs;
}

/** The prompt of every row: 0, 0, 0, 1, 1, 1 ... */
export function promptsOfRows(prompts: number, count: number): number[] {
  return Array.from({ length: prompts * count }, (_, row) => Math.floor(row / count));
}

/** Repeats entries of the first axis: entry i of the result is entry `places[i]`. */
export function gatherRows(x: Tensor, places: readonly number[]): Tensor {
  const shape = [places.length];
  return x.gather(fromHost(Int32Array.from(places), { shape, dtype: "int32" }));
}

/**
 * Gives every row what its prompt's pass left, computed in one graph.
 *
 * @param prompts - the prompt of every row
 * @param repeat - does so for what is the same for all passes; by default, it is repeated by its first axis too
 */
export async function repeatRows(
  { keys, values, states, memory, fixed }: Carried,
  prompts: readonly number[],
  repeat?: (fixed: Inputs, prompts: readonly number[]) => Inputs,
): Promise<Carried> {
  const rowsOf = <T>(kept: T): T =>
    mapTree<Tensor, Tensor>(kept as Tree<Tensor>, (x) => gatherRows(x, prompts)) as T;
  const carried = {
    ...rowsOf({ keys, values, states, memory }),
    fixed: repeat?.(fixed, prompts) ?? rowsOf(fixed),
  };
  const all = leaves<Tensor>(carried);
  await evaluate(all.map(([, tensor]) => tensor));
  return carried;
}
