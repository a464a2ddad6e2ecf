// Rotary positions: how fast every pair of a head turns under each scaling for long texts, and the turning itself. What a config
// says about them is read in rope-config.ts.

import type { DecoderInputs } from "../network/prompt.ts";
import type { HeadFunction } from "../nn/attention.ts";
import type { Rotary } from "../nn/rotary.ts";
import { rotaryAngles, rotate } from "../nn/rotary.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Llama3Scaling, Rope, YarnScaling } from "./rope-config.ts";

/** How fast the pairs of a head turn. */
export interface RopeRates {
  /** Radians a position, [pairs]; where they depend on the length of the text, those of short ones. */
  readonly rates: Float32Array;
  /** What cosines and sines are multiplied by. */
  readonly gain: number;
  /** Where they depend on the length: takes lengths in tokens, [batch or 1, 1], to radians a position, [batch or 1, pairs]. */
  readonly atLength?: (lengths: Tensor) => Tensor;
}

/** How fast the pairs of a head turn. */
export function ropeRates({ theta, dim, scaling }: Rope): RopeRates {
  const plain = Array.from({ length: Math.ceil(dim / 2) }, (_, i) => theta ** ((-2 * i) / dim));
  const scaled = (scale: (rate: number, pair: number) => number): Float32Array =>
    Float32Array.from(plain, scale);
  switch (scaling?.kind) {
    case undefined:
      return { rates: Float32Array.from(plain), gain: 1 };
    case "linear":
      return { rates: scaled((rate) => rate / scaling.factor), gain: 1 };
    case "llama3":
      return { rates: scaled((rate) => llama3Rate(rate, scaling)), gain: 1 };
    case "yarn": {
      const divided = yarnRamp(scaling, { theta, dim });
      const blend = (rate: number, i: number): number =>
        (rate / scaling.factor) * divided(i) + rate * (1 - divided(i));
      return { rates: scaled(blend), gain: scaling.gain };
    }
    case "longrope": {
      const { originalContext, shortFactors, longFactors, gain } = scaling;
      const short = scaled((rate, i) => rate / shortFactors[i]!);
      const long = scaled((rate, i) => rate / longFactors[i]!);
      const atLength = (lengths: Tensor): Tensor =>
        lengths.greater(originalContext).where(row(long), row(short));
      return { rates: short, gain, atLength };
    }
    case "dynamic": {
      const { factor, originalContext } = scaling;
      // theta grows by stretch ^ (dim / (dim - 2)), so pair i slows down by stretch ^ (-2 i / (dim - 2)); the first keeps its pace
      const powers = row(scaled((_, i) => (i === 0 ? 0 : (-2 * i) / (dim - 2))));
      const rates = Float32Array.from(plain);
      const atLength = (lengths: Tensor): Tensor => {
        const stretch = lengths.mul(factor / originalContext).sub(factor - 1);
        return stretch.maximum(1).log().mul(powers).exp().mul(row(rates));
      };
      return { rates, gain: 1, atLength };
    }
  }
}

/** [1, pairs] */
function row(rates: Float32Array): Tensor {
  return fromHost(rates, { shape: [1, rates.length], dtype: "float32" });
}

function llama3Rate(rate: number, scaling: Llama3Scaling): number {
  const { factor, lowFreqFactor, highFreqFactor, originalContext } = scaling;
  const turns = (originalContext * rate) / (2 * Math.PI);
  if (turns > highFreqFactor) return rate;
  if (turns < lowFreqFactor) return rate / factor;
  const share = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return share * rate + ((1 - share) * rate) / factor;
}

/** How much of the division by `factor` a pair gets: 0 for fast ones to 1 for slow ones. */
function yarnRamp(
  { originalContext, betaFast, betaSlow, isTruncated }: YarnScaling,
  { theta, dim }: { readonly theta: number; readonly dim: number },
): (pair: number) => number {
  // the pair, as a fraction of an index, that makes so many turns in the original context
  const pairOf = (turns: number): number =>
    (dim * Math.log(originalContext / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [low, high] = [pairOf(betaFast), pairOf(betaSlow)];
  const start = Math.max(isTruncated ? Math.floor(low) : low, 0);
  const end = Math.min(isTruncated ? Math.ceil(high) : high, dim - 1);
  const width = start === end ? 0.001 : end - start;
  return (pair) => Math.min(Math.max((pair - start) / width, 0), 1);
}

/**
 * Angles for rotary positions.
 *
 * @param positions - int32, [batch or 1, pos]; where angles depend on the length of the text, the largest is its last position
 */
export function ropeAngles(positions: Tensor, rope: Rope): Rotary {
  const { rates, gain, atLength } = ropeRates(rope);
  if (atLength === undefined) return rotaryAngles(positions, rates, gain);
  const lengths = positions.cast("float32").max({ axis: -1, keepDims: true }).add(1);
  const found = atLength(lengths);
  return rotaryAngles(positions, found.reshape([found.shape[0]!, 1, 1, rates.length]), gain);
}

/**
 * Turns queries and keys, [batch, pos, head, dHead], by their positions; all layers of a pass share it.
 *
 * Where angles depend on the length of the text, a token more turns all earlier keys otherwise and so changes whatever was
 * computed from them: the cache hears of it.
 */
export function ropeTurn(
  { positions, cache }: Pick<DecoderInputs, "positions" | "cache">,
  rope: Rope,
): HeadFunction {
  const { scaling } = rope;
  if (scaling?.kind === "longrope" || scaling?.kind === "dynamic") {
    const isEvery = scaling.kind === "dynamic";
    cache?.revise({ beyond: scaling.originalContext, isEvery });
  }
  const rotary = ropeAngles(positions, rope);
  return (x) => rotate(x, rotary);
}
