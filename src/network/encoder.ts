// Text encoders: texts in, hidden states out, with whatever head the checkpoint has on them; and one vector for every text.

import { PatchClampError } from "../core/errors.ts";
import type { Tree } from "../core/tree.ts";
import { concat } from "../runtime/index.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { encoderBatch, encoderInputs, encoderRows } from "./encoder-input.ts";
import type {
  EncoderBatch,
  EncoderConfig,
  EncoderInput,
  EncoderInputs,
  EncoderRow,
  TypedIds,
} from "./encoder-input.ts";
import { Network } from "./network.ts";
import { pool, unitLength } from "./pooling.ts";
import type { Pooling } from "./pooling.ts";
import { checkRow, tokenizerOf } from "./rows.ts";
import type { SiteMeanings } from "./sites.ts";
import type { Tap } from "./tap.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** How a text becomes one vector. */
export interface SentenceForm {
  /** How hidden states are pooled; the vectors of several ways lie behind one another. */
  readonly poolings: readonly Pooling[];
  /** Whether vectors are brought to length 1. */
  readonly normalises: boolean;
  /** Longer texts lose their end, in tokens with all that the tokenizer puts around them; undefined where the context is the bound. */
  readonly maxTokens?: number | undefined;
  /** Whether texts are put into lower case before they are tokenised. */
  readonly lowerCases?: boolean;
}

/** What sentence-transformers does with an encoder that says nothing about it. */
export const plainSentences: SentenceForm = { poolings: ["mean"], normalises: false };

/** What makes a text encoder. */
export interface EncoderDefinition {
  readonly name: string;
  readonly config: EncoderConfig;
  readonly params: Tree<Tensor>;
  /** Returns the last hidden states, [batch, pos, dModel]; names the head's values itself. */
  readonly forward: (params: never, inputs: EncoderInputs, tap: Tap) => Tensor;
  /** Needed for text; ids work without. */
  readonly tokenizer?: Tokenizer | undefined;
  readonly absent?: Readonly<Record<string, string>>;
  readonly meanings?: SiteMeanings;
  /** Default: the mean of the hidden states, as it is. */
  readonly sentences?: SentenceForm;
}

/** Options of `EncoderNetwork.embed`. */
export interface EmbedOptions {
  /** Whether vectors are brought to length 1. Default: as the checkpoint says. */
  normalise?: boolean;
  /** Rows that are computed at a time. Default 32, as in sentence-transformers. */
  batchSize?: number;
}

/** A network that reads texts as a whole: every token sees every other. Its output is `logits` where it has a head, else `hidden`. */
export class EncoderNetwork extends Network<EncoderInput> {
  readonly config: EncoderConfig;
  readonly sentences: SentenceForm;
  readonly #tokenizer: Tokenizer | undefined;

  constructor(definition: EncoderDefinition) {
    const { name, config, params, forward, tokenizer, absent, meanings } = definition;
    const { sentences = plainSentences } = definition;
    super({
      name,
      params,
      config,
      forward: (p: never, inputs: EncoderInputs, tap: Tap) => {
        const hidden = forward(p, inputs, tap);
        tap("pooled", pool(hidden, inputs, sentences.poolings));
        return hidden;
      },
      output: config.head === "none" ? "hidden" : "logits",
      prepare: (given) => ({ ...encoderInputs(this.tokens(given)) }),
      example: () => [0, Math.min(1, config.dVocab - 1), 0].slice(0, config.nCtx),
      ...(absent === undefined ? {} : { absent }),
      meanings: { ...encoderMeanings(config), ...meanings },
    });
    this.config = config;
    this.sentences = sentences;
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

  /** Whether the network reads text. */
  get hasTokenizer(): boolean {
    return this.#tokenizer !== undefined;
  }

  /**
   * Reads rows into token ids, and pads them to one length.
   *
   * @throws PatchClampError `BAD_INPUT` when a row is empty or longer than the context, an id is not in the vocabulary, or a row's
   * types are not as many as its ids or none that the network knows
   */
  tokens(given: EncoderInput): EncoderBatch {
    const rows = this.#checked(encoderRows(given).map((row) => this.#read(row)));
    return encoderBatch(rows, this.#tokenizer?.pad ?? 0);
  }

  /**
   * One vector for every text, made as sentence-transformers makes it for this checkpoint: ends of long texts are cut off, hidden
   * states are pooled as the checkpoint says, and vectors are brought to length 1 if it says so.
   *
   * @param given - texts, pairs of texts or token ids; of these, texts are shortened where they are too long
   * @returns [rows, dModel], or a multiple of dModel where the checkpoint pools in several ways
   * @throws PatchClampError what `tokens` throws, and `BAD_OPTION` for a batch size that is no whole number from 1
   */
  async embed(given: EncoderInput, options: EmbedOptions = {}): Promise<Tensor> {
    const { normalise = this.sentences.normalises, batchSize = 32 } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new PatchClampError("BAD_OPTION", {
        where: "embed",
        problem: `batchSize is ${batchSize}, not a whole number from 1.`,
      });
    }
    const rows = this.#checked(
      encoderRows(given).map((row) =>
        typeof row === "string" ? this.#shortened(row) : this.#read(row),
      ),
    );
    // rows of like lengths share a batch, so that few positions are padding
    const order = [...rows.keys()].toSorted((a, b) => rows[a]!.ids.length - rows[b]!.ids.length);
    const pooled: Tensor[] = [];
    for (let start = 0; start < order.length; start += batchSize) {
      const batch = order.slice(start, start + batchSize).map((row) => rows[row]!);
      pooled.push((await this.run(batch, { capture: "pooled" })).at("pooled"));
    }
    const places = new Int32Array(rows.length);
    for (const [place, row] of order.entries()) places[row] = place;
    const vectors = concat(pooled, { axis: 0 }).gather(
      fromHost(places, { shape: [rows.length], dtype: "int32" }),
      { axis: 0 },
    );
    return normalise ? unitLength(vectors) : vectors;
  }

