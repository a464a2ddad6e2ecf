// A fact belongs to the training or to the held-out half by the hash of its content, so the two can never share one,
// whatever the seed and however many samples are drawn.

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

/**
 * Draws until the fact drawn is in `split`.
 *
 * @param draw - draws a fact that names its own content; about one in eight must be held out
 */
export function drawWithin<T extends { readonly key: string }>(split: Split, draw: () => T): T {
  for (;;) {
    const drawn = draw();
    if (splitOf(drawn.key) === split) return drawn;
  }
}
