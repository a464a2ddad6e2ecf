export interface EncodeOptions {
  /** Whether to add what the tokenizer puts around a text, such as a first `<bos>`. Default true. */
  readonly addSpecialTokens?: boolean;
}

export interface DecodeOptions {
  /** Whether to leave out `<bos>`, `<eos>`, `<pad>` and their like. Default false. */
  readonly skipSpecialTokens?: boolean;
}

/** A text's tokens and where each of them stands in it; the three lists have one length. */
export interface EncodedText {
  readonly ids: readonly number[];
  /** The tokens as the vocabulary writes them. */
  readonly tokens: readonly string[];
  /**
   * Start and end of each token in UTF-16 units of the text, as `text.slice(start, end)` takes them.
   *
   * Starts and ends never go down. What the tokenizer put in has an empty span; the bytes of one character share the character's.
   */
  readonly offsets: readonly (readonly [start: number, end: number])[];
}

/** The tokens of two texts in one row; the two lists have one length. */
export interface EncodedPair {
  readonly ids: readonly number[];
  /** Which text a token counts to, as the tokenizer numbers them: mostly 0 and 1. */
  readonly types: readonly number[];
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
  /** Every token after which generation stops, `eos` among them: chat networks end a turn and a text differently. */
  readonly stops: readonly number[];
  /** Fills a batch's shorter rows. */
  readonly pad: number | undefined;
  /** Special tokens by the names of `tokenizer_config.json`, such as `bos_token`; chat templates speak of them so. */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** Jinja templates that turn messages into a prompt, by name; most tokenizers have `default` alone or none. */
  readonly chatTemplates: Readonly<Record<string, string>>;
  /** @throws PatchClampError `BAD_INPUT` when a piece of `text` has no token and there is no unknown token */
  readonly encode: (text: string, options?: EncodeOptions) => number[];
  /** As `encode`, with the place of every token in the text. */
  readonly encodeWithOffsets: (text: string, options?: EncodeOptions) => EncodedText;
  /**
   * Two texts in one row, with what the tokenizer puts around and between them.
   *
   * @throws PatchClampError `BAD_INPUT` when a piece of a text has no token and there is no unknown token
   */
  readonly encodePair: (text: string, pair: string) => EncodedPair;
  /** @throws PatchClampError `BAD_INPUT` when an id is not one of this tokenizer's */
  readonly decode: (ids: readonly number[], options?: DecodeOptions) => string;
  /**
   * The token itself, as the vocabulary writes it (`Ġgave`, `▁gave`).
   *
   * @throws PatchClampError `BAD_INPUT` when `id` is not one of this tokenizer's
   */
  readonly token: (id: number) => string;
  readonly id: (token: string) => number | undefined;
  /** Whether `decode` leaves the token out when special tokens are skipped. */
  readonly isSpecial: (id: number) => boolean;
}

/** Whether an id stands for a token; a network may score more ids than its tokenizer has, and those have no text. */
export function hasToken({ vocabSize }: Pick<Tokenizer, "vocabSize">, id: number): boolean {
  return id < vocabSize;
}

/** What a token is called: as the vocabulary writes it, or its id where there is no token or no tokenizer. */
export function tokenLabel(
  net: { readonly hasTokenizer: boolean; readonly tokenizer: Tokenizer },
  id: number,
): string {
  return net.hasTokenizer && hasToken(net.tokenizer, id) ? net.tokenizer.token(id) : `${id}`;
}
