import { z } from "zod";

import { PatchClampError } from "../../core/errors.ts";
import type { DecodeOptions, EncodedText, EncodeOptions } from "../../network/tokenizer.ts";
import { addedTokenSchema, buildSections } from "./added.ts";
import type { AddedToken } from "./added.ts";
import { buildDecoder, withoutSpacesBeforeMarks } from "./decode.ts";
import { buildModel } from "./model.ts";
import { buildNormaliser } from "./normalise.ts";
import { buildSplitter } from "./split.ts";
import { readSurroundings } from "./template.ts";
import type { Span } from "./text.ts";

/** What a `tokenizer.json` says, able to run. */
export interface Pipeline {
  /** Tokens by id, added ones included. */
  readonly tokens: ReadonlyMap<number, string>;
  readonly ids: ReadonlyMap<string, number>;
  readonly isSpecial: (id: number) => boolean;
  readonly encode: (text: string, options: EncodeOptions) => EncodedText;
  /** Decodes ids that are all known. */
  readonly decode: (ids: readonly number[], options: DecodeOptions) => string;
}

export interface PipelineOptions {
  /** Added tokens that stand outside of the `tokenizer.json`; one that is in it is left as it is there. */
  readonly added: readonly z.input<typeof addedTokenSchema>[];
  /** Tokens that are special, by their content, if the vocabulary has them. */
  readonly special: readonly string[];
  /** Whether to remove spaces before punctuation from decoded text. */
  readonly cleansUp: boolean;
}

const schema = z.object({
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  post_processor: z.unknown(),
  decoder: z.unknown(),
  model: z.unknown(),
  added_tokens: z.array(addedTokenSchema).nullish(),
});

/**
 * Makes encoder and decoder of a parsed `tokenizer.json`.
 *
 * @param name - what error messages call the tokenizer
 * @throws Error of any kind when the JSON describes no tokenizer that is known here
 */
export function buildPipeline(name: string, json: unknown, options: PipelineOptions): Pipeline {
  const whole = schema.parse(json);
  const model = buildModel(whole.model);
  const added = allAdded(whole.added_tokens ?? [], options, model.vocabulary);
  const ids = new Map([...model.vocabulary, ...added.map((t) => [t.content, t.id] as const)]);
  const tokens = new Map([...model.vocabulary].map(([token, id]) => [id, token]));
  for (const { id, content } of added) tokens.set(id, content);
  const special = new Set(added.filter((token) => token.special).map(({ id }) => id));
  const sections = buildSections(added, buildNormaliser(whole.normalizer));
  const split = buildSplitter(whole.pre_tokenizer);
  const around = readSurroundings(whole.post_processor);
  const decode = buildDecoder(whole.decoder);

  const encodeText = (text: string): { ids: number[]; offsets: Span[] } => {
    const out = { ids: [] as number[], offsets: [] as Span[] };
    const put = (id: number, span: Span): void => {
      out.ids.push(id);
      out.offsets.push(span);
    };
    for (const section of sections(text)) {
      if ("token" in section) {
        put(section.token.id, section.span);
        continue;
      }
      for (const piece of split(section.text, section.isFirst)) {
        for (const { id, span } of model.encode(piece.text)) {
          const place = piece.span(...span);
          if (id === undefined) throw noToken(name, text.slice(...place));
          put(id, place);
        }
      }
    }
    return out;
  };
  return {
    tokens,
    ids,
    isSpecial: (id) => special.has(id),
    encode: (text, { addSpecialTokens = true }) => {
      const inner = encodeText(text);
      const { before, after } = addSpecialTokens ? around : { before: [], after: [] };
      const all = [...before, ...inner.ids, ...after];
      return {
        ids: all,
        tokens: all.map((id) => tokens.get(id) ?? ""),
        offsets: [
          ...before.map((): Span => [0, 0]),
          ...inner.offsets,
          ...after.map((): Span => [text.length, text.length]),
        ],
      };
    },
    decode: (given, { skipSpecialTokens = false }) => {
      const shown = skipSpecialTokens ? given.filter((id) => !special.has(id)) : given;
      const text = decode(shown.map((id) => tokens.get(id)!));
      return options.cleansUp && !model.isBpe ? withoutSpacesBeforeMarks(text) : text;
    },
  };
}

function allAdded(
  own: readonly AddedToken[],
  { added, special }: PipelineOptions,
  vocabulary: ReadonlyMap<string, number>,
): AddedToken[] {
  const isSpecial = new Set(special);
  const all = new Map(own.map((token) => [token.content, token]));
  for (const token of added) {
    if (!all.has(token.content)) all.set(token.content, addedTokenSchema.parse(token));
  }
  for (const content of special) {
    const id = vocabulary.get(content);
    if (id === undefined || all.has(content)) continue;
    all.set(content, addedTokenSchema.parse({ id, content, special: true }));
  }
  return [...all.values()].map((token) =>
    isSpecial.has(token.content) ? { ...token, special: true } : token,
  );
}

function noToken(name: string, piece: string): PatchClampError {
  return new PatchClampError("BAD_INPUT", {
    where: "tokenizer",
    problem: `${name} has no token for "${piece}" and no unknown token.`,
    facts: { piece },
  });
}
