import { describe, expect, test } from "vitest";

import { bertConfig, distilbertConfig, robertaConfig } from "./bert-config.ts";

// as google-bert/bert-base-uncased, FacebookAI/roberta-base and a DistilBERT for sentiment have it on the hub
const bertBase = {
  architectures: ["BertForMaskedLM"],
  attention_probs_dropout_prob: 0.1,
  gradient_checkpointing: false,
  hidden_act: "gelu",
  hidden_dropout_prob: 0.1,
  hidden_size: 768,
  initializer_range: 0.02,
  intermediate_size: 3072,
  layer_norm_eps: 1e-12,
  max_position_embeddings: 512,
  model_type: "bert",
  num_attention_heads: 12,
  num_hidden_layers: 12,
  pad_token_id: 0,
  position_embedding_type: "absolute",
  transformers_version: "4.6.0.dev0",
  type_vocab_size: 2,
  use_cache: true,
  vocab_size: 30522,
};
const robertaBase = {
  architectures: ["RobertaForMaskedLM"],
  attention_probs_dropout_prob: 0.1,
  bos_token_id: 0,
  eos_token_id: 2,
  hidden_act: "gelu",
  hidden_dropout_prob: 0.1,
  hidden_size: 768,
  initializer_range: 0.02,
  intermediate_size: 3072,
  layer_norm_eps: 1e-5,
  max_position_embeddings: 514,
  model_type: "roberta",
  num_attention_heads: 12,
  num_hidden_layers: 12,
  pad_token_id: 1,
  type_vocab_size: 1,
  vocab_size: 50265,
};
const distilbertSentiment = {
  activation: "gelu",
  architectures: ["DistilBertForSequenceClassification"],
  attention_dropout: 0.1,
  dim: 768,
  dropout: 0.1,
  finetuning_task: "sst-2",
  hidden_dim: 3072,
  id2label: { 0: "NEGATIVE", 1: "POSITIVE" },
  initializer_range: 0.02,
  label2id: { NEGATIVE: 0, POSITIVE: 1 },
  max_position_embeddings: 512,
  model_type: "distilbert",
  n_heads: 12,
  n_layers: 6,
  output_past: true,
  pad_token_id: 0,
  qa_dropout: 0.1,
  seq_classif_dropout: 0.2,
  sinusoidal_pos_embds: false,
  tie_weights_: true,
  vocab_size: 30522,
};

test("BERT's published config is read", () => {
  expect(bertConfig(bertBase)).toEqual({
    head: "masked",
    labels: [],
    nLayers: 12,
    nHeads: 12,
    dModel: 768,
    dHead: 64,
    dMlp: 3072,
    dVocab: 30522,
    nCtx: 512,
    nTypes: 2,
    epsilon: 1e-12,
    activation: "gelu",
    headActivation: "gelu",
    firstPosition: 0,
    ties: true,
  });
});

test("RoBERTa counts positions from the row after that of padding, so that 514 rows hold 512 tokens", () => {
  const { firstPosition, nCtx, nTypes } = robertaConfig(robertaBase);
  expect({ firstPosition, nCtx, nTypes }).toEqual({ firstPosition: 2, nCtx: 512, nTypes: 1 });
});

test("RoBERTa's head that predicts tokens has a GELU whatever its blocks have, BERT's has theirs", () => {
  expect(robertaConfig({ ...robertaBase, hidden_act: "relu" }).headActivation).toBe("gelu");
  expect(bertConfig({ ...bertBase, hidden_act: "relu" }).headActivation).toBe("relu");
});

test("DistilBERT's published config is read, with the names of its classes", () => {
  const config = distilbertConfig(distilbertSentiment);
  expect(config).toMatchObject({ nLayers: 6, dMlp: 3072, nTypes: 0, epsilon: 1e-12 });
  expect([config.head, ...config.labels]).toEqual(["classes", "NEGATIVE", "POSITIVE"]);
});

test("classes are ordered by number, and two where the config names none", () => {
  const tags = { ...bertBase, architectures: ["BertForTokenClassification"] };
  const id2label = { 10: "k", 2: "c", 0: "a" };
  expect(bertConfig({ ...tags, id2label }).labels).toEqual(["a", "c", "k"]);
  expect(bertConfig(tags).labels).toEqual(["LABEL_0", "LABEL_1"]);
  expect(bertConfig({ ...tags, num_labels: 1 }).labels).toEqual(["LABEL_0"]);
});

describe("refused", () => {
  test.each([
    [
      { position_embedding_type: "relative_key" },
      `"position_embedding_type" = "relative_key" is not`,
    ],
    [{ is_decoder: true }, `"is_decoder" = true is not supported`],
    [{ add_cross_attention: true }, `"add_cross_attention" = true is not supported`],
    [{ hidden_act: "mish" }, `"hidden_act" = "mish" is not supported`],
    [{ unicorns: 3 }, `"unicorns" = 3 may change the numbers`],
    [{ hidden_size: 770 }, `"hidden_size" = 770 is not a multiple of "num_attention_heads" = 12`],
  ])("%o", (change, problem) => {
    expect(() => bertConfig({ ...bertBase, ...change })).toThrow(problem);
  });
});
