// Which places of a text an intervention touches, and the masks that say so to a graph.

import { z } from "zod";

import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";

const place = z
  .int()
  .min(-(2 ** 31))
  .max(2 ** 31);

const windowSchema = z
  .strictObject({ from: place.optional(), to: place.optional() })
  .superRefine(({ from, to }, context) => {
    const isEmpty = from !== undefined && to !== undefined && from < 0 === to < 0 && from >= to;
    if (isEmpty) context.addIssue({ code: "custom", message: `is empty: ${from} to ${to}` });
    if (from === undefined && to === undefined) {
      context.addIssue({ code: "custom", message: "names neither a start nor an end" });
    }
  });

const tokenSchema = z.union([z.int().min(0), z.string().min(1), z.array(z.int().min(0)).min(1)]);

const selection = {
  /** The text that was given, what was written after it, or both. Default both. */
  phase: z.enum(["prompt", "generated", "both"]).optional(),
  /** Counted from 0 at the first token of a row; negative ones from the end of its prompt: -1 is the prompt's last token. */
  positions: z.array(place).min(1).optional(),
  /** From a place up to and without another, both counted as in `positions`. Default: from the start, to the end. */
  windows: z.array(windowSchema).min(1).optional(),
  /** Tokens by id, by ids in a row, or by text. More than one token in a row is matched at its last. */
  tokens: z.array(tokenSchema).min(1).optional(),
};

/**
 * Which places are meant: those that every field given includes, less those that any field of `exclude` includes.
 */
export const whereSchema = z.strictObject({
  ...selection,
  exclude: z.strictObject(selection).optional(),
});

/** Which places of a text are meant. */
export type Where = z.output<typeof whereSchema>;

type Selection = NonNullable<Where["exclude"]>;

/** What one pass through a network computes: which places of which rows. */
export interface Places {
  /** The tokens of each row from its first on, without padding; at least as many as are computed or were computed before. */
  readonly ids: readonly (readonly number[])[];
  /** For each row and column of the pass: which token of the row it is, or -1 at padding. [batch][pos] */
  readonly positions: readonly (readonly number[])[];
  /** How many tokens of each row were given; those after them were generated. */
  readonly promptLengths: readonly number[];
}

/** Rows of one length, with padding, as networks take them. */
export interface PaddedRows {
  /** [batch][pos] */
  readonly ids: readonly (readonly number[])[];
  /** Number of tokens in each row. */
  readonly lengths: readonly number[];
  readonly padding: "left" | "right";
}

/**
 * The places of a pass over whole rows.
 *
 * @param promptLengths - how many tokens of each row were given. Default: all
 */
export function placesOf(
  { ids, lengths, padding }: PaddedRows,
  promptLengths: readonly number[] = lengths,
): Places {
  const starts = ids.map((row, i) => (padding === "left" ? row.length - lengths[i]! : 0));
  return {
    ids: ids.map((row, i) => row.slice(starts[i], starts[i]! + lengths[i]!)),
    positions: ids.map((row, i) =>
      row.map((_, column) => {
        const position = column - starts[i]!;
        return position < lengths[i]! ? Math.max(position, -1) : -1;
      }),
    ),
    promptLengths,
  };
}

/**
 * The places of a step that computes the last tokens of every row.
 *
 * @param counts - how many of each row; fewer than the most are padded on the left. Default: one
 * @param width - columns of the step. Default: the largest count
 */
export function stepPlaces(
  ids: readonly (readonly number[])[],
  promptLengths: readonly number[],
  counts: readonly number[] = ids.map(() => 1),
  width: number = Math.max(...counts),
): Places {
  const positions = ids.map((row, i) =>
    Array.from({ length: width }, (_, column) => {
      const back = width - column;
      return back <= counts[i]! ? row.length - back : -1;
    }),
  );
  return { ids, positions, promptLengths };
}

/** Whether a place of a row is meant. */
export type Chooser = (ids: readonly number[], position: number, promptLength: number) => boolean;

/** Turns a text into token ids, without what a tokenizer puts around texts. */
export type Encode = (text: string) => readonly number[];

/**
 * Makes the test for places.
 *
 * @param where - default: every place
 * @param encode - needed where tokens are given as text
 * @throws PatchClampError `BAD_INPUT` when tokens are given as text and there is no tokenizer, or a text has no token
 */
