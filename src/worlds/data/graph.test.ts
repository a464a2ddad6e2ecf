import { assert, integer, property } from "fast-check";
import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import {
  denseAdjacency,
  distancesFrom,
  edgesOf,
  graphOf,
  shortestPath,
  shortestPaths,
  trianglesAt,
} from "./graph.ts";
import type { Edge } from "./graph.ts";
import {
  blockGraph,
  gridGraph,
  preferentialGraph,
  randomTree,
  ringLattice,
} from "./random-graphs.ts";

test("edges come back from their graph in order, each once", () => {
  const edges: Edge[] = [
    [3, 1],
    [0, 1],
    [1, 3],
  ];
  expect(edgesOf(graphOf(4, edges))).toEqual([
    [0, 1],
    [1, 3],
  ]);
  expect(Array.from(denseAdjacency(graphOf(3, [[2, 0]])))).toEqual([0, 0, 1, 0, 0, 0, 1, 0, 0]);
});

test("an edge to nowhere and one to itself are refused", () => {
  expect(() => graphOf(2, [[0, 2]])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: graphOf: the edge 0-2 does not join two different nodes of 0..1.]`,
  );
  expect(() => graphOf(2, [[1, 1]])).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: graphOf: the edge 1-1 does not join two different nodes of 0..1.]`,
  );
});

test("distances on a grid are those of a taxi, and shortest paths are as long as the distance", () => {
  const all = shortestPaths(gridGraph(4, 5));
  for (let a = 0; a < 20; a++) {
    for (let b = 0; b < 20; b++) {
      const taxi = Math.abs((a % 5) - (b % 5)) + Math.abs(Math.floor(a / 5) - Math.floor(b / 5));
      expect(all[20 * a + b]).toBe(taxi);
    }
  }
  const path = shortestPath(gridGraph(4, 5), 19, 0)!;
  expect([path[0], path.at(-1), path.length]).toEqual([19, 0, 8]);
  const steps = path.slice(1).map((node, i) => distancesFrom(gridGraph(4, 5), path[i]!)[node]);
  expect(steps).toEqual([1, 1, 1, 1, 1, 1, 1]);
});

test("shortest paths equal those of Floyd and Warshall on any random graph", () => {
  assert(
    property(integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
      const { graph } = blockGraph(new Rng(seed), { blocks: [5, 4], inside: 0.4, between: 0.1 });
      const n = 9;
      const slow = Array.from(denseAdjacency(graph), (link, at) =>
        at % (n + 1) === 0 ? 0 : link === 1 ? 1 : Infinity,
      );
      for (let k = 0; k < n; k++) {
        for (let at = 0; at < n * n; at++) {
          const [i, j] = [Math.floor(at / n), at % n];
          slow[at] = Math.min(slow[at]!, slow[i * n + k]! + slow[k * n + j]!);
        }
      }
      const found = Array.from(shortestPaths(graph), (d) => (d === -1 ? Infinity : d));
      expect(found).toEqual(slow);
      expect(shortestPath(graph, 0, 8) === undefined).toBe(slow[8] === Infinity);
    }),
    { seed: 1, numRuns: 30 },
  );
});

test("every node of a clique of 5 is a corner of 6 triangles, and a tree has none", () => {
  const clique = graphOf(5, [
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
  ]);
  expect(Array.from(trianglesAt(clique))).toEqual([6, 6, 6, 6, 6]);
  expect(trianglesAt(randomTree(new Rng(1), { nodes: 30 })).every((count) => count === 0)).toBe(
    true,
  );
});

test("the edges of a block graph are as many as its chances say, within binomial bounds", () => {
  const { graph, blocks } = blockGraph(new Rng(2), {
    blocks: [60, 90],
    inside: 0.2,
    between: 0.03,
  });
  const counts = [0, 0, 0]; // within the first, within the second, between
  for (const [a, b] of edgesOf(graph)) counts[blocks[a] === blocks[b] ? blocks[a]! : 2]!++;
  const cases = [
    [(60 * 59) / 2, 0.2],
    [(90 * 89) / 2, 0.2],
    [60 * 90, 0.03],
  ] as const;
  cases.forEach(([pairs, chance], i) => {
    const deviation = Math.sqrt(pairs * chance * (1 - chance));
    expect(Math.abs(counts[i]! - pairs * chance)).toBeLessThan(4 * deviation);
  });
});

