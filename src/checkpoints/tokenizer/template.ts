// The last step from text to tokens: what stands around a text, such as a first `<bos>`.

import { z } from "zod";

import { buildPart } from "./component.ts";
import type { Builder } from "./component.ts";

/** The ids that stand before and after a text. */
export interface Surroundings {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/**
 * Reads what the post-processor of a `tokenizer.json` puts around one text.
 *
 * @param json - its `post_processor`; null for none
 * @throws Error of any kind when it describes none that is known here
 */
export function readSurroundings(json: unknown): Surroundings {
  return json === null || json === undefined
    ? { before: [], after: [] }
    : buildPart("post_processor", builders, json);
}

const tokenSchema = z.tuple([z.string(), z.int().min(0)]);
const pairSchema = z.object({ sep: tokenSchema, cls: tokenSchema });
const templateSchema = z.object({
  single: z.array(
    z.union([
      z.object({ SpecialToken: z.object({ id: z.string() }) }),
      z.object({ Sequence: z.object({ id: z.literal("A") }) }),
    ]),
  ),
  special_tokens: z.record(z.string(), z.object({ ids: z.array(z.int().min(0)) })),
});

const betweenClsAndSep: Builder<Surroundings> = (json) => {
  const { sep, cls } = pairSchema.parse(json);
  return { before: [cls[1]], after: [sep[1]] };
};

const builders: Readonly<Record<string, Builder<Surroundings>>> = {
  // It trims spaces off offsets; here a token's span is all that it stands for.
  ByteLevel: () => ({ before: [], after: [] }),
  BertProcessing: betweenClsAndSep,
  RobertaProcessing: betweenClsAndSep,
  TemplateProcessing: (json) => {
    const { single, special_tokens: specials } = templateSchema.parse(json);
    const at = single.findIndex((item) => "Sequence" in item);
    const ids = single.map((item) => {
      if ("Sequence" in item) return [];
      const { id } = item.SpecialToken;
      const token = Object.hasOwn(specials, id) ? specials[id] : undefined;
      if (token === undefined) throw new Error(`its template names the unknown token ${id}`);
      return token.ids;
    });
    if (at < 0) throw new Error("its template has no place for the text");
    return { before: ids.slice(0, at).flat(), after: ids.slice(at).flat() };
  },
  Sequence: (json) => {
    const { processors } = z.object({ processors: z.array(z.unknown()) }).parse(json);
    const all = processors.map(readSurroundings);
    return {
      before: all.toReversed().flatMap(({ before }) => before),
      after: all.flatMap(({ after }) => after),
    };
  },
};
