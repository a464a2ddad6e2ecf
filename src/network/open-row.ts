// A row that is being written: what passes predict for it becomes tokens, and tokens become text.

import type { Tensor } from "../tensor/tensor.ts";
import type { PassResult } from "./pass.ts";
import { lookUpNext } from "./prompt-lookup.ts";
import type { TokenBatch } from "./prompt.ts";
import type { ReadPlace } from "./reader.ts";
import { promptsOfRows } from "./repeat-rows.ts";
import { checkedEnds, RowText } from "./row-text.ts";
import type { TextEnds } from "./row-text.ts";
import type { Likelihood } from "./sampling/likelihood.ts";
import { likelihood } from "./sampling/likelihood.ts";
import type { Sampler } from "./sampling.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A row that is being written. */
export interface OpenRow {
  readonly row: number;
  /** Its prompt's tokens, without padding. */
  readonly prompt: readonly number[];
  readonly written: number[];
  /** Tokens that were read after the last one that is written, in case they come. */
  drafted: readonly number[];
  /** How many of the tokens that the last pass read stay. */
  kept: number;
  readonly text: RowText<Omit<GeneratedToken, "text">>;
  isDone: boolean;
}

/**
 * Opens the rows of a generation.
 *
 * @param net - its tokenizer is asked for where texts end rows
 * @throws PatchClampError `BAD_OPTION` when a stop string is empty, `BAD_INPUT` when texts are to end rows and there is no tokenizer
 */
export function openRows(
  net: { readonly hasTokenizer: boolean; readonly tokenizer: Tokenizer },
  { ids, lengths }: TokenBatch,
  options: Partial<TextEnds> & { readonly count?: number | undefined },
): OpenRow[] {
  const ends = checkedEnds(options);
  const needsText = ends.stopStrings.length > 0 || ends.stopAtJson;
  const tokenizer = needsText || net.hasTokenizer ? net.tokenizer : undefined;
  return promptsOfRows(ids.length, options.count ?? 1).map((of, row) => ({
    row,
    prompt: ids[of]!.slice(ids[of]!.length - lengths[of]!),
    written: [],
    drafted: [],
    kept: 0,
    text: new RowText(tokenizer, ends),
    isDone: false,
  }));
}

/** What was recorded in the pass that predicted a token. */
interface Seen {
  /**
   * The whole prompt at step 0, one position afterwards, and the whole text again where a token more changes earlier positions (some
   * rotary scalings for long texts). Rows are those of the batch: prompts at step 0, continuations afterwards. Sites of an encoder are
   * there at step 0 only.
   */
  readonly activations: Readonly<Record<string, Tensor>>;
  /** What the rows and positions of `activations` are, [row][pos]; null at padding. Empty where nothing is captured. */
  readonly places: readonly (readonly (ReadPlace | null)[])[];
}

/** One new token; its likelihood is that of the network's own logits, before biases, penalties, temperature and cuts. */
export interface GeneratedToken extends Likelihood, Seen {
  /** Which continuation it belongs to: the number of its prompt, unless prompts have several. */
  readonly row: number;
  /** How many new tokens came before it in its row. */
  readonly step: number;
  readonly id: number;
  /** What it adds to the text; empty for a network without a tokenizer. */
  readonly text: string;
}

/** What a pass predicts for a row, at a column counted from the last, which is 1. */
export type Predicted = (row: number, back: number) => { logits: Float32Array; logTotal: number };

/** Reads what a pass predicts for rows. */
export async function predictionsOf(
  { logits, logTotal }: PassResult,
  rows: number,
): Promise<Predicted> {
  const [batch, columns, dVocab] = logits.shape as [number, number, number];
  const all = (await logits.data()) as Float32Array;
  const totals = (await logTotal.data()) as Float32Array;
  return (row, back) => {
    // a prompt predicts for all its continuations
    const at = Math.floor((row * batch) / rows) * columns + columns - back;
    return { logits: all.subarray(at * dVocab, (at + 1) * dVocab), logTotal: totals[at]! };
  };
}

/** How rows are written, and what was seen in the pass that predicts. */
export interface WritingForm {
  readonly pick: Sampler;
  readonly stop: ReadonlySet<number>;
  readonly maxTokens: number;
  readonly logProbabilities: number;
}

/**
 * Writes what a pass predicts.
 *
 * @yields a token, and one more for each that was drafted right, as far as their texts are certain
 */
export function* write(
  row: OpenRow,
  predicted: Predicted,
  { pick, stop, maxTokens, logProbabilities: count, seen }: WritingForm & { readonly seen: Seen },
): Generator<GeneratedToken> {
  const { written, drafted, text } = row;
  const read = 1 + drafted.length;
  for (let i = 0; i < read; i++) {
    row.kept = i + 1;
    const { logits, logTotal } = predicted(row.row, read - i);
    const id = pick(logits, row);
    const step = written.push(id) - 1;
    if (stop.has(id)) {
      row.isDone = true;
      yield* text.end();
      return;
    }
    const isLast = step + 1 === maxTokens;
    const likely = likelihood(logits, { id, logTotal, count });
    const told = text.add({ row: row.row, step, id, ...likely, ...seen }, isLast);
    row.isDone = isLast || text.isEnded;
    yield* told;
    if (row.isDone || drafted[i] !== id) return;
  }
}

/** Drafts what a row may go on with; of a row that is done, the last token is read again and forgotten. */
export function draftFor(row: OpenRow, drafts: number, maxTokens: number): void {
  const { prompt, written, isDone } = row;
  const most = isDone ? 0 : Math.min(drafts, maxTokens - written.length - 1);
  row.drafted = most > 0 ? lookUpNext([...prompt, ...written], most) : [];
  row.kept = isDone ? 0 : 1;
}
