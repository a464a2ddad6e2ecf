import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { distancesFrom, edgesOf, graphOf, trianglesAt } from "./graph.ts";
import { graphHosts, graphMotifs, motifGraph } from "./motif-graphs.ts";
import { blockFeatures, ruleGraph } from "./planted-graphs.ts";

test("the nearest mean tells a node's block when blocks lie far apart, and nothing when they coincide", () => {
  const blocks = Int32Array.from({ length: 300 }, (_, i) => i % 3);
  const accuracy = (separation: number): number => {
    const { features, means } = blockFeatures(new Rng(1), blocks, { features: 8, separation });
    const distance = (node: number, block: number): number =>
      Math.hypot(
        ...means.slice(8 * block, 8 * block + 8).map((m, k) => features[8 * node + k]! - m),
      );
    const nearest = (node: number): number =>
      [0, 1, 2].reduce((best, b) => (distance(node, b) < distance(node, best) ? b : best));
    return blocks.filter((block, node) => nearest(node) === block).length / 300;
  };
  expect(accuracy(4)).toBeGreaterThan(0.99);
  expect(accuracy(0)).toBeLessThan(0.45);
});

test("all edges follow the rule but for those told, and allowed pairs are as dense as told", () => {
  const { graph, colours, rule, against } = ruleGraph(new Rng(2), { nodes: 120, noise: 0.02 });
  const allows = (a: number, b: number): boolean => rule[4 * colours[a]! + colours[b]!] === 1;
  const broken = edgesOf(graph).filter(([a, b]) => !allows(a, b));
  expect(broken).toEqual(against);
  expect(against.length).toBeGreaterThan(0);
  let pairs = 0;
  for (let a = 0; a < 120; a++) for (let b = 0; b < a; b++) pairs += allows(a, b) ? 1 : 0;
  const followed = edgesOf(graph).length - against.length;
  expect(Math.abs(followed - 0.3 * pairs)).toBeLessThan(4 * Math.sqrt(pairs * 0.21));
});

test("a rule is symmetric, and no rule is in both halves", () => {
  const { rule } = ruleGraph(new Rng(3));
  for (let a = 0; a < 4; a++)
    for (let b = 0; b < 4; b++) expect(rule[4 * a + b]).toBe(rule[4 * b + a]);
  const keys = (split: "train" | "heldOut", seed: number): string[] => {
    const rng = new Rng(seed);
    return Array.from({ length: 100 }, () => ruleGraph(rng, { nodes: 2, split }).key);
  };
  const held = new Set(keys("heldOut", 1));
  expect(held.size).toBeGreaterThan(20);
  expect(keys("train", 2).filter((key) => held.has(key))).toEqual([]);
});

test.each(graphMotifs)(
  "%s: the motif's edges are in the graph, on five nodes each, and tell its kind",
  (motif) => {
    const { graph, roles, motifOf, motifEdges } = motifGraph(new Rng(4), { motif, count: 2 });
    expect(graph).toHaveLength(30);
    for (const [a, b] of motifEdges) {
      expect(graph[a]).toContain(b);
      expect(motifOf[a]).toBe(motifOf[b]);
    }
    // what sets the four kinds apart: how many edges on five nodes, and how many triangles
    const edges = { house: 6, cycle: 5, star: 4, clique: 10 }[motif];
    const corners = { house: 3, cycle: 0, star: 0, clique: 30 }[motif];
    for (const m of [0, 1]) {
      const own = motifEdges.filter(([a]) => motifOf[a] === m);
      expect(own).toHaveLength(edges);
      expect(new Set(own.flat()).size).toBe(5);
      const alone = graphOf(30, own);
      expect(trianglesAt(alone).reduce((a, b) => a + b, 0)).toBe(corners);
    }
    roles.forEach((role, node) => expect(role > 0).toBe(motifOf[node]! >= 0));
  },
);

test("roles in a house follow from its degrees: the beam has three neighbours, floor and roof two", () => {
  const { roles, motifEdges } = motifGraph(new Rng(5), { motif: "house" });
  const house = graphOf(25, motifEdges);
  const degrees = [1, 2, 3].map((role) =>
    house.filter((_, node) => roles[node] === role).map((next) => next.length),
  );
  expect(degrees).toEqual([[3, 3], [2, 2], [2]]);
});

test.each(graphHosts)("a motif hangs on a %s by one edge, and all of it can be reached", (host) => {
  const { graph, motifOf, motifEdges } = motifGraph(new Rng(6), { host });
  const leaving = edgesOf(graph).filter(([a, b]) => motifOf[a] !== motifOf[b]);
  expect(leaving).toHaveLength(1);
  expect(distancesFrom(graph, 0)).not.toContain(-1);
  expect(motifEdges.length).toBeGreaterThan(3);
});

test("where a motif's nodes are numbered tells nothing", () => {
  const rng = new Rng(7);
  const graphs = Array.from({ length: 300 }, () => motifGraph(rng));
  const first = graphs.filter(({ motifOf }) => motifOf[0] === 0).length;
  expect(Math.abs(first - 60)).toBeLessThan(28); // four standard deviations of 300 draws of 5 in 25
});

test("the same state gives the same graph, and no graph is in both halves", () => {
  expect(motifGraph(new Rng(8))).toEqual(motifGraph(new Rng(8)));
  const held = motifGraph(new Rng(8), { split: "heldOut" });
  expect(held.key).not.toBe(motifGraph(new Rng(8), { split: "train" }).key);
});

test("an unknown motif and a host too small are refused", () => {
  const rng = new Rng(1);
  // @ts-expect-error there is no such motif
  expect(() => motifGraph(rng, { motif: "wheel" })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: motifGraph: motif is "wheel", not one of "house", "cycle", "star", "clique".]`,
  );
  expect(() => motifGraph(rng, { nodes: 4 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: motifGraph: nodes is 4, not an integer of at least 9.]`,
  );
});
