import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { gridGraph, neighbours, ringGraph, walkOn, walks } from "./walks.ts";

const draws = (shape: number, length: number, count: number) =>
  Array.from({ length: count }, (_, seed) => walks.draw(new Rng(seed), { shape, length }));

const anyDraws = Array.from({ length: 300 }, (_, seed) =>
  walks.draw(new Rng(seed), { shape: seed % 6, length: 48 + (seed % 65) }),
);

test("the first texts stay what they are", () => {
  const [grid, ring] = [draws(0, 48, 1)[0]!, draws(3, 48, 1)[0]!];
  expect([
    [grid.words.join(" "), grid.label.shape, grid.label.words, grid.label.edges.join(" ")],
    [ring.words.join(" "), ring.label.shape, ring.label.words, ring.label.edges.join(" ")],
  ]).toMatchInlineSnapshot(`
    [
      [
        "Ivy baker lake Ben school Ben lake Ben lake Ben lake baker Ivy noodles Ivy baker Noah noodles Noah baker Noah Ben Noah baker lake Ben lake Ben lake Ben Noah baker Noah noodles Noah Paul Noah Ben lake baker Ivy baker Ivy baker Ivy noodles Noah Ben",
        "grid 3x3",
        [
          "Ivy",
          "noodles",
          "Vera",
          "baker",
          "Noah",
          "Paul",
          "lake",
          "Ben",
          "school",
        ],
        "0,1 0,3 1,2 1,4 2,5 3,4 3,6 4,5 4,7 5,8 6,7 7,8",
      ],
      [
        "Ivy Paul Noah Paul Noah Paul Noah Paul Ivy Paul Ivy noodles Ivy noodles Ivy Paul Ivy noodles Vera noodles Vera baker Vera noodles Vera baker Vera baker Vera baker Vera noodles Vera noodles Vera baker Noah Paul Ivy noodles Ivy Paul Ivy Paul Ivy noodles Vera baker",
        "ring 6",
        [
          "Ivy",
          "noodles",
          "Vera",
          "baker",
          "Noah",
          "Paul",
        ],
        "0,1 0,5 1,2 2,3 3,4 4,5",
      ],
    ]
  `);
});

test("a grid's nodes are next to those above, left, right and below", () => {
  expect(gridGraph(2, 3)).toEqual([
    [1, 3],
    [0, 2, 4],
    [1, 5],
    [0, 4],
    [1, 3, 5],
    [2, 4],
  ]);
});

test("a ring's nodes have the two beside them, and it closes", () => {
  expect(ringGraph(4)).toEqual([
    [1, 3],
    [0, 2],
    [1, 3],
    [0, 2],
  ]);
});

test("nodes are next to each other both ways, and never to themselves", () => {
  for (const graph of [gridGraph(3, 4), gridGraph(4, 4), ringGraph(6), ringGraph(9)]) {
    graph.forEach((next, a) => {
      expect(next).not.toContain(a);
      for (const b of next) expect(graph[b]).toContain(a);
    });
  }
});

test("each word of a text is next to the one before by the coordinates of the grid or the ring", () => {
  for (const { words, label } of anyDraws) {
    const [kind, size] = label.shape.split(" ") as [string, string];
    const columns = Number(size.split("x")[1]);
    const nodes = words.map((word) => label.words.indexOf(word));
    expect(nodes).toEqual(label.walk);
    for (let i = 1; i < nodes.length; i++) {
      const [a, b] = [nodes[i - 1]!, nodes[i]!];
      const apart = Math.abs(a - b);
      const distance =
        kind === "ring"
          ? Math.min(apart, Number(size) - apart)
          : Math.abs((a % columns) - (b % columns)) +
            Math.abs(Math.floor(a / columns) - Math.floor(b / columns));
      expect(distance).toBe(1);
    }
  }
});

test("edges and neighbours say the same", () => {
  const { label } = draws(0, 60, 1)[0]!;
  const centre = label.words[4]!;
  expect(label.edges).toHaveLength(12);
  expect(neighbours(label, centre)).toEqual([1, 3, 5, 7].map((node) => label.words[node]));
  expect(neighbours(label, "nowhere")).toEqual([]);
});

test("the judge takes any neighbour of the last word of the prompt and nothing else", () => {
  for (const text of anyDraws.slice(0, 60)) {
    const { words, answers, label } = text;
    const last = words.at(-2)!;
    expect(answers.at(-1)).toEqual({ start: words.length - 1, end: words.length });
    const right = label.words.filter((word) => walks.judge!([word, "red"], text));
    expect(right.toSorted()).toEqual(neighbours(label, last).toSorted());
    expect(right).toContain(words.at(-1));
    expect(walks.judge!([], text)).toBe(false);
  }
});

test("every word of the second half is an answer", () => {
  for (const { words, answers } of anyDraws.slice(0, 60)) {
    const half = Math.ceil(words.length / 2);
    expect(answers).toEqual(
      words.slice(half).map((_, i) => ({ start: half + i, end: half + i + 1 })),
    );
  }
});

test("a walk goes to every neighbour about equally often", () => {
  const words = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
  const walk = walkOn(gridGraph(3, 3), words, new Rng(1), 20_000);
  const afterCentre = walk.filter((_, i) => walk[i - 1] === "e");
  for (const next of ["b", "d", "f", "h"]) {
    const share = afterCentre.filter((word) => word === next).length / afterCentre.length;
    expect(Math.abs(share - 0.25)).toBeLessThan(0.03);
  }
});

test("knobs set the graph and the length", () => {
  const shapes = [0, 1, 2, 3, 4, 5].map((shape) => draws(shape, 50 + shape, 1)[0]!);
  expect(shapes.map(({ words }) => words.length)).toEqual([50, 51, 52, 53, 54, 55]);
  expect(shapes.map(({ label }) => [label.shape, label.words.length])).toEqual([
    ["grid 3x3", 9],
    ["grid 3x4", 12],
    ["grid 4x4", 16],
    ["ring 6", 6],
    ["ring 8", 8],
    ["ring 10", 10],
  ]);
});

test("words are dealt anew for every text, all are used, and about one text in eight is held out", () => {
  const texts = draws(3, 48, 1500);
  const share = texts.filter(({ key }) => splitOf(key) === "heldOut").length / texts.length;
  expect(new Set(texts.map(({ key }) => key)).size).toBe(1500);
  expect(new Set(texts.flatMap(({ words }) => words))).toEqual(new Set(walks.vocabulary));
  expect(share).toBeGreaterThan(0.1);
  expect(share).toBeLessThan(0.15);
});

test("graphs and walks that cannot be are refused", () => {
  expect(() => gridGraph(1, 3)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: gridGraph: rows is 1, not an integer of at least 2.]`,
  );
  expect(() => gridGraph(3, 2.5)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: gridGraph: columns is 2.5, not an integer of at least 2.]`,
  );
  expect(() => ringGraph(2)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: ringGraph: n is 2, not an integer of at least 3.]`,
  );
  expect(() => walkOn(ringGraph(3), ["a", "b"], new Rng(1), 5)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: walkOn: the graph has 3 nodes, but there are 2 words.
      fix: give one word for every node.]
  `);
  expect(() =>
    walkOn(ringGraph(3), ["a", "b", "c"], new Rng(1), 0),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: walkOn: length is 0, not an integer of at least 1.]`,
  );
});
