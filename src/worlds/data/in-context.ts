// Sequences of items and labels that end in an item to be labelled. Either the context tells its label, or only what was
// learnt in training does, or both do: which strategy works is part of the truth.

import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { unitNormals } from "./item-world.ts";
import type { ItemWorld } from "./item-world.ts";

/**
 * What a sequence asks for.
 *
 * - `bursty`: the item's class is in the context, with its own label, as often as every other class there
 * - `independent`: all classes are drawn by frequency alone; the item's is in the context by chance
 * - `in-weights`: the item's label is nowhere in the context
 * - `fresh`: classes of this sequence alone, with labels dealt to them here
 * - `swapped`: known classes, each under another label than its own
 */
export const sequenceKinds = ["bursty", "independent", "in-weights", "fresh", "swapped"] as const;

/** One of the kinds. */
export type SequenceKind = (typeof sequenceKinds)[number];

export interface LabelledSequenceOptions {
  /** `bursty` by default. */
  kind?: SequenceKind;
  /** Items with labels in the context, at least 1; 8 by default. */
  pairs?: number;
  /** How often each class occurs in the context; it divides `pairs`. 2 by default. Independent sequences have no use for it. */
  burstiness?: number;
}

/** A sequence with what solves it. */
export interface LabelledSequence {
  readonly kind: SequenceKind;
  /** [pairs + 1, dimension]: the items; the last one is to be labelled. */
  readonly items: Float32Array;
  /** [2 pairs + 1, dimension]: item, label, item, label, ..., item. */
  readonly tokens: Float32Array;
  /** [pairs + 1]: the class in the world; -1, -2, ... for classes of this sequence alone. */
  readonly classes: Int32Array;
  /** [pairs + 1]: labels as the sequence gives them; the last one is the answer. */
  readonly labels: Int32Array;
  readonly answer: number;
  /** Whether copying the label of the same class in the context, and whether knowing the class's label, gives the answer. */
  readonly solvedBy: { readonly inContext: boolean; readonly inWeights: boolean };
}

/**
 * Draws a sequence of items and labels.
 *
 * @param rng - advances by one word; the same state gives the same sequence
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range, or the world has too few classes or labels
 * @source Chan et al. 2022, "Data Distributional Properties Drive Emergent In-Context Learning in Transformers",
 *   arXiv:2205.05055; Reddy 2024, arXiv:2312.03002
 */
export function labelledSequence(
  rng: Rng,
  world: ItemWorld,
  options: LabelledSequenceOptions = {},
): LabelledSequence {
  const { kind = "bursty", pairs = 8, burstiness = 2 } = options;
  requireOneOf("labelledSequence", "kind", kind, sequenceKinds);
  requireAtLeast("labelledSequence", "pairs", pairs, 1);
  requireAtLeast("labelledSequence", "burstiness", burstiness, 1);
  const groups = pairs / burstiness;
  if (kind !== "independent" && !Number.isInteger(groups)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "labelledSequence",
      problem: `${pairs} pairs cannot be made of classes that occur ${burstiness} times each.`,
      fix: "let burstiness divide pairs.",
    });
  }

  const own = new Rng(rng.word());
  const { context, query } = drawClasses(own, world, { kind, pairs, groups });
  const order = own.shuffle(context);
  const all = [...order, query];
  const items = drawItems(own, world, all);
  const { dimension, labelVectors, labelOf } = world;
  const tokens = new Float32Array((2 * pairs + 1) * dimension);
  all.forEach(({ label }, i) => {
    tokens.set(items.subarray(i * dimension, (i + 1) * dimension), 2 * i * dimension);
    if (i === pairs) return;
    const vector = labelVectors.subarray(label * dimension, (label + 1) * dimension);
    tokens.set(vector, (2 * i + 1) * dimension);
  });
  return {
    kind,
    items,
    tokens,
    classes: Int32Array.from(all, ({ of }) => of),
    labels: Int32Array.from(all, ({ label }) => label),
    answer: query.label,
    solvedBy: {
      inContext: order.some(({ of }) => of === query.of),
      inWeights: query.of >= 0 && labelOf[query.of] === query.label,
    },
  };
}

