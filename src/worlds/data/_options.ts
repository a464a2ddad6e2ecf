// Checks that several generators of data share.

import { PatchClampError } from "../../core/errors.ts";

/**
 * Refuses a number outside a range, its ends included.
 *
 * @throws PatchClampError `BAD_OPTION`
 */
export function requireBetween(
  where: string,
  name: string,
  value: number,
  range: readonly [least: number, most: number],
): void {
  const [least, most] = range;
  if (value >= least && value <= most) return;
  const wanted =
    most === Infinity ? `a number of at least ${least}` : `a number from ${least} to ${most}`;
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: `${name} is ${value}, not ${wanted}.`,
  });
}
