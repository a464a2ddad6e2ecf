import { z } from "zod";

/** Makes a part of a tokenizer from its JSON; throws any error for JSON that does not describe one. */
export type Builder<Part> = (json: unknown) => Part;

const typed = z.object({ type: z.string() });

/**
 * Makes the part that `json.type` names.
 *
 * @param what - what the error calls such a part, such as `decoder`
 * @throws Error when the type is not among the builders
 */
export function buildPart<Part>(
  what: string,
  builders: Readonly<Record<string, Builder<Part>>>,
  json: unknown,
): Part {
  const { type } = typed.parse(json);
  if (!Object.hasOwn(builders, type)) {
    throw new Error(`its ${what} is of the unknown type ${JSON.stringify(type)}`);
  }
  return builders[type]!(json);
}

/** A pattern as `tokenizer.json` writes it: a text to find, or a regular expression in Oniguruma's notation. */
export const patternSchema = z.union([
  z.object({ String: z.string() }),
  z.object({ Regex: z.string() }),
]);
