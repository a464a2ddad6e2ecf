// Language networks: text or token ids in, logits out. Rows of unequal length are padded, and the padding is masked so
// that every row gives the numbers it gives alone.

import { PatchClampError } from "../core/errors.ts";
import type { Tree } from "../core/tree.ts";
import { causalBias, paddedCausalBias } from "../nn/layers.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GenerateOptions, GeneratedToken } from "./generate.ts";
import { generate } from "./generate.ts";
import { Network } from "./network.ts";
import type { SweepOptions, SweepResult } from "./sweep.ts";
import { sweep } from "./sweep.ts";
import type { Tap } from "./tap.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What a decoder takes: a text, token ids, or several of either. */
export type Prompt = string | readonly number[] | readonly string[] | readonly (readonly number[])[];

/** A prompt with a choice of where shorter rows are padded. */
export interface PaddedPrompt {
  readonly prompts: readonly string[] | readonly (readonly number[])[];
  /** Where the padding of shorter rows goes. `left` keeps the last token of all rows at one position. Default `left`. */
  readonly padding?: "left" | "right";
}

/** What language networks take. */
export type LanguageInput = Prompt | PaddedPrompt;

/** Keys and values of earlier positions for every layer, and where new ones go. */
export interface KvCache {
  /** What is known of earlier positions in a layer, each [batch, kvHead, capacity, dHead]. */
  readonly past: (layer: number) => { readonly k: Tensor; readonly v: Tensor } | undefined;
  /** Takes the keys and values of the new positions, each [batch, kvHead, pos, dHead]. */
  readonly store: (layer: number, k: Tensor, v: Tensor) => void;
}

/** What the function of a language network takes. */
export interface DecoderInputs {
  /** int32, [batch, pos] */
  readonly tokens: Tensor;
  /** int32, [batch or 1, pos] */
  readonly positions: Tensor;
  /** Added to attention scores, [batch or 1, 1, pos, capacity + pos] */
  readonly mask: Tensor;
  readonly cache?: KvCache;
}

/** Sizes every decoder has. */
export interface DecoderConfig {
  readonly nLayers: number;
  readonly nHeads: number;
  readonly nKvHeads?: number;
  readonly dModel: number;
  readonly dHead: number;
  readonly dVocab: number;
  /** Longest sequence. */
  readonly nCtx: number;
}

/** What makes a language network. */
export interface LanguageDefinition {
  readonly name: string;
  readonly config: DecoderConfig;
  readonly params: Tree<Tensor>;
  readonly forward: (params: never, inputs: DecoderInputs, tap: Tap) => Tensor;
  /** Needed for text; ids work without. */
  readonly tokenizer?: Tokenizer | undefined;
  readonly absent?: Readonly<Record<string, string>>;
}

/** Token ids of a batch, and which positions hold them. */
export interface TokenBatch {
  /** [batch][pos], padded to one length. */
  readonly ids: readonly (readonly number[])[];
  /** Number of real tokens in each row. */
  readonly lengths: readonly number[];
  readonly padding: "left" | "right";
}

/** A network that predicts the next token. */
export class LanguageNetwork extends Network<LanguageInput> {
  readonly config: DecoderConfig;
  readonly forward: LanguageDefinition["forward"];
  readonly #tokenizer: Tokenizer | undefined;

  constructor({ name, config, params, forward, tokenizer, absent }: LanguageDefinition) {
    super({
      name,
      params,
      forward: forward as (params: never, inputs: never, tap: Tap) => Tensor,
      prepare: (given) => batchInputs(this.tokens(given)),
      example: () => [[0, Math.min(1, config.dVocab - 1), 0].slice(0, config.nCtx)],
      ...(absent === undefined ? {} : { absent }),
    });
    this.config = config;
    this.forward = forward;
    this.#tokenizer = tokenizer;
  }

