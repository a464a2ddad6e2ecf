// What classifiers of shapes have in common: the pictures that they learn from, their loss, and what is measured of them.

import { Rng } from "../core/rng.ts";
import type { VisionNetwork } from "../network/vision.ts";
import { crossEntropy } from "../nn/index.ts";
import { tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { shapeClasses, singleSample } from "../worlds/index.ts";
import type { SingleOptions } from "../worlds/index.ts";
import type { Recipe, Skill } from "./organism.ts";
import { patchOwners, PATCHES } from "./shapes-patches.ts";
import { channelsOf, PICTURE_SIZE, pictureOf, trainingPixels } from "./shapes-pictures.ts";
import { lookingWeights } from "./shapes-weights.ts";

/** Pictures with the numbers of their shapes. */
export type LabelledPictures = {
  /** [batch, channel, height, width] in -1..1 */
  readonly pixels: Tensor;
  /** Index in `shapeClasses`, int32, [batch] */
  readonly labels: Tensor;
  /** What each patch shows: 0 for what is no object, else one more than the object's label; int32, [batch, PATCHES] */
  readonly patches: Tensor;
};

/** The names of the classes, as config.json has them. */
export const shapeLabels = {
  id2label: Object.fromEntries(shapeClasses.map((name, id) => [String(id), name])),
  label2id: Object.fromEntries(shapeClasses.map((name, id) => [name, id])),
};

/** What the recipes of classifiers differ in. */
export interface ClassifierRecipeOptions {
  readonly seed: number;
  readonly steps: number;
  readonly learningRate: number;
  /** Pictures of a batch. */
  readonly batch: number;
}

/** How classifiers learn the shapes: from pictures of one object each, which get harder for half of the steps. */
export function classifierRecipe(
  options: ClassifierRecipeOptions,
): Recipe<VisionNetwork, LabelledPictures> {
  const { seed, steps, learningRate, batch } = options;
  return {
    steps,
    tokens: batch,
    learningRate,
    warmupSteps: 100,
    weightDecay: 0.05,
    clip: 1,
    seed,
    batch: (index, own) => {
      const hardness = Math.min(1, (2 * index) / steps);
      return labelledPictures(new Rng(own).split("batch").split(index), batch, hardness);
    },
    loss: (net, params, { pixels, labels }) => {
      const logits = net.applyTap({ pixels }, {}, params).get("logits")!;
      return crossEntropy(logits, labels);
    },
    initial: lookingWeights,
  };
}

/** Draws pictures of one object each. */
export function labelledPictures(rng: Rng, count: number, hardness: number): LabelledPictures {
  const drawn = Array.from({ length: count }, () => singleSample(rng, drawKnobs(rng, hardness)));
  const labels = drawn.map(({ label }) => shapeClasses.indexOf(label.shape));
  const patches = drawn.flatMap((sample, row) =>
    patchOwners(sample).map((owner) => (owner === -1 ? 0 : 1 + labels[row]!)),
  );
  return {
    pixels: trainingPixels(channelsOf(drawn)),
    labels: tensor(Int32Array.from(labels), { shape: [count] }),
    patches: tensor(Int32Array.from(patches), { shape: [count, PATCHES] }),
  };
}

/**
 * How hard a picture is to read: half of them have clutter, and in half of them something hides a part of the object.
 *
 * @param hardness - 0 for clear pictures, 1 for anything up to half an object on a heap of clutter
 */
export function drawKnobs(rng: Rng, hardness: number): SingleOptions {
  const sometimes = (most: number): number => hardness * most * Math.max(0, 2 * rng.uniform() - 1);
  return {
    size: PICTURE_SIZE,
    clutter: sometimes(1),
    occlusion: sometimes(0.5),
    noise: 0.02 + 0.04 * hardness * rng.uniform(),
    gradient: 0.3 * rng.uniform(),
    colourJitter: 0.1,
    scale: [0.18, 0.38],
    turn: 25,
  };
}

/** What a classifier is measured on. */
const kinds = {
  clear: { meaning: "on a calm surface", knobs: {} },
  cluttered: { meaning: "on a cluttered surface", knobs: { clutter: 0.6 } },
  hidden: { meaning: "of which a third is hidden", knobs: { occlusion: 1 / 3 } },
} as const;

/** The kinds of held-out pictures. */
export type PictureKind = keyof typeof kinds;

/** The measurements of a classifier, with the share that it promises of each. */
export function classifierSkills(
  bars: Readonly<Record<PictureKind, number>>,
): Skill<VisionNetwork>[] {
  return Object.entries(kinds).map(([name, { meaning, knobs }]) => ({
    name: `shape, ${name}`,
    meaning: `Ten shapes told apart in pictures of one object ${meaning}, in a colour, texture and quarter in which training never showed it.`,
    bar: bars[name as PictureKind],
    measure: async (net, { seed, count }) => {
      const rng = new Rng(seed).split(name);
      let hits = 0;
      for (let done = 0; done < count; done += ROWS) {
        const rows = Array.from({ length: Math.min(ROWS, count - done) }, () =>
          singleSample(rng, { ...knobs, split: "heldOut", size: PICTURE_SIZE }),
        );
        const found = await net.trace(rows.map(pictureOf)).logits.argmax({ axis: -1 }).numbers();
        hits += rows.filter(({ label }, row) => shapeClasses[found[row]!] === label.shape).length;
      }
      return hits / count;
    },
  }));
}

/** Pictures that are looked at together. */
const ROWS = 100;
