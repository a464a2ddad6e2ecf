// What classifiers of shapes have in common: the pictures that they learn from, their loss, and what is measured of them.

import { Rng } from "../core/rng.ts";
import type { VisionNetwork } from "../network/vision.ts";
import { crossEntropy } from "../nn/index.ts";
import { tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { shapeClasses, shapesBatch, singleSample } from "../worlds/index.ts";
import type { SingleOptions } from "../worlds/index.ts";
import type { Recipe, Skill } from "./organism.ts";
import { PICTURE_SIZE, pictureOf, trainingPixels } from "./shapes-pictures.ts";
import { lookingWeights } from "./shapes-weights.ts";

/** Pictures with the numbers of their shapes. */
export type LabelledPictures = {
  /** [batch, channel, height, width] in -1..1 */
  readonly pixels: Tensor;
  /** Index in `shapeClasses`, int32, [batch] */
  readonly labels: Tensor;
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
  readonly weightDecay: number;
}

/** How classifiers learn the shapes: from pictures of one object each, clear ones and bad ones. */
export function classifierRecipe(
  options: ClassifierRecipeOptions,
): Recipe<VisionNetwork, LabelledPictures> {
  const { seed, steps, learningRate, batch, weightDecay } = options;
  return {
    steps,
    tokens: batch,
    learningRate,
    warmupSteps: 100,
    weightDecay,
    clip: 1,
    seed,
    batch: (index) => labelledPictures(new Rng(seed).split("batch").split(index), batch),
    loss: (net, params, { pixels, labels }) => {
      const logits = net.applyTap({ pixels }, {}, params).get("logits")!;
      return crossEntropy(logits, labels);
    },
    initial: lookingWeights,
  };
}

/** Draws pictures of one object, each as hard as chance has it. */
export function labelledPictures(rng: Rng, count: number): LabelledPictures {
  const channels = new Float32Array(count * 3 * PICTURE_SIZE ** 2);
  const labels = new Int32Array(count);
  for (let row = 0; row < count; row++) {
    const drawn = shapesBatch(rng, { ...drawKnobs(rng), batch: 1, size: PICTURE_SIZE });
    channels.set(drawn.pixels, row * drawn.pixels.length);
    labels.set(drawn.labels, row);
  }
  return { pixels: trainingPixels(channels), labels: tensor(labels, { shape: [count] }) };
}

/** How hard a picture is to read: half of them have clutter, and in half of them something hides the object. */
export function drawKnobs(rng: Rng): SingleOptions {
  const sometimes = (most: number): number => most * Math.max(0, 2 * rng.uniform() - 1);
  return {
    clutter: sometimes(1),
    occlusion: sometimes(0.5),
    noise: 0.06 * rng.uniform(),
    gradient: 0.3 * rng.uniform(),
    colourJitter: 0.1,
    scale: [0.16, 0.4],
    turn: 30,
  };
}

/** What a classifier is measured on: pictures of objects that training never showed so. */
const kinds = {
  clear: { meaning: "one object on a calm surface", knobs: {} },
  cluttered: { meaning: "one object on a cluttered surface", knobs: { clutter: 0.6 } },
  hidden: { meaning: "one object of which a third is hidden", knobs: { occlusion: 1 / 3 } },
} as const;

/** The kinds of held-out pictures. */
export type PictureKind = keyof typeof kinds;

/** The measurements of a classifier, with the share that it promises of each. */
export function classifierSkills(
  bars: Readonly<Record<PictureKind, number>>,
): Skill<VisionNetwork>[] {
  return Object.entries(kinds).map(([name, { meaning, knobs }]) => ({
    name: `shape, ${name}`,
    meaning: `Ten shapes told apart in pictures of ${meaning}; no object stood in that quarter in that colour and texture in training.`,
    bar: bars[name as PictureKind],
    measure: async (net, { seed, count }) => {
      const rng = new Rng(seed).split(name);
      const options = { ...knobs, split: "heldOut", size: PICTURE_SIZE } as const;
      let hits = 0;
      for (let done = 0; done < count; done += ROWS) {
        const rows = Array.from({ length: Math.min(ROWS, count - done) }, () =>
          singleSample(rng, options),
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
