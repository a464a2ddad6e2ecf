// Checks of what callers ask of a world, made where they ask.

import { PatchClampError } from "../core/errors.ts";

/**
 * Refuses a number that is no integer or is too small.
 *
 * @throws PatchClampError `BAD_OPTION`
 */
export function requireAtLeast(where: string, name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: `${name} is ${value}, not an integer of at least ${least}.`,
  });
}

/**
 * Refuses a word that is not one of those allowed.
 *
 * @throws PatchClampError `BAD_OPTION`
 */
export function requireOneOf(
  where: string,
  name: string,
  value: string,
  allowed: readonly string[],
): void {
  if (allowed.includes(value)) return;
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: `${name} is "${value}", not one of ${allowed.map((word) => `"${word}"`).join(", ")}.`,
  });
}
