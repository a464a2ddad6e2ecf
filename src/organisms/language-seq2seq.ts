// The language world for a network that reads a prompt as a whole and writes its answer: a T5.

import { wordTokenizerConfig, wordTokenizerJson } from "../checkpoints/tokenizer/word-tokenizer.ts";
import { Rng } from "../core/rng.ts";
import type { Seq2SeqNetwork } from "../network/seq2seq.ts";
import { countedCrossEntropy, normal } from "../nn/index.ts";
import { causalBias, hiddenKeys } from "../nn/masks.ts";
import { arange, tensor } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { languageSample, languageVocabulary, toText } from "../worlds/index.ts";
import type { DrawnSkill, LanguageSample } from "../worlds/index.ts";
import { languageMeasureForms } from "./language-measures.ts";
import { measuredSamples, ROWS } from "./language-skills.ts";
import type { LanguageMeasure } from "./language-skills.ts";
import {
  drawnAt,
  firstLessons,
  languageConfigIds,
  languageIds,
  languageLimits,
  languageVocabSize,
} from "./language-text.ts";
import type { Organism, Skill } from "./organism.ts";

const SEED = 17;
const STEPS = 6000;
const BATCH = 48;

/** Longest prompt and longest answer, in words; a text beyond them is not taught. */
const [PROMPT, ANSWER] = [64, 16];

const WIDTH = 128;
const HEADS = 4;
const FEED_FORWARD = 256;

/** Prompts with answers. */
type Pairs = {
  /** int32, [batch, PROMPT] */
  readonly source: Tensor;
  /** Added to the scores of what looks at the source, [batch, 1, 1, PROMPT]. */
  readonly sourceMask: Tensor;
  /** Start token, words and `<eos>`, int32, [batch, ANSWER + 2] */
  readonly target: Tensor;
  /** How much a token of the target counts, float32. */
  readonly weights: Tensor;
};

