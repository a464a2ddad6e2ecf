import { z } from "zod";

import { readConfig } from "../core/config.ts";
import type { EncoderConfig, EncoderHead } from "../network/encoder-input.ts";
import { activation, count, ignoredKeys, plainDecoder, share } from "./common-config.ts";
import type { Activation } from "./common-config.ts";

/** BERT, and what its relatives change about it. */
export interface BertConfig extends EncoderConfig {
  readonly dMlp: number;
  /** Added to the variance in every layer norm. */
  readonly epsilon: number;
  readonly activation: Activation;
  /** The activation function of the head that predicts tokens. */
  readonly headActivation: Activation;
  /** Row of the table of positions that belongs to the first token. */
  readonly firstPosition: number;
  /** Whether the head that predicts tokens has no matrix of its own but the token embedding. */
  readonly ties: boolean;
}

/** Keys about what stands on the hidden states. */
export const headKeys = {
  architectures: z.array(z.string()).default([]),
  id2label: z.record(z.string(), z.string()).optional(),
  num_labels: count.optional(),
  tie_word_embeddings: z.boolean().default(true),
};

/** Keys that change nothing about a text encoder. */
export const encoderIgnored: readonly string[] = [
  ...ignoredKeys,
  // dropout acts in training only
  "hidden_dropout_prob",
  "attention_probs_dropout_prob",
  "classifier_dropout",
  // a mark of old checkpoints about what their Python functions return
  "output_past",
  // which function of the scores sentence-transformers shows
  "sentence_transformers",
];

type HeadKeys = z.output<z.ZodObject<typeof headKeys>>;

/** The head that an architecture's name tells, and its classes; two, as `transformers` has it, where the config names none. */
export function readHead(config: HeadKeys): Pick<EncoderConfig, "head" | "labels"> {
  const { architectures, id2label, num_labels: size = 2 } = config;
  const head = headOf(architectures[0] ?? "");
  if (head === "none" || head === "masked") return { head, labels: [] };
  const numbered = Array.from({ length: size }, (_, i) => `LABEL_${i}`);
  const named = Object.entries(id2label ?? {}).toSorted(([a], [b]) => Number(a) - Number(b));
  return { head, labels: named.length === 0 ? numbered : named.map(([, label]) => label) };
}

function headOf(architecture: string): EncoderHead {
  if (architecture.endsWith("ForMaskedLM")) return "masked";
  if (architecture.endsWith("ForSequenceClassification")) return "classes";
  if (architecture.endsWith("ForTokenClassification")) return "tags";
  return "none";
}

const positive = z.number().positive();

// what all of them have; `plainDecoder` lists what would make another network of any
const shared = {
  ...plainDecoder,
  ...headKeys,
  is_decoder: z.literal(false).default(false),
  max_position_embeddings: count.default(512),
  pad_token_id: z.int().nonnegative().optional(),
};

const bertKeys = {
  ...shared,
  vocab_size: count.default(30522),
  hidden_size: count.default(768),
  intermediate_size: count.default(3072),
  num_hidden_layers: count.default(12),
  num_attention_heads: count.default(12),
  hidden_act: activation("gelu"),
  type_vocab_size: count.default(2),
  layer_norm_eps: positive.default(1e-12),
  // relative positions were an option of transformers 4 that few checkpoints use
  position_embedding_type: z.literal("absolute").default("absolute"),
};

const bertIgnored = [
  ...encoderIgnored,
  // notes of the first multilingual checkpoints about a pooler of the same form
  "directionality",
  "pooler_fc_size",
  "pooler_num_attention_heads",
  "pooler_num_fc_layers",
  "pooler_size_per_head",
  "pooler_type",
];

type BertKeys = z.output<z.ZodObject<typeof bertKeys>>;

function fromKeys(
  where: string,
  config: BertKeys,
  form: Pick<BertConfig, "firstPosition" | "headActivation">,
): BertConfig {
  const { hidden_size: dModel, num_attention_heads: nHeads } = config;
  return {
    ...form,
    ...readHead(config),
    nLayers: config.num_hidden_layers,
    nHeads,
    dModel,
    dHead: share(where, ["hidden_size", dModel], ["num_attention_heads", nHeads]),
    dMlp: config.intermediate_size,
    dVocab: config.vocab_size,
    nCtx: config.max_position_embeddings - form.firstPosition,
    nTypes: config.type_vocab_size,
    epsilon: config.layer_norm_eps,
    activation: config.hidden_act,
    ties: config.tie_word_embeddings,
  };
}

/**
 * Reads the `config.json` of a BERT, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when the heads do not divide the width
 */
export function bertConfig(json: unknown, where = "bertConfig"): BertConfig {
  const config = readConfig(where, json, { handled: bertKeys, ignored: bertIgnored });
  return fromKeys(where, config, { firstPosition: 0, headActivation: config.hidden_act });
}

/**
 * Reads the `config.json` of a RoBERTa, whose positions are counted from the row after the one of padding.
 *
 * @throws PatchClampError as `bertConfig`
 */
export function robertaConfig(json: unknown, where = "robertaConfig"): BertConfig {
  const config = readConfig(where, json, {
    handled: { ...bertKeys, vocab_size: count.default(50265) },
    ignored: encoderIgnored,
  });
  const { pad_token_id: padding = 1 } = config;
  return fromKeys(where, config, { firstPosition: padding + 1, headActivation: "gelu" });
}

const distilbertKeys = {
  ...shared,
  vocab_size: count.default(30522),
  dim: count.default(768),
  hidden_dim: count.default(3072),
  n_layers: count.default(6),
  n_heads: count.default(12),
  activation: activation("gelu"),
  tie_weights_: z.literal(true).default(true),
};

/**
 * Reads the `config.json` of a DistilBERT, which knows no types of texts.
 *
 * @throws PatchClampError as `bertConfig`
 */
export function distilbertConfig(json: unknown, where = "distilbertConfig"): BertConfig {
  const config = readConfig(where, json, {
    handled: distilbertKeys,
    ignored: [
      ...encoderIgnored,
      "dropout",
      "attention_dropout",
      "qa_dropout",
      "seq_classif_dropout",
      // how the table of positions began; the checkpoint holds it
      "sinusoidal_pos_embds",
    ],
  });
  const { dim: dModel, n_heads: nHeads } = config;
  return {
    ...readHead(config),
    nLayers: config.n_layers,
    nHeads,
    dModel,
    dHead: share(where, ["dim", dModel], ["n_heads", nHeads]),
    dMlp: config.hidden_dim,
    dVocab: config.vocab_size,
    nCtx: config.max_position_embeddings,
    nTypes: 0,
    epsilon: 1e-12,
    activation: config.activation,
    headActivation: config.activation,
    firstPosition: 0,
    ties: config.tie_word_embeddings,
  };
}
