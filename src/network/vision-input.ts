// What networks that look at images are given: pictures or pixels, for some of them texts too, and the tensors made of them.

import { Tensor } from "../tensor/tensor.ts";
import type { Images, ImageSizes } from "./images.ts";

/** Images, and texts to compare them with: one or several, or the token ids of each. */
export interface ImagesAndTexts {
  readonly images: Images;
  readonly texts: string | readonly string[] | readonly (readonly number[])[];
}

/** What networks that look at images take. Texts are for those that read, and these need them. */
export type ImageInput = Images | ImagesAndTexts;

/** What the function of such a network takes. */
export interface VisionInputs {
  /** float32, [batch, channel, height, width] */
  readonly pixels: Tensor;
}

/** What the function of a network that reads takes as well: texts, padded on the right to one length. */
export interface TextInputs {
  /** int32, [text, pos] */
  readonly tokens: Tensor;
  /** int32, [1, pos]: 0, 1, 2 ... */
  readonly positions: Tensor;
  /** Added to attention scores, [1, 1, pos, pos]. */
  readonly mask: Tensor;
  /** float32, [text, 1, pos]: 1 at the position that stands for the text, 0 elsewhere */
  readonly ends: Tensor;
}

/** Sizes every network has that looks at images and does not write. */
export interface VisionConfig extends ImageSizes {
  /** Names of classes, in the order of their scores; empty where there are none. */
  readonly labels: readonly string[];
  /** Site of its output. */
  readonly output: string;
  /** How it reads texts, if it does. */
  readonly reads?: TextSizes | undefined;
}

/** Sizes of a network that reads texts. */
export interface TextSizes {
  readonly dVocab: number;
  readonly nCtx: number;
  /** The token whose first place stands for the text; undefined where it is the token with the largest id. */
  readonly end: number | undefined;
}

/** Whether texts come with the images. */
export function hasTexts(given: ImageInput): given is ImagesAndTexts {
  return !(given instanceof Tensor) && "texts" in given;
}
