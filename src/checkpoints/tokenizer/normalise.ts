// The first step from text to tokens. Python's `tokenizers` is the reference: where the JavaScript library takes a whole text
// (which lowers a final sigma differently and loses track of positions), these go character by character as that does.

import { z } from "zod";

import { charsmapNormaliser } from "./charsmap.ts";
import { toByteCharacters } from "./bytes.ts";
import { buildPart, patternSchema } from "./component.ts";
import type { Builder } from "./component.ts";
import { regExpOf } from "./pattern.ts";
import type { AlignedText, Edit } from "./text.ts";

export type Normalise = (text: AlignedText) => AlignedText;

/**
 * Makes the normaliser of a `tokenizer.json`.
 *
 * @param json - its `normalizer`; null for none
 * @throws Error of any kind when it describes none that is known here
 */
export function buildNormaliser(json: unknown): Normalise {
  return json === null || json === undefined
    ? (text) => text
    : buildPart("normalizer", builders, json);
}

const builders: Readonly<Record<string, Builder<Normalise>>> = {
  Sequence: (json) => {
    const { normalizers } = z.object({ normalizers: z.array(z.unknown()) }).parse(json);
    const steps = normalizers.map(buildNormaliser);
    return (text) => steps.reduce((current, step) => step(current), text);
  },
  NFC: () => unicodeForm("NFC"),
  NFD: () => unicodeForm("NFD"),
  NFKC: () => unicodeForm("NFKC"),
  NFKD: () => unicodeForm("NFKD"),
  Lowercase: () => lowercase,
  StripAccents: () => (text) => text.replace(/\p{M}/gu, () => ""),
  Nmt: () => (text) => text.replace(nmtRemoved, () => "").replace(nmtSpaces, () => " "),
  ByteLevel: () => toByteCharacters,
  Strip: (json) => {
    const { strip_left: left, strip_right: right } = stripSchema.parse(json);
    return (text) => {
      const start = left ? /^\p{White_Space}*/u.exec(text.text)![0].length : 0;
      const tail = right ? /(?<!\p{White_Space})\p{White_Space}*$/u.exec(text.text)![0].length : 0;
      return text.slice(start, Math.max(start, text.length - tail));
    };
  },
  Prepend: (json) => {
    const { prepend } = z.object({ prepend: z.string() }).parse(json);
    return (text) =>
      text.length === 0 ? text : text.rewrite([{ start: 0, end: 0, text: prepend }]);
  },
  Replace: (json) => {
    const { pattern, content } = replaceSchema.parse(json);
    const found = regExpOf(pattern);
    return (text) => text.replace(found, () => content);
  },
  Precompiled: (json) => {
    const { precompiled_charsmap: charsmap } = precompiledSchema.parse(json);
    return charsmap ? charsmapNormaliser(charsmap) : (text) => text;
  },
  BertNormalizer: (json) => bertNormaliser(bertSchema.parse(json)),
};

const stripSchema = z.object({ strip_left: z.boolean(), strip_right: z.boolean() });
const replaceSchema = z.object({ pattern: patternSchema, content: z.string() });
const precompiledSchema = z.object({ precompiled_charsmap: z.string().nullish() });
const bertSchema = z.object({
  clean_text: z.boolean().default(true),
  handle_chinese_chars: z.boolean().default(true),
  strip_accents: z.boolean().nullish(),
  lowercase: z.boolean().default(true),
});

/** What SentencePiece's `nmt` rules remove: control characters but for tab, line breaks and most of the second block. */
const nmtRemoved = /(?![\0\t\n\f\r\u0080-\u008E\u0090-\u009E])\p{Cc}/gu;
const nmtSpaces = /[\t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]/gu;

const lowercase: Normalise = (text) =>
  text.replace(/[\p{Lu}\p{Lt}\p{Changes_When_Lowercased}]/gu, (char) => char.toLowerCase());

/**
 * A character with all that may compose with it: marks, Hangul vowels and finals, half-width voicing marks and jamo.
 *
 * The forms of two such runs are independent of one another.
 */
const run = /[^][\p{M}\u1160-\u11FF\u3131-\u318E\uFF9E-\uFFDC]*/gu;

function unicodeForm(form: "NFC" | "NFD" | "NFKC" | "NFKD"): Normalise {
  return (text) => {
    const after = text.text.normalize(form);
    return after === text.text ? text : text.rewrite(formEdits(text.text, form));
  };
}

function* formEdits(text: string, form: string): Iterable<Edit> {
  for (const { 0: before, index } of text.matchAll(run)) {
    const after = before.normalize(form);
    if (after !== before) yield { start: index, end: index + before.length, text: after };
  }
}

/** Devlin et al. 2018's preparation of text: no control characters, spaces around Chinese characters, lower case without accents. */
function bertNormaliser(options: z.output<typeof bertSchema>): Normalise {
  const { clean_text: clean, handle_chinese_chars: chinese, lowercase: lower } = options;
  const stripAccents = options.strip_accents ?? lower;
  return (given) => {
    let text = given;
    if (clean) {
      text = text.replace(/(?![\t\n\r])[\0\uFFFD\p{Cc}\p{Cf}\p{Co}]/gu, () => "");
      text = text.replace(/\p{White_Space}/gu, () => " ");
    }
    if (chinese) text = text.rewrite(spacesAround(text.text));
    if (stripAccents) text = unicodeForm("NFD")(text).replace(/\p{Mn}/gu, () => "");
    return lower ? lowercase(text) : text;
  };
}

/** Python's `tokenizers` begins the fifth range at 2B920, not at 2B820 where Extension E begins, and ids must be the same. */
const chineseCharacters =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;

function* spacesAround(text: string): Iterable<Edit> {
  for (const { 0: char, index } of text.matchAll(chineseCharacters)) {
    const end = index + char.length;
    yield { start: index, end: index, text: " " };
    yield { start: end, end, text: " " };
  }
}
