// What the features of a network tell about pictures, by a linear read-out.

import { Rng } from "../core/rng.ts";
import type { VisionNetwork } from "../network/vision.ts";
import { shapeClasses, shapeColours, shapeTextures, singleSample } from "../worlds/index.ts";
import type { ShapesTarget, SingleSample } from "../worlds/index.ts";
import type { Skill } from "./organism.ts";
import { PICTURE_SIZE, pictureOf } from "./shapes-pictures.ts";
import { linearReadout } from "./shapes-readout.ts";

/** Pictures of the training half that a read-out is fitted to. */
const FITTED = 1500;

/** Pictures that are looked at together. */
const ROWS = 100;

const names: Record<ShapesTarget, readonly string[]> = {
  shape: shapeClasses,
  colour: shapeColours,
  texture: shapeTextures,
};

/** Measurements of a network that names nothing, with the share that it promises of each. */
export function featureSkills(
  bars: Readonly<Record<ShapesTarget, number>>,
): Skill<VisionNetwork>[] {
  return (Object.keys(names) as ShapesTarget[]).map((target) => ({
    name: target,
    meaning: `The ${target} of one object, read out of the mean of the patches' last hidden states by ridge regression on ${FITTED} other pictures.`,
    bar: bars[target],
    measure: async (net, { seed, count }) => {
      const rng = new Rng(seed);
      const known = draw(rng.split("fitted"), FITTED, "train");
      const asked = draw(rng.split("asked"), count, "heldOut");
      const label = (sample: SingleSample): number => names[target].indexOf(sample.label[target]);
      const readout = linearReadout({
        features: await meanPatches(net, known),
        labels: known.map(label),
      });
      const found = (await meanPatches(net, asked)).map(readout);
      return asked.filter((sample, i) => found[i] === label(sample)).length / count;
    },
  }));
}

function draw(rng: Rng, count: number, split: "train" | "heldOut"): SingleSample[] {
  return Array.from({ length: count }, () => singleSample(rng, { split, size: PICTURE_SIZE }));
}

/** The mean of the patches' last hidden states, for every picture. */
async function meanPatches(
  net: VisionNetwork,
  samples: readonly SingleSample[],
): Promise<Float32Array[]> {
  const features: Float32Array[] = [];
  for (let at = 0; at < samples.length; at += ROWS) {
    const pictures = samples.slice(at, at + ROWS).map(pictureOf);
    const hidden = net.trace(pictures).at("hidden");
    const mean = hidden.slice({ axis: 1, start: 1 }).mean({ axis: 1 });
    const data = (await mean.data()) as Float32Array;
    const size = mean.shape[1]!;
    for (let row = 0; row < pictures.length; row++)
      features.push(data.slice(row * size, (row + 1) * size));
  }
  return features;
}
