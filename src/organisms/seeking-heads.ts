// Heads that begin by looking for something, in a network whose queries and keys turn with their places (RoPE).

import type { Rng } from "../core/rng.ts";
import { normal } from "../nn/index.ts";
import { concat } from "../runtime/index.ts";
import { tensor, zeros } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { linearWeights } from "./language-text.ts";
import { ownWordsBehind } from "./own-words.ts";
import { waves } from "./waves.ts";

/** What `seekingHeads` must know of a network. */
export interface SeekingHeadsOptions {
  /** Numbers in a query. */
  readonly headWidth: number;
  /** How much longer the longest wave of places is than the shortest. */
  readonly ropeTheta: number;
}

/** Where the first heads of a layer begin by looking, in places before their own. */
const BACK = [1, 2, 3, 4];

/** The first number of every word, and the deviation of the others. */
const [SAME, WORD] = [0.3, 0.1];

/** By what the scores of heads that look back are multiplied, so that they see one place and hardly the next. */
const SHARPNESS = 4;

/**
 * How many waves these heads are made of, shortest first. Longer ones hardly tell neighbours apart, and of each a score has as much as the word
 * that is seen has of the shared number, which for short words is more.
 */
const WAVES = 4;

/**
 * How a network begins whose first four heads of a layer look one to four places back, and the others for their own word. What looks back
 * is made of one number that all words share, which keys turn by their place, and queries by theirs and one to four more.
 *
 * @returns what `Recipe.initial` asks for: weights by path and shape, undefined for gains
 * @source Su et al. 2021, "RoFormer", arXiv:2104.09864, equation 34, for how places turn queries and keys
 */
export function seekingHeads({ headWidth, ropeTheta }: SeekingHeadsOptions) {
  const looking = (back: number): number[] =>
    waves(back, { size: headWidth, ratio: ropeTheta }).map((x, i) =>
      i % (headWidth / 2) < WAVES ? x * SHARPNESS ** 0.5 : 0,
    );

  return (path: string, shape: readonly number[], rng: Rng): Tensor | undefined => {
    const [rows, width] = shape as [number, number];
    if (path === "embed") {
      const words = normal([rows, width - 1], { seed: rng.word(), std: WORD });
      return concat([zeros([rows, 1]).add(SAME), words], { axis: 1 });
    }
    const part = /\.attn\.([qk])\.weight$/.exec(path)?.[1];
    if (part === undefined) return linearWeights(path, shape, rng);
    const turned = BACK.flatMap((back) => looking(part === "q" ? back : 0));
    const ofSame = tensor(Float32Array.from(turned), { shape: [turned.length, 1] });
    return ownWordsBehind(concat([ofSame, zeros([turned.length, width - 1])], { axis: 1 }));
  };
}
