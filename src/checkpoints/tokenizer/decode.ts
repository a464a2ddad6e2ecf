// From tokens back to text, step by step as Python's `tokenizers` does it.

import { z } from "zod";

import { bytesOfToken } from "./bytes.ts";
import { buildPart, patternSchema } from "./component.ts";
import type { Builder } from "./component.ts";
import { regExpOf } from "./pattern.ts";

/** One step: the parts of a text become other parts. */
type Step = (parts: readonly string[]) => readonly string[];

/**
 * Makes the decoder of a `tokenizer.json`.
 *
 * Bytes that are no UTF-8 become U+FFFD, one for every longest beginning of a character, and what is whole between them stays;
 * Python's `ByteFallback` gives up a run of bytes altogether when one of them is wrong.
 *
 * @param json - its `decoder`; null for none, which puts spaces between tokens
 * @throws Error of any kind when it describes none that is known here
 */
export function buildDecoder(json: unknown): (tokens: readonly string[]) => string {
  if (json === null || json === undefined) return (tokens) => tokens.join(" ");
  const step = buildPart("decoder", builders, json);
  return (tokens) => step(tokens).join("");
}

const builders: Readonly<Record<string, Builder<Step>>> = {
  Sequence: (json) => {
    const { decoders } = z.object({ decoders: z.array(z.unknown()) }).parse(json);
    const steps = decoders.map((decoder) => buildPart("decoder", builders, decoder));
    return (parts) => steps.reduce((current, step) => step(current), parts);
  },
  ByteLevel: () => (parts) => [textOf(parts.map(bytesOfToken))],
  ByteFallback: () => byteFallback,
  Fuse: () => (parts) => [parts.join("")],
  Replace: (json) => {
    const { pattern, content } = replaceSchema.parse(json);
    const found = regExpOf(pattern);
    return (parts) => parts.map((part) => part.replaceAll(found, () => content));
  },
  Strip: (json) => {
    const { content, start, stop } = stripSchema.parse(json);
    return (parts) => parts.map((part) => strip(part, content, [start, stop]));
  },
  Metaspace: (json) => {
    const options = metaspaceSchema.parse(json);
    const isPrefixed = options.prepend_scheme ?? (options.add_prefix_space ? "always" : "never");
    return (parts) =>
      parts.map((part, i) =>
        part.replaceAll(options.replacement, i === 0 && isPrefixed !== "never" ? "" : " "),
      );
  },
  WordPiece: (json) => {
    const { prefix, cleanup } = wordPieceSchema.parse(json);
    return (parts) =>
      parts.map((part, i) => {
        const isInside = part.startsWith(prefix);
        const spaced = i === 0 ? part : isInside ? part.slice(prefix.length) : ` ${part}`;
        return cleanup ? withoutSpacesBeforeMarks(spaced) : spaced;
      });
  },
  BPEDecoder: (json) => {
    const { suffix } = z.object({ suffix: z.string().min(1).default("</w>") }).parse(json);
    return (parts) =>
      parts.map((part, i) => part.replaceAll(suffix, i === parts.length - 1 ? "" : " "));
  },
  CTC: (json) => ctc(ctcSchema.parse(json)),
};

const replaceSchema = z.object({ pattern: patternSchema, content: z.string() });
const stripSchema = z.object({
  content: z.string().min(1),
  start: z.int().min(0),
  stop: z.int().min(0),
});
const metaspaceSchema = z.object({
  replacement: z.string().min(1).default("▁"),
  prepend_scheme: z.enum(["always", "first", "never"]).optional(),
  add_prefix_space: z.boolean().default(true),
});
const wordPieceSchema = z.object({
  prefix: z.string().default("##"),
  cleanup: z.boolean().default(true),
});
const ctcSchema = z.object({
  pad_token: z.string().min(1).default("<pad>"),
  word_delimiter_token: z.string().min(1).default("|"),
  cleanup: z.boolean().default(true),
});

function textOf(chunks: readonly Uint8Array[]): string {
  const all = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return utf8.decode(all);
}

// A byte order mark is a character like another.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

const byteFallback: Step = (parts) => {
  const out: string[] = [];
  let run: number[] = [];
  const flush = (): void => {
    if (run.length > 0) out.push(utf8.decode(Uint8Array.from(run)));
    run = [];
  };
  for (const part of parts) {
    const hex = /^<0x([0-9A-Fa-f]{2})>$/u.exec(part)?.[1];
    if (hex === undefined) {
      flush();
      out.push(part);
    } else {
      run.push(Number.parseInt(hex, 16));
    }
  }
  flush();
  return out;
};

/** Takes at most so many of one character from the beginning and the end. */
function strip(part: string, char: string, [atStart, atEnd]: readonly [number, number]): string {
  let start = 0;
  let end = part.length;
  for (let i = 0; i < atStart && part.startsWith(char, start); i++) start += char.length;
  for (let i = 0; i < atEnd && end > start && part.endsWith(char); i++) end -= char.length;
  return part.slice(start, end);
}

/** Connectionist temporal classification: repeats are one, and the blank is nothing (Graves et al. 2006). */
function ctc(options: z.output<typeof ctcSchema>): Step {
  const { pad_token: blank, word_delimiter_token: delimiter, cleanup } = options;
  return (parts) =>
    parts
      .filter((part, i) => part !== parts[i - 1])
      .map((part) => part.replaceAll(blank, ""))
      .map((part) => (cleanup ? withoutSpacesBeforeMarks(part).replaceAll(delimiter, " ") : part));
}

/** Undoes the spaces that splitting at punctuation leaves in English text. */
export function withoutSpacesBeforeMarks(text: string): string {
  return text
    .replaceAll(/ ([.?!,])/gu, "$1")
    .replaceAll(" ' ", "'")
    .replaceAll(/ (n't|'m|'s|'ve|'re)/gu, "$1");
}
