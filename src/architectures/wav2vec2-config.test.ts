import { expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import { readJson } from "../core/files.ts";
import { wav2vec2Config } from "./wav2vec2-config.ts";

/** What the best-known checkpoint, 960 hours of read English, has in its config.json. */
const base960h = {
  _name_or_path: "facebook/wav2vec2-base-960h",
  activation_dropout: 0.1,
  apply_spec_augment: true,
  architectures: ["Wav2Vec2ForCTC"],
  attention_dropout: 0.1,
  bos_token_id: 1,
  codevector_dim: 256,
  contrastive_logits_temperature: 0.1,
  conv_bias: false,
  conv_dim: [512, 512, 512, 512, 512, 512, 512],
  conv_kernel: [10, 3, 3, 3, 3, 2, 2],
  conv_stride: [5, 2, 2, 2, 2, 2, 2],
  ctc_loss_reduction: "sum",
  ctc_zero_infinity: false,
  diversity_loss_weight: 0.1,
  do_stable_layer_norm: false,
  eos_token_id: 2,
  feat_extract_activation: "gelu",
  feat_extract_dropout: 0,
  feat_extract_norm: "group",
  feat_proj_dropout: 0.1,
  feat_quantizer_dropout: 0,
  final_dropout: 0.1,
  gradient_checkpointing: false,
  hidden_act: "gelu",
  hidden_dropout: 0.1,
  hidden_dropout_prob: 0.1,
  hidden_size: 768,
  initializer_range: 0.02,
  intermediate_size: 3072,
  layer_norm_eps: 1e-5,
  layerdrop: 0.1,
  mask_feature_length: 10,
  mask_feature_prob: 0,
  mask_time_length: 10,
  mask_time_prob: 0.05,
  model_type: "wav2vec2",
  num_attention_heads: 12,
  num_codevector_groups: 2,
  num_codevectors_per_group: 320,
  num_conv_pos_embedding_groups: 16,
  num_conv_pos_embeddings: 128,
  num_feat_extract_layers: 7,
  num_hidden_layers: 12,
  num_negatives: 100,
  pad_token_id: 0,
  proj_codevector_dim: 256,
  transformers_version: "4.7.0.dev0",
  vocab_size: 32,
};

test("the config of the best-known checkpoint is read, and what it leaves out is its value", () => {
  const config = wav2vec2Config(base960h);
  expect(config).toMatchObject({
    nLayers: 12,
    nHeads: 12,
    dModel: 768,
    dHead: 64,
    dMlp: 3072,
    dVocab: 32,
    featureNorm: "group",
    featuresHaveBias: false,
    positions: { kernel: 128, groups: 16 },
    epsilon: 1e-5,
    normsFirst: false,
    hidesPadding: false,
  });
  expect(config.features).toHaveLength(7);
  expect(config.features[0]).toEqual({ channels: 512, kernel: 10, stride: 5 });
  expect(wav2vec2Config({ architectures: ["Wav2Vec2ForCTC"] })).toEqual(config);
});

test("a network with normalised frames hides padding, and one without a head scores no letters", () => {
  const { hidesPadding, dVocab } = wav2vec2Config({
    ...base960h,
    architectures: ["Wav2Vec2ForPreTraining"],
    feat_extract_norm: "layer",
    // first checkpoints tell more about the spans that training hides
    mask_channel_length: 10,
    mask_channel_min_space: 1,
    mask_channel_other: 0,
    mask_channel_prob: 0,
    mask_channel_selection: "static",
    mask_time_min_space: 1,
    mask_time_other: 0,
    mask_time_selection: "static",
    no_mask_channel_overlap: false,
    no_mask_time_overlap: false,
    freeze_feat_extract_train: true,
  });
  expect({ hidesPadding, dVocab }).toEqual({ hidesPadding: true, dVocab: 0 });
});

test.each(["wav2vec2-layer", "wav2vec2-group-ctc"])(
  "the config that transformers wrote for %s is read",
  async (name) => {
    const { files } = await openGolden(name);
    const config = wav2vec2Config(await readJson("test", files, "config.json"));
    expect(config).toMatchObject({ dModel: 16, dHead: 4, dVocab: 12 });
  },
);

test("layers that are not computed are refused", () => {
  const read = (more: Readonly<Record<string, unknown>>) => () =>
    wav2vec2Config({ ...base960h, ...more });
  expect(read({ add_adapter: true })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: wav2vec2Config: config key "add_adapter" = true is not supported: invalid input: expected false.]`,
  );
  // the many languages of MMS
  expect(read({ adapter_attn_dim: 16 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: wav2vec2Config: config key "adapter_attn_dim" = 16 may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
  expect(read({ feat_extract_norm: "batch" })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: wav2vec2Config: config key "feat_extract_norm" = "batch" is not supported: invalid option: expected one of "group"|"layer".]`,
  );
  expect(read({ feat_extract_activation: "selu" })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: wav2vec2Config: config key "feat_extract_activation" = "selu" is not supported: invalid option: expected one of "gelu"|"gelu_python"|"gelu_new"|"gelu_fast"|"gelu_pytorch_tanh"|"gelu_python_tanh"|"quick_gelu"|"relu"|"silu"|"swish"|"tanh".]`,
  );
  expect(read({ adapter_attn_dim: null })).not.toThrow();
});

test("sizes that do not go together are refused", () => {
  const read = (more: Readonly<Record<string, unknown>>) => () =>
    wav2vec2Config({ ...base960h, ...more });
  expect(read({ conv_stride: [5, 2, 2] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: wav2vec2Config: the config lists 7 sizes in "conv_dim", 7 in "conv_kernel" and 3 in "conv_stride", but every convolution has one of each.]`,
  );
  expect(read({ num_conv_pos_embedding_groups: 5 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: wav2vec2Config: config key "hidden_size" = 768 is not a multiple of "num_conv_pos_embedding_groups" = 5.]`,
  );
  expect(read({ num_attention_heads: 7 })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: wav2vec2Config: config key "hidden_size" = 768 is not a multiple of "num_attention_heads" = 7.]`,
  );
});
