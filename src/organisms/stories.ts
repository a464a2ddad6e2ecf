// The first organism: a four-layer GPT-2 that has read the stories world.

import { wordTokenizerConfig, wordTokenizerJson } from "../checkpoints/tokenizer/word-tokenizer.ts";
import { Rng } from "../core/rng.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  giftPrompts,
  moodOf,
  moodPrompts,
  patternPrompts,
  storiesBatch,
  storiesVocabulary,
} from "../worlds/index.ts";
import { nextTokenLoss } from "./decoder.ts";
import type { Organism, Skill } from "./organism.ts";

const SPECIAL_TOKENS = 4; // <unk> <pad> <bos> <eos> come before the words
const words = storiesVocabulary.filter((word) => !word.startsWith("<"));
const ids = new Map(words.map((word, i) => [word, i + SPECIAL_TOKENS]));
for (const [i, special] of ["<unk>", "<pad>", "<bos>", "<eos>"].entries()) ids.set(special, i);

const SEED = 7;
const BATCH = 32;
const POS = 64;
const WIDTH = 128;

const config = {
  architectures: ["GPT2LMHeadModel"],
  model_type: "gpt2",
  vocab_size: words.length + SPECIAL_TOKENS,
  n_positions: POS,
  n_embd: WIDTH,
  n_layer: 4,
  n_head: 4,
  n_inner: 4 * WIDTH,
  activation_function: "gelu_new",
  layer_norm_epsilon: 1e-5,
  bos_token_id: 2,
  eos_token_id: 2, // a text ends where the next one begins
  pad_token_id: 1,
  tie_word_embeddings: true,
};

const giftSkill: Skill<LanguageNetwork> = {
  name: "indirect objects",
  meaning:
    "After a gift sentence such as “When Mira and Tomo met, Mira gave the cup to”, the receiver is likeliest of all words.",
  bar: 0.95,
  measure: async (net, { seed, count }) => {
    const prompts = giftPrompts(new Rng(seed), count);
    const next = await likeliestNext(
      net,
      prompts.map(({ prompt }) => prompt),
    );
    return share(prompts.map(({ answer }, i) => next[i] === answer));
  },
};

const patternSkill: Skill<LanguageNetwork> = {
  name: "repeated patterns",
  meaning:
    "In a sequence of random words that repeats, words that follow from the repetition are likeliest of all words.",
  bar: 0.9,
  measure: async (net, { seed, count }) => {
    const prompts = patternPrompts(new Rng(seed), count);
    const { logits } = await net.run({
      prompts: prompts.map(({ text }) => text),
      padding: "right",
    });
    const best = await logits.argmax({ axis: -1 }).data();
    const pos = logits.shape[1]!;
    // word i is predicted at position i, since <bos> stands before the first word
    return share(
      prompts.flatMap(({ words: text, predictable }, row) =>
        predictable.map((i) => Number(best[row * pos + i]) === ids.get(text[i]!)),
      ),
    );
  },
};

const moodSkill: Skill<LanguageNetwork> = {
  name: "mood of endings",
  meaning:
    "A story whose beginning is happy or sad, continued at temperature 1, ends in that mood and not the other.",
  bar: 0.95,
  measure: async (net, { seed, count }) => {
    const prompts = moodPrompts(new Rng(seed), count);
    const beginnings = prompts.map(({ prompt }) => prompt);
    // a whole text fits the context, so what is left of it holds any ending
    const room = POS - Math.max(...net.tokens(beginnings).lengths);
    const maxTokens = Math.min(20, room);
    const endings = await net.complete(beginnings, { maxTokens, temperature: 1, seed });
    return share(prompts.map(({ mood }, i) => moodOf(endings[i]!) === mood));
  },
};

/** The likeliest next word of each prompt. */
async function likeliestNext(net: LanguageNetwork, prompts: readonly string[]): Promise<string[]> {
  const { logits } = net.trace(prompts);
  const best = await logits.slice({ axis: 1, start: -1 }).argmax({ axis: -1 }).numbers();
  return Array.from(best, (id) => net.tokenizer.token(id));
}

function share(hits: readonly boolean[]): number {
  return hits.filter(Boolean).length / hits.length;
}

/** `organism:stories`. */
export const stories: Organism<LanguageNetwork> = {
  name: "stories",
  description:
    "A four-layer GPT-2 that tells tiny stories about gifts, moods and repeated patterns.",
  config,
  tokenizer: {
    json: wordTokenizerJson(words),
    // <bos> parts the texts of a batch, so it is also where a text ends
    config: { ...wordTokenizerConfig(), eos_token: "<bos>" },
  },
  recipe: {
    steps: 3500,
    tokens: BATCH * POS,
    learningRate: 2e-3,
    warmupSteps: 200,
    weightDecay: 0.01,
    clip: 1,
    seed: SEED,
    batch: (index, seed) => ({ tokens: tokensOf(index, seed) }),
    loss: (net, params, { tokens }: { tokens: Tensor }) => nextTokenLoss(net, params, tokens),
  },
  skills: [giftSkill, patternSkill, moodSkill],
  limits: [
    "It knows the words of its world; any other is <unk>.",
    "Texts end at 64 tokens.",
    "No pair of names with object and place, and no pattern, is in both halves of its world.",
  ],
};

function tokensOf(index: number, seed: number): Tensor {
  const rng = new Rng(seed).split("batch").split(index);
  return tensor(storiesBatch(rng, ids, { batch: BATCH, pos: POS }), { shape: [BATCH, POS] });
}
