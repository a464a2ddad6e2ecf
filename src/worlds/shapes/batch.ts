// Rows of pictures of one object for training, in the layout that networks take.

import type { Rng } from "../../core/rng.ts";
import { requireAtLeast, requireOneOf } from "../_options.ts";
import { shapeClasses } from "./outlines.ts";
import { shapeColours, shapeTextures } from "./paints.ts";
import { drawScene } from "./scene.ts";
import { singleScene } from "./single.ts";
import type { SingleOptions } from "./single.ts";

/** What of an object is its label. */
export type ShapesTarget = "shape" | "colour" | "texture";

const names: Record<ShapesTarget, readonly string[]> = {
  shape: shapeClasses,
  colour: shapeColours,
  texture: shapeTextures,
};

export interface ShapesBatchOptions extends SingleOptions {
  /** Pictures, at least 1. */
  batch: number;
  /** What the labels tell, `shape` by default. */
  target?: ShapesTarget;
}

/** Pictures with their labels. */
export interface ShapesBatch {
  /** [batch, channel, height, width] in 0..1; the channels are red, green and blue. */
  readonly pixels: Float32Array;
  /** [batch]: the index in `shapeClasses`, `shapeColours` or `shapeTextures`. */
  readonly labels: Int32Array;
}

/**
 * Draws pictures of one object each, as `singleSample` does.
 *
 * @param rng - advances by one word a picture; the same state gives the same batch
 * @throws PatchClampError `BAD_OPTION` when `batch` is no positive integer, `target` is none of those listed, or an option
 *   is one that `singleSample` refuses
 */
export function shapesBatch(rng: Rng, options: ShapesBatchOptions): ShapesBatch {
  const { batch, target = "shape", size = 32 } = options;
  requireAtLeast("shapesBatch", "batch", batch, 1);
  requireOneOf("shapesBatch", "target", target, Object.keys(names));

  const pixels = new Float32Array(batch * 3 * size * size);
  const labels = new Int32Array(batch);
  for (let row = 0; row < batch; row++) {
    const { scene } = singleScene("shapesBatch", rng, options);
    writeChannels(drawScene(scene, { size }).pixels, pixels, row * 3 * size * size);
    labels[row] = names[target].indexOf(scene.objects[0]![target]);
  }
  return { pixels, labels };
}

/**
 * Brings a picture from [height, width, channel] to [channel, height, width].
 *
 * @param offset - where in `to` the picture begins
 */
function writeChannels(from: Float32Array, to: Float32Array, offset: number): void {
  const plane = from.length / 3;
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let c = 0; c < 3; c++) to[offset + c * plane + pixel] = from[pixel * 3 + c]!;
  }
}
