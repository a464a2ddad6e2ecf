// What every dictionary does to an activation before it reads it.

import { z } from "zod";

import type { Tensor } from "../tensor/tensor.ts";

/**
 * How activations are brought to one scale before they are encoded; what is decoded is brought back.
 *
 * - `none`: as they are
 * - `norm`: to the length √width
 * - `layer-norm`: mean 0 and standard deviation 1 (of a sample: over width - 1)
 */
export const normalisationSchema = z.enum(["none", "norm", "layer-norm"]).default("none");

/** How activations are brought to one scale. */
export type Normalisation = z.output<typeof normalisationSchema>;

/** An activation at the scale of a dictionary, and the way back: x * scale + shift. */
export interface Normalised {
  readonly x: Tensor;
  /** [..., 1]; undefined where it is 1. */
  readonly scale?: Tensor;
  /** [..., 1]; undefined where it is 0. */
  readonly shift?: Tensor;
}

/** So that an activation of zeros does not become NaN. */
const TINY = 1e-20;
/** As SAELens adds to standard deviations. */
const EPSILON = 1e-5;

/**
 * Brings activations to the scale of a dictionary. Traced.
 *
 * @param x - [..., width]
 * @source SAELens, `SAE._setup_activation_normalization`
 */
export function normalised(x: Tensor, how: Normalisation): Normalised {
  const width = x.shape.at(-1)!;
  const over = { axis: -1, keepDims: true } as const;
  if (how === "none") return { x };
  if (how === "norm") {
    const length = x.square().sum(over).sqrt();
    return {
      x: x.mul(Math.sqrt(width)).div(length.maximum(TINY)),
      scale: length.div(Math.sqrt(width)),
    };
  }
  const shift = x.mean(over);
  const centred = x.sub(shift);
  const scale = centred
    .square()
    .sum(over)
    .div(width - 1)
    .sqrt();
  return { x: centred.div(scale.add(EPSILON)), scale, shift };
}
