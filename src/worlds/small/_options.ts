// Checks of numbers that several small worlds ask for.

import { PatchClampError } from "../../core/errors.ts";

/**
 * Refuses what is no number above 0 and up to 1.
 *
 * @throws PatchClampError `BAD_OPTION`
 */
export function requireShare(where: string, name: string, value: number): void {
  if (value > 0 && value <= 1) return;
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: `${name} is ${value}, not a number above 0 and up to 1.`,
  });
}

/**
 * Refuses what is no integer in a range.
 *
 * @throws PatchClampError `BAD_OPTION`
 */
export function requireCount(
  where: string,
  name: string,
  value: number,
  [least, most]: readonly [least: number, most: number],
): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: `${name} is ${value}, not an integer from ${least} to ${most}.`,
  });
}
