// What the organism that looks and speaks learns from: rows of a picture, a caption, and as many questions with answers as have room.

import type { Rng } from "../core/rng.ts";
import { tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { captionSample, questionKinds } from "../worlds/index.ts";
import type {
  CaptionSample,
  MultipleOptions,
  QuestionKind,
  Scene,
  ShapeAttribute,
} from "../worlds/index.ts";
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
export const POS = 256;

/** Pictures, and what is said of them. */
export type SeenRows = {
  /** [batch, channel, height, width] in -1..1 */
  readonly pixels: Tensor;
  readonly patches: PatchTruths;
  /** Absent where nothing is said. */
  readonly said?: SaidRows;
};

/** What patches show. */
export type PatchTruths = {
  /** The number of the value that the object in each patch has, 0 for the ground; int32, [batch, PATCHES] each. */
  readonly values: Readonly<Record<ShapeAttribute, Tensor>>;
  /** 1 where a patch shows an object and 0 where it shows the ground, float32, [batch, PATCHES]. */
  readonly isObject: Tensor;
};

/** Rows that begin with a picture. */
export type SaidRows = {
  /** int32, [batch, POS] */
  readonly tokens: Tensor;
  /** Place of a token in its text, of which the picture is a part, int32, [batch, POS]. */
  readonly positions: Tensor;
  /** Which text a token belongs to, int32, [batch, POS]: 0 for the picture, which all of them see. */
  readonly segments: Tensor;
  /** How much a token counts as something to predict, float32, [batch, POS]. */
  readonly weights: Tensor;
};

/** A row under way. */
interface Row {
  readonly tokens: number[];
  readonly positions: number[];
  readonly segments: number[];
  readonly weights: number[];
}

/** What is said of pictures. */
export interface SeenOptions {
  /** How many objects a picture has. Default: two to four. */
  readonly count?: number;
  /** What is asked, each kind alike; nothing is said where there is none. Default: everything, behind a caption. */
  readonly asked?: readonly QuestionKind[];
}

/** Draws rows. */
export function seenRows(rng: Rng, batch: number, options: SeenOptions = {}): SeenRows {
  const { count, asked } = options;
  const knobs = (): MultipleOptions => ({ ...drawKnobs(rng), ...(count && { count }) });
  const drawn = Array.from({ length: batch }, () => captionSample(rng, knobs()));
  const seen = { pixels: trainingPixels(channelsOf(drawn)), patches: patchTruths(drawn) };
  if (asked?.length === 0) return seen;
  const rows = drawn.map(({ scene, words }) => writeRow(rng, scene, { caption: words, asked }));
  const ints = (of: "tokens" | "positions" | "segments"): Tensor =>
    tensor(Int32Array.from(rows.flatMap((row) => row[of])), { shape: [batch, POS] });
  const weights = Float32Array.from(rows.flatMap((row) => row.weights));
  return {
    ...seen,
    said: {
      tokens: ints("tokens"),
      positions: ints("positions"),
      segments: ints("segments"),
      weights: tensor(weights, { shape: [batch, POS] }),
    },
  };
}

function patchTruths(drawn: readonly CaptionSample[]): PatchTruths {
  const shape = [drawn.length, PATCHES];
  const owners = drawn.map(patchOwners);
  const values = (attribute: ShapeAttribute): Tensor => {
    const numbers = drawn.flatMap(({ scene }, i) => {
      const own = scene.objects.map((object) =>
        attributeValues[attribute].indexOf(everythingAbout(object)[attribute]),
      );
      return owners[i]!.map((owner) => own[owner] ?? 0);
    });
    return tensor(Int32Array.from(numbers), { shape });
  };
  const isObject = Float32Array.from(owners.flat(), (owner) => (owner < 0 ? 0 : 1));
  return {
    values: Object.fromEntries(
      attributes.map((attribute) => [attribute, values(attribute)]),
    ) as PatchTruths["values"],
    isObject: tensor(isObject, { shape }),
  };
}

/** How hard a picture is to read. */
function drawKnobs(rng: Rng): MultipleOptions {
  return { size: PICTURE_SIZE, noise: 0.04 * rng.uniform(), gradient: 0.2 * rng.uniform() };
}

/**
 * Words about a picture: a caption first, since only what comes first is predicted after a picture, then questions.
 *
 * @param about - `asked`: the kinds of questions, without a caption; default: all, behind one
 */
function writeRow(
  rng: Rng,
  scene: Scene,
  { caption, asked }: { caption: readonly string[]; asked: SeenOptions["asked"] },
): Row {
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
  if (asked === undefined) append(row, 1, [], caption);
  for (let segment = 2; ; segment++) {
    const { words, answer } = askAbout(rng, scene, rng.pick(asked ?? questionKinds));
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
