// `induction`: a two-layer transformer that goes on with what repeats, and has nothing but attention to do it with.

import {
  wordTokenizerConfig,
  wordTokenizerJson,
} from "../../checkpoints/tokenizer/word-tokenizer.ts";
import { Rng } from "../../core/rng.ts";
import type { LanguageNetwork } from "../../network/language.ts";
import type { Split } from "../../worlds/split.ts";
import { repeatedVocabulary, repeatedWords } from "../../worlds/small/index.ts";
import type { MeasureOptions, Organism } from "../organism.ts";
import { answerAccuracy, headScores } from "./induction-heads.ts";
import type { HeadScores } from "./induction-heads.ts";
import { answerLoss, textRows, trained } from "./text-rows.ts";
import type { MarkedText, TextRows } from "./text-rows.ts";

/** Options of `inductionOrganism`. */
export interface InductionOptions {
  /** Of the batches and the weights. Default 1. */
  seed?: number;
  /** Width of the residual stream, which the heads divide. Default 64. */
  width?: number;
  /** Heads in each layer. Default 4. */
  heads?: number;
  /** Default 400. */
  steps?: number;
}

/** Rows in a batch. */
const ROWS = 32;

/**
 * A two-layer Llama, all but without MLPs, that reads rows of random words which come again and again.
 *
 * @source Olsson et al. 2022, "In-context Learning and Induction Heads", arXiv:2209.11895; theirs has no MLPs at all, for which
 * Llama's config has no word, so that here they have 4 neurons
 */
export function inductionOrganism(options: InductionOptions = {}): Organism<LanguageNetwork> {
  const { seed = 1, width = 64, heads = 4, steps = 400 } = options;
  return {
    name: "induction",
    description:
      "A two-layer Llama, all but without MLPs, that goes on with rows of words that repeat.",
    config: {
      architectures: ["LlamaForCausalLM"],
      model_type: "llama",
      vocab_size: ids.size,
      hidden_size: width,
      intermediate_size: 4,
      num_hidden_layers: 2,
      num_attention_heads: heads,
      num_key_value_heads: heads,
      max_position_embeddings: 128,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      hidden_act: "silu",
      attention_bias: false,
      bos_token_id: ids.get("<bos>")!,
      eos_token_id: ids.get("<eos>")!,
      pad_token_id: ids.get("<pad>")!,
      tie_word_embeddings: false,
    },
    tokenizer: { json: wordTokenizerJson(repeatedVocabulary), config: wordTokenizerConfig() },
    recipe: {
      steps,
      tokens: ROWS * 40,
      learningRate: 3e-3,
      warmupSteps: 50,
      weightDecay: 0.01,
      clip: 1,
      seed,
      batch: (index) =>
        textRows(repeatedTexts(new Rng(seed).split("batch").split(index), { count: ROWS })),
      loss: (net, params, batch: TextRows) => answerLoss(net, params, batch),
    },
    skills: [
      {
        name: "repeated sequences",
        meaning:
          "The likeliest word is the one that came next before, in rows of words that training never saw in that order.",
        bar: 0.95,
        measure: (net, how) => answerAccuracy(net, measured(how)),
      },
      {
        name: "prefix matching",
        meaning:
          "How much the best head of the second layer looks at what came after the present word before.",
        bar: 0.7,
        measure: async (net, how) => {
          const scores = await headScores(
            net,
            measured(how).map(({ tokens }) => tokens),
          );
          return Math.max(...scores.map((one) => (one.layer === 1 ? one.prefixMatching : 0)));
        },
      },
    ],
    limits: [
      "It has seen nothing but random words that repeat; what is likely in a text it does not know.",
    ],
  };
}

const ids: ReadonlyMap<string, number> = new Map(
  ["<unk>", "<pad>", "<bos>", "<eos>", ...repeatedVocabulary].map((word, id) => [word, id]),
);

/**
 * Draws rows of repeated words as tokens: `<bos>`, then 39 words; answers are what follows from the repetition.
 *
 * @param rng - advances; the same state gives the same rows
 */
export function repeatedTexts(
  rng: Rng,
  { count, split = "train" }: { count: number; split?: Split },
): MarkedText[] {
  return Array.from({ length: count }, () => {
    const { words, predictable } = repeatedWords(rng, { split });
    return {
      tokens: ["<bos>", ...words].map((word) => ids.get(word)!),
      answers: predictable.map((place) => place + 1),
    };
  });
}

function measured({ seed, count }: MeasureOptions): MarkedText[] {
  return repeatedTexts(new Rng(seed), { count, split: "heldOut" });
}

/** `organism:induction`. */
export const induction: Organism<LanguageNetwork> = inductionOrganism();

/** Options of `trainInduction`. */
export interface TrainInductionOptions extends InductionOptions {
  signal?: AbortSignal;
}

/** A network that goes on with repetitions, with what is true of it. */
export interface TrainedInduction {
  readonly network: LanguageNetwork;
  /** Share of right answers in rows that training did not have. */
  readonly accuracy: number;
  /** What each head looks at there. */
  readonly heads: readonly HeadScores[];
}

/**
 * Trains a network with induction heads, in about five seconds.
 *
 * @throws PatchClampError `ABORTED` when the signal stops it
 */
export async function trainInduction(
  options: TrainInductionOptions = {},
): Promise<TrainedInduction> {
  const network = await trained(inductionOrganism(options), options.signal);
  const texts = measured({ seed: 1, count: 100 });
  return {
    network,
    accuracy: await answerAccuracy(network, texts),
    heads: await headScores(
      network,
      texts.map(({ tokens }) => tokens),
    ),
  };
}
