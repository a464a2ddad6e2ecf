// Reading a value against its schema, with one sentence for what is wrong.

import type { z } from "zod";

import type { ErrorCode } from "../core/errors.ts";
import { PatchClampError } from "../core/errors.ts";

/** How a problem is told. */
export interface ReadingOptions {
  /** Default `BAD_INPUT`. */
  readonly code?: ErrorCode;
  readonly facts?: Readonly<Record<string, unknown>>;
}

/**
 * Reads a value against a schema.
 *
 * @param where - the public function reported in an error
 * @param what - what the value is called, such as "the intervention"
 * @throws PatchClampError `BAD_INPUT` (or the code asked for) naming the first field that is wrong
 */
export function readValue<Schema extends z.ZodType>(
  where: string,
  what: string,
  schema: Schema,
  given: unknown,
  options: ReadingOptions = {},
): z.output<Schema> {
  const { code = "BAD_INPUT", facts = {} } = options;
  const { success, data, error } = schema.safeParse(given);
  if (success) return data;
  const { path, problem } = firstProblem(error.issues);
  const field = path.length === 0 ? what : `${pathText(path)} of ${what}`;
  throw new PatchClampError(code, {
    where,
    problem: `${field} ${problem}.`,
    facts: { ...facts, path: pathText(path) },
    cause: error,
  });
}

type Issue = z.core.$ZodIssue;

/** The first problem, looked for inside the alternative of a union that came furthest. */
function firstProblem(issues: readonly Issue[]): { path: readonly PropertyKey[]; problem: string } {
  const issue = issues[0]!;
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const furthest = issue.errors.toSorted((a, b) => depth(b) - depth(a))[0]!;
    const { path, problem } = firstProblem(furthest);
    return { path: [...issue.path, ...path], problem };
  }
  return { path: issue.path, problem: inWords(issue) };
}

function depth(issues: readonly Issue[]): number {
  return issues[0]?.path.length ?? 0;
}

function inWords(issue: Issue): string {
  if (issue.code === "custom") return issue.message;
  if (issue.code === "unrecognized_keys") {
    return `has the unknown key ${JSON.stringify(issue.keys[0])}`;
  }
  if (issue.code === "invalid_union") return "is of no known kind";
  if (issue.code === "invalid_type" && issue.message.endsWith("undefined")) return "is missing";
  if (issue.code === "too_small" && issue.origin === "array" && issue.minimum === 1) {
    return "is empty";
  }
  const text = issue.message.replace(/^Invalid input: /, "");
  return `is not valid: ${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}

/** `interventions[0].at.positions`. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
}
