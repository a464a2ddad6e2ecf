// Rows of labelled sequences for training, and the two strategies that a network may learn on them.

import type { Rng } from "../../core/rng.ts";
import { requireAtLeast } from "../_options.ts";
import { requireBetween } from "./_options.ts";
import { labelledSequence } from "./in-context.ts";
import type { LabelledSequence, LabelledSequenceOptions, SequenceKind } from "./in-context.ts";
import type { ItemWorld } from "./item-world.ts";

export interface SequenceBatchOptions extends Omit<LabelledSequenceOptions, "kind"> {
  /** Sequences, at least 1. */
  batch: number;
  /** Share of sequences that are bursty, 0..1; the others are independent. 1 by default. */
  bursty?: number;
  /** Share of the bursty ones that have classes of their own, 0..1; 0 by default. */
  fresh?: number;
}

/** Sequences with their answers. */
export interface SequenceBatch {
  /** [batch, 2 pairs + 1, dimension]: item, label, ..., item. */
  readonly tokens: Float32Array;
  /** [batch]: the label of the last item. */
  readonly answers: Int32Array;
  /** [batch, pairs]: the labels in the context. */
  readonly labels: Int32Array;
  /** One for every row. */
  readonly kinds: readonly SequenceKind[];
}

/**
 * Draws the mixture of sequences that networks are trained on.
 *
 * @param rng - advances by two words a sequence; the same state gives the same batch
 * @throws PatchClampError `BAD_OPTION` when an option is out of its range or one that `labelledSequence` refuses
 */
export function sequenceBatch(
  rng: Rng,
  world: ItemWorld,
  options: SequenceBatchOptions,
): SequenceBatch {
  const { batch, bursty = 1, fresh = 0, ...shared } = options;
  requireAtLeast("sequenceBatch", "batch", batch, 1);
  requireBetween("sequenceBatch", "bursty", bursty, [0, 1]);
  requireBetween("sequenceBatch", "fresh", fresh, [0, 1]);
  const drawKind = (): SequenceKind => {
    const at = rng.uniform();
    if (at >= bursty) return "independent";
    return at < bursty * fresh ? "fresh" : "bursty";
  };
  const rows = Array.from({ length: batch }, () =>
    labelledSequence(rng, world, { ...shared, kind: drawKind() }),
  );
  const width = rows[0]!.tokens.length;
  const pairs = rows[0]!.labels.length - 1;
  const tokens = new Float32Array(batch * width);
  const labels = new Int32Array(batch * pairs);
  rows.forEach((row, i) => {
    tokens.set(row.tokens, i * width);
    labels.set(row.labels.subarray(0, pairs), i * pairs);
  });
  const answers = Int32Array.from(rows, ({ answer }) => answer);
  return { tokens, answers, labels, kinds: rows.map(({ kind }) => kind) };
}

/** Labels the last item as the context's nearest item is labelled: the strategy that needs no training. */
export function answerInContext({ items, labels }: LabelledSequence): number {
  const dimension = items.length / labels.length;
  const query = items.subarray((labels.length - 1) * dimension);
  return labels[nearest(items.subarray(0, -dimension), query)]!;
}

/** Labels the last item as the world labels the nearest of its classes: the strategy that ignores the context. */
export function answerInWeights(world: ItemWorld, { items }: LabelledSequence): number {
  return world.labelOf[nearest(world.means, items.subarray(-world.dimension))]!;
}

/** The row of `rows`, [n, dimension], that is nearest to `to`, [dimension]. */
function nearest(rows: Float32Array, to: Float32Array): number {
  const dimension = to.length;
  let [best, least] = [0, Infinity];
  for (let row = 0; row < rows.length / dimension; row++) {
    const distance = to.reduce(
      (total, value, k) => total + (value - rows[row * dimension + k]!) ** 2,
      0,
    );
    if (distance < least) [best, least] = [row, distance];
  }
  return best;
}
