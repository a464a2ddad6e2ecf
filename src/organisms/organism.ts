// An organism: a small network trained here on a world whose truth is known, described well enough to be trained again.

import type { LanguageNetwork } from "../network/language.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A held-out measurement, and what it must reach. */
export interface Skill {
  readonly name: string;
  /** What is counted, in one sentence. */
  readonly meaning: string;
  /** Lowest share that the card promises, 0..1. */
  readonly bar: number;
  /**
   * Measures the skill on fresh held-out samples.
   *
   * @param count - how many samples
   * @returns share in 0..1
   */
  readonly measure: (
    net: LanguageNetwork,
    options: { seed: number; count: number },
  ) => Promise<number>;
}

/** How an organism is trained. */
export interface Recipe {
  /** config.json of the network. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly steps: number;
  readonly batch: number;
  readonly pos: number;
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly weightDecay: number;
  /** Largest gradient norm. */
  readonly clip: number;
  readonly seed: number;
  /** Token ids of batch number `index`, [batch, pos]; a function of seed and index alone. */
  readonly tokens: (index: number) => Tensor;
}

/** An organism that comes with the package. */
export interface Organism {
  /** As in `organism:NAME`. */
  readonly name: string;
  readonly description: string;
  readonly tokenizerJson: () => Record<string, unknown>;
  readonly tokenizerConfig: () => Record<string, unknown>;
  readonly recipe: Recipe;
  readonly skills: readonly Skill[];
}
