// The language world for a network that reads a prompt as a whole and writes its answer: a T5.

import { wordTokenizerConfig, wordTokenizerJson } from "../checkpoints/tokenizer/word-tokenizer.ts";
import { Rng } from "../core/rng.ts";
import type { Seq2SeqNetwork } from "../network/seq2seq.ts";
import { countedCrossEntropy, normal } from "../nn/index.ts";
import { causalBias } from "../nn/masks.ts";
import { arange, tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { languageVocabulary, toText } from "../worlds/index.ts";
import type { LanguageSample } from "../worlds/index.ts";
import { drawnAt, readerLessons } from "./language-lessons.ts";
import { languageMeasureForms } from "./language-measures.ts";
import {
  beforeAnswer,
  drawPairs,
  fits,
  holes,
  idsOf,
  seq2seqIds,
  SOURCE,
  TARGET,
} from "./language-seq2seq-pairs.ts";
import type { Pair, Pairs } from "./language-seq2seq-pairs.ts";
import { measuredSamples, ROWS } from "./language-skills.ts";
import type { LanguageMeasure } from "./language-skills.ts";
import { languageConfigIds, worldLimits } from "./language-text.ts";
import type { Organism, Skill } from "./organism.ts";
import { giftedHeads, ownWordsBehind } from "./own-words.ts";

const SEED = 17;
const STEPS = 7000;
const BATCH = 48;

const WIDTH = 128;
const HEADS = 4;
const HEAD_WIDTH = WIDTH / HEADS;
const FEED_FORWARD = 256;

/** How much faster the embeddings of words learn: they begin ten times as large as the matrices, and a step moves all numbers alike. */
const EMBED_RATE = 8;

/** `organism:language-seq2seq`. */
export const languageSeq2Seq: Organism<Seq2SeqNetwork> = {
  name: "language-seq2seq",
  description:
    "A T5 of three and three layers that reads prompts of the language world and writes their answers.",
  config: {
    architectures: ["T5ForConditionalGeneration"],
    model_type: "t5",
    is_encoder_decoder: true,
    vocab_size: seq2seqIds.size,
    d_model: WIDTH,
    d_kv: HEAD_WIDTH,
    d_ff: FEED_FORWARD,
    num_layers: 3,
    num_decoder_layers: 3,
    num_heads: HEADS,
    relative_attention_num_buckets: 32,
    relative_attention_max_distance: 64,
    layer_norm_epsilon: 1e-6,
    feed_forward_proj: "gated-gelu",
    tie_word_embeddings: true,
    scale_decoder_outputs: true,
    decoder_start_token_id: languageConfigIds.pad_token_id,
    pad_token_id: languageConfigIds.pad_token_id,
    eos_token_id: languageConfigIds.eos_token_id,
  },
  tokenizer: {
    json: wordTokenizerJson([...languageVocabulary, ...holes], { addBos: false, addEos: true }),
    config: wordTokenizerConfig(),
  },
  recipe: {
    steps: STEPS,
    tokens: BATCH * (SOURCE + TARGET),
    learningRate: 1e-3,
    warmupSteps: 100,
    rateScale: (path) => (path === "embed" ? EMBED_RATE : 1),
    weightDecay: 0.1,
    clip: 1,
    seed: SEED,
    batch: (index, own) => {
      const { skills } = drawnAt(index, lessons);
      return drawPairs(new Rng(own).split("batch").split(index), BATCH, skills);
    },
    loss: (net, params, { source, sourceMask, target, weights }: Pairs) => {
      const positions = arange(TARGET + 1).reshape([1, TARGET + 1]);
      const inputs = {
        sourceTokens: source,
        sourcePositions: arange(SOURCE + 1).reshape([1, SOURCE + 1]),
        sourceMask,
        tokens: target.slice({ axis: 1, end: -1 }),
        positions,
        keyPositions: positions,
        mask: causalBias(TARGET + 1),
      };
      const logits = net.applyTap(inputs, {}, params).get("logits")!;
      const next = (x: Tensor): Tensor => x.slice({ axis: 1, start: 1 });
      return countedCrossEntropy(logits, next(target), { weights: next(weights) });
    },
    initial,
  },
  skills: languageMeasureForms
    .filter(({ unfitFor }) => !unfitFor?.includes("seq2seq"))
    .map(answerMeasure),
  limits: [
    ...worldLimits,
    giftedHeads,
    `It has read prompts of at most ${SOURCE} words, and written at most ${TARGET}.`,
  ],
};

const lessons = readerLessons(STEPS);

/**
 * Fresh weights by the sizes of what they multiply, since T5 divides its scores by nothing. Two heads of the encoder begin by looking at the
 * words beside, and the others there and where the answer looks at the prompt begin by looking for their own word elsewhere: from random
 * weights, what goes with a word was a guess after 1000 steps, and from these it was known after 400.
 *
 * @source Raffel et al. 2020, arXiv:1910.10683; the deviations are those of its Mesh TensorFlow code
 */
function initial(path: string, shape: readonly number[], rng: Rng): Tensor | undefined {
  if (shape.length !== 2) return undefined;
  if (path.endsWith(".distance")) return besideFirst(shape as [number, number], path);
  const isQuery = path.endsWith(".q.weight");
  const std = isQuery ? (WIDTH * HEAD_WIDTH) ** -0.5 : /embed/.test(path) ? 1 : shape[1]! ** -0.5;
  const drawn = normal(shape, { seed: rng.word(), std });
  const isSeeker = /^encoder.*\.attn\.[qk]\.|\.cross\.[qk]\./.test(path);
  if (!isSeeker) return drawn;
  const others = drawn.slice({ axis: 0, end: BESIDE * HEAD_WIDTH });
  return ownWordsBehind(others, { scale: isQuery ? HEAD_WIDTH ** -0.5 : 1 });
}

/** Biases of distances, [bucket, head], with which head 0 looks one place back and head 1 one place ahead, and the others anywhere. */
function besideFirst([buckets, heads]: [number, number], path: string): Tensor {
  const aside = path.startsWith("encoder") ? buckets / 2 : buckets;
  const bias = (bucket: number, head: number): number => {
    if (head >= BESIDE) return 0;
    const isAhead = bucket >= aside;
    const away = Math.abs((bucket % aside) - 1);
    return isAhead === (head === 1) ? Math.max(-2 * away, ELSEWHERE) : ELSEWHERE;
  };
  const values = Array.from({ length: buckets * heads }, (_, i) =>
    bias(Math.floor(i / heads), i % heads),
  );
  return tensor(Float32Array.from(values), { shape: [buckets, heads] });
}

/** How many heads of a layer begin by looking at a word beside. */
const BESIDE = 2;

/** How little a head that looks at a word beside it begins by seeing of the others. */
const ELSEWHERE = -8;

/** Makes a measurement of a skill: the network writes the last answer, word by word likeliest, and nothing after it. */
function answerMeasure(form: LanguageMeasure): Skill<Seq2SeqNetwork> {
  const asked = (x: LanguageSample): Pair => beforeAnswer(x, x.answers.at(-1)!);
  return {
    name: form.name,
    meaning: `${form.name}: the last answer of a text of at most ${SOURCE} words, written likeliest word by word, and its end.`,
    bar: form.bar,
    measure: async (net, options) => {
      const only = (x: LanguageSample): boolean => fits(asked(x)) && (form.only?.(x) ?? true);
      const samples = measuredSamples({ ...form, only }, options);
      const hits: boolean[] = [];
      for (let at = 0; at < samples.length; at += ROWS) {
        const rows = samples.slice(at, at + ROWS).map(asked);
        const prompts = rows.map(({ target }) => [net.config.decoderStart, ...idsOf(target)]);
        const { logits } = net.trace({
          source: rows.map(({ source }) => toText(source)),
          target: { prompts, padding: "right" },
        });
        const best = await logits.argmax({ axis: -1 }).numbers();
        const pos = logits.shape[1]!;
        hits.push(
          ...rows.map(({ target }, row) =>
            [...idsOf(target), languageConfigIds.eos_token_id].every(
              (id, i) => best[row * pos + i] === id,
            ),
          ),
        );
      }
      return hits.filter(Boolean).length / hits.length;
    },
  };
}
