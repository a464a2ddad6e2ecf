// The toy model of superposition: features are squeezed through fewer dimensions and read out again through the same
// weights. What each feature is written as is known, which makes it a test of whatever claims to find features.

import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import { defineNetwork } from "../../network/network.ts";
import type { Network } from "../../network/network.ts";
import type { Tap } from "../../network/tap.ts";
import { adamW, cosineDecay, train, xavierNormal } from "../../nn/index.ts";
import { showShape } from "../../tensor/op.ts";
import { tensor } from "../../tensor/ops/creation.ts";
import { Tensor } from "../../tensor/tensor.ts";

/** Values of features, one row an example: [rows, features]. */
export type FeatureRows = Tensor | readonly (readonly number[])[];

/** A network from features through a bottleneck to the same features. Sites: `input`, `hidden`, `output`. */
export type FeatureNetwork = Network<FeatureRows>;

type Params = {
  /** [hidden, features] */
  readonly weight: Tensor;
  /** [features] */
  readonly bias: Tensor;
};

/**
 * Makes the network x' = ReLU(W^T W x + b).
 *
 * Sites: `input` x and `output` x', [rows, features], and `hidden` W x, [rows, hidden].
 *
 * @param name - what errors and reports call it
 * @param params - weight W, [hidden, features], and bias b, [features]
 * @source Elhage et al. 2022, "Toy Models of Superposition", arXiv:2209.10652, section 2
 */
export function toyAutoencoder(name: string, params: Params): FeatureNetwork {
  const [hidden, features] = params.weight.shape as [number, number];
  return defineNetwork<FeatureRows>({
    name,
    params,
    config: { hidden, features },
    forward,
    output: "output",
    prepare: (given) => ({ x: featureRows(name, given, features) }),
    example: () => [Array.from({ length: features }, (_, i) => (i === 0 ? 1 : 0))],
  });
}

function forward({ weight, bias }: Params, { x }: { readonly x: Tensor }, tap: Tap): Tensor {
  const hidden = tap("hidden", tap("input", x).matmul(weight, { transposeB: true }));
  return tap("output", hidden.matmul(weight).add(bias).relu());
}

function featureRows(where: string, given: FeatureRows, features: number): Tensor {
  const x = given instanceof Tensor ? given : tensor(given);
  if (x.rank === 2 && x.shape[1] === features) return x;
  throw new PatchClampError("SHAPE_MISMATCH", {
    where,
    problem: `expected rows of ${features} features, [rows, ${features}], got ${showShape(x.shape)}.`,
  });
}

/** How a toy model is trained. */
export interface ToyTraining {
  /** Dimensions of the bottleneck, at least 1. */
  readonly hidden: number;
  /** What an error in each feature counts, [features]. */
  readonly importance: Float32Array;
  /** Draws rows of features, [rows, features]. */
  readonly draw: (rng: Rng, rows: number) => Float32Array;
  readonly seed: number;
  readonly steps: number;
  /** Examples in a step. */
  readonly rows: number;
  /** It falls to a hundredth of this along a cosine. */
  readonly learningRate: number;
  readonly signal?: AbortSignal | undefined;
}

/** A trained toy model. */
export interface ToyModel {
  readonly network: FeatureNetwork;
  /** What each feature that is on at 1 adds to `hidden`: [features][hidden]. This is what there is to be found. */
  readonly directions: readonly Float32Array[];
  /** Mean squared error weighted by importance, over rows that training has not seen. */
  readonly loss: number;
}

/** Examples in the measurement of the loss. */
const MEASURED_ROWS = 10_000;

/**
 * Trains a toy model with Adam.
 *
 * @throws PatchClampError `ABORTED` when the signal stops it
 */
export async function trainToyAutoencoder(name: string, options: ToyTraining): Promise<ToyModel> {
  const { hidden, importance, seed, steps, rows, learningRate, signal } = options;
  const features = importance.length;
  const rng = new Rng(seed);
  const batch = (part: string, index: number, count: number): { x: Tensor } => ({
    x: tensor(options.draw(rng.split(part).split(index), count), { shape: [count, features] }),
  });
  const fresh: Params = {
    weight: xavierNormal([hidden, features], { seed: rng.split("weights").word() }),
    bias: tensor(new Float32Array(features), { shape: [features] }),
  };
  const untrained = toyAutoencoder(name, fresh);
  const weights = tensor(importance, { shape: [features] });
  const loss = (params: Params, inputs: { x: Tensor }): Tensor => {
    const output = untrained.applyTap(inputs, {}, params).get("output")!;
    return output.sub(inputs.x).square().mul(weights).mean();
  };
  const run = train({
    params: fresh,
    loss,
    batches: (index) => batch("train", index, rows),
    optimiser: adamW({ weightDecay: 0 }),
    schedule: cosineDecay({ from: learningRate, to: learningRate / 100, steps }),
    steps,
    seed,
    signal,
  });
  for await (const _ of run);
  const { params } = run;
  return {
    network: toyAutoencoder(name, params),
    directions: columns(await params.weight.numbers(), features),
    loss: await loss(params, batch("measure", 0, MEASURED_ROWS)).item(),
  };
}

/** The columns of a matrix, [rows, columns] in row-major order. */
function columns(data: ArrayLike<number>, count: number): Float32Array[] {
  return Array.from({ length: count }, (_, i) =>
    Float32Array.from({ length: data.length / count }, (__, row) => data[row * count + i]!),
  );
}
