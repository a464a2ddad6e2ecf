// Generation: the prompt in one pass, then a token a step from what the cache keeps (`row-cache.ts`). Where a token more changes
// what a network computes for the tokens before it, the whole text is read again.

import { PatchClampError } from "../core/errors.ts";
import type { Tree } from "../core/tree.ts";
import { leaves } from "../core/tree.ts";
import { compile, evaluate } from "../tensor/evaluate.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Woven } from "./interventions.ts";
import type { Edits, Inputs } from "./network.ts";
import type { DecoderCache, DecoderConfig, DecoderInputs, Revision, TokenBatch } from "./prompt.ts";
import { batchInputs } from "./prompt.ts";
import { promptsOfRows, repeatRows } from "./repeat-rows.ts";
import type { Carried } from "./repeat-rows.ts";
import type { StepInputs } from "./row-cache.ts";
import { RowCache } from "./row-cache.ts";
import { checkedEnds, RowText } from "./row-text.ts";
import { biasById } from "./sampling/bias.ts";
import type { Likelihood } from "./sampling/likelihood.ts";
import { likelihood } from "./sampling/likelihood.ts";
import type { SamplingOptions } from "./sampling.ts";
import { inRange, sampler } from "./sampling.ts";
import type { SiteSpace } from "./sites.ts";
import { selectSites } from "./sites.ts";
import type { Edit, Tap } from "./tap.ts";
import { recordingTap } from "./tap.ts";
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

/** What is continued, and the function that predicts. */
export interface Beginning {
  readonly batch: TokenBatch;
  /** Predicts the next token, [batch, pos, dVocab]; `fixed` is what `prepare` made. */
  readonly predict: (inputs: DecoderInputs, fixed: Inputs, tap: Tap) => Tensor;
  /** Makes, in the first pass, what is the same for all passes. Default: nothing. */
  readonly prepare?: (tap: Tap) => Inputs;
  /** Changes values in all passes, before `edit` does. Default: nothing. */
  readonly woven?: Woven | undefined;
  /** Makes of it what rows need, of which row i goes on with prompt `prompts[i]`. Default: what it has for the prompt. */
  readonly repeat?: (fixed: Inputs, prompts: readonly number[]) => Inputs;
}

/** How one pass is traced. */
interface PassForm extends Omit<Beginning, "batch"> {
  readonly net: Writer;
  readonly edits: ReadonlyMap<string, readonly Edit[]>;
  readonly capture: readonly string[];
  /** Hears when nothing of earlier positions can be kept. */
  readonly revise: (revision: Revision) => void;
}

interface PassResult extends Carried {
  /** Logits of the last position, [batch, dVocab]. */
  readonly logits: Tensor;
  readonly activations: Readonly<Record<string, Tensor>>;
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
    net,
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

/** Reads a batch of growing rows, as far as it can without reading a token twice. */
class Reader {
  readonly #form: PassForm;
  readonly #decode: (step: StepInputs, fixed: Inputs, weave: Weave) => Promise<PassResult>;
  readonly #revisions: Revision[] = [];
  #batch!: TokenBatch;
  #cache!: RowCache;
  #fixed: Inputs | undefined;
  #memory: Inputs = {};
  /** What the last step found, which the cache does not hold yet. */
  #latest: PassResult | undefined;

  constructor(form: Omit<PassForm, "revise">) {
    this.#form = { ...form, revise: (revision) => this.#revise(revision) };
    this.#decode = compile((step: StepInputs, fixed: Inputs, weave: Weave) =>
      stepPass(this.#form, step, { fixed, weave }),
    );
  }

