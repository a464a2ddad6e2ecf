// Graphs whose nodes say something about their edges: features that follow blocks, edges that follow a rule of colours.

import { Rng } from "../../core/rng.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { drawWithin, splits } from "../split.ts";
import type { Split } from "../split.ts";
import { requireBetween } from "./_options.ts";
import { graphOf } from "./graph.ts";
import type { Edge, Graph } from "./graph.ts";

/**
 * Draws normal features around a mean of each block.
 *
 * @param rng - advances by one word; the same state gives the same features
 * @param blocks - [node]: the block, 0 or more
 * @param options - `features` of a node, at least 1; `separation`, the standard deviation of the blocks' means, at least 0,
 *   1 by default; `noise` around them, at least 0, 1 by default
 * @returns `features` [node, feature] and `means` [block, feature]
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 */
export function blockFeatures(
  rng: Rng,
  blocks: Int32Array,
  options: { features: number; separation?: number; noise?: number },
): { features: Float32Array; means: Float32Array } {
  const { features: width, separation = 1, noise = 1 } = options;
  requireAtLeast("blockFeatures", "features", width, 1);
  requireBetween("blockFeatures", "separation", separation, [0, Infinity]);
  requireBetween("blockFeatures", "noise", noise, [0, Infinity]);
  const own = new Rng(rng.word());
  const count = blocks.reduce((most, block) => Math.max(most, block), 0) + 1;
  const means = Float32Array.from({ length: count * width }, () => separation * own.normal());
  const features = Float32Array.from(
    { length: blocks.length * width },
    (_, at) =>
      means[blocks[Math.floor(at / width)]! * width + (at % width)]! + noise * own.normal(),
  );
  return { features, means };
}

export interface RuleGraphOptions {
  /** At least 2; 40 by default. */
  nodes?: number;
  /** At least 2; 4 by default. */
  colours?: number;
  /** Chance of an edge where the rule allows one, 0..1; 0.3 by default. */
  density?: number;
  /** Chance of an edge where it does not, 0..1; 0 by default. */
  noise?: number;
  /** Which half of all rules; `train` by default. */
  split?: Split;
}

/** A graph whose edges follow from its nodes' colours. */
export interface RuleGraph {
  readonly graph: Graph;
  /** [node] */
  readonly colours: Int32Array;
  /** [colour, colour], symmetric: 1 where nodes of two colours may be joined. About half of the pairs are. */
  readonly rule: Float32Array;
  /** The edges that the rule does not allow. */
  readonly against: readonly Edge[];
  /** What decides its half of the world: the rule. */
  readonly key: string;
}

/**
 * Draws a rule about which colours may be neighbours, and a graph that follows it.
 *
 * @param rng - advances by one word; the same state gives the same graph
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range
 */
export function ruleGraph(rng: Rng, options: RuleGraphOptions = {}): RuleGraph {
  const { nodes = 40, colours: kinds = 4, density = 0.3, noise = 0, split = "train" } = options;
  requireAtLeast("ruleGraph", "nodes", nodes, 2);
  requireAtLeast("ruleGraph", "colours", kinds, 2);
  requireBetween("ruleGraph", "density", density, [0, 1]);
  requireBetween("ruleGraph", "noise", noise, [0, 1]);
  requireOneOf("ruleGraph", "split", split, splits);

  const own = new Rng(rng.word());
  const { rule, key } = drawWithin(split, () => drawRule(own, kinds));
  const colours = Int32Array.from({ length: nodes }, () => own.below(kinds));
  const edges: Edge[] = [];
  const against: Edge[] = [];
  for (let a = 0; a < nodes; a++) {
    for (let b = a + 1; b < nodes; b++) {
      const isAllowed = rule[colours[a]! * kinds + colours[b]!] === 1;
      if (own.uniform() >= (isAllowed ? density : noise)) continue;
      edges.push([a, b]);
      if (!isAllowed) against.push([a, b]);
    }
  }
  return { graph: graphOf(nodes, edges), colours, rule, against, key };
}

function drawRule(rng: Rng, kinds: number): { rule: Float32Array; key: string } {
  const rule = new Float32Array(kinds * kinds);
  for (let a = 0; a < kinds; a++) {
    for (let b = a; b < kinds; b++) {
      rule[a * kinds + b] = rule[b * kinds + a] = rng.below(2);
    }
  }
  return { rule, key: ["rule", kinds, rule.join("")].join("|") };
}
