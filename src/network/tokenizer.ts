export interface EncodeOptions {
  /** Whether to add what the tokenizer puts around a text, such as a first `<bos>`. Default true. */
  readonly addSpecialTokens?: boolean;
}

export interface DecodeOptions {
  /** Whether to leave out `<bos>`, `<eos>`, `<pad>` and their like. Default false. */
  readonly skipSpecialTokens?: boolean;
}

/** Text to token ids and back. Ids run from 0 to `vocabSize` - 1. */
export interface Tokenizer {
  /** What error messages call it. */
  readonly name: string;
  /** The largest id plus one. A network's `dVocab` may be larger, when its embedding was padded. */
  readonly vocabSize: number;
  /** Begins a text; undefined where the tokenizer names none. */
  readonly bos: number | undefined;
  /** Ends a text. */
  readonly eos: number | undefined;
  /** Fills a batch's shorter rows. */
  readonly pad: number | undefined;
  /** @throws PatchClampError `BAD_INPUT` when a piece of `text` has no token and there is no unknown token */
  readonly encode: (text: string, options?: EncodeOptions) => number[];
  /** @throws PatchClampError `BAD_INPUT` when an id is not one of this tokenizer's */
  readonly decode: (ids: readonly number[], options?: DecodeOptions) => string;
  /**
   * The token itself, as the vocabulary writes it (`Ġgave`, `▁gave`).
   *
   * @throws PatchClampError `BAD_INPUT` when `id` is not one of this tokenizer's
   */
  readonly token: (id: number) => string;
  readonly id: (token: string) => number | undefined;
}
