// Random graphs of the kinds that the field compares on.

import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import { requireAtLeast } from "../_options.ts";
import { gridGraph } from "../language/walks.ts";
import { requireBetween } from "./_options.ts";
import { graphOf } from "./graph.ts";
import type { Edge, Graph } from "./graph.ts";

export { gridGraph };

/** A graph of blocks. */
export interface BlockGraph {
  readonly graph: Graph;
  /** [node]: the block. */
  readonly blocks: Int32Array;
}

export interface BlockGraphOptions {
  /** Nodes in each block, at least 1 each. */
  blocks: readonly number[];
  /** Chance of an edge within a block, 0..1. */
  inside: number;
  /** Chance of an edge between blocks, 0..1. */
  between: number;
}

/**
 * Draws a graph from the stochastic block model.
 *
 * @param rng - advances by one word; the same state gives the same graph
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 * @source Holland, Laskey & Leinhardt 1983, "Stochastic blockmodels: First steps"
 */
export function blockGraph(
  rng: Rng,
  { blocks: sizes, inside, between }: BlockGraphOptions,
): BlockGraph {
  requireAtLeast("blockGraph", "blocks.length", sizes.length, 1);
  sizes.forEach((size, i) => requireAtLeast("blockGraph", `blocks[${i}]`, size, 1));
  requireBetween("blockGraph", "inside", inside, [0, 1]);
  requireBetween("blockGraph", "between", between, [0, 1]);

  const own = new Rng(rng.word());
  const blocks = Int32Array.from(sizes.flatMap((size, block) => Array<number>(size).fill(block)));
  const edges: Edge[] = [];
  for (let a = 0; a < blocks.length; a++) {
    for (let b = a + 1; b < blocks.length; b++) {
      if (own.uniform() < (blocks[a] === blocks[b] ? inside : between)) edges.push([a, b]);
    }
  }
  return { graph: graphOf(blocks.length, edges), blocks };
}

/**
 * Grows a graph in which nodes with many neighbours find more: every new node is joined to `links` others, each chosen with
 * a chance proportional to its neighbours. The first `links + 1` nodes are all joined to one another.
 *
 * @param rng - advances by one word; the same state gives the same graph
 * @param options - `nodes` more than `links`, which is at least 1
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 * @source Barabasi & Albert 1999, "Emergence of Scaling in Random Networks"
 */
export function preferentialGraph(rng: Rng, options: { nodes: number; links: number }): Graph {
  const { nodes, links } = options;
  requireAtLeast("preferentialGraph", "links", links, 1);
  requireAtLeast("preferentialGraph", "nodes", nodes, links + 1);

  const own = new Rng(rng.word());
  const edges: Edge[] = [];
  // every node once for each of its edges, so that a fair pick prefers the well joined
  const ends: number[] = [];
  const join = (a: number, b: number): void => {
    edges.push([a, b]);
    ends.push(a, b);
  };
  for (let a = 0; a <= links; a++) for (let b = 0; b < a; b++) join(a, b);
  for (let node = links + 1; node < nodes; node++) {
    const chosen = new Set<number>();
    while (chosen.size < links) chosen.add(own.pick(ends));
    for (const other of chosen) join(node, other);
  }
  return graphOf(nodes, edges);
}

/**
 * Makes a ring in which each node is joined to its nearest ones on both sides, and moves the far end of every edge to a
 * random node with the chance `rewiring`: 0 leaves the ring lattice, a little makes the world small.
 *
 * @param rng - advances by one word; the same state gives the same graph
 * @param options - `neighbours` of a node, even, at least 2 and fewer than half of `nodes`; `rewiring` 0..1, 0 by default
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 * @source Watts & Strogatz 1998, "Collective dynamics of 'small-world' networks"
 */
export function ringLattice(
  rng: Rng,
  options: { nodes: number; neighbours: number; rewiring?: number },
): Graph {
  const { nodes, neighbours, rewiring = 0 } = options;
  requireAtLeast("ringLattice", "neighbours", neighbours, 2);
  requireAtLeast("ringLattice", "nodes", nodes, 2 * neighbours + 1);
  requireBetween("ringLattice", "rewiring", rewiring, [0, 1]);
  if (neighbours % 2 !== 0) {
    throw new PatchClampError("BAD_OPTION", {
      where: "ringLattice",
      problem: `neighbours is ${neighbours}, but half of them lie on each side.`,
      fix: "use an even number.",
    });
  }
  const own = new Rng(rng.word());
  const next = Array.from({ length: nodes }, () => new Set<number>());
  const join = (a: number, b: number): unknown => next[a]!.add(b) && next[b]!.add(a);
  for (let a = 0; a < nodes; a++) {
    for (let far = 1; far <= neighbours / 2; far++) join(a, (a + far) % nodes);
  }
  for (let far = 1; far <= neighbours / 2; far++) {
    for (let a = 0; a < nodes; a++) {
      const old = (a + far) % nodes;
      if (own.uniform() >= rewiring || next[a]!.size >= nodes - 1) continue;
      let end = own.below(nodes);
      while (end === a || next[a]!.has(end)) end = own.below(nodes);
      next[a]!.delete(old);
      next[old]!.delete(a);
      join(a, end);
    }
  }
  return graphOf(
    nodes,
    next.flatMap((others, a) => [...others].map((b): Edge => [a, b])),
  );
}

/**
 * Grows a random tree: every new node hangs from any earlier one that has not enough children yet. Node 0 is the root, and a
 * node's parent is the one neighbour that is smaller.
 *
 * @param rng - advances by one word; the same state gives the same tree
 * @param options - `nodes` at least 1; `children` a node may have, at least 1, any number by default
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 */
export function randomTree(rng: Rng, options: { nodes: number; children?: number }): Graph {
  const { nodes, children = nodes } = options;
  requireAtLeast("randomTree", "nodes", nodes, 1);
  requireAtLeast("randomTree", "children", children, 1);

  const own = new Rng(rng.word());
  const edges: Edge[] = [];
  const open = [0];
  const counts = new Int32Array(nodes);
  for (let node = 1; node < nodes; node++) {
    const at = own.below(open.length);
    const parent = open[at]!;
    edges.push([parent, node]);
    if (++counts[parent]! === children) open.splice(at, 1);
    open.push(node);
  }
  return graphOf(nodes, edges);
}
