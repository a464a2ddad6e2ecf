// Generation: picks tokens from what a `Reader` predicts, and says what they add to the text.

import { PatchClampError } from "../core/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Edits } from "./network.ts";
import type { DecoderConfig, TokenBatch } from "./prompt.ts";
import type { Beginning } from "./reader.ts";
import { Reader } from "./reader.ts";
import { promptsOfRows } from "./repeat-rows.ts";
import { checkedEnds, RowText } from "./row-text.ts";
import { biasById } from "./sampling/bias.ts";
import type { Likelihood } from "./sampling/likelihood.ts";
import { likelihood } from "./sampling/likelihood.ts";
import type { SamplingOptions } from "./sampling.ts";
import { inRange, sampler } from "./sampling.ts";
import type { SiteSpace } from "./sites.ts";
import { selectSites } from "./sites.ts";
import type { Edit } from "./tap.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Options of `generate`. */
export interface GenerateOptions extends SamplingOptions {
  /** Most new tokens a row. At least 1. Default: what the context has room for, at most 64. */
  maxTokens?: number;
  /** Ids that end a row; they are not returned. Default: the tokenizer's end of text. */
  stop?: readonly number[];
  /** Texts that end a row where they begin; they may span tokens, and are not returned. Needs a tokenizer. Default: none. */
  stopStrings?: readonly string[] | undefined;
  /** Ends a row with the first JSON object or list, or with a string that it begins with. Needs a tokenizer. Default false. */
  stopAtJson?: boolean | undefined;
  /**
   * Continuations of every prompt, each from rows of their own of the random stream: those of prompt i are the rows from
   * i * count on; at temperature 0 they are all the same. Prompts are read once: an edit meets a row a prompt there, and a row a
   * continuation afterwards. Default 1.
   */
  count?: number | undefined;
  /** How many of the likeliest tokens to return with every token. Default 0. */
  logProbabilities?: number | undefined;
  /** Changes values as they are computed, in the prompt and at every step. Traced once for each. Default: none. */
  edit?: Edits;
  /** Sites to record at every step, by name or pattern. Default: none. */
  capture?: string | readonly string[];
  /** Ends the generation with an `ABORTED` error. */
  signal?: AbortSignal;
}

/** One new token; its likelihood is that of the network's own logits, before biases, penalties, temperature and cuts. */
export interface GeneratedToken extends Likelihood {
  /** Which continuation it belongs to: the number of its prompt, unless prompts have several. */
  readonly row: number;
  /** How many new tokens came before it in its row. */
  readonly step: number;
  readonly id: number;
  /** What it adds to the text; empty for a network without a tokenizer. */
  readonly text: string;
  /**
   * What was captured in the pass that predicted it: the whole prompt at step 0, one position afterwards, and the whole text
   * again where a token more changes earlier positions (some rotary scalings for long texts). Rows are those of the batch: prompts at
   * step 0, continuations afterwards. Sites of an encoder are there at step 0 only.
   */
  readonly activations: Readonly<Record<string, Tensor>>;
}

/** What generation needs of a network. */
export interface Writer {
  readonly config: Pick<DecoderConfig, "dVocab" | "nCtx">;
  readonly space: SiteSpace;
  readonly hasTokenizer: boolean;
  readonly tokenizer: Tokenizer;
  resolveEdits: (where: string, edits: Edits) => ReadonlyMap<string, readonly Edit[]>;
}

/**
 * See `LanguageNetwork.generate` and `Seq2SeqNetwork.generate`.
 *
 * @yields every new token, rows of a batch in turn
 */