export function chooserOf(where: Where = {}, encode?: Encode): Chooser {
  const { exclude, ...include } = where;
  const included = testsOf(include, encode);
  const excluded = exclude === undefined ? [] : testsOf(exclude, encode);
  return (...at) => included.every((test) => test(...at)) && !excluded.some((test) => test(...at));
}

/**
 * Which places of a pass are meant.
 *
 * @returns 1 where an intervention applies and 0 elsewhere and at padding, [batch * pos]
 */
export function maskOf(choose: Chooser, { ids, positions, promptLengths }: Places): Float32Array {
  return Float32Array.from(
    positions.flatMap((row, i) =>
      row.map((position) => Number(position >= 0 && choose(ids[i]!, position, promptLengths[i]!))),
    ),
  );
}

/** One test for each field given. */
function testsOf({ phase, positions, windows, tokens }: Selection, encode?: Encode): Chooser[] {
  const tests: Chooser[] = [];
  if (phase === "prompt") tests.push((_, position, prompt) => position < prompt);
  if (phase === "generated") tests.push((_, position, prompt) => position >= prompt);
  if (phase === "both") tests.push(() => true);
  if (positions !== undefined) {
    const named = new Set(positions);
    tests.push(
      (_, position, prompt) =>
        named.has(position) || (position < prompt && named.has(position - prompt)),
    );
  }
  if (windows !== undefined) {
    tests.push((_, position, prompt) =>
      windows.some(({ from = 0, to = Infinity }) => {
        const [start, end] = [from, to].map((edge) => (edge < 0 ? edge + prompt : edge));
        return position >= start! && position < end!;
      }),
    );
  }
  if (tokens !== undefined) {
    const sequences = tokens.map((token) => idsOf(token, encode));
    tests.push((ids, position) => sequences.some((sequence) => endsIn(ids, position, sequence)));
  }
  return tests;
}

function idsOf(token: number | string | readonly number[], encode?: Encode): readonly number[] {
  if (typeof token === "number") return [token];
  if (typeof token !== "string") return token;
  const ids = encode?.(token);
  if (ids !== undefined && ids.length > 0) return ids;
  throw new PatchClampError("BAD_INPUT", {
    where: "interventions",
    problem:
      ids === undefined
        ? `the tokens to match are given as the text ${JSON.stringify(token)}, and the network has no tokenizer.`
        : `the text ${JSON.stringify(token)} to match has no token.`,
    fix: "name tokens by their ids.",
    facts: { token },
  });
}

/** Whether a sequence of tokens ends at a position. */
function endsIn(ids: readonly number[], position: number, sequence: readonly number[]): boolean {
  const start = position - sequence.length + 1;
  return start >= 0 && sequence.every((id, i) => ids[start + i] === id);
}

/** The places in words: "at generated positions, but not at position 0"; nothing where every place is meant. */
export function describeWhere(where: Where = {}): string {
  const { exclude, ...include } = where;
  const included = selectionWords(include);
  const excluded = exclude === undefined ? [] : selectionWords(exclude);
  const parts = included.length === 0 ? [] : [`at ${included.join(" that are also ")}`];
  if (excluded.length > 0) parts.push(`but not at ${excluded.join(" or ")}`);
  return parts.join(", ");
}

function selectionWords({ phase, positions, windows, tokens }: Selection): string[] {
  const words: string[] = [];
  if (phase === "prompt") words.push("prompt positions");
  if (phase === "generated") words.push("generated positions");
  if (positions !== undefined) {
    words.push(`${positions.length === 1 ? "position" : "positions"} ${positions.join(", ")}`);
  }
  if (windows !== undefined) {
    const spans = windows.map(({ from, to }) =>
      to === undefined ? `${from} on` : `${from ?? 0} up to ${to}`,
    );
    words.push(`positions from ${spans.join(" and ")}`);
  }
  if (tokens !== undefined) {
    const shown = tokens.map((token) => JSON.stringify(token));
    words.push(
      `the ${tokens.length === 1 ? "token" : plural(tokens.length, "token")} ${shown.join(", ")}`,
    );
  }
  return words;
}