/** `organism:language-seq2seq`. */
export const languageSeq2Seq: Organism<Seq2SeqNetwork> = {
  name: "language-seq2seq",
  description:
    "A T5 of three and three layers that reads prompts of the language world and writes their answers.",
  config: {
    architectures: ["T5ForConditionalGeneration"],
    model_type: "t5",
    is_encoder_decoder: true,
    vocab_size: languageVocabSize,
    d_model: WIDTH,
    d_kv: WIDTH / HEADS,
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
    json: wordTokenizerJson(languageVocabulary, { addBos: false, addEos: true }),
    config: wordTokenizerConfig(),
  },
  recipe: {
    steps: STEPS,
    tokens: BATCH * (PROMPT + ANSWER),
    learningRate: 1e-3,
    warmupSteps: 100,
    weightDecay: 0.1,
    clip: 1,
    seed: SEED,
    batch: pairs,
    loss: (net, params, { source, sourceMask, target, weights }: Pairs) => {
      const positions = arange(ANSWER + 1).reshape([1, ANSWER + 1]);
      const inputs = {
        sourceTokens: source,
        sourcePositions: arange(PROMPT).reshape([1, PROMPT]),
        sourceMask,
        tokens: target.slice({ axis: 1, end: -1 }),
        positions,
        keyPositions: positions,
        mask: causalBias(ANSWER + 1),
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
  limits: languageLimits,
};

const lessons = firstLessons(STEPS);

/** Batch number `index` of the run with that seed: a prompt is what stands before any one of a text's answers. */
function pairs(index: number, seed: number): Pairs {
  const rng = new Rng(seed).split("batch").split(index);
  const source = new Int32Array(BATCH * PROMPT).fill(languageConfigIds.pad_token_id);
  const target = new Int32Array(BATCH * (ANSWER + 2)).fill(languageConfigIds.pad_token_id);
  const weights = new Float32Array(target.length);
  const isReal: boolean[][] = [];
  const { skills } = drawnAt(index, lessons);
  for (let row = 0; row < BATCH; row++) {
    const { prompt, answer } = drawPair(rng, skills);
    source.set([...ids(prompt), languageConfigIds.eos_token_id], row * PROMPT);
    target.set([...ids(answer), languageConfigIds.eos_token_id], row * (ANSWER + 2) + 1);
    weights.fill(1, row * (ANSWER + 2) + 1, row * (ANSWER + 2) + answer.length + 2);
    isReal.push(Array.from({ length: PROMPT }, (_, i) => i <= prompt.length));
  }
  return {
    source: tensor(source, { shape: [BATCH, PROMPT] }),
    sourceMask: hiddenKeys(isReal),
    target: tensor(target, { shape: [BATCH, ANSWER + 2] }),
    weights: tensor(weights, { shape: [BATCH, ANSWER + 2] }),
  };
}

interface Pair {
  readonly prompt: readonly string[];
  readonly answer: readonly string[];
}

/** @param skills - one of which is drawn. Default: any of the world */
function drawPair(rng: Rng, skills?: readonly DrawnSkill[]): Pair {
  for (;;) {
    const { words, answers } = languageSample(rng, skills && rng.pick(skills));
    if (answers.length === 0) continue;
    const { start, end } = rng.pick(answers);
    if (start < PROMPT && end - start <= ANSWER)
      return { prompt: words.slice(0, start), answer: words.slice(start, end) };
  }
}

function ids(words: readonly string[]): number[] {
  return words.map((word) => languageIds.get(word)!);
}

/**
 * Fresh weights by the sizes of what they multiply, since T5 divides its scores by nothing.
 *
 * @source Raffel et al. 2020, arXiv:1910.10683; the deviations are those of its Mesh TensorFlow code
 */
function initial(path: string, shape: readonly number[], rng: Rng): Tensor | undefined {
  if (shape.length !== 2) return undefined;
  const std = path.endsWith(".q.weight")
    ? (WIDTH * (WIDTH / HEADS)) ** -0.5
    : /embed/.test(path)
      ? 1
      : shape[1]! ** -0.5;
  return normal(shape, { seed: rng.word(), std });
}

/** Makes a measurement of a skill: the network writes the last answer, word by word likeliest, and nothing after it. */
function answerMeasure(form: LanguageMeasure): Skill<Seq2SeqNetwork> {
  const fits = ({ answers }: LanguageSample): boolean =>
    answers.at(-1)!.start < PROMPT && answers.at(-1)!.end - answers.at(-1)!.start <= ANSWER;
  return {
    name: form.name,
    meaning: `${form.name}: the last answer of a text of at most ${PROMPT} words, written likeliest word by word, and its end.`,
    bar: form.bar,
    measure: async (net, options) => {
      const only = (x: LanguageSample): boolean => fits(x) && (form.only?.(x) ?? true);
      const samples = measuredSamples({ ...form, only }, options);
      const hits: boolean[] = [];
      for (let at = 0; at < samples.length; at += ROWS) {
        const rows = samples.slice(at, at + ROWS).map(({ words, answers }) => ({
          prompt: words.slice(0, answers.at(-1)!.start),
          answer: words.slice(answers.at(-1)!.start, answers.at(-1)!.end),
        }));
        const target = rows.map(({ answer }) => [net.config.decoderStart, ...ids(answer)]);
        const { logits } = net.trace({
          source: rows.map(({ prompt }) => toText(prompt)),
          target: { prompts: target, padding: "right" },
        });
        const best = await logits.argmax({ axis: -1 }).numbers();
        const pos = logits.shape[1]!;
        hits.push(
          ...rows.map(({ answer }, row) =>
            [...ids(answer), languageConfigIds.eos_token_id].every(
              (id, i) => best[row * pos + i] === id,
            ),
          ),
        );
      }
      return hits.filter(Boolean).length / hits.length;
    },
  };
}
