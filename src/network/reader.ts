// Reads growing rows pass by pass: the prompt at once, then the new tokens of a step from what the cache keeps (`row-cache.ts`). Where
// a token more changes what a network computes for the tokens before it, the whole text is read again.

import type { Tree } from "../core/tree.ts";
import { leaves } from "../core/tree.ts";
import { compile, evaluate } from "../tensor/evaluate.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Inputs } from "./network.ts";
import type { Around, PassForm, PassResult, Weave } from "./pass.ts";
import { tracePass, withoutPast, withPast } from "./pass.ts";
import type { PromptCache, ReadText } from "./prompt-cache.ts";
import type { Revision, TokenBatch } from "./prompt.ts";
import { batchInputs, tokenBatch } from "./prompt.ts";
import { promptsOfRows, repeatRows } from "./repeat-rows.ts";
import type { NewTokens, StepInputs } from "./row-cache.ts";
import { RowCache } from "./row-cache.ts";

/** What is continued, and how. */
export interface Beginning extends Omit<PassForm, "edits" | "capture" | "revise"> {
  readonly batch: TokenBatch;
  /** Makes of what `prepare` made what rows need, of which row i goes on with prompt `prompts[i]`. Default: its rows. */
  readonly repeat?: (fixed: Inputs, prompts: readonly number[]) => Inputs;
  /** What earlier texts left, and the parameters they were read with. Default: nothing. */
  readonly known?: { readonly cache: PromptCache; readonly params: unknown } | undefined;
  /**
   * Tokens of a prompt that are read at a time, so that one graph serves prompts of all lengths: a graph of packed weights takes long to
   * load. Default: all.
   */
  readonly piece?: number | undefined;
  /** Makes room for all that rows can get at once, as every capacity has a graph of its own. Default false. */
  readonly reserves?: boolean | undefined;
}

/** What a reader is made for. */
export interface ReaderOptions extends Omit<Beginning, "batch">, Omit<PassForm, "revise"> {
  /** Tokens that a row can have in the end. */
  readonly longest: number;
  /** Tokens that are drafted at a time, at most: steps that wide predict at every column. */
  readonly drafts: number;
}

/** A place of a text that was read. */
export interface ReadPlace {
  /** The number of its row in the pass. */
  readonly row: number;
  /** Which token of the row it is. */
  readonly position: number;
  readonly id: number;
  /** Whether the token was given or written. */
  readonly phase: "prompt" | "generated";
}

/** The last tokens of rows, padded on the left to one width. */
interface Columns {
  readonly rows: readonly (readonly number[])[];
  readonly counts: readonly number[];
  readonly width: number;
  readonly promptLengths: readonly number[];
}

