// Undirected graphs as adjacency lists, and what can be read off them exactly.

import { PatchClampError } from "../../core/errors.ts";
import type { Graph } from "../language/walks.ts";

export type { Graph } from "../language/walks.ts";

/** Two neighbouring nodes, the smaller one first. */
export type Edge = readonly [a: number, b: number];

/**
 * Makes a graph of its edges.
 *
 * @param nodes - how many nodes there are
 * @param edges - in any order, either way round; one given twice counts once
 * @throws PatchClampError `BAD_INPUT` when an edge leaves the nodes or joins a node to itself
 */
export function graphOf(nodes: number, edges: Iterable<Edge>): Graph {
  const next = Array.from({ length: nodes }, () => new Set<number>());
  for (const [a, b] of edges) {
    if (a === b || next[a] === undefined || next[b] === undefined) {
      throw new PatchClampError("BAD_INPUT", {
        where: "graphOf",
        problem: `the edge ${a}-${b} does not join two different nodes of 0..${nodes - 1}.`,
      });
    }
    next[a].add(b);
    next[b].add(a);
  }
  return next.map((others) => [...others].toSorted((a, b) => a - b));
}

/** The edges of a graph, the smaller node first, in rising order. */
export function edgesOf(graph: Graph): Edge[] {
  return graph.flatMap((next, a) => next.filter((b) => a < b).map((b): Edge => [a, b]));
}

/** The adjacency matrix, [node, node]: 1 where two nodes are neighbours, 0 elsewhere. */
export function denseAdjacency(graph: Graph): Float32Array {
  const n = graph.length;
  const dense = new Float32Array(n * n);
  graph.forEach((next, a) => next.forEach((b) => (dense[a * n + b] = 1)));
  return dense;
}

/** The fewest edges from a node to each other one, [node]; -1 where there is no way. */
export function distancesFrom(graph: Graph, start: number): Int32Array {
  const distances = new Int32Array(graph.length).fill(-1);
  distances[start] = 0;
  const queue = [start];
  for (const node of queue) {
    for (const next of graph[node]!) {
      if (distances[next] !== -1) continue;
      distances[next] = distances[node]! + 1;
      queue.push(next);
    }
  }
  return distances;
}

/** The fewest edges between any two nodes, [node, node]; -1 where there is no way. */
export function shortestPaths(graph: Graph): Int32Array {
  const n = graph.length;
  const all = new Int32Array(n * n);
  graph.forEach((_, node) => all.set(distancesFrom(graph, node), node * n));
  return all;
}

/**
 * Finds one shortest way; where several are as short, the one through the lowest nodes, read from the end.
 *
 * @returns the nodes from `start` to `end`, both included; undefined where there is no way
 */
export function shortestPath(graph: Graph, start: number, end: number): number[] | undefined {
  const distances = distancesFrom(graph, start);
  if (distances[end] === -1) return undefined;
  const path = [end];
  while (path[0] !== start) {
    const here = path[0]!;
    path.unshift(graph[here]!.find((node) => distances[node] === distances[here]! - 1)!);
  }
  return path;
}

/** How many triangles each node is a corner of, [node]. */
export function trianglesAt(graph: Graph): Int32Array {
  return Int32Array.from(graph, (next) => {
    const near = new Set(next);
    const twice = next.reduce((sum, b) => sum + graph[b]!.filter((c) => near.has(c)).length, 0);
    return twice / 2;
  });
}
