// A fact belongs to the training or to the held-out half by the hash of its content, so the two can never share one,
// whatever the seed and however many samples are drawn.

import { PatchClampError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";

/** Which half of a world a sample is from. */
export type Split = "train" | "heldOut";

/** Both halves. */
export const splits: readonly Split[] = ["train", "heldOut"];

/** The share of all facts that training never sees. */
const heldOutShare = 1 / 8;

const content = new Rng(0x5713);

/**
 * Tells which half a fact is in.
 *
 * @param key - the fact's content in a fixed form, such as `gift|Mira|Tomo|cup|market`
 */
export function splitOf(key: string): Split {
  return content.split(key).uniform() < heldOutShare ? "heldOut" : "train";
}

/** How many facts are drawn before it is said that a half has none: with one in eight held out, no half is missed so often. */
const PATIENCE = 10_000;

/**
 * Draws until the fact drawn is in `split`.
 *
 * @param draw - draws a fact that names its own content; about one in eight must be held out
 * @throws PatchClampError `INVARIANT_BROKEN` when none of 10,000 facts is in that half
 */
export function drawWithin<T extends { readonly key: string }>(split: Split, draw: () => T): T {
  let key = "";
  for (let i = 0; i < PATIENCE; i++) {
    const drawn = draw();
    if (splitOf(drawn.key) === split) return drawn;
    ({ key } = drawn);
  }
  throw new PatchClampError("INVARIANT_BROKEN", {
    where: "drawWithin",
    problem: `none of ${PATIENCE} facts drawn is in the ${split} half; the last one is ${key}.`,
    fix: "draw from facts of which some are in that half.",
  });
}
