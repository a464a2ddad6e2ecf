// The language world for a network that reads both ways: a BERT that fills in masked words.

import { wordTokenizerConfig, wordTokenizerJson } from "../checkpoints/tokenizer/word-tokenizer.ts";
import { Rng } from "../core/rng.ts";
import type { EncoderNetwork } from "../network/encoder.ts";
import { countedCrossEntropy } from "../nn/index.ts";
import { textBias } from "../nn/masks.ts";
import { tensor, zeros } from "../tensor/ops/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { languageBatch, languageVocabulary } from "../worlds/index.ts";
import type { LanguageBatch } from "../worlds/index.ts";
import { drawnAt, fillerLessons } from "./language-lessons.ts";
import { languageMeasureForms } from "./language-measures.ts";
import { measuredSamples, ROWS } from "./language-skills.ts";
import type { LanguageMeasure } from "./language-skills.ts";
import {
  BATCH,
  languageConfigIds,
  languageIds,
  languageLimits,
  languageVocabSize,
} from "./language-text.ts";
import type { Organism, Skill } from "./organism.ts";
import { giftedHeads } from "./own-words.ts";
import { seekingHeadsOfPlaces } from "./seeking-heads.ts";

const SEED = 16;
const STEPS = 8000;

const WIDTH = 128;
const HEADS = 4;

/** Stands for a word that is to be found. */
const MASK = "<mask>";
const maskId = languageVocabSize;

/** How often things are masked. */
interface Shares {
  /** Answers as a whole. */
  readonly answers: number;
  /** Words of other answers, one by one. */
  readonly answerWords: number;
  /** Words that no truth decides, one by one. */
  readonly otherWords: number;
}

/** Of a long answer of which nothing is left, nothing tells where to look back: so no lesson masks one. */
const lessonShares: Shares = { answers: 0, answerWords: 0.4, otherWords: 0 };

/** Some answers are masked as they are measured. */
const worldShares: Shares = { answers: 0.2, answerWords: 0.25, otherWords: 0.12 };

/** Rows with holes in them, each [batch, pos]. */
type MaskedRows = {
  /** What is read, int32. */
  readonly tokens: Tensor;
  /** What was there, int32. */
  readonly targets: Tensor;
  /** Place of a token in its text, int32. */
  readonly positions: Tensor;
  /** Which text a token belongs to, int32. */
  readonly segments: Tensor;
  /** How much a hole counts; 0 at what is read, float32. */
  readonly weights: Tensor;
};

/** `organism:language-encoder`. */
export const languageEncoder: Organism<EncoderNetwork> = {
  name: "language-encoder",
  description: "A four-layer BERT that fills masked words of the language world in.",
  config: {
    architectures: ["BertForMaskedLM"],
    model_type: "bert",
    vocab_size: languageVocabSize + 1,
    hidden_size: WIDTH,
    intermediate_size: 4 * WIDTH,
    num_hidden_layers: 4,
    num_attention_heads: HEADS,
    max_position_embeddings: 128,
    type_vocab_size: 1,
    hidden_act: "gelu",
    layer_norm_eps: 1e-12,
    tie_word_embeddings: true,
    ...languageConfigIds,
  },
  tokenizer: {
    json: wordTokenizerJson([...languageVocabulary, MASK], { addEos: true }),
    config: { ...wordTokenizerConfig(), mask_token: MASK },
  },
  recipe: {
    steps: STEPS,
    tokens: BATCH.batch * BATCH.pos,
    learningRate: 1.5e-3,
    warmupSteps: 100,
    weightDecay: 0.1,
    clip: 1,
    seed: SEED,
    batch: maskedRows,
    // before a hole and behind it
    initial: seekingHeadsOfPlaces({ headWidth: WIDTH / HEADS, besides: [-1, 1] }),
    loss: (net, params, { tokens, targets, positions, segments, weights }: MaskedRows) => {
      const inputs = {
        tokens,
        positions,
        types: zeros(tokens.shape, "int32"),
        mask: textBias(segments),
      };
      const logits = net.applyTap(inputs, {}, params).get("logits")!;
      return countedCrossEntropy(logits, targets, { weights });
    },
  },
  skills: languageMeasureForms
    .filter(({ unfitFor }) => !unfitFor?.includes("encoder"))
    .map(maskedMeasure),
  limits: [...languageLimits, giftedHeads],
};

const lessons = fillerLessons(STEPS);

/** Batch number `index` of the run with that seed. */
function maskedRows(index: number, seed: number): MaskedRows {
  const rng = new Rng(seed).split("batch").split(index);
  const drawn = { ...BATCH, ...drawnAt(index, lessons) };
  const batch = languageBatch(rng, languageIds, drawn);
  const { tokens, positions, segments, weights } = batch;
  const isHole = holes(rng, batch, drawn.context === 0 ? lessonShares : worldShares);
  const rows = (data: Int32Array | Float32Array): Tensor =>
    tensor(data, { shape: [BATCH.batch, BATCH.pos] });
  return {
    tokens: rows(tokens.map((id, i) => (isHole[i] ? maskId : id))),
    targets: rows(tokens),
    positions: rows(positions),
    segments: rows(segments),
    weights: rows(weights.map((weight, i) => (isHole[i] ? weight : 0))),
  };
}

/** Draws which tokens are masked. */
function holes(rng: Rng, { tokens, positions, weights }: LanguageBatch, shares: Shares): boolean[] {
  const isAnswer = (i: number): boolean => weights[i] === 1;
  const isHole: boolean[] = [];
  let isWhole = false;
  for (let i = 0; i < tokens.length; i++) {
    const goesOn = isAnswer(i) && isAnswer(i - 1) && positions[i]! > 0;
    if (!goesOn) isWhole = isAnswer(i) && rng.uniform() < shares.answers;
    const share = isAnswer(i) ? shares.answerWords : shares.otherWords;
    isHole.push(isWhole || (weights[i] !== 0 && rng.uniform() < share));
  }
  return isHole;
}

/** Makes a measurement of a skill: the last answer is masked, and every word of it must be likeliest where it stood. */
function maskedMeasure(form: LanguageMeasure): Skill<EncoderNetwork> {
  return {
    name: form.name,
    meaning: `Masked answers: ${form.name}; every word of the last answer is likeliest where it stood.`,
    bar: form.bar,
    measure: async (net, options) => {
      const samples = measuredSamples(form, options);
      const hits: boolean[] = [];
      for (let at = 0; at < samples.length; at += ROWS) {
        const rows = samples.slice(at, at + ROWS);
        const texts = rows.map(({ text }) => net.tokenizer.encode(text));
        const spans = rows.map(({ answers }) => answers.at(-1)!);
        // word i is token i + 1, since <bos> stands before the first word
        const isMasked = (row: number, i: number): boolean =>
          i > spans[row]!.start && i <= spans[row]!.end;
        const read = texts.map((ids, row) => ids.map((id, i) => (isMasked(row, i) ? maskId : id)));
        const { logits } = net.trace(read);
        const best = await logits.argmax({ axis: -1 }).numbers();
        const pos = logits.shape[1]!;
        hits.push(
          ...texts.map((ids, row) =>
            ids.every((id, i) => !isMasked(row, i) || best[row * pos + i] === id),
          ),
        );
      }
      return hits.filter(Boolean).length / hits.length;
    },
  };
}
