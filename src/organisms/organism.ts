// An organism: a small network trained here on a world whose truth is known, described well enough to be trained again.

import type { Tree } from "../core/tree.ts";
import type { EncoderNetwork } from "../network/encoder.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { Seq2SeqNetwork } from "../network/seq2seq.ts";
import type { VisionLanguageNetwork } from "../network/vision-language.ts";
import type { VisionNetwork } from "../network/vision.ts";
import type { LossContext, LossResult } from "../nn/index.ts";
import type { Rng } from "../core/rng.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What organisms are. */
export type OrganismNetwork =
  | LanguageNetwork
  | EncoderNetwork
  | Seq2SeqNetwork
  | VisionNetwork
  | VisionLanguageNetwork;

/** How many samples are measured, and which. */
export interface MeasureOptions {
  readonly seed: number;
  readonly count: number;
}

/** A held-out measurement, and what it must reach. */
export interface Skill<N extends OrganismNetwork = OrganismNetwork> {
  readonly name: string;
  /** What is counted, in one sentence. */
  readonly meaning: string;
  /** Lowest share that the card promises, 0..1. */
  readonly bar: number;
  /**
   * Measures the skill on fresh held-out samples.
   *
   * @returns share in 0..1
   */
  measure(net: N, options: MeasureOptions): Promise<number>;
}

/** What a recipe's loss knows besides parameters and batch. */
export interface RecipeContext extends LossContext {
  /** What the recipe's `extra` made, as trained so far; `{}` where it makes nothing. */
  readonly extra: Tree<Tensor>;
}

/** How an organism is trained. Everything is a function of the seed. */
export interface Recipe<
  N extends OrganismNetwork = OrganismNetwork,
  B extends Tree<Tensor> = Tree<Tensor>,
> {
  readonly steps: number;
  /** Tokens, or images, that a batch holds. */
  readonly tokens: number;
  /** Highest learning rate; it rises for `warmupSteps` and falls to a fiftieth along a cosine. */
  readonly learningRate: number;
  readonly warmupSteps: number;
  /** What the learning rate of a parameter is multiplied by. Default: 1. */
  rateScale?(path: string): number;
  readonly weightDecay: number;
  /** Largest gradient norm. */
  readonly clip: number;
  readonly seed: number;
  /** Batch number `index` of the run with that seed; a function of the two alone. */
  batch(index: number, seed: number): B;
  /** Mean loss of a batch with given parameters. Traced. */
  loss(net: N, params: Tree<Tensor>, batch: B, context: RecipeContext): Tensor | LossResult;
  /** Parameters that are trained along and not kept, such as a decoder that is there to train its encoder. Default: none. */
  extra?(rng: Rng): Tree<Tensor>;
  /** Numbers of steps after which the network is kept as well, in `checkpoints/STEP`. Default: none. */
  readonly moments?: readonly number[];
  /** A parameter before training, where it is not to be drawn as `freshTensor` does it. */
  initial?(
    path: string,
    shape: readonly number[],
    rng: Rng,
  ): Tensor | undefined | Promise<Tensor | undefined>;
}

/** Text in and out. */
export interface OrganismTokenizer {
  /** tokenizer.json */
  readonly json: Readonly<Record<string, unknown>>;
  /** tokenizer_config.json */
  readonly config: Readonly<Record<string, unknown>>;
}

/** An organism that comes with the package. */
export interface Organism<N extends OrganismNetwork = OrganismNetwork> {
  /** As in `organism:NAME`. */
  readonly name: string;
  readonly description: string;
  /** config.json of the network. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly tokenizer?: OrganismTokenizer;
  /** preprocessor_config.json, of those that look at pictures. */
  readonly pictures?: Readonly<Record<string, unknown>>;
  readonly recipe: Recipe<N>;
  readonly skills: readonly Skill<N>[];
  /** What it cannot do or was not taught, in sentences for its card. */
  readonly limits?: readonly string[];
}
