// A direction that is trained end to end: added at a site, it makes the positive texts likelier than the negative ones, and taken away,
// the other way round.

import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import { adamW } from "../../nn/optimisers.ts";
import { train } from "../../nn/trainer.ts";
import { zeros, tensor } from "../../tensor/ops/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { LanguageNetwork } from "../language.ts";
import type { ContrastRows } from "./contrast.ts";
import type { TextBatch } from "./learn-likelihood.ts";
import { logLikelihood, textBatch, textLikelihoods } from "./learn-likelihood.ts";

/** Options of the method `gradient`. */
export interface SteeringGradientOptions {
  /** Updates. Default 60: on small networks, the loss of held-out pairs is flat by then. */
  readonly steps?: number;
  /**
   * Learning rate of AdamW, in root mean squares of the vector at its longest. It falls to zero in a straight line. Default 0.4, which
   * takes the vector there in some three steps that agree; on small networks 0.2 to 0.8 do as well.
   */
  readonly learningRate?: number;
  /** How fast a gain in nats counts for less, above 0. Default 0.1. */
  readonly beta?: number;
  /** Pairs in a step. Default 8. */
  readonly batch?: number;
  /** The longest the vector may be, in activation units. Default: the length of half the difference of means. */
  readonly maxNorm?: number;
}

/** The value of Cao et al. 2024. */
const BETA = 0.1;

const BATCH = 8;

/** Losses in nats a pair; ln 2 is that of no direction. */
export interface LossChange {
  readonly before: number;
  readonly after: number;
}

/** What a step is given. */
export type PairBatch = {
  /** The positive texts, then the negative ones. */
  readonly texts: TextBatch;
  /** Log-probabilities of these texts without a direction, [batch]. */
  readonly reference: Tensor;
};

/**
 * The loss of a direction, for both signs d of it:  mean of -log sigmoid(d β [gain of the positive text - gain of the negative one]), a gain
 * being log p with d times the vector less log p without.
 *
 * @param vector - [width], in activation units
 * @returns nats a pair, a scalar
 * @source Cao et al. 2024, arXiv:2406.00045, equation 3; both signs in every step, where they draw one
 */
export function preferenceLoss(
  net: LanguageNetwork,
  vector: Tensor,
  { texts, reference }: PairBatch,
  { site, beta }: { readonly site: string; readonly beta: number },
): Tensor {
  const pairs = reference.shape[0]! / 2;
  const losses = [1, -1].map((sign) => {
    const nats = logLikelihood(net, texts, { site, apply: (x) => x.add(vector.mul(sign)) });
    const [positive, negative] = nats.sub(reference).split({ axis: 0, sizes: [pairs, pairs] });
    // -log sigmoid(z) = softplus(-z)
    return positive!
      .sub(negative!)
      .mul(-sign * beta)
      .softplus()
      .mean();
  });
  return losses[0]!.add(losses[1]!).mul(0.5);
}

/**
 * Trains a vector, starting from none, within a ball.
 *
 * @param maxNorm - (option) radius of the ball, in activation units
 * @returns the vector in activation units
 * @throws PatchClampError `BAD_OPTION` when an option is out of range
 * @source Cao et al. 2024, arXiv:2406.00045 (loss, optimiser); Dunefsky & Cohan 2025, arXiv:2502.18862 (few examples do, within a norm)
 */
export async function trainDirection(
  where: string,
  net: LanguageNetwork,
  rows: ContrastRows,
  options: SteeringGradientOptions & {
    readonly site: string;
    readonly maxNorm: number;
    readonly seed: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Float32Array> {
  const { steps = 60, learningRate = 0.4, beta = BETA, batch = BATCH } = options;
  const { maxNorm, site, seed, signal } = options;
  checkOptions(where, { steps, learningRate, beta, batch, maxNorm });
  const { shape } = net.sites().find(({ name }) => name === site)!;
  const make = await pairBatcher(net, rows);
  const draw = pairDraws(rows.positive.length, batch, seed);
  const training = train({
    params: { vector: zeros([shape.at(-1)!]) },
    loss: ({ vector }, pairs: PairBatch) =>
      preferenceLoss(net, withinBall(vector).mul(maxNorm), pairs, { site, beta }),
    batches: (index) => make(draw(index)),
    optimiser: adamW({ weightDecay: 0 }),
    schedule: (step) => learningRate * (1 - step / steps),
    steps,
    seed,
    signal,
  });
  for await (const _ of training) continue;
  const vector = await withinBall(training.params.vector).mul(maxNorm).numbers();
  return Float32Array.from(vector);
}

/**
 * A vector of root mean square 1 at most, as one of length 1 at most: so a rate means the same at every width.
 */
function withinBall(vector: Tensor): Tensor {
  // the root of a number that is never 0, where its slope would be infinite
  return vector.div(vector.square().sum().maximum(vector.size).sqrt());
}

/** The mean loss of a vector over all pairs, in nats a pair. */
export async function pairLoss(
  net: LanguageNetwork,
  rows: ContrastRows,
  options: { site: string; vector: Float32Array; beta?: number | undefined },
): Promise<number> {
  const { site, vector, beta = BETA } = options;
  const make = await pairBatcher(net, rows);
  const all = rows.positive.map((_, i) => i);
  let sum = 0;
  for (let start = 0; start < all.length; start += BATCH) {
    const pairs = all.slice(start, start + BATCH);
    const loss = preferenceLoss(net, tensor(vector), make(pairs), { site, beta });
    sum += (await loss.item()) * pairs.length;
  }
  return sum / all.length;
}

/** Makes batches of chosen pairs, all padded to one length so that they share a graph. */
async function pairBatcher(
  net: LanguageNetwork,
  { positive, negative }: ContrastRows,
): Promise<(pairs: readonly number[]) => PairBatch> {
  const above = await textLikelihoods(net, positive);
  const below = await textLikelihoods(net, negative);
  const pos = Math.max(...[...positive, ...negative].map(({ ids }) => ids.length));
  return (pairs) => {
    const both = <T>(up: readonly T[], down: readonly T[]): T[] => [
      ...pairs.map((i) => up[i]!),
      ...pairs.map((i) => down[i]!),
    ];
    return {
      texts: textBatch(both(positive, negative), pos),
      reference: tensor(Float32Array.from(both(above, below))),
    };
  };
}

/** Draws pairs at random, every one once before any comes again; a function of the number of the batch. */
function pairDraws(count: number, batch: number, seed: number): (index: number) => number[] {
  const size = Math.min(batch, count);
  const rng = new Rng(seed).split("pairs");
  return (index) =>
    Array.from({ length: size }, (_, i) => {
      const draw = index * size + i;
      return rng.split(Math.floor(draw / count)).permutation(count)[draw % count]!;
    });
}

function checkOptions(where: string, options: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(options)) {
    const isCount = name === "steps" || name === "batch";
    if (value > 0 && Number.isFinite(value) && (!isCount || Number.isInteger(value))) continue;
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `${name} is ${value}, not a ${isCount ? "whole number from 1" : "number above 0"}.`,
    });
  }
}