  #read(row: EncoderRow): TypedIds {
    if (typeof row === "string") return untyped(this.tokenizer.encode(row));
    if ("text" in row) {
      const { ids, types } = this.tokenizer.encodePair(row.text, row.pair);
      return this.config.nTypes === 0 ? untyped(ids) : { ids, types };
    }
    return "ids" in row ? row : untyped(row);
  }

  /** A text's tokens without those beyond the bound; what the tokenizer puts around a text stays. */
  #shortened(text: string): TypedIds {
    const { maxTokens = Infinity, lowerCases = false } = this.sentences;
    const bound = Math.min(maxTokens, this.config.nCtx);
    const read = lowerCases ? text.toLowerCase() : text;
    const whole = this.tokenizer.encode(read);
    if (whole.length <= bound) return untyped(whole);
    const inner = this.tokenizer.encode(read, { addSpecialTokens: false });
    const around = whole.length - inner.length;
    const before = Array.from({ length: around + 1 }, (_, i) => i).find((start) =>
      inner.every((id, i) => whole[start + i] === id),
    )!;
    const kept = whole.slice(0, before + bound - around);
    return untyped([...kept, ...whole.slice(before + inner.length)]);
  }

  #checked(rows: readonly TypedIds[]): readonly TypedIds[] {
    for (const [i, row] of rows.entries())
      this.#check(row, rows.length > 1 ? `row ${i}` : "the row");
    return rows;
  }

  #check({ ids, types }: TypedIds, what: string): void {
    checkRow(this.name, ids, what, this.config);
    const { nTypes } = this.config;
    // a network that knows no types takes the type of a single text
    const known = Math.max(nTypes, 1);
    const odd = types.find((type) => !Number.isInteger(type) || type < 0 || type >= known);
    if (types.length === ids.length && odd === undefined) return;
    throw new PatchClampError("BAD_INPUT", {
      where: this.name,
      problem:
        odd === undefined
          ? `${what} has ${ids.length} ids, but ${types.length} types.`
          : `${what} has a token of type ${odd}, but the network knows ${nTypes === 0 ? "no types" : `types 0..${nTypes - 1}`}.`,
      fix: "give every id its type, or ids alone.",
    });
  }
}

function untyped(ids: readonly number[]): TypedIds {
  return { ids, types: ids.map(() => 0) };
}

/** What the outputs of an encoder are. */
function encoderMeanings({ head }: EncoderConfig): SiteMeanings {
  const shared = {
    hidden: ["batch pos dModel", "last hidden states"],
    pooler: ["batch dModel", "first token's last hidden state after the pooler"],
    pooled: ["batch dModel", "one vector a text: pooled hidden states, before any normalisation"],
    "head.pre": ["batch pos dModel", "in the head, before the activation function"],
    "head.ln.normalized": ["batch pos dModel", "input of the last layer, before gain and bias"],
  } as const satisfies SiteMeanings;
  if (head === "none") return shared;
  if (head === "tags")
    return { ...shared, logits: ["batch pos class", "scores of each token's class"] };
  if (head === "masked") {
    return {
      ...shared,
      logits: ["batch pos dVocab", "scores of the token at this position, in nats"],
    };
  }
  return {
    ...shared,
    logits: ["batch class", "scores of the text's class"],
    "head.pre": ["batch dModel", shared["head.pre"][1]],
    "head.ln.normalized": ["batch dModel", shared["head.ln.normalized"][1]],
  };
}
