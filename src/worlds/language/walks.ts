// Walks: ordinary words are the nodes of a hidden graph, dealt anew for every text, and the text is a random walk on it.
// What a word is next to can only be learnt from the walk itself.

import { PatchClampError } from "../../core/errors.ts";
import type { Rng } from "../../core/rng.ts";
import { requireAtLeast } from "../_options.ts";
import { listWords } from "./repeats.ts";
import type { LanguageSkill, Text } from "./skill.ts";

/** Adjacency lists of an undirected graph: `graph[i]` holds the nodes next to node `i`, in rising order. */
export type Graph = readonly (readonly number[])[];

/** What is true of a walk. */
export interface WalkLabel {
  /** The graph, such as `grid 3x4` or `ring 8`. */
  readonly shape: string;
  /** The word of every node. */
  readonly words: readonly string[];
  /** Pairs of neighbouring nodes, the smaller one first. */
  readonly edges: readonly (readonly [number, number])[];
  /** The node of every word of the text. */
  readonly walk: readonly number[];
}

/**
 * Makes a square grid whose nodes are numbered row by row; each is next to those above, below, left and right of it.
 *
 * @param rows - at least 2
 * @param columns - at least 2
 * @throws PatchClampError `BAD_OPTION` when a size is too small or no integer
 */
export function gridGraph(rows: number, columns: number): Graph {
  requireAtLeast("gridGraph", "rows", rows, 2);
  requireAtLeast("gridGraph", "columns", columns, 2);
  return Array.from({ length: rows * columns }, (_, node) => {
    const column = node % columns;
    return [
      ...(node >= columns ? [node - columns] : []),
      ...(column > 0 ? [node - 1] : []),
      ...(column < columns - 1 ? [node + 1] : []),
      ...(node < (rows - 1) * columns ? [node + columns] : []),
    ];
  });
}

/**
 * Makes a ring in which each node is next to the one before and the one after it.
 *
 * @param n - how many nodes, at least 3
 * @throws PatchClampError `BAD_OPTION` when `n` is too small or no integer
 */
export function ringGraph(n: number): Graph {
  requireAtLeast("ringGraph", "n", n, 3);
  return Array.from({ length: n }, (_, node) =>
    [(node + n - 1) % n, (node + 1) % n].toSorted((a, b) => a - b),
  );
}

/**
 * Walks at random: from any node of the graph, and from each node to any of its neighbours.
 *
 * @param words - the word of every node
 * @param length - how many words, at least 1
 * @returns the words of the nodes passed, [length]
 * @throws PatchClampError `BAD_OPTION` when there is not one word for every node, or `length` is no positive integer
 * @source Park et al. 2024, "ICLR: In-Context Learning of Representations", arXiv:2501.00070
 */
export function walkOn(graph: Graph, words: readonly string[], rng: Rng, length: number): string[] {
  requireAtLeast("walkOn", "length", length, 1);
  if (words.length !== graph.length) {
    throw new PatchClampError("BAD_OPTION", {
      where: "walkOn",
      problem: `the graph has ${graph.length} nodes, but there are ${words.length} words.`,
      fix: "give one word for every node.",
    });
  }
  return stepsOn(graph, rng, length).map((node) => words[node]!);
}

function stepsOn(graph: Graph, rng: Rng, length: number): number[] {
  const walk = [rng.below(graph.length)];
  while (walk.length < length) walk.push(rng.pick(graph[walk.at(-1)!]!));
  return walk;
}

/**
 * Tells which words are next to a word in the graph of a text.
 *
 * @returns none when the word is no node of the graph
 */
export function neighbours({ words, edges }: WalkLabel, word: string): string[] {
  const node = words.indexOf(word);
  return edges.filter((edge) => edge.includes(node)).map(([a, b]) => words[a === node ? b : a]!);
}

/** The graphs that are walked on, by the knob `shape`. */
const shapes: readonly { readonly name: string; readonly graph: Graph }[] = [
  { name: "grid 3x3", graph: gridGraph(3, 3) },
  { name: "grid 3x4", graph: gridGraph(3, 4) },
  { name: "grid 4x4", graph: gridGraph(4, 4) },
  { name: "ring 6", graph: ringGraph(6) },
  { name: "ring 8", graph: ringGraph(8) },
  { name: "ring 10", graph: ringGraph(10) },
];

const edgesOf = (graph: Graph): [number, number][] =>
  graph.flatMap((next, a) => next.filter((b) => a < b).map((b): [number, number] => [a, b]));

/**
 * Random walks among words.
 *
 * @source Park et al. 2024, "ICLR: In-Context Learning of Representations", arXiv:2501.00070
 */
export const walks: LanguageSkill<WalkLabel> = {
  name: "walks",
  summary:
    "Goes on with a random walk on a hidden graph of words, from each word to one next to it.",
  vocabulary: listWords,
  knobs: {
    shape: {
      meaning: `the hidden graph: ${shapes.map(({ name }, i) => `${i} ${name}`).join(", ")}`,
      least: 0,
      most: shapes.length - 1,
    },
    length: { meaning: "how many words the walk has", least: 48, most: 112 },
  },

  draw: (rng, { shape, length }): Text<WalkLabel> => {
    const { name, graph } = shapes[shape!]!;
    const dealt = rng.shuffle(listWords).slice(0, graph.length);
    const walk = stepsOn(graph, rng, length!);
    return {
      words: walk.map((node) => dealt[node]!),
      // Where half of the walk has shown the graph; it might have gone on to any neighbour, and `judge` knows.
      answers: walk.flatMap((_, i) => (2 * i < length! ? [] : [{ start: i, end: i + 1 }])),
      label: { shape: name, words: dealt, edges: edgesOf(graph), walk },
      key: dealt.slice(0, 4).join(" "),
    };
  },

  judge: ([next], { label, words }) =>
    next !== undefined && neighbours(label, words.at(-2)!).includes(next),
};
