// What we use of @huggingface/tokenizers: its models, and its translation of regular expressions. The package's declarations name
// their files without extensions, so TypeScript finds none of these classes.

import * as library from "@huggingface/tokenizers";

interface Library {
  readonly BPE: new (config: {
    readonly type: "BPE";
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (readonly [string, string])[];
    readonly end_of_word_suffix: string;
  }) => { readonly bpe: (piece: string) => string[] };
  readonly Unigram: new (
    config: {
      readonly type: "Unigram";
      readonly vocab: readonly (readonly [string, number])[];
      readonly unk_id: number;
    },
    eosToken: string,
  ) => { readonly tokenize: (piece: string) => string[] };
  readonly WordPiece: new (config: {
    readonly type: "WordPiece";
    readonly vocab: Readonly<Record<string, number>>;
    readonly unk_token: string;
    readonly continuing_subword_prefix: string;
    readonly max_input_chars_per_word: number;
  }) => { readonly encode: (words: string[]) => string[] };
  readonly SplitPreTokenizer: new (config: {
    readonly type: "Split";
    readonly pattern: { readonly Regex: string };
    readonly behavior: "Isolated";
    readonly invert: false;
  }) => { readonly pattern: RegExp };
}

export const { BPE, Unigram, WordPiece, SplitPreTokenizer } = library as unknown as Library;
