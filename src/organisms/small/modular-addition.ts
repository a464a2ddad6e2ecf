// `modular-addition`: a one-layer transformer that has found the rule of addition modulo p from part of the sums.

import {
  wordTokenizerConfig,
  wordTokenizerJson,
} from "../../checkpoints/tokenizer/word-tokenizer.ts";
import { Rng } from "../../core/rng.ts";
import type { Tree } from "../../core/tree.ts";
import { LanguageNetwork } from "../../network/language.ts";
import { tensor } from "../../tensor/ops/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { modularWorld } from "../../worlds/small/index.ts";
import type { ModularProblem, ModularWorld } from "../../worlds/small/index.ts";
import type { Organism } from "../organism.ts";
import { frequencyShares, onlyFrequencies } from "./fourier.ts";
import type { FrequencyShare } from "./fourier.ts";
import { answerLoss, textRows, trained } from "./text-rows.ts";
import type { TextRows } from "./text-rows.ts";

/** Options of `modularAdditionOrganism`. */
export interface ModularAdditionOptions {
  /** Of the split and the weights. Default 3. */
  seed?: number;
  /** The modulus, 2 to 1000. Default 53. */
  p?: number;
  /** Share of all pairs that it learns from, above 0 and below 1. Default 0.6. */
  trainShare?: number;
  /** Width of the residual stream; four heads divide it, and the MLP is four times as wide. Default 64. */
  width?: number;
  /** Updates, each with all pairs. Default 1000. */
  steps?: number;
}

/** How many frequencies the skill of that name counts. */
const FEW = 6;

/**
 * A one-layer GPT-2 that reads `12 50 =` and gives the sum modulo p.
 *
 * It is trained with strong weight decay on all known pairs at once. First it learns them by heart; then it finds the rule, by turning
 * numbers into angles at a few frequencies and adding those.
 *
 * @throws PatchClampError what `modularWorld` throws
 * @source Nanda et al. 2023, "Progress measures for grokking via mechanistic interpretability", arXiv:2301.05217: their network without
 * the layer norms; here it is smaller, sees more of the pairs and takes larger steps, so that it gets there in a thousand of them
 */
export function modularAdditionOrganism(
  options: ModularAdditionOptions = {},
): Organism<LanguageNetwork> {
  const { width = 64, steps = 1000 } = options;
  const { seed, p, trainShare, world } = additionWorld(options);
  const tokenizer = wordTokenizerJson(world.vocabulary, { addBos: false });
  const rows = knownSums(world);
  return {
    name: "modular-addition",
    description: `A one-layer GPT-2 that adds modulo ${p}; it saw ${Math.round(100 * trainShare)} % of the pairs.`,
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
      tokens: 4 * world.problems.train.length,
      learningRate: 0.01,
      warmupSteps: 20,
      weightDecay: 2,
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
          additionAccuracy(net, new Rng(drawing).shuffle(world.problems.heldOut).slice(0, count)),
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

/** What an organism learns, by its options. */
function additionWorld({ seed = 3, p = 53, trainShare = 0.6 }: ModularAdditionOptions): {
  readonly seed: number;
  readonly p: number;
  readonly trainShare: number;
  readonly world: ModularWorld;
} {
  return { seed, p, trainShare, world: modularWorld({ p, trainShare, seed }) };
}

/** Special tokens come before the numbers. */
const FIRST_NUMBER = 4;

function tokensOf(world: ModularWorld, { a, b, answer }: ModularProblem): number[] {
  return [a, b, world.p, answer].map((word) => FIRST_NUMBER + word); // word p is `=`
}

function knownSums(world: ModularWorld): TextRows {
  return textRows(
    world.problems.train.map((problem) => ({ tokens: tokensOf(world, problem), answers: [3] })),
  );
}

/** The share of sums that a network gives rightly, 0..1. */
export async function additionAccuracy(
  net: LanguageNetwork,
  problems: readonly ModularProblem[],
): Promise<number> {
  const { logits } = net.trace(problems.map(({ words }) => words.join(" ")));
  const best = await logits.slice({ axis: 1, start: -1 }).argmax({ axis: -1 }).numbers();
  const hits = problems.filter(({ answer }, i) => net.tokenizer.token(best[i]!) === String(answer));
  return hits.length / problems.length;
}

/** The frequencies of the embeddings of 0..p-1, the strongest first. */
export async function numberFrequencies(
  net: LanguageNetwork,
  p: number,
): Promise<FrequencyShare[]> {
  const rows = await embeddingRows(net);
  return frequencyShares(rows.slice(FIRST_NUMBER, FIRST_NUMBER + p));
}

/**
 * The same network with number embeddings that have some of their frequencies only, to see which of them the sum is made of.
 *
 * @param p - the modulus
 * @param frequencies - what stays, each in 1..p/2
 * @source Nanda et al. 2023, arXiv:2301.05217, section 5.1 (restricted and excluded loss, there of the logits)
 */
export async function withFrequencies(
  net: LanguageNetwork,
  p: number,
  frequencies: readonly number[],
): Promise<LanguageNetwork> {
  const { name, config, forward, tokenizer, params } = net;
  const rows = await embeddingRows(net);
  const numbers = rows.slice(FIRST_NUMBER, FIRST_NUMBER + p);
  rows.splice(FIRST_NUMBER, p, ...onlyFrequencies(numbers, frequencies));
  return new LanguageNetwork({
    name,
    config,
    forward,
    tokenizer,
    params: { ...(params as Record<string, Tree<Tensor>>), embed: tensor(rows) },
  });
}

/** The embedding of every token, [dVocab][dModel]. */
async function embeddingRows(net: LanguageNetwork): Promise<number[][]> {
  const { embed } = net.params as { readonly embed: Tensor };
  const data = Array.from(await embed.numbers());
  const size = embed.shape[1]!;
  return Array.from({ length: embed.shape[0]! }, (_, id) => data.slice(id * size, (id + 1) * size));
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
 * Trains a network that adds modulo p, in about half a minute; `p: 31` takes a few seconds.
 *
 * @throws PatchClampError what `modularWorld` throws; `ABORTED` when the signal stops it
 */
export async function trainModularAddition(
  options: TrainModularAdditionOptions = {},
): Promise<TrainedModularAddition> {
  const network = await trained(modularAdditionOrganism(options), options.signal);
  const { world } = additionWorld(options);
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
