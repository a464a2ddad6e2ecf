// Heads that begin by looking for something: the place beside them, or their own word.

import type { Rng } from "../core/rng.ts";
import { normal } from "../nn/index.ts";
import { concat } from "../runtime/index.ts";
import { tensor, zeros } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { linearWeights } from "./language-text.ts";
import { ownWordsBehind } from "./own-words.ts";
import { waves, waveTurn } from "./waves.ts";
import type { WavesOptions } from "./waves.ts";

/** What tells of a weight how it begins: undefined for gains and biases. As `Recipe.initial`. */
type Initial = (path: string, shape: readonly number[], rng: Rng) => Tensor | undefined;

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
 * How a network begins whose queries and keys turn with their places (RoPE): the first four heads of a layer look one to four places
 * back, and the others for their own word. What looks back is made of one number that all words share, which keys turn by their place, and
 * queries by theirs and one to four more.
 *
 * @source Su et al. 2021, "RoFormer", arXiv:2104.09864, equation 34, for how places turn queries and keys
 */
export function seekingHeads({ headWidth, ropeTheta }: SeekingHeadsOptions): Initial {
  const looking = (by: number): number[] =>
    waves(by, { size: headWidth, ratio: ropeTheta }).map((x, i) =>
      i % (headWidth / 2) < WAVES ? x * SHARPNESS ** 0.5 : 0,
    );

  return (path, shape, rng) => {
    const [rows, width] = shape as [number, number];
    if (path === "embed") {
      const words = normal([rows, width - 1], { seed: rng.word(), std: WORD });
      return concat([zeros([rows, 1]).add(SAME), words], { axis: 1 });
    }
    const part = /\.attn\.([qk])\.weight$/.exec(path)?.[1];
    if (part === undefined) return linearWeights(path, shape, rng);
    const turned = BACK.flatMap((by) => looking(part === "q" ? by : 0));
    const ofSame = tensor(Float32Array.from(turned), { shape: [turned.length, 1] });
    return ownWordsBehind(concat([ofSame, zeros([turned.length, width - 1])], { axis: 1 }));
  };
}

/** What `seekingHeadsOfPlaces` must know of a network. */
export interface SeekingHeadsOfPlacesOptions {
  /** Numbers in a query; as many of each word's are given up to its place. */
  readonly headWidth: number;
  /** Where the first heads of a layer begin by looking, in places from their own: before it below 0. */
  readonly besides: readonly number[];
}

/** How much longer the longest wave of places that are learned is than the shortest. */
const RATIO = 20;

/** How high these waves are: together as high as as many numbers of a word. */
const PLACE = 0.14;

/** By what the scores of heads that see places by such waves are multiplied. */
const PLACE_SHARPNESS = 6;

/**
 * The same for a network that learns its places. These begin as waves in numbers of their own, which no word has a part in: so what stands beside a
 * word, or a hole, is found by its place alone, and what went with a word by the word.
 *
 * @source Vaswani et al. 2017, arXiv:1706.03762, section 3.5: offsets are linear functions of waves
 */
export function seekingHeadsOfPlaces(options: SeekingHeadsOfPlacesOptions): Initial {
  const { headWidth, besides } = options;
  const form: WavesOptions = { size: headWidth, ratio: RATIO };

  return (path, shape, rng) => {
    const [rows, width] = shape as [number, number];
    const drawn = (numbers: number, std: number): Tensor =>
      normal([rows, numbers], { seed: rng.word(), std });
    if (path === "embed")
      return concat([zeros([rows, headWidth]), drawn(width - headWidth, WORD)], { axis: 1 });
    if (path === "posEmbed") {
      const places = Array.from({ length: rows }, (_, place) => waves(place, form));
      return ofPlaces(places, PLACE, width);
    }
    const part = /\.attn\.([qko])\.weight$/.exec(path)?.[1];
    if (part === "o") return drawn(width, width ** -0.5);
    if (part === undefined) return linearWeights(path, shape, rng);
    const turned = besides.flatMap((by) => waveTurn(part === "q" ? by : 0, form));
    return ownWordsBehind(ofPlaces(turned, PLACE_SHARPNESS ** 0.5, width));
  };
}

/** Rows of numbers where places stand, times `scale`, and zeros behind them where words do. */
function ofPlaces(rows: readonly (readonly number[])[], scale: number, width: number): Tensor {
  const size = rows[0]!.length;
  const numbers = tensor(
    Float32Array.from(rows.flat(), (value) => scale * value),
    { shape: [rows.length, size] },
  );
  return concat([numbers, zeros([rows.length, width - size])], { axis: 1 });
}
