// Language networks: text or token ids in, logits out, and what one does with them.

import { PatchClampError } from "../core/errors.ts";
import type { Tree } from "../core/tree.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { placesOf } from "../values/index.ts";
import type { GenerateOptions } from "./generate.ts";
import type { GeneratedToken } from "./open-row.ts";
import { generate, textsOf } from "./generate.ts";
import type { InterventionOptions } from "./interventions.ts";
import { planFor, Woven } from "./interventions.ts";
import { Network } from "./network.ts";
import type { Pass, RunOptions } from "./network.ts";
import type { PromptCache } from "./prompt-cache.ts";
import { batchInputs, rowsOf, tokenBatch } from "./prompt.ts";
import type { DecoderConfig, DecoderInputs, LanguageInput, TokenBatch } from "./prompt.ts";
import type { Beginning } from "./reader.ts";
import { checkRow, tokenizerOf } from "./rows.ts";
import { isBaked, isQuantised } from "./stored-parts.ts";
import type { SweepOptions, SweepResult } from "./sweep.ts";
import { sweep } from "./sweep.ts";
import type { Edit, Tap } from "./tap.ts";
import type { Tokenizer } from "./tokenizer.ts";

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

/** Tokens of a prompt that are read at a time where graphs hold weights, so that one serves prompts of all lengths. */
const PIECE = 64;

/** Options of `LanguageNetwork.generate`. */
export interface LanguageGenerateOptions extends GenerateOptions, InterventionOptions {
  /** What earlier calls computed: of a prompt, only what follows the longest known beginning is read. Default: nothing. */
  cache?: PromptCache | undefined;
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
      config,
      forward,
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
    return tokenizerOf(this.name, this.#tokenizer);
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
    for (const [i, row] of rows.entries())
      checkRow(this.name, row, rows.length > 1 ? `prompt ${i}` : "the prompt", this.config);
    const filler = this.#tokenizer?.pad ?? this.#tokenizer?.eos ?? 0;
    return tokenBatch(rows, padding, filler);
  }

  /**
   * Runs the network and records sites. Interventions are made before the edits of `edit`.
   *
   * @throws PatchClampError what `Network.run` and `planFor` throw
   */
  override async run(
    given: LanguageInput,
    options: RunOptions & InterventionOptions = {},
  ): Promise<Pass> {
    const { interventions: _, rowInterventions: __, strength, ...rest } = options;
    const plan = planFor(this, options);
    if (plan === undefined) return super.run(given, rest);
    const inputs = plan.inputs(placesOf(this.tokens(given)), { strength });
    const edits: Record<string, Edit> = Object.fromEntries(plan.edits(inputs));
    for (const [pattern, edit] of Object.entries(rest.edit ?? {})) {
      const before = edits[pattern];
      edits[pattern] = before === undefined ? edit : (x, place) => edit(before(x, place), place);
    }
    return super.run(given, { ...rest, edit: edits });
  }

  /**
   * Continues a prompt, token by token.
   *
   * @yields one record for every new token; rows of a batch take turns
   */
  async *generate(
    given: LanguageInput,
    options: LanguageGenerateOptions = {},
  ): AsyncGenerator<GeneratedToken> {
    const { count = 1, strength, cache } = options;
    const batch = this.tokens(given);
    const params = this.params as never;
    const predict: Beginning["predict"] = (inputs, _, tap) => this.forward(params, inputs, tap);
    const plan = planFor(this, options);
    if (count > 1 && (options.rowInterventions !== undefined || typeof strength === "object")) {
      throw new PatchClampError("BAD_OPTION", {
        where: "generate",
        problem: `rows with interventions or strengths of their own cannot have ${count} continuations each.`,
        fix: "repeat the prompts, with the interventions of each.",
      });
    }
    const woven = plan === undefined ? undefined : new Woven(plan, strength);
    const known = cache && { cache, params };
    const piece = isQuantised(this.params) ? PIECE : undefined;
    const reserves = isBaked(this.params);
    yield* generate(this, { batch, predict, woven, known, piece, reserves }, options);
  }

  /**
   * Continues prompts and returns what was added to each.
   *
   * @returns one text a continuation, those of a prompt in turn
   */
  async complete(given: LanguageInput, options: LanguageGenerateOptions = {}): Promise<string[]> {
    const tokens = this.generate(given, options);
    return textsOf(this, this.tokens(given).ids.length, { tokens, count: options.count });
  }

  /** Patches many cells in one batched graph; see `sweep`. */
  sweep(options: SweepOptions): Promise<SweepResult> {
    return sweep(this, options);
  }
}
