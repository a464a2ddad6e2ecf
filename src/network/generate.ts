// Generation: picks tokens from what a `Reader` predicts, and says what they add to the text.

import { PatchClampError } from "../core/errors.ts";
import type { Edits } from "./network.ts";
import type { DecoderConfig, TokenBatch } from "./prompt.ts";
import { draftFor, openRows, predictionsOf, write } from "./open-row.ts";
import type { GeneratedToken, OpenRow, WritingForm } from "./open-row.ts";
import type { Beginning } from "./reader.ts";
import { Reader } from "./reader.ts";
import { promptsOfRows } from "./repeat-rows.ts";
import { biasById } from "./sampling/bias.ts";
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
  /**
   * Tokens to draft at a time, at most, from what followed the same words earlier in the text, and to check in one pass: faster where
   * a text repeats itself, and the same tokens. Without effect where sites are recorded or edited with functions, conditions remember,
   * or layers are recurrent. Default 0.
   */
  promptLookup?: number | undefined;
  /** How many of the likeliest tokens to return with every token. Default 0. */
  logProbabilities?: number | undefined;
  /** Changes values as they are computed, in the prompt and at every step. Traced once for each. Default: none. */
  edit?: Edits;
  /** Sites to record at every step, by name or pattern. Default: none. */
  capture?: string | readonly string[];
  /** Ends the generation with an `ABORTED` error. */
  signal?: AbortSignal;
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
  const { promptLookup: drafts = 0 } = options;
  const batch = leftPadded(beginning.batch);
  const pos = batch.ids[0]!.length;
  const maxTokens = checkLength(net, pos, options.maxTokens);
  checkCounts({ count }, 1);
  checkCounts({ logProbabilities, promptLookup: drafts }, 0);
  const bias = logitBias === undefined ? {} : { logitBias: biasById(net, logitBias) };
  const form: WritingForm = {
    pick: sampler({ ...options, logitBias: undefined, ...bias }),
    stop: new Set(options.stop ?? endOfText(net)),
    maxTokens,
    logProbabilities,
  };
  const rows = openRows(net, batch, options);
  const recorded = capture === undefined ? [] : selectSites("generate", net.space, capture);
  const edits = net.resolveEdits("generate", edit);
  const longest = pos + maxTokens;
  const reader = new Reader({ ...beginning, edits, capture: recorded, longest, drafts });
  let kept: (() => readonly number[]) | undefined;
  try {
    let result = await reader.start(batch, count);
    for (;;) {
      if (signal?.aborted) throw aborted(rows, signal);
      const predicted = await predictionsOf(result, rows.length);
      const seen = {
        activations: result.activations,
        places: recorded.length === 0 ? [] : reader.places(),
      };
      for (const row of rows) if (!row.isDone) yield* write(row, predicted, { ...form, seen });
      if (rows.every(({ isDone }) => isDone)) return;
      const before = kept?.();
      kept = () => rows.map((row) => row.kept);
      for (const row of rows) draftFor(row, reader.canDraft ? drafts : 0, maxTokens);
      const next = rows.map(({ written, drafted }) => [written.at(-1)!, ...drafted]);
      result = await reader.add(next, before);
    }
  } finally {
    await reader.finish(kept?.());
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

function aborted(rows: readonly OpenRow[], signal: AbortSignal): PatchClampError {
  const most = Math.max(...rows.map(({ written }) => written.length));
  return new PatchClampError("ABORTED", {
    where: "generate",
    problem: `stopped by its signal after ${most} tokens.`,
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

function checkCounts(counts: Readonly<Record<string, number>>, least: number): void {
  for (const [name, value] of Object.entries(counts)) {
    const holds = Number.isInteger(value) && value >= least;
    inRange(name, value, holds, `a whole number of at least ${least}`);
  }
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
