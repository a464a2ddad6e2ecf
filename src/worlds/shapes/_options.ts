// Checks of the knobs that several pictures share.

import { PatchClampError } from "../../core/errors.ts";
import { requireAtLeast } from "../_options.ts";

/**
 * Refuses a number outside a range.
 *
 * @throws PatchClampError `BAD_OPTION`
 */
export function requireWithin(
  where: string,
  name: string,
  value: number,
  range: readonly [least: number, most: number],
): void {
  const [least, most] = range;
  if (value >= least && value <= most) return;
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: `${name} is ${value}, not a number from ${least} to ${most}.`,
  });
}

/**
 * Refuses the side of a picture that is no integer in 16..96.
 *
 * @throws PatchClampError `BAD_OPTION`
 */
export function requireSize(where: string, size: number): void {
  requireAtLeast(where, "size", size, 16);
  requireWithin(where, "size", size, [16, 96]);
}