export async function* generate(
  net: Writer,
  beginning: Beginning,
  options: GenerateOptions = {},
): AsyncGenerator<GeneratedToken> {
  const { edit = {}, capture, signal, logitBias, logProbabilities = 0, count = 1 } = options;
  const batch = leftPadded(beginning.batch);
  const pos = batch.ids[0]!.length;
  const maxTokens = checkLength(net, pos, options.maxTokens);
  checkCounts(count, logProbabilities);
  const stop = new Set(options.stop ?? endOfText(net));
  const bias = logitBias === undefined ? {} : { logitBias: biasById(net, logitBias) };
  const pick = sampler({ ...options, logitBias: undefined, ...bias });
  const rows = openRows(net, batch, options);
  const reader = new Reader({
    ...beginning,
    edits: net.resolveEdits("generate", edit),
    capture: capture === undefined ? [] : selectSites("generate", net.space, capture),
  });
  let result = await reader.start(batch, count);
  for (let step = 0; step < maxTokens; step++) {
    if (signal?.aborted) throw aborted(step, signal);
    const all = (await result.logits.data()) as Float32Array;
    const { activations } = result;
    const isLast = step + 1 === maxTokens;
    for (const own of rows) {
      if (own.isDone) continue;
      const { row, text, written } = own;
      const logits = rowOf(all, step === 0 ? Math.floor(row / count) : row, net.config.dVocab);
      const id = pick(logits, own);
      written.push(id);
      if (stop.has(id)) {
        own.isDone = true;
        yield* text.end();
        continue;
      }
      const token = { row, step, id, ...likelihood(logits, id, logProbabilities), activations };
      const told = text.add(token, isLast);
      own.isDone = text.isEnded;
      yield* told;
    }
    if (rows.every(({ isDone }) => isDone) || isLast) return;
    result = await reader.add(rows.map(({ written }) => written.at(-1)!));
  }
}

/**
 * Joins what was generated to one text a row.
 *
 * @param prompts - how many there are
 * @throws PatchClampError `BAD_INPUT` when the network has no tokenizer, and what `generate` throws
 */
export async function textsOf(
  net: Writer,
  prompts: number,
  given: { readonly tokens: AsyncIterable<GeneratedToken>; readonly count?: number | undefined },
): Promise<string[]> {
  const { tokens, count = 1 } = given;
  const texts = new Map<number, string>();
  void net.tokenizer; // throws where there is none
  for await (const { row, text } of tokens) texts.set(row, (texts.get(row) ?? "") + text);
  return promptsOfRows(prompts, count).map((_, row) => texts.get(row) ?? "");
}

/** A row that is being written. */
interface OpenRow {
  readonly row: number;
  /** Its prompt's tokens, without padding. */
  readonly prompt: readonly number[];
  readonly written: number[];
  readonly text: RowText<Omit<GeneratedToken, "text">>;
  isDone: boolean;
}

function openRows(net: Writer, { ids, lengths }: TokenBatch, options: GenerateOptions): OpenRow[] {
  const ends = checkedEnds(options);
  const needsText = ends.stopStrings.length > 0 || ends.stopAtJson;
  const tokenizer = needsText || net.hasTokenizer ? net.tokenizer : undefined;
  return promptsOfRows(ids.length, options.count ?? 1).map((of, row) => ({
    row,
    prompt: ids[of]!.slice(ids[of]!.length - lengths[of]!),
    written: [],
    text: new RowText(tokenizer, ends),
    isDone: false,
  }));
}

function aborted(step: number, signal: AbortSignal): PatchClampError {
  return new PatchClampError("ABORTED", {
    where: "generate",
    problem: `stopped by its signal after ${step} tokens.`,
    cause: signal.reason,
  });
}

function checkLength(net: Writer, pos: number, asked: number | undefined): number {
  const room = net.config.nCtx - pos;
  if (asked !== undefined && (!Number.isInteger(asked) || asked < 1)) {
    throw new PatchClampError("BAD_OPTION", {
      where: "generate",
      problem: `maxTokens is ${asked}, not a whole number of at least 1.`,
    });
  }
  if (room < (asked ?? 1)) {
    throw new PatchClampError("BAD_INPUT", {
      where: "generate",
      problem: `the prompt has ${pos} tokens, so the context of ${net.config.nCtx} has room for ${room}, not ${asked ?? 1}.`,
      fix: "shorten the prompt or lower maxTokens.",
    });
  }
  return asked ?? Math.min(room, 64);
}

function checkCounts(count: number, logProbabilities: number): void {
  const isCount = Number.isInteger(count) && count >= 1;
  inRange("count", count, isCount, "a whole number of at least 1");
  const isNumber = Number.isInteger(logProbabilities) && logProbabilities >= 0;
  inRange("logProbabilities", logProbabilities, isNumber, "a whole number of at least 0");
}

function endOfText(net: Writer): readonly number[] {
  return net.hasTokenizer ? net.tokenizer.stops : [];
}

function leftPadded(batch: TokenBatch): TokenBatch {
  if (batch.padding === "left") return batch;
  const ids = batch.ids.map((row, i) => {
    const length = batch.lengths[i]!;
    return [...row.slice(length), ...row.slice(0, length)];
  });
  return { ...batch, ids, padding: "left" };
}

function rowOf(logits: Float32Array, row: number, dVocab: number): Float32Array {
  return logits.subarray(row * dVocab, (row + 1) * dVocab);
}
