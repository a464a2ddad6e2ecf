// What a graph costs, counted exactly and without running it.

import { collect } from "./graph.ts";
import { usePacked } from "./packed-weights.ts";
import { bytesOf, type Tensor } from "./tensor.ts";

/** Costs of computing some tensors once. */
export interface Account {
  /** Floating-point operations: two for every multiply-add of a matrix product, one for every other element made. */
  readonly flops: number;
  /** Bytes of the leaves: weights and data. */
  readonly leafBytes: number;
  /** Bytes of what forward ops made and backward ops read: the activations kept for the backward pass. */
  readonly savedBytes: number;
  /** Largest sum of bytes alive at once, leaves left out, when nodes run in traced order. */
  readonly peakBytes: number;
  /** Number of ops. */
  readonly ops: number;
}

/**
 * Counts the costs of computing `outputs`.
 *
 * @param outputs - traced tensors, such as a loss and its gradients
 */
export function account(outputs: readonly Tensor[]): Account {
  const { nodes, inputs, outputs: ends } = usePacked(collect(outputs));
  const leaves = new Set(inputs);
  const lastUse = new Map<Tensor, number>();
  const saved = new Set<Tensor>();
  for (const [step, node] of nodes.entries()) {
    for (const input of node.inputs.map(origin)) {
      lastUse.set(input, step);
      if (node.isBackward && !input.node.isBackward && !leaves.has(input)) saved.add(input);
    }
  }
  for (const output of ends) lastUse.set(origin(output), nodes.length);
  let live = 0;
  let peakBytes = 0;
  let flops = 0;
  const dying: Tensor[][] = nodes.map(() => []);
  for (const [tensor, step] of lastUse) if (!leaves.has(tensor)) dying[step]?.push(tensor);
  for (const [step, node] of nodes.entries()) {
    if (node.op.isView !== true) {
      for (const output of node.outputs) if (lastUse.has(output)) live += bytesOf(output);
      flops +=
        node.op.flops?.(node.inputs, node.outputs, node.attrs) ??
        node.outputs.reduce((sum, output) => sum + output.size, 0);
    }
    peakBytes = Math.max(peakBytes, live);
    for (const tensor of dying[step]!) live -= bytesOf(tensor);
  }
  const sum = (tensors: Iterable<Tensor>): number =>
    [...tensors].reduce((bytes, t) => bytes + bytesOf(t), 0);
  return { flops, leafBytes: sum(inputs), savedBytes: sum(saved), peakBytes, ops: nodes.length };
}

/** The tensor whose memory this one shares. */
function origin(tensor: Tensor): Tensor {
  let current = tensor;
  while (current.node.op.isView === true && current.value === undefined) {
    current = current.node.inputs[0]!;
  }
  return current;
}