test("a preferential graph has the edges it should, is connected, and has hubs that chance alone would not make", () => {
  const graph = preferentialGraph(new Rng(3), { nodes: 400, links: 2 });
  expect(edgesOf(graph)).toHaveLength(3 + 2 * 397);
  expect(distancesFrom(graph, 0)).not.toContain(-1);
  const degrees = graph.map((next) => next.length);
  expect(Math.min(...degrees)).toBe(2);
  // degrees of a uniform random graph of this mean, 4, are Poisson: 16 or more has a chance of 1 in 100,000
  expect(Math.max(...degrees)).toBeGreaterThan(20);
});

test("a ring lattice is regular with the clustering 3 (k - 2) / 4 (k - 1)", () => {
  const graph = ringLattice(new Rng(4), { nodes: 30, neighbours: 6 });
  expect(graph.every((next) => next.length === 6)).toBe(true);
  // (3 / 4) (4 / 5) of the 15 pairs of neighbours
  expect(Array.from(trianglesAt(graph))).toEqual(Array<number>(30).fill(9));
});

test("a little rewiring shortens the ways and keeps the edges and most triangles", () => {
  const mean = (xs: Int32Array): number => xs.reduce((a, b) => a + b, 0) / xs.length;
  const lattice = ringLattice(new Rng(5), { nodes: 200, neighbours: 6 });
  const small = ringLattice(new Rng(5), { nodes: 200, neighbours: 6, rewiring: 0.05 });
  expect(edgesOf(small)).toHaveLength(600);
  expect(mean(shortestPaths(small))).toBeLessThan(0.5 * mean(shortestPaths(lattice)));
  expect(mean(trianglesAt(small))).toBeGreaterThan(0.7 * mean(trianglesAt(lattice)));
});

test("a tree is connected, has one edge less than nodes, and no node has more children than told", () => {
  const tree = randomTree(new Rng(6), { nodes: 50, children: 2 });
  expect(edgesOf(tree)).toHaveLength(49);
  expect(distancesFrom(tree, 0)).not.toContain(-1);
  const children = tree.map((next, node) => next.filter((other) => other > node).length);
  expect(Math.max(...children)).toBe(2);
});

test("the same state gives the same graph, and the stream advances by one word", () => {
  const draws = [
    (rng: Rng) => blockGraph(rng, { blocks: [5, 5], inside: 0.5, between: 0.1 }),
    (rng: Rng) => preferentialGraph(rng, { nodes: 20, links: 2 }),
    (rng: Rng) => ringLattice(rng, { nodes: 20, neighbours: 4, rewiring: 0.3 }),
    (rng: Rng) => randomTree(rng, { nodes: 20 }),
  ];
  for (const draw of draws) {
    const rng = new Rng(7);
    const first = draw(rng);
    expect(first).toEqual(draw(new Rng(7)));
    expect(rng.counter).toBe(1);
    expect(draw(rng)).not.toEqual(first);
  }
});

test("graphs that cannot be are refused", () => {
  const rng = new Rng(1);
  expect(() =>
    blockGraph(rng, { blocks: [4, 0], inside: 1, between: 0 }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: blockGraph: blocks[1] is 0, not an integer of at least 1.]`,
  );
  expect(() => preferentialGraph(rng, { nodes: 2, links: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: preferentialGraph: nodes is 2, not an integer of at least 3.]`,
  );
  expect(() => ringLattice(rng, { nodes: 9, neighbours: 3 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: ringLattice: neighbours is 3, but half of them lie on each side.
      fix: use an even number.]
  `);
});
