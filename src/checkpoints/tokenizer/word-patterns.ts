// How families split text into words before BPE, where their files do not say.

const contractions = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)`;
const rest = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const letters = String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`;

/** Llama 3's, which is that of OpenAI's cl100k_base: digits in groups of up to three. */
export const llama3Words = `${contractions}|${letters}|${String.raw`\p{N}{1,3}`}|${rest}`;

/** Qwen's: every digit by itself. */
export const qwenWords = `${contractions}|${letters}|${String.raw`\p{N}`}|${rest}`;

/** The `pre_tokenizer` that splits at a pattern and writes bytes as characters. */
export function splitThenBytes(pattern: string): object {
  return {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, use_regex: false },
    ],
  };
}
