// Graphs with motifs hung onto them, so that it is known which edges explain their class.

import { Rng } from "../../core/rng.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { drawWithin, splits } from "../split.ts";
import type { Split } from "../split.ts";
import { edgesOf, graphOf } from "./graph.ts";
import type { Edge, Graph } from "./graph.ts";
import { preferentialGraph, randomTree, ringLattice } from "./random-graphs.ts";

/** The motifs, each with its edges among its own nodes and the role of each node. */
const motifs = {
  // a square 0 1 2 3 with a roof 4 over 0 and 1
  house: {
    edges: [
      [0, 1],
      [1, 2],
      [2, 3],
      [0, 3],
      [0, 4],
      [1, 4],
    ],
    roles: [1, 1, 2, 2, 3],
  },
  cycle: {
    edges: [
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 4],
      [0, 4],
    ],
    roles: [1, 1, 1, 1, 1],
  },
  star: {
    edges: [
      [0, 1],
      [0, 2],
      [0, 3],
      [0, 4],
    ],
    roles: [1, 2, 2, 2, 2],
  },
  clique: {
    edges: [
      [0, 1],
      [0, 2],
      [0, 3],
      [0, 4],
      [1, 2],
      [1, 3],
      [1, 4],
      [2, 3],
      [2, 4],
      [3, 4],
    ],
    roles: [1, 1, 1, 1, 1],
  },
} as const satisfies Record<string, { edges: readonly Edge[]; roles: readonly number[] }>;

/** A small graph of five nodes. */
export type GraphMotif = keyof typeof motifs;

/** The motifs: a house (a square with a roof), a cycle, a star and a clique. */
export const graphMotifs = Object.keys(motifs) as readonly GraphMotif[];

/** The graphs that motifs are hung onto. */
export const graphHosts = ["preferential", "tree", "ring"] as const;

export interface MotifGraphOptions {
  /** Drawn by default. */
  motif?: GraphMotif;
  /** How many, at least 1; 1 by default. */
  count?: number;
  /** `preferential` by default, with two links a node. */
  host?: (typeof graphHosts)[number];
  /** Nodes of the host, at least 9; 20 by default. */
  nodes?: number;
  /** Which half of all graphs, by their edges; `train` by default. */
  split?: Split;
}

/** A graph with motifs hung onto it. */
export interface MotifGraph {
  readonly graph: Graph;
  /** What the whole graph can be classified by. */
  readonly motif: GraphMotif;
  /** [node]: 0 in the host, and in a house 1 for the beam, 2 for the floor, 3 for the roof; in a star 1 for its middle, 2 around it; 1 in a cycle and in a clique. */
  readonly roles: Int32Array;
  /** [node]: which motif, -1 in the host. */
  readonly motifOf: Int32Array;
  /** The edges that make the motifs: what an explanation of the class must point at. */
  readonly motifEdges: readonly Edge[];
  /** What decides its half of the world. */
  readonly key: string;
}

/**
 * Hangs motifs onto a host graph, each by one edge between a random node of both, and renumbers all nodes at random.
 *
 * @param rng - advances by one word; the same state gives the same graph
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 * @source Ying et al. 2019, "GNNExplainer", arXiv:1903.03894, for graphs of which the explanation is known
 */
export function motifGraph(rng: Rng, options: MotifGraphOptions = {}): MotifGraph {
  const { count = 1, host = "preferential", nodes = 20, split = "train" } = options;
  requireAtLeast("motifGraph", "count", count, 1);
  requireOneOf("motifGraph", "host", host, graphHosts);
  requireAtLeast("motifGraph", "nodes", nodes, 9);
  requireOneOf("motifGraph", "split", split, splits);
  const own = new Rng(rng.word());
  const { motif = own.split("motif").pick(graphMotifs) } = options;
  requireOneOf("motifGraph", "motif", motif, graphMotifs);
  return drawWithin(split, () => hang(own, { motif, count, host, nodes }));
}

function hang(
  rng: Rng,
  { motif, count, host, nodes }: Required<Omit<MotifGraphOptions, "split">>,
): MotifGraph {
  const all = nodes + 5 * count;
  const place = rng.permutation(all);
  const edge = (a: number, b: number): Edge =>
    place[a]! < place[b]! ? [place[a]!, place[b]!] : [place[b]!, place[a]!];
  const roles = new Int32Array(all);
  const motifOf = new Int32Array(all).fill(-1);
  const edges = edgesOf(drawHost(rng, host, nodes)).map(([a, b]) => edge(a, b));
  const motifEdges: Edge[] = [];
  for (let m = 0; m < count; m++) {
    const first = nodes + 5 * m;
    motifEdges.push(...motifs[motif].edges.map(([a, b]) => edge(first + a, first + b)));
    motifs[motif].roles.forEach((role, i) => (roles[place[first + i]!] = role));
    for (let i = 0; i < 5; i++) motifOf[place[first + i]!] = m;
    edges.push(edge(rng.below(nodes), first + rng.below(5)));
  }
  const graph = graphOf(all, [...edges, ...motifEdges]);
  const key = ["motif", motif, ...edgesOf(graph).map(([a, b]) => `${a}-${b}`)].join("|");
  return { graph, motif, roles, motifOf, motifEdges, key };
}

function drawHost(rng: Rng, host: (typeof graphHosts)[number], nodes: number): Graph {
  switch (host) {
    case "preferential":
      return preferentialGraph(rng, { nodes, links: 2 });
    case "tree":
      return randomTree(rng, { nodes });
    case "ring":
      return ringLattice(rng, { nodes, neighbours: 2 });
  }
}
