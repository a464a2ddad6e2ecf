// Encoder-decoders: a text or token ids in, and another text out that is written while looking at the first.

import type { Tree } from "../core/tree.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GenerateOptions } from "./generate.ts";
import type { GeneratedToken } from "./open-row.ts";
import { generate, textsOf } from "./generate.ts";
import type { Inputs } from "./network.ts";
import { Network } from "./network.ts";
import { rowsOf, tokenBatch } from "./prompt.ts";
import type { Beginning } from "./reader.ts";
import { checkRow, tokenizerOf } from "./rows.ts";
import type {
  Seq2SeqBatch,
  Seq2SeqConfig,
  Seq2SeqInput,
  Seq2SeqInputs,
  SourceInputs,
  TargetInputs,
} from "./seq2seq-input.ts";
import { paired, seq2seqInputs, sourceAndTarget, sourceInputs } from "./seq2seq-input.ts";
import type { SiteMeanings } from "./sites.ts";
import type { Tap } from "./tap.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What makes an encoder-decoder. */
export interface Seq2SeqDefinition {
  readonly name: string;
  readonly config: Seq2SeqConfig;
  readonly params: Tree<Tensor>;
  /** Reads the source into [batch, source, dModel]. */
  readonly encode: (params: never, inputs: SourceInputs, tap: Tap) => Tensor;
  /** Predicts the next token of the target, [batch, pos, dVocab]. */
  readonly decode: (params: never, inputs: TargetInputs, tap: Tap) => Tensor;
  /** Needed for text; ids work without. */
  readonly tokenizer?: Tokenizer | undefined;
  readonly absent?: Readonly<Record<string, string>>;
  readonly meanings?: SiteMeanings;
}

/**
 * A network that reads a source as a whole and writes a target token by token. Sites of its encoder begin with `encoder.`, those of
 * its decoder with `decoder.`.
 */
export class Seq2SeqNetwork extends Network<Seq2SeqInput> {
  readonly config: Seq2SeqConfig;
  readonly #encode: Seq2SeqDefinition["encode"];
  readonly #decode: Seq2SeqDefinition["decode"];
  readonly #tokenizer: Tokenizer | undefined;

  constructor(definition: Seq2SeqDefinition) {
    const { name, config, params, encode, decode, tokenizer, absent, meanings } = definition;
    super({
      name,
      params,
      config,
      forward: (p: never, inputs: Seq2SeqInputs, tap: Tap) => {
        const { sourceTokens, sourcePositions, sourceMask, ...target } = inputs;
        const read = { tokens: sourceTokens, positions: sourcePositions, mask: sourceMask };
        const source = tap("encoder.out", encode(p, read, tap.in("encoder")));
        return decode(p, { ...target, source, sourceMask }, tap.in("decoder"));
      },
      prepare: (given) => ({ ...seq2seqInputs(this.tokens(given)) }),
      example: () => ({ source: [0, Math.min(1, config.dVocab - 1), 0].slice(0, config.nCtx) }),
      ...(absent === undefined ? {} : { absent }),
      meanings: { ...seq2seqMeanings, ...meanings },
    });
    this.config = config;
    this.#encode = encode;
    this.#decode = decode;
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
   * Reads sources and targets into token ids, and pads rows of each to one length.
   *
   * @throws PatchClampError `BAD_INPUT` when a row is empty or longer than the context, an id is not in the vocabulary, or there are
   * neither as many targets as sources nor one of either
   */
  tokens(given: Seq2SeqInput): Seq2SeqBatch {
    const { source, target = [this.config.decoderStart] } = sourceAndTarget(given);
    const { prompts, padding } = rowsOf(target);
    const { sources, targets } = paired<Row>(this.name, rowsOf(source).prompts, prompts);
    const read = sources.map((row) => (typeof row === "string" ? this.tokenizer.encode(row) : row));
    const written = targets.map((row) => (typeof row === "string" ? this.#written(row) : row));
    for (const i of read.keys()) {
      const number = read.length > 1 ? ` ${i}` : "";
      checkRow(this.name, read[i]!, `source${number}`, this.config);
      checkRow(this.name, written[i]!, `target${number}`, this.config);
    }
    const filler = this.#tokenizer?.pad ?? this.#tokenizer?.eos ?? 0;
    return {
      source: tokenBatch(read, "right", filler),
      target: tokenBatch(written, padding, filler),
    };
  }

  /**
   * Writes a target, or goes on with one, token by token. The encoder runs once: its sites can be edited as any, and what is captured
   * there comes with the first token.
   *
   * A target begins with the config's start token and whatever is given. What other libraries read from a checkpoint's
   * `generation_config.json` (a forced first token, beams, bounds on length) is the caller's: give it as `target` or as options.
   *
   * @yields one record for every new token; rows of a batch take turns
   */
  async *generate(
    given: Seq2SeqInput,
    options: GenerateOptions = {},
  ): AsyncGenerator<GeneratedToken> {
    const { source, target } = this.tokens(given);
    yield* generate(this, { batch: target, ...this.#reading(sourceInputs(source)) }, options);
  }

  /**
   * Writes the targets of sources, and returns what was added to each.
   *
   * @returns one text a continuation, those of a row in turn
   */
  async complete(given: Seq2SeqInput, options: GenerateOptions = {}): Promise<string[]> {
    const tokens = this.generate(given, options);
    return textsOf(this, this.tokens(given).target.ids.length, { tokens, count: options.count });
  }

  /** What a decoder has written when it has written a text and may go on. */
  #written(text: string): number[] {
    const ids = this.tokenizer.encode(text);
    const isEnded = ids.length > 0 && ids.at(-1) === this.tokenizer.eos;
    return [this.config.decoderStart, ...(isEnded ? ids.slice(0, -1) : ids)];
  }

  #reading(inputs: SourceInputs): Pick<Beginning, "prepare" | "predict"> {
    const params = this.params as never;
    const { mask } = inputs;
    return {
      prepare: (tap) => ({
        source: tap("encoder.out", this.#encode(params, inputs, tap.in("encoder"))),
        ...(mask === undefined ? {} : { sourceMask: mask }),
      }),
      predict: (target, fixed, tap) =>
        this.#decode(params, { ...target, ...(fixed as EncodedSource) }, tap.in("decoder")),
    };
  }
}

/** A text or token ids. */
type Row = string | readonly number[];

/** What every pass of the decoder looks at. */
type EncodedSource = Inputs & Pick<TargetInputs, "source">;

/** What sites are where they are not what they are in a decoder alone. */
const seq2seqMeanings: SiteMeanings = {
  "encoder.out": ["batch pos dModel", "what the encoder read, for cross attention"],
  "encoder.ln_final.normalized": [
    "batch pos dModel",
    "last residual stream of the encoder, normalised, before gain and bias",
  ],
  "decoder.blocks.{i}.resid_mid": [
    "batch pos dModel",
    "residual stream between self-attention and cross attention",
  ],
  "blocks.{i}.attn.q": ["batch pos head dHead", "queries"],
  "blocks.{i}.attn.k": ["batch pos head dHead", "keys"],
};
