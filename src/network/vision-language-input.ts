// What networks that look at images and write are given: prompts in which images have places, and the images.

import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Images, ImageSizes } from "./images.ts";
import type { DecoderConfig, DecoderInputs, LanguageInput } from "./prompt.ts";

/** A prompt and the images that it speaks of. */
export interface PromptWithImages {
  /** Every image token is the place of an image, of which several follow one another in the order of prompts and places. */
  readonly prompt: LanguageInput;
  readonly images: Images;
}

/** What networks that look at images and write take. */
export type VisionLanguageInput = LanguageInput | PromptWithImages;

/** Sizes every such network has. */
export interface VisionLanguageConfig extends DecoderConfig, ImageSizes {
  /** The token whose places images take. */
  readonly imageToken: number;
  /** Places that an image takes. */
  readonly imageLength: number;
}

/** What the function takes that predicts the next token. */
export interface SeeingInputs extends DecoderInputs {
  /** What stands in the places of image tokens, [image, imageLength, dModel]; absent where there are no images. */
  readonly features?: Tensor | undefined;
}

/** Whether images come with the prompt. */
export function hasImages(given: VisionLanguageInput): given is PromptWithImages {
  return typeof given === "object" && "images" in given;
}

/**
 * Gives images their places: an image token that stands alone becomes as many as an image takes.
 *
 * @param where - the network's name
 * @param rows - token ids
 * @param count - how many images there are
 * @returns the rows, longer where images are
 * @throws PatchClampError `BAD_INPUT` when there are not as many places as images
 */
export function withPlaces(
  where: string,
  rows: readonly (readonly number[])[],
  count: number,
  { imageToken, imageLength }: VisionLanguageConfig,
): number[][] {
  const places = rows.flat().filter((id) => id === imageToken).length;
  if (places === count * imageLength) return rows.map((row) => [...row]);
  if (places === count) {
    const one = Array.from({ length: imageLength }, () => imageToken);
    return rows.map((row) => row.flatMap((id) => (id === imageToken ? one : [id])));
  }
  throw new PatchClampError("BAD_INPUT", {
    where,
    problem: `the prompt has ${plural(places, "image token")} (id ${imageToken}), but ${plural(count, "image")} came with it.`,
    fix: `write one for every image, or ${imageLength}.`,
    facts: { places, images: count, imageToken, imageLength },
  });
}
