// `modular-addition`: a one-layer transformer that has found the rule of addition modulo p from part of the sums.

import {
  wordTokenizerConfig,
  wordTokenizerJson,
} from "../../checkpoints/tokenizer/word-tokenizer.ts";
import { Rng } from "../../core/rng.ts";
import type { LanguageNetwork } from "../../network/language.ts";
import { modularWorld } from "../../worlds/small/index.ts";
import type { ModularProblem, ModularWorld } from "../../worlds/small/index.ts";
import type { Organism } from "../organism.ts";
import { additionAccuracy, FIRST_NUMBER, numberFrequencies } from "./addition-measures.ts";
import type { FrequencyShare } from "./fourier.ts";
import { answerLoss, textRows, trained } from "./text-rows.ts";
import type { TextRows } from "./text-rows.ts";

/** Options of `modularAdditionOrganism`. */
export interface ModularAdditionOptions {
  /** Of the weights. Which pairs are held out is the same for all. Default 1. */
  seed?: number;
  /** The modulus, 2 to 1000. Default 53. */
  p?: number;
  /** Share of all pairs that it learns from, above 0 and below 1. Default 0.6. */
  trainShare?: number;
  /** Width of the residual stream; four heads divide it, and the MLP is four times as wide. Default 64. */
  width?: number;
  /** Updates, each with all pairs. Default 500. */
  steps?: number;
}

/** How many frequencies the skill of that name counts. */
const FEW = 8;

/**
 * A one-layer GPT-2 that reads `12 50 =` and gives the sum modulo p.
 *
 * It is trained on all known pairs at once, under a weight decay so strong that the rule costs less than a table of sums: numbers become
 * angles at a few frequencies, and these are added.
 *
 * @throws PatchClampError what `modularWorld` throws
 * @source Nanda et al. 2023, "Progress measures for grokking via mechanistic interpretability", arXiv:2301.05217: their network without
 * the layer norms; here it is smaller, sees more of the pairs and takes larger steps, so that it gets there in a few hundred of them
 */
export function modularAdditionOrganism(
  options: ModularAdditionOptions = {},
): Organism<LanguageNetwork> {
  const { seed = 1, width = 64, steps = 500 } = options;
  const world = additionWorld(options);
  const { p, problems } = world;
  const tokenizer = wordTokenizerJson(world.vocabulary, { addBos: false });
  const rows = knownSums(world);
  return {
    name: "modular-addition",
    description: `A one-layer GPT-2 that adds modulo ${p}; it learned the rule from ${problems.train.length} of ${p * p} sums.`,
    config: {
      architectures: ["GPT2LMHeadModel"],
      model_type: "gpt2",
      vocab_size: FIRST_NUMBER + world.vocabulary.length,
      n_positions: 4,
      n_embd: width,
      n_layer: 1,
      n_head: 4,
      n_inner: 4 * width,
      activation_function: "relu",
      layer_norm_epsilon: 1e-5,
      bos_token_id: 2,
      eos_token_id: 3,
      pad_token_id: 1,
      tie_word_embeddings: false,
    },
    tokenizer: { json: tokenizer, config: wordTokenizerConfig() },
    recipe: {
      steps,
      tokens: 4 * problems.train.length,
      learningRate: 0.01,
      warmupSteps: 20,
      weightDecay: 4,
      clip: 1,
      seed,
      batch: () => rows,
      loss: (net, params, batch: TextRows) => answerLoss(net, params, batch),
    },
    skills: [
      {
        name: "sums never seen",
        meaning:
          "The likeliest word after a pair that training did not have, either way round, is its sum.",
        bar: 0.99,
        measure: (net, { seed: drawing, count }) =>
          additionAccuracy(net, new Rng(drawing).shuffle(problems.heldOut).slice(0, count)),
      },
      {
        name: "few frequencies",
        meaning: `Part of what distinguishes the embeddings of numbers that the ${FEW} strongest of ${Math.floor(p / 2)} frequencies hold.`,
        bar: 0.9,
        measure: async (net) => {
          const shares = await numberFrequencies(net, p);
          return shares.slice(0, FEW).reduce((sum, { share }) => sum + share, 0);
        },
      },
    ],
    limits: [
      `It knows the numbers 0 to ${p - 1} and sums of two of them, written as \`12 50 =\`; other texts mean nothing to it.`,
    ],
  };
}

/** The sums that a network learns, and those that it does not see. */
function additionWorld({ p = 53, trainShare = 0.6 }: ModularAdditionOptions): ModularWorld {
  return modularWorld({ p, trainShare });
}

function tokensOf(world: ModularWorld, { a, b, answer }: ModularProblem): number[] {
  return [a, b, world.p, answer].map((word) => FIRST_NUMBER + word); // word p is `=`
}

function knownSums(world: ModularWorld): TextRows {
  return textRows(
    world.problems.train.map((problem) => ({ tokens: tokensOf(world, problem), answers: [3] })),
  );
}

/** `organism:modular-addition`. */
export const modularAddition: Organism<LanguageNetwork> = modularAdditionOrganism();

/** Options of `trainModularAddition`. */
export interface TrainModularAdditionOptions extends ModularAdditionOptions {
  signal?: AbortSignal;
}

/** A network that adds, with what is true of it. */
export interface TrainedModularAddition {
  readonly network: LanguageNetwork;
  readonly world: ModularWorld;
  /** Share of right sums among those that training had, and among those that it had not. */
  readonly accuracy: { readonly train: number; readonly heldOut: number };
  /** The frequencies of its number embeddings, the strongest first. */
  readonly frequencies: readonly FrequencyShare[];
}

/**
 * Trains a network that adds modulo p, in about twenty seconds.
 *
 * @throws PatchClampError what `modularWorld` throws; `ABORTED` when the signal stops it
 */
export async function trainModularAddition(
  options: TrainModularAdditionOptions = {},
): Promise<TrainedModularAddition> {
  const network = await trained(modularAdditionOrganism(options), options.signal);
  const world = additionWorld(options);
  return {
    network,
    world,
    accuracy: {
      train: await additionAccuracy(network, world.problems.train),
      heldOut: await additionAccuracy(network, world.problems.heldOut),
    },
    frequencies: await numberFrequencies(network, world.p),
  };
}
