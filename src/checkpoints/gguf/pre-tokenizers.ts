// How texts are cut before pairs are merged. llama.cpp stores only the name of the cutting; the patterns are those of the
// networks' own tokenizers.

import { llama3Words, qwenWords } from "../tokenizer/word-patterns.ts";

/** A named cutting, as far as tokenizer.json describes it. */
export interface PreTokenizer {
  /** Patterns, applied one after the other: each cuts its matches out of the pieces before it. */
  readonly patterns: readonly string[];
  /** Whether a piece that is a token is taken whole, even if merges would not lead there. Default false. */
  readonly ignoresMerges?: boolean;
  /** Whether texts are brought to Unicode's composed form first. Default false. */
  readonly composes?: boolean;
  /** Whether a first token is added where the file does not say. Default false. */
  readonly addsBos?: boolean;
}

const gpt2Pattern =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";

/** OpenAI's o200k, which cuts words where a capital follows a small letter. */
const o200k = (contraction: string, digits: string): string => {
  const capitals = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
  const smalls = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
  const lead = "[^\\r\\n\\p{L}\\p{N}]?";
  return `${lead}${capitals}*${smalls}+${contraction}|${lead}${capitals}+${smalls}*${contraction}|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
};

const gpt2: PreTokenizer = { patterns: [gpt2Pattern] };
/** Every digit is a piece of its own. */
const singleDigits: PreTokenizer = { patterns: ["\\p{N}", gpt2Pattern] };
const llama3: PreTokenizer = {
  patterns: [llama3Words],
  ignoresMerges: true,
  addsBos: true,
};
const qwen2: PreTokenizer = { patterns: [qwenWords], composes: true };
const deepseek3: PreTokenizer = {
  patterns: [
    "\\p{N}{1,3}",
    "[一-龥぀-ゟ゠-ヿ]+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
};

/** By llama.cpp's names, `tokenizer.ggml.pre`. */
export const preTokenizers: Readonly<Record<string, PreTokenizer>> = {
  // what llama.cpp does with files that do not say
  default: {
    patterns: ["[\\p{P}\\$\\+<=>\\^~\\|]+", gpt2Pattern, "\\p{N}+", "[0-9][0-9][0-9]"],
  },
  "gpt-2": gpt2,
  "phi-2": gpt2,
  mpt: gpt2,
  olmo: gpt2,
  jais: gpt2,
  exaone4: gpt2,
  "modern-bert": gpt2,
  smollm: singleDigits,
  starcoder: singleDigits,
  refact: singleDigits,
  "command-r": singleDigits,
  codeshell: singleDigits,
  "llama-bpe": llama3,
  llama3,
  "llama-v3": llama3,
  falcon3: llama3,
  dbrx: { patterns: llama3.patterns },
  "smaug-bpe": { patterns: llama3.patterns },
  qwen2,
  "deepseek-r1-qwen": qwen2,
  stablelm2: { patterns: qwen2.patterns },
  tekken: { patterns: [o200k("", "\\p{N}")], ignoresMerges: true, addsBos: true },
  "gpt-4o": { patterns: [o200k(`${contractions}?`, "\\p{N}{1,3}")] },
  llama4: { patterns: [o200k(`${contractions}?`, "\\p{N}{1,3}")] },
  "deepseek-v3": deepseek3,
  bloom: { patterns: [" ?[^(\\s|.,!?…。，、।۔،)]+"] },
};
