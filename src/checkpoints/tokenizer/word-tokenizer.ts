import { PatchClampError } from "../../core/errors.ts";

/** The tokens that every word tokenizer begins with; their ids are 0 to 3. */
const specialTokens = ["<unk>", "<pad>", "<bos>", "<eos>"] as const;

/** What stands against the word before it: "to Tomo." is the tokens `to`, `Tomo`, `.`. */
const closingMarks = [".", ",", "!", "?", ";", ":"];

export interface WordTokenizerOptions {
  /** Whether a text begins with `<bos>`. Default true. */
  readonly addBos?: boolean;
  /** Whether it ends with `<eos>`. Default false. */
  readonly addEos?: boolean;
}

/**
 * Writes the `tokenizer.json` of a vocabulary of whole words.
 *
 * A text is split at white space, and each of `. , ! ? ; :` is a word by itself. Decoding joins words with one space and puts those
 * marks against the word before, so text written that way ("Mira gave the red cup to Tomo.") comes back as it was.
 *
 * @param words - the vocabulary without special tokens; word `i` gets id `i + 4`
 * @returns JSON that `@huggingface/tokenizers` and Python's `tokenizers` read alike
 * @throws PatchClampError `BAD_INPUT` when a word is empty, repeated, a special token, or would be split when read
 */
export function wordTokenizerJson(
  words: readonly string[],
  options: WordTokenizerOptions = {},
): Record<string, unknown> {
  const { addBos = true, addEos = false } = options;
  const all: string[] = [...specialTokens, ...words];
  checkWords(words);
  const special = (id: string): object => ({ id, ids: [all.indexOf(id)], tokens: [id] });
  const sequence = (id: "A" | "B"): object => ({ Sequence: { id, type_id: 0 } });
  const around = (id: string): object[] => [{ SpecialToken: { id, type_id: 0 } }];
  const start = addBos ? around("<bos>") : [];
  const end = addEos ? around("<eos>") : [];
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "WhitespaceSplit" },
        {
          type: "Split",
          pattern: { Regex: `[${closingMarks.join("")}]` },
          behavior: "Isolated",
          invert: false,
        },
      ],
    },
    post_processor: {
      type: "TemplateProcessing",
      single: [...start, sequence("A"), ...end],
      pair: [...start, sequence("A"), sequence("B"), ...end],
      special_tokens: {
        ...(addBos ? { "<bos>": special("<bos>") } : {}),
        ...(addEos ? { "<eos>": special("<eos>") } : {}),
      },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        // Puts a space before every token but the first; no token begins with a space, so the prefix never matches.
        { type: "WordPiece", prefix: " ", cleanup: false },
        ...closingMarks.map((mark) => ({
          type: "Replace",
          pattern: { String: ` ${mark}` },
          content: mark,
        })),
      ],
    },
    model: {
      type: "WordLevel",
      vocab: Object.fromEntries(all.map((word, id) => [word, id])),
      unk_token: "<unk>",
    },
  };
}

/** The `tokenizer_config.json` that belongs to `wordTokenizerJson`. */
export function wordTokenizerConfig(): Record<string, unknown> {
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    unk_token: "<unk>",
    pad_token: "<pad>",
    bos_token: "<bos>",
    eos_token: "<eos>",
    clean_up_tokenization_spaces: false,
  };
}

function checkWords(words: readonly string[]): void {
  const seen = new Set<string>(specialTokens);
  for (const word of words) {
    const isMark = closingMarks.includes(word);
    const isSplit = /\s/u.test(word) || closingMarks.some((mark) => word.includes(mark));
    const reason =
      word === ""
        ? "is empty"
        : seen.has(word)
          ? "is there twice"
          : isSplit && !isMark
            ? `would be split, at white space or at one of ${closingMarks.join(" ")}`
            : undefined;
    seen.add(word);
    if (reason === undefined) continue;
    throw new PatchClampError("BAD_INPUT", {
      where: "wordTokenizerJson",
      problem: `the word ${JSON.stringify(word)} ${reason}.`,
      facts: { word },
    });
  }
}