  /** Reads whole rows, each of which `count` rows go on with. */
  async start(batch: TokenBatch, count = 1): Promise<PassResult> {
    const { woven } = this.#form;
    const weave = { inputs: woven?.whole(batch) ?? {}, memory: {} };
    const result = await promptPass(this.#form, batch, { fixed: this.#fixed, weave });
    const prompts = promptsOfRows(batch.ids.length, count);
    if (count > 1) woven?.repeat(prompts);
    const kept = count === 1 ? result : await repeatRows(result, prompts, this.#form.repeat);
    this.#batch = {
      ...batch,
      ids: prompts.map((of) => batch.ids[of]!),
      lengths: prompts.map((of) => batch.lengths[of]!),
    };
    this.#fixed = kept.fixed;
    this.#memory = kept.memory;
    this.#cache = await RowCache.of(this.#batch, kept);
    this.#latest = undefined;
    return result;
  }

  /** Reads one token more of every row. */
  async add(next: readonly number[]): Promise<PassResult> {
    this.#batch = extended(this.#batch, next);
    if (isRevised(this.#revisions, this.#batch.lengths)) return this.start(this.#batch);
    if (this.#latest !== undefined) await this.#cache.append(this.#latest);
    const weave = { inputs: this.#form.woven?.step(this.#batch) ?? {}, memory: this.#memory };
    this.#latest = await this.#decode(this.#cache.stepInputs(next), this.#fixed!, weave);
    this.#memory = this.#latest.memory;
    return this.#latest;
  }

  #revise(found: Revision): void {
    const isKnown = ({ beyond, isEvery }: Revision): boolean =>
      beyond === found.beyond && isEvery === found.isEvery;
    if (!this.#revisions.some(isKnown)) this.#revisions.push(found);
  }
}

/** The batch with one token more in every row. */
function extended({ ids, lengths, padding }: TokenBatch, next: readonly number[]): TokenBatch {
  return {
    ids: ids.map((row, i) => [...row, next[i]!]),
    lengths: lengths.map((length) => length + 1),
    padding,
  };
}

/** Whether the last token of any row changed what was computed for those before it. */
function isRevised(revisions: readonly Revision[], lengths: readonly number[]): boolean {
  return revisions.some(({ beyond, isEvery }) =>
    lengths.some((length) => (isEvery ? length > beyond : length === beyond + 1)),
  );
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

/** Runs the prompt: everything a decoding step needs, and the logits of the last position. */
async function promptPass(form: PassForm, batch: TokenBatch, around: Around): Promise<PassResult> {
  const nothing = { past: () => undefined, state: () => undefined, ...around };
  const result = tracePass(form, { ...batchInputs(batch), ...nothing });
  await evaluate(leaves<Tensor>(result as unknown as Tree<Tensor>).map(([, tensor]) => tensor));
  return result;
}

function stepPass(
  form: PassForm,
  { keys, values, states, ...inputs }: StepInputs,
  around: Around,
): PassResult {
  return tracePass(form, {
    ...inputs,
    past: (layer) => ({ k: keys[layer]!, v: values[layer]! }),
    state: (layer) => states[layer],
    ...around,
  });
}

/** What interventions read in a pass: their numbers, and what their conditions remember of the pass before. */
interface Weave {
  readonly inputs: Inputs;
  readonly memory: Inputs;
}

/** What a pass reads beside its tokens. */
interface Around {
  /** What is the same for all passes but the first, which makes it. */
  readonly fixed: Inputs | undefined;
  readonly weave: Weave;
}

/** What one pass reads: new tokens, what is kept of earlier ones, and what is around. */
interface PassInputs
  extends Omit<DecoderInputs, "cache">, Pick<DecoderCache, "past" | "state">, Around {}

function tracePass(
  { predict, prepare, edits, woven, capture, revise }: PassForm,
  { past, state: stateOf, fixed: given, weave, ...inputs }: PassInputs,
): PassResult {
  const memory: Record<string, Tensor> = {};
  const all = woven?.editsBefore(edits, weave.inputs, {
    recall: (name) => weave.memory[name],
    keep: (name, state) => {
      memory[name] = state;
    },
  });
  const keys: Record<string, Tensor> = {};
  const values: Record<string, Tensor> = {};
  const states: Record<string, readonly Tensor[]> = {};
  const cache: DecoderCache = {
    past,
    state: stateOf,
    store: (layer, k, v) => {
      keys[layer] = k;
      values[layer] = v;
    },
    keep: (layer, state) => {
      states[layer] = state;
    },
    revise,
  };
  const { tap, sites } = recordingTap({ edits: all ?? edits });
  const fixed = given ?? prepare?.(tap) ?? {};
  const logits = tap("logits", predict({ ...inputs, cache }, fixed, tap));
  return {
    logits: logits.slice({ axis: 1, start: -1 }).squeeze(1),
    keys,
    values,
    states,
    fixed,
    memory,
    activations: Object.fromEntries(
      capture.filter((site) => sites.has(site)).map((site) => [site, sites.get(site)!]),
    ),
  };
}
