import type { z } from "zod";

import { PatchClampError } from "./errors.ts";

export interface ConfigKeys<Handled extends Readonly<Record<string, z.ZodType>>> {
  /** Schemas of the keys that are read; an absent key, or one that is null, takes its schema's default. */
  readonly handled: Handled;
  /** Keys that change no number that this package computes. */
  readonly ignored: readonly string[];
}

/**
 * Reads a model's config and accounts for every key of it: handled, ignored or refused.
 *
 * A key that nobody knows may change what the network computes, so it is refused rather than passed over. Null is how
 * `transformers` writes "not set", so a key that is null counts as absent.
 *
 * @param where - the public function reported in an error
 * @param json - the parsed `config.json`
 * @returns the values of the handled keys
 * @throws PatchClampError `BAD_FILE` when `json` is not an object or lacks a key that has no default; `UNSUPPORTED` for a key that
 * is neither handled nor ignored, for a value that its schema does not take, and for more layers, experts or classes than any
 * network has
 */
export function readConfig<Handled extends Readonly<Record<string, z.ZodType>>>(
  where: string,
  json: unknown,
  { handled, ignored }: ConfigKeys<Handled>,
): z.output<z.ZodObject<Handled>> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `the config is ${written(json)}, not a JSON object.`,
    });
  }
  for (const [key, value] of Object.entries(json)) {
    if (value === null || Object.hasOwn(handled, key) || ignored.includes(key)) continue;
    throw new PatchClampError("UNSUPPORTED", {
      where,
      problem: `config key ${JSON.stringify(key)} = ${written(value)} may change the numbers and is not handled.`,
      fix: "if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.",
      facts: { key, value },
    });
  }
  const given = new Map<string, unknown>(Object.entries(json));
  const values = Object.entries(handled).map(([key, schema]) => [
    key,
    readKey(where, key, schema, given.get(key) ?? undefined),
  ]);
  return Object.fromEntries(values) as z.output<z.ZodObject<Handled>>;
}

function readKey(where: string, key: string, schema: z.ZodType, value: unknown): unknown {
  const { success, data, error } = schema.safeParse(value);
  const name = JSON.stringify(key);
  if (!success && value === undefined) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `the config lacks ${name}.`,
      facts: { key },
    });
  }
  const problem = success ? tooLarge(key, data) : reasonOf(error);
  if (problem === undefined) return data;
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: `config key ${name} = ${written(value)} is not supported${problem}.`,
    facts: { key, value },
    cause: error,
  });
}

function reasonOf({ issues }: z.ZodError): string {
  const { path, message } = issues[0]!;
  const at = path.length === 0 ? "" : ` at ${path.join(".")}`;
  return `${at}: ${uncapitalised(message)}`;
}

/** Why a value that its schema takes is refused all the same: networks are computed in float32, and damaged files name any number. */
function tooLarge(key: string, data: unknown): string | undefined {
  const most = mostListed(key);
  const isTooMany = [data].flat().some((count) => typeof count === "number" && count > most);
  if (isTooMany) return `: the limit is ${most}`;
  return isBeyondFloat32(data) ? ": it is too large for float32" : undefined;
}

/**
 * The most that a key may count of what families list one by one: what has parameters or a name of its own. A number in a file must
 * not say how long that takes; the limits are several times what the largest networks have.
 */
function mostListed(key: string): number {
  if (/(?:layers?|experts|depths|stages)$/.test(key)) return 512;
  return key.endsWith("labels") ? 2 ** 18 : Infinity;
}

/** Infinity itself is what some families mean by "no bound". */
function isBeyondFloat32(data: unknown): boolean {
  if (typeof data === "number") return Number.isFinite(data) && !Number.isFinite(Math.fround(data));
  return typeof data === "object" && data !== null && Object.values(data).some(isBeyondFloat32);
}

/** A value as the file writes it, at most 100 characters of it. */
export function written(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= 100 ? text : `${text.slice(0, 100)}...`;
}

function uncapitalised(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
