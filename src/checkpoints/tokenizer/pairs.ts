// How two texts are put into one row: what stands around and between them, and which tokens count to which.

import { z } from "zod";

import { PatchClampError } from "../../core/errors.ts";
import type { EncodedPair } from "../../network/tokenizer.ts";
import { buildPart } from "./component.ts";
import type { Builder } from "./component.ts";

/** Joins the tokens of two texts. */
export type Joiner = (first: readonly number[], second: readonly number[]) => EncodedPair;

/** A piece of a row: tokens that always stand there, or one of the texts. */
type Piece = { readonly type: number } & (
  | { readonly ids: readonly number[] }
  | { readonly text: "A" | "B" }
);

/**
 * Reads how the post-processor of a `tokenizer.json` joins two texts.
 *
 * @param name - what error messages call the tokenizer
 * @param json - its `post_processor`; null for none, which puts the texts side by side
 * @returns what joins them; it throws `UNSUPPORTED` where a template for one text has none for two
 * @throws Error of any kind when it describes none that is known here
 */
export function readJoiner(name: string, json: unknown): Joiner {
  const pieces = json === null || json === undefined ? sideBySide : pair(json);
  return (A, B) => {
    if (pieces.length === 0) {
      throw new PatchClampError("UNSUPPORTED", {
        where: "tokenizer",
        problem: `${name} does not say how two texts stand in one row.`,
        fix: "put them into one text yourself, or give token ids and types.",
      });
    }
    const ids: number[] = [];
    const types: number[] = [];
    for (const piece of pieces) {
      const own = "ids" in piece ? piece.ids : { A, B }[piece.text];
      ids.push(...own);
      types.push(...own.map(() => piece.type));
    }
    return { ids, types };
  };
}

const sideBySide: readonly Piece[] = [
  { text: "A", type: 0 },
  { text: "B", type: 1 },
];

const pair = (json: unknown): readonly Piece[] => buildPart("post_processor", builders, json);

const tokenSchema = z.tuple([z.string(), z.int().min(0)]);
const pairSchema = z.object({ sep: tokenSchema, cls: tokenSchema });
const templateSchema = z.object({
  pair: z
    .array(
      z.union([
        z.object({ SpecialToken: z.object({ id: z.string(), type_id: z.int().min(0) }) }),
        z.object({ Sequence: z.object({ id: z.enum(["A", "B"]), type_id: z.int().min(0) }) }),
      ]),
    )
    .nullish(),
  special_tokens: z.record(z.string(), z.object({ ids: z.array(z.int().min(0)) })),
});

const builders: Readonly<Record<string, Builder<readonly Piece[]>>> = {
  ByteLevel: () => sideBySide,
  BertProcessing: (json) => {
    const { sep, cls } = pairSchema.parse(json);
    return [
      { ids: [cls[1]], type: 0 },
      { text: "A", type: 0 },
      { ids: [sep[1]], type: 0 },
      { text: "B", type: 1 },
      { ids: [sep[1]], type: 1 },
    ];
  },
  // two separators between the texts, and all of one type
  RobertaProcessing: (json) => {
    const { sep, cls } = pairSchema.parse(json);
    return [
      { ids: [cls[1]], type: 0 },
      { text: "A", type: 0 },
      { ids: [sep[1], sep[1]], type: 0 },
      { text: "B", type: 0 },
      { ids: [sep[1]], type: 0 },
    ];
  },
  TemplateProcessing: (json) => {
    const { pair: items, special_tokens: specials } = templateSchema.parse(json);
    return (items ?? []).map((item): Piece => {
      if ("Sequence" in item) return { text: item.Sequence.id, type: item.Sequence.type_id };
      const { id, type_id: type } = item.SpecialToken;
      const token = Object.hasOwn(specials, id) ? specials[id] : undefined;
      if (token === undefined) throw new Error(`its template names the unknown token ${id}`);
      return { ids: token.ids, type };
    });
  },
  Sequence: (json) => {
    const { processors } = z.object({ processors: z.array(z.unknown()) }).parse(json);
    // the others change offsets only, or put nothing in
    return processors.map(pair).find((pieces) => pieces !== sideBySide) ?? sideBySide;
  },
};