  /**
   * The tokenizer.
   *
   * @throws PatchClampError `BAD_INPUT` when the network has none
   */
  get tokenizer(): Tokenizer {
    if (this.#tokenizer !== undefined) return this.#tokenizer;
    throw new PatchClampError("BAD_INPUT", {
      where: this.name,
      problem: "this network has no tokenizer, so it cannot read or write text.",
      fix: "put its tokenizer.json beside the weights, or give token ids.",
    });
  }

  /** Whether the network reads and writes text. */
  get hasTokenizer(): boolean {
    return this.#tokenizer !== undefined;
  }

  /**
   * Reads a prompt into token ids, and pads rows to one length.
   *
   * @throws PatchClampError `BAD_INPUT` when a row is empty or longer than the context, or an id is not in the vocabulary
   */
  tokens(given: LanguageInput): TokenBatch {
    const { prompts, padding } = rowsOf(given);
    const rows = prompts.map((row) => (typeof row === "string" ? this.tokenizer.encode(row) : row));
    for (const [i, row] of rows.entries()) this.#checkRow(row, rows.length > 1 ? `prompt ${i}` : "the prompt");
    const pos = Math.max(...rows.map((row) => row.length));
    const filler = this.#tokenizer?.pad ?? this.#tokenizer?.eos ?? 0;
    const ids = rows.map((row) => {
      const pads = Array.from({ length: pos - row.length }, () => filler);
      return padding === "left" ? [...pads, ...row] : [...row, ...pads];
    });
    return { ids, lengths: rows.map((row) => row.length), padding };
  }

  #checkRow(row: readonly number[], what: string): void {
    const { dVocab, nCtx } = this.config;
    const where = this.name;
    if (row.length === 0) {
      throw new PatchClampError("BAD_INPUT", { where, problem: `${what} has no tokens.`, fix: "give at least one." });
    }
    if (row.length > nCtx) {
      throw new PatchClampError("BAD_INPUT", {
        where,
        problem: `${what} has ${row.length} tokens, but the context holds ${nCtx}.`,
        fix: "shorten it.",
        facts: { tokens: row.length, nCtx },
      });
    }
    const odd = row.find((id) => !Number.isInteger(id) || id < 0 || id >= dVocab);
    if (odd !== undefined) {
      throw new PatchClampError("BAD_INPUT", {
        where,
        problem: `token id ${odd} is not in the vocabulary, whose ids are 0..${dVocab - 1}.`,
        fix: "tokenise the text with this network's own tokenizer.",
      });
    }
  }

  /**
   * Continues a prompt, token by token.
   *
   * @returns one record for every new token; rows of a batch take turns
   */
  generate(given: LanguageInput, options: GenerateOptions = {}): AsyncGenerator<GeneratedToken> {
    return generate(this, given, options);
  }

  /**
   * Continues prompts and returns what was added to each.
   *
   * @returns one text a prompt
   */
  async complete(given: LanguageInput, options: GenerateOptions = {}): Promise<string[]> {
    const rows = this.tokens(given).ids.map((): number[] => []);
    for await (const { row, id } of this.generate(given, options)) rows[row]!.push(id);
    return rows.map((ids) => this.tokenizer.decode(ids, { skipSpecialTokens: true }));
  }

  /** Patches many cells in one batched graph; see `sweep`. */
  sweep(options: SweepOptions): Promise<SweepResult> {
    return sweep(this, options);
  }
}

function rowsOf(given: LanguageInput): Required<PaddedPrompt> {
  if (typeof given === "string") return { prompts: [given], padding: "left" };
  if ("prompts" in given) {
    const { prompts, padding = "left" } = given;
    return { prompts: nonEmpty<string | readonly number[]>(prompts) as readonly string[], padding };
  }
  if (typeof given[0] === "number") return { prompts: [given as readonly number[]], padding: "left" };
  return { prompts: nonEmpty(given as readonly string[]), padding: "left" };
}

function nonEmpty<T>(prompts: readonly T[]): readonly T[] {
  if (prompts.length > 0) return prompts;
  throw new PatchClampError("BAD_INPUT", { where: "prompt", problem: "the list of prompts is empty." });
}

/** Tokens, positions and mask of a padded batch. */
export function batchInputs({ ids, lengths, padding }: TokenBatch): { tokens: Tensor; positions: Tensor; mask: Tensor } {
  const batch = ids.length;
  const pos = ids[0]!.length;
  const tokens = fromHost(Int32Array.from(ids.flat()), { shape: [batch, pos], dtype: "int32" }, "tokens");
  if (lengths.every((length) => length === pos)) {
    const positions = fromHost(Int32Array.from({ length: pos }, (_, i) => i), { shape: [1, pos], dtype: "int32" });
    return { tokens, positions, mask: causalBias(pos) };
  }
  const isReal = lengths.map((length) =>
    Array.from({ length: pos }, (_, i) => (padding === "left" ? i >= pos - length : i < length)),
  );
  const positions = Int32Array.from(
    lengths.flatMap((length) =>
      Array.from({ length: pos }, (_, i) => Math.max(0, padding === "left" ? i - (pos - length) : Math.min(i, length - 1))),
    ),
  );
  return {
    tokens,
    positions: fromHost(positions, { shape: [batch, pos], dtype: "int32" }),
    mask: paddedCausalBias(isReal),
  };
}
