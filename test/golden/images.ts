// The images that goldens of networks that look were made with, by the same arithmetic as in vision.py.

import type { ImageInput } from "../../src/network/vision-input.ts";
import { tensor } from "../../src/runtime/index.ts";
import type { Tensor } from "../../src/runtime/index.ts";
import type { GoldenFile, Values } from "./read.ts";
import { madeUp } from "./weights.ts";

/** A batch of images, with texts for networks that read, and what transformers computes of it. */
export interface GoldenImages {
  /** Pixels, [batch, channel, height, width]. */
  readonly images: Tensor;
  /** The pixels, with texts where the golden has some. */
  readonly given: ImageInput;
  /** All sites of the first batch, the output of the second. */
  readonly sites: ReadonlyMap<string, Values>;
}

/** Both batches of a golden. */
export async function imagesOf({
  floats,
  rows,
  tensors,
}: GoldenFile): Promise<readonly [GoldenImages, GoldenImages]> {
  const shapes = await rows("pixels");
  const texts = tensors.has("tokens") ? await rows("tokens") : undefined;
  const batch = async (index: number): Promise<GoldenImages> => {
    const name = `pixels/${index}`;
    const shape = shapes[index]!;
    const images = tensor(madeUp({ [name]: [shape, 0, 1] }, "0")[name]!.data, { shape });
    const given = texts === undefined ? images : { images, texts };
    return { images, given, sites: await floats(`${index}/`) };
  };
  return [await batch(0), await batch(1)];
}
