// What the organism that looks and speaks learns from: rows of a picture, a caption, and as many questions with answers as have room.

import type { Rng } from "../core/rng.ts";
import { tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { captionSample, questionKinds } from "../worlds/index.ts";
import type { MultipleOptions, Scene, ShapeAttribute } from "../worlds/index.ts";
import { patchOwners, PATCHES } from "./shapes-patches.ts";
import { channelsOf, PICTURE_SIZE, trainingPixels } from "./shapes-pictures.ts";
import {
  askAbout,
  attributes,
  attributeValues,
  everythingAbout,
} from "./vision-language-questions.ts";
import { IMAGE, seeingIds } from "./vision-language-text.ts";

/** Tokens of a row: the start, a picture, and words. */
export const POS = 128;

/** Rows that begin with a picture. */
export type SeenRows = {
  /** [batch, channel, height, width] in -1..1 */
  readonly pixels: Tensor;
  /** int32, [batch, POS] */
  readonly tokens: Tensor;
  /** Place of a token in its text, of which the picture is a part, int32, [batch, POS]. */
  readonly positions: Tensor;
  /** Which text a token belongs to, int32, [batch, POS]: 0 for the picture, which all of them see. */
  readonly segments: Tensor;
  /** How much a token counts as something to predict, float32, [batch, POS]. */
  readonly weights: Tensor;
  /** What each patch shows: 0 for the ground, else one more than the number of the object's value; int32, [batch, PATCHES] each. */
  readonly truths: Readonly<Record<ShapeAttribute, Tensor>>;
};

/** A row under way. */
interface Row {
  readonly tokens: number[];
  readonly positions: number[];
  readonly segments: number[];
  readonly weights: number[];
}

/** Draws rows. */
export function seenRows(rng: Rng, batch: number): SeenRows {
  const drawn = Array.from({ length: batch }, () => captionSample(rng, drawKnobs(rng)));
  const rows = drawn.map(({ scene, words }) => writeRow(rng, scene, words));
  const ints = (numbers: number[], width: number): Tensor =>
    tensor(Int32Array.from(numbers), { shape: [batch, width] });
  const owners = drawn.map(patchOwners);
  const truth = (attribute: ShapeAttribute): number[] =>
    drawn.flatMap(({ scene }, i) => {
      const values = scene.objects.map(
        (object) => 1 + attributeValues[attribute].indexOf(everythingAbout(object)[attribute]),
      );
      return owners[i]!.map((owner) => values[owner] ?? 0);
    });
  return {
    pixels: trainingPixels(channelsOf(drawn)),
    tokens: ints(
      rows.flatMap(({ tokens }) => tokens),
      POS,
    ),
    positions: ints(
      rows.flatMap(({ positions }) => positions),
      POS,
    ),
    segments: ints(
      rows.flatMap(({ segments }) => segments),
      POS,
    ),
    weights: tensor(Float32Array.from(rows.flatMap(({ weights }) => weights)), {
      shape: [batch, POS],
    }),
    truths: Object.fromEntries(
      attributes.map((attribute) => [attribute, ints(truth(attribute), PATCHES)]),
    ) as SeenRows["truths"],
  };
}

/** How hard a picture is to read. */
function drawKnobs(rng: Rng): MultipleOptions {
  return { size: PICTURE_SIZE, noise: 0.04 * rng.uniform(), gradient: 0.2 * rng.uniform() };
}

/** Words about a picture: a caption first, since only what comes first is predicted after a picture, then questions. */
function writeRow(rng: Rng, scene: Scene, caption: readonly string[]): Row {
  const picture = [
    seeingIds.get("<bos>")!,
    ...Array.from({ length: PATCHES }, () => seeingIds.get(IMAGE)!),
  ];
  const row: Row = {
    tokens: picture,
    positions: picture.map((_, i) => i),
    segments: picture.map(() => 0),
    weights: picture.map(() => 0),
  };
  const left = (): number => POS - row.tokens.length;
  append(row, 1, [], caption);
  for (let segment = 2; ; segment++) {
    const { words, answer } = askAbout(rng, scene, rng.pick(questionKinds));
    if (words.length + answer.length + 1 > left()) break;
    append(row, segment, words, answer);
  }
  const rest = Array.from({ length: left() }, () => 0);
  row.tokens.push(...rest.map(() => seeingIds.get("<pad>")!));
  row.positions.push(...rest);
  row.segments.push(...rest.map(() => -1));
  row.weights.push(...rest);
  return row;
}

/** Adds a text to a row: what is given, and what is to be predicted, with its end. */
function append(
  { tokens, positions, segments, weights }: Row,
  segment: number,
  given: readonly string[],
  wanted: readonly string[],
): void {
  for (const [i, word] of [...given, ...wanted, "<eos>"].entries()) {
    tokens.push(seeingIds.get(word)!);
    positions.push(1 + PATCHES + i);
    segments.push(segment);
    weights.push(i < given.length ? 0 : 1);
  }
}