/** Reads a batch of growing rows, as far as it can without reading a token twice. */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #form: PassForm;
  readonly #step: (step: StepInputs, fixed: Inputs, weave: Weave) => Promise<PassResult>;
  readonly #revisions: Revision[] = [];
  /** The tokens of every row. */
  #rows: (readonly number[])[] = [];
  #cache!: RowCache;
  #fixed: Inputs | undefined;
  #memory: Inputs = {};
  #promptLengths: readonly number[] = [];
  /** What the last pass read. */
  #columns!: Columns;
  /** What the last step found, which the cache does not hold yet, and how many tokens of each row it read. */
  #latest: { readonly result: PassResult; readonly read: readonly number[] } | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#form = { ...options, revise: (revision) => this.#revise(revision) };
    this.#step = compile((step: StepInputs, fixed: Inputs, weave: Weave) => {
      const width = step.tokens.shape[1]!;
      const columns = width <= 1 + options.drafts ? width : 1;
      return tracePass(this.#form, withPast(step), { fixed, weave, columns });
    });
  }

  /** Whether a step may read tokens that do not stay: nothing but the cache remembers them, and nobody watches. */
  get canDraft(): boolean {
    return this.#isPlain && this.#revisions.length === 0 && this.#cache.canGoBack;
  }

  /** Whether passes may be cut otherwise than one for the prompt and one for each token. */
  get #isPlain(): boolean {
    const { edits, capture, woven, prepare } = this.#options;
    return edits.size === 0 && capture.length === 0 && woven?.hasMemory !== true && !prepare;
  }

  /** What the rows and columns of the last pass were, [row][column]; null at padding. */
  places(): (ReadPlace | null)[][] {
    const { rows, counts, width, promptLengths } = this.#columns;
    return rows.map((ids, row) =>
      Array.from({ length: width }, (_, column) => {
        const back = width - column;
        if (back > counts[row]!) return null;
        const position = ids.length - back;
        const phase = position < promptLengths[row]! ? "prompt" : "generated";
        return { row, position, id: ids[position]!, phase };
      }),
    );
  }

  /** Reads prompts, each of which `count` rows go on with; predicts at the last column. */
  async start(batch: TokenBatch, count = 1): Promise<PassResult> {
    const rows = rowsOfBatch(batch);
    this.#begin(batch.lengths);
    if (count > 1 || !this.#isPlain) return this.#readWhole(batch, count);
    const { piece } = this.#options;
    const held = this.#knownBeginning(rows) ?? this.#emptyCache(rows);
    if (held === undefined) return this.#readWhole(batch, count);
    this.#cache = held;
    this.#fixed = {};
    const left = rows.map(({ length }, i) => length - this.#cache.filled[i]!);
    return this.#readPieces(rows, piece ?? bucketFor(Math.max(...left)));
  }

  /**
   * Reads more tokens of every row.
   *
   * @param next - of each row, any number of at least 1
   * @param kept - how many of the tokens of each row that the step before read stay, from its first on. Default: all
   */
  async add(next: readonly (readonly number[])[], kept?: readonly number[]): Promise<PassResult> {
    const before = this.#rows.map(({ length }) => length);
    await this.#settle(kept);
    this.#rows = this.#rows.map((row, i) => [...row, ...next[i]!]);
    if (this.#isRevised(before)) return this.#readWhole(tokenBatch(this.#rows, "left", 0), 1);
    const longest = Math.max(...next.map(({ length }) => length));
    return this.#read({ rows: next, width: longest === 1 ? 1 : 1 + this.#options.drafts });
  }

  /**
   * Gives what was read to the prompt cache.
   *
   * @param kept - as in `add`
   */
  async finish(kept?: readonly number[]): Promise<void> {
    const { known } = this.#options;
    if (known === undefined || this.#rows.length !== 1 || !this.canDraft) return;
    await this.#settle(kept);
    // a step that failed has told of tokens that it did not read
    const ids = this.#rows[0]!.slice(0, this.#cache.filled[0]);
    known.cache.keep(this.#text(ids, known.params), this.#cache);
  }

  async #readWhole(batch: TokenBatch, count: number): Promise<PassResult> {
    const { woven, repeat } = this.#options;
    const weave = { inputs: woven?.whole(batch) ?? {}, memory: {} };
    const rows = rowsOfBatch(batch);
    const around: Around = { fixed: this.#fixed, weave };
    const pass = tracePass(this.#form, withoutPast(batchInputs(batch)), { ...around, columns: 1 });
    await evaluate(leaves<Tensor>(pass as unknown as Tree<Tensor>).map(([, tensor]) => tensor));
    const prompts = promptsOfRows(batch.ids.length, count);
    this.#columns = this.#columnsOf(rows, batch.lengths, batch.ids[0]!.length);
    if (count > 1) this.#begin(prompts.map((of) => batch.lengths[of]!));
    const kept = count === 1 ? pass : await repeatRows(pass, prompts, repeat);
    this.#rows = prompts.map((of) => rows[of]!);
    this.#fixed = kept.fixed;
    this.#memory = kept.memory;
    const lengths = this.#rows.map(({ length }) => length);
    this.#cache = await RowCache.of(lengths, kept, this.#room(0));
    this.#latest = undefined;
    return pass;
  }

  /** Reads what the cache does not hold of rows, `width` tokens at a time; the last piece has the ends of all rows. */
  async #readPieces(rows: readonly (readonly number[])[], width: number): Promise<PassResult> {
    const starts = this.#cache.filled.slice();
    const most = Math.max(...rows.map(({ length }, i) => length - starts[i]!));
    let result: PassResult | undefined;
    for (let left = Math.ceil(most / width) - 1; left >= 0; left--) {
      await this.#settle();
      const ends = rows.map(({ length }, i) => Math.max(starts[i]!, length - left * width));
      const from = this.#cache.filled;
      this.#rows = rows.map((row, i) => row.slice(0, ends[i]));
      result = await this.#read({ rows: rows.map((row, i) => row.slice(from[i], ends[i])), width });
    }
    return result!;
  }

  /** Reads the last tokens of all rows from what the cache keeps. */
  async #read(next: NewTokens): Promise<PassResult> {
    const counts = next.rows.map(({ length }) => length);
    this.#columns = this.#columnsOf(this.#rows, counts, next.width);
    const inputs = this.#options.woven?.step(this.#rows, { counts, width: next.width }) ?? {};
    const weave = { inputs, memory: this.#memory };
    const result = await this.#step(this.#cache.stepInputs(next), this.#fixed!, weave);
    this.#memory = result.memory;
    this.#latest = { result, read: counts };
    return result;
  }

  /** Gives what the last step found to the cache. */
  async #settle(kept?: readonly number[]): Promise<void> {
    if (this.#latest === undefined) return;
    const { result, read } = this.#latest;
    this.#latest = undefined;
    await this.#cache.append(result, read, kept);
    if (kept === undefined) return;
    this.#rows = this.#rows.map((row, i) => row.slice(0, row.length - read[i]! + kept[i]!));
  }

  /** Tokens of a row that a cache is made for, at least. */
  #room(least: number): number {
    const { reserves = false, longest } = this.#options;
    return reserves ? Math.max(longest, least) : least;
  }

  #begin(promptLengths: readonly number[]): void {
    this.#promptLengths = promptLengths;
    this.#options.woven?.begin(promptLengths);
  }

  #columnsOf(
    rows: readonly (readonly number[])[],
    counts: readonly number[],
    width: number,
  ): Columns {
    return { rows, counts, width, promptLengths: this.#promptLengths };
  }

  #knownBeginning(rows: readonly (readonly number[])[]): RowCache | undefined {
    const { known } = this.#options;
    if (known === undefined || rows.length > 1) return undefined;
    const text = this.#text(rows[0]!, known.params);
    return known.cache.beginningOf(text, this.#room(0));
  }

  #text(ids: readonly number[], params: unknown): ReadText {
    return { reader: params, ids, woven: this.#options.woven?.row(ids) };
  }

  /**
   * A cache that holds nothing yet; undefined where prompts are read at once, as they must be where more is kept than keys and
   * values.
   */
  #emptyCache(rows: readonly (readonly number[])[]): RowCache | undefined {
    if (this.#options.piece === undefined) return undefined;
    const first = tokenBatch(
      rows.map((row) => row.slice(0, 1)),
      "left",
      0,
    );
    const weave = { inputs: this.#options.woven?.whole(first) ?? {}, memory: {} };
    // traced for its shapes, and never run
    const pass = tracePass(this.#form, withoutPast(batchInputs(first)), {
      fixed: {},
      weave,
      columns: 1,
    });
    if (this.#revisions.length > 0 || Object.keys(pass.states).length > 0) return undefined;
    const cache = new RowCache(rows.length, this.#room(1));
    cache.makeRoomLike(pass);
    return cache;
  }

  /** Whether the last tokens of any row changed what was computed for those before them. */
  #isRevised(before: readonly number[]): boolean {
    return this.#revisions.some(({ beyond, isEvery }) =>
      this.#rows.some(({ length }, i) => length > beyond && (isEvery || before[i]! <= beyond)),
    );
  }

  #revise(found: Revision): void {
    const isKnown = ({ beyond, isEvery }: Revision): boolean =>
      beyond === found.beyond && isEvery === found.isEvery;
    if (!this.#revisions.some(isKnown)) this.#revisions.push(found);
  }
}

function rowsOfBatch({ ids, lengths }: TokenBatch): (readonly number[])[] {
  return ids.map((row, i) => row.slice(row.length - lengths[i]!));
}

/** Widths of what follows a known beginning come in powers of two, so that few graphs serve all. */
function bucketFor(count: number): number {
  return 2 ** Math.ceil(Math.log2(count));
}
