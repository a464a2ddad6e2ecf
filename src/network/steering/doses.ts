// Texts at several strengths, as rows of batches: every text at every strength.

import { PatchClampError } from "../../core/errors.ts";
import type { Steering } from "../interventions.ts";
import type { LanguageNetwork } from "../language.ts";

/** A text, or its token ids. */
export type Text = string | readonly number[];

/** What steers, and how strongly. */
export interface Doses {
  readonly interventions: readonly Steering[];
  /** Each multiplies the strength of all interventions. */
  readonly strengths: readonly number[];
}

/** How something is measured. */
export interface Measuring {
  /** Most new tokens of a text that is written. Default 24, or fewer where the context has no room for them. */
  readonly maxTokens?: number | undefined;
  /** Of texts that are written; 0 takes the likeliest token. Default 1: what the network itself expects. */
  readonly temperature?: number | undefined;
  /** Of texts that are written: a text has the same luck at every strength. Default 0. */
  readonly seed?: number | undefined;
  /** Most rows of a batch. Default 64. */
  readonly maxRows?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Hears which part is done, above 0 up to 1. */
  readonly onPart?: ((share: number) => void) | undefined;
}

/** One row: a text, by its number, at a strength. */
export interface DosedRow {
  readonly text: number;
  readonly strength: number;
}

/** Most logits of a batch: a quarter of a gigabyte. */
const MOST_LOGITS = 2 ** 26;

/**
 * Measures every text at every strength, many rows at a time.
 *
 * Batches hold all texts, if they fit, at some strengths: so batches are of one shape, and one graph serves them.
 *
 * @param texts - how long each is, in tokens
 * @param measure - what is found for each row of a batch, in their order
 * @returns [strength][text]
 * @throws PatchClampError `ABORTED` between two batches when the signal says so, and what `measure` throws
 */
export async function inBatches<T>(
  net: Pick<LanguageNetwork, "config">,
  strengths: readonly number[],
  texts: readonly number[],
  { maxRows = 64, signal, onPart }: Measuring,
  measure: (rows: readonly DosedRow[]) => Promise<readonly T[]>,
): Promise<T[][]> {
  const most = Math.max(1, Math.min(maxRows, rowsThatFit(net, Math.max(...texts))));
  const found = strengths.map((): T[] => []);
  let done = 0;
  for (const group of evenly([...texts.keys()], most)) {
    for (const some of evenly(
      [...strengths.keys()],
      Math.max(1, Math.floor(most / group.length)),
    )) {
      if (signal?.aborted) throw aborted(signal);
      const places = some.flatMap((at) => group.map((text) => ({ at, text })));
      const rows = places.map(({ at, text }) => ({ text, strength: strengths[at]! }));
      const values = await measure(rows);
      for (const [i, { at, text }] of places.entries()) found[at]![text] = values[i]!;
      done += rows.length;
      onPart?.(done / (strengths.length * texts.length));
    }
  }
  return found;
}

/** A text's token ids; what follows another text gets nothing put around it. */
export function idsOf(net: LanguageNetwork, text: Text, isContinuation = false): readonly number[] {
  if (typeof text !== "string") return text;
  return net.tokenizer.encode(text, { addSpecialTokens: !isContinuation });
}

/** Mean of numbers, of which there is at least one. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function rowsThatFit({ config }: Pick<LanguageNetwork, "config">, pos: number): number {
  return Math.floor(MOST_LOGITS / (pos * config.dVocab));
}

/** Parts of a list of nearly equal size, none larger than `most`. */
function evenly<T>(items: readonly T[], most: number): T[][] {
  const parts = Math.ceil(items.length / most);
  return Array.from({ length: parts }, (_, i) =>
    items.slice(
      Math.round((i * items.length) / parts),
      Math.round(((i + 1) * items.length) / parts),
    ),
  );
}

function aborted(signal: AbortSignal): PatchClampError {
  return new PatchClampError("ABORTED", {
    where: "doseCurve",
    problem: "stopped by its signal.",
    cause: signal.reason,
  });
}