/** A class, by its number in the world or below 0, and the label that the sequence gives it. */
interface Member {
  readonly of: number;
  readonly label: number;
}

function drawClasses(
  rng: Rng,
  world: ItemWorld,
  { kind, pairs, groups }: { kind: SequenceKind; pairs: number; groups: number },
): { context: Member[]; query: Member } {
  const { frequencies, labelOf } = world;
  const known = (of: number): Member => ({ of, label: labelOf[of]! });
  const bursts = (members: readonly Member[]): Member[] =>
    Array.from({ length: pairs }, (_, i) => members[i % groups]!);
  switch (kind) {
    case "independent": {
      const any = (): Member => known(rng.categorical(frequencies));
      return { context: Array.from({ length: pairs }, any), query: any() };
    }
    case "in-weights": {
      const query = known(rng.categorical(frequencies));
      const others = frequencies.map((p, k) => (labelOf[k] === query.label ? 0 : p));
      return { context: bursts(drawDistinct(rng, others, groups).map(known)), query };
    }
    case "bursty": {
      const members = drawDistinct(rng, frequencies, groups).map(known);
      return { context: bursts(members), query: rng.pick(members) };
    }
    case "fresh": {
      const labels = dealLabels(rng, world, groups, () => true);
      const members = labels.map((label, i): Member => ({ of: -1 - i, label }));
      return { context: bursts(members), query: rng.pick(members) };
    }
    case "swapped": {
      const classes = drawDistinct(rng, frequencies, groups);
      const labels = dealLabels(rng, world, groups, (label, i) => label !== labelOf[classes[i]!]);
      const members = classes.map((of, i): Member => ({ of, label: labels[i]! }));
      return { context: bursts(members), query: rng.pick(members) };
    }
  }
}

/** Different classes, the common ones rather than the rare ones. */
function drawDistinct(rng: Rng, frequencies: Float32Array, count: number): number[] {
  const left = frequencies.slice();
  const available = left.filter((p) => p > 0).length;
  if (available < count) throw tooFew("classes that may be in the context", available, count);
  return Array.from({ length: count }, () => {
    const drawn = rng.categorical(left);
    left[drawn] = 0;
    return drawn;
  });
}

/** Different labels, all of which suit their class; with one label more than classes there always are some. */
function dealLabels(
  rng: Rng,
  { labelVectors, dimension }: ItemWorld,
  count: number,
  suits: (label: number, i: number) => boolean,
): number[] {
  const labels = labelVectors.length / dimension;
  if (labels <= count) throw tooFew("labels", labels, count + 1);
  for (;;) {
    const dealt = Array.from(rng.permutation(labels).subarray(0, count));
    if (dealt.every(suits)) return dealt;
  }
}

function tooFew(what: string, there: number, needed: number): PatchClampError {
  return new PatchClampError("BAD_OPTION", {
    where: "labelledSequence",
    problem: `the world has ${there} ${what}, but the sequence needs ${needed}.`,
    fix: "make a larger world, or use fewer pairs or a higher burstiness.",
  });
}

/** An item is (mean + variation * noise) / sqrt(1 + variation^2), so that its length does not tell the variation. */
function drawItems(rng: Rng, world: ItemWorld, members: readonly Member[]): Float32Array {
  const { dimension, variation, means } = world;
  const groups = members.reduce((most, { of }) => Math.max(most, -of), 0);
  const fresh = unitNormals(rng, groups, dimension);
  const noise = unitNormals(rng, members.length, dimension);
  return noise.map((eta, at) => {
    const { of } = members[Math.floor(at / dimension)]!;
    const k = at % dimension;
    const mean = of < 0 ? fresh[(-1 - of) * dimension + k]! : means[of * dimension + k]!;
    return (mean + variation * eta) / Math.sqrt(1 + variation ** 2);
  });
}
