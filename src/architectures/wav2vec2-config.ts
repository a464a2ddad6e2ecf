import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { PatchClampError } from "../core/errors.ts";
import type { AudioConfig, SlidingWindow } from "../network/audio-input.ts";
import { activation, count, ignoredKeys, plainDecoder, share } from "./common-config.ts";
import type { Activation } from "./common-config.ts";

/** A convolution of the feature extractor. */
export interface FeatureSizes extends SlidingWindow {
  readonly channels: number;
}

/** wav2vec 2.0. */
export interface Wav2vec2Config extends AudioConfig {
  readonly features: readonly FeatureSizes[];
  /** What is normalised in the feature extractor: each channel over time, after the first convolution; or all channels, after every one. */
  readonly featureNorm: "group" | "layer";
  readonly featuresHaveBias: boolean;
  /** The activation function of the feature extractor and of the positional convolution. */
  readonly featureActivation: Activation;
  /** The convolution that tells positions apart. */
  readonly positions: { readonly kernel: number; readonly groups: number };
  readonly dMlp: number;
  readonly activation: Activation;
  /** Added to the variance in every layer norm but those of the feature extractor. */
  readonly epsilon: number;
  /** Whether modules read a normalised stream; otherwise the stream itself is normalised after every module. */
  readonly normsFirst: boolean;
}

const handled = {
  ...plainDecoder,
  architectures: z.array(z.string()).default([]),
  vocab_size: count.default(32),
  hidden_size: count.default(768),
  num_hidden_layers: count.default(12),
  num_attention_heads: count.default(12),
  intermediate_size: count.default(3072),
  hidden_act: activation("gelu"),
  layer_norm_eps: z.number().positive().default(1e-5),
  feat_extract_norm: z.enum(["group", "layer"]).default("group"),
  feat_extract_activation: activation("gelu"),
  conv_dim: z.array(count).min(1).default([512, 512, 512, 512, 512, 512, 512]),
  conv_stride: z.array(count).min(1).default([5, 2, 2, 2, 2, 2, 2]),
  conv_kernel: z.array(count).min(1).default([10, 3, 3, 3, 3, 2, 2]),
  conv_bias: z.boolean().default(false),
  num_conv_pos_embeddings: count.default(128),
  num_conv_pos_embedding_groups: count.default(16),
  do_stable_layer_norm: z.boolean().default(false),
  // further layers on top, which shorten the sequence
  add_adapter: z.literal(false).default(false),
};

const ignored = [
  ...ignoredKeys,
  // what acts in training only: dropout, masking of spans, losses, codebooks
  "hidden_dropout hidden_dropout_prob activation_dropout attention_dropout feat_proj_dropout feat_extract_dropout",
  "feat_quantizer_dropout final_dropout layerdrop freeze_feat_extract_train apply_spec_augment",
  "mask_time_prob mask_time_length mask_time_min_masks mask_time_min_space mask_time_other mask_time_selection",
  "mask_feature_prob mask_feature_length mask_feature_min_masks",
  "mask_channel_prob mask_channel_length mask_channel_min_space mask_channel_other mask_channel_selection",
  "no_mask_time_overlap no_mask_channel_overlap",
  "num_codevectors_per_group num_codevector_groups contrastive_logits_temperature num_negatives codevector_dim",
  "proj_codevector_dim diversity_loss_weight ctc_loss_reduction ctc_zero_infinity",
  // heads and layers that are not computed here
  "use_weighted_layer_sum classifier_proj_size tdnn_dim tdnn_kernel tdnn_dilation xvector_output_dim",
  "adapter_kernel_size adapter_stride num_adapter_layers output_hidden_size",
  // the length of the lists about convolutions
  "num_feat_extract_layers",
].flatMap((line) => line.split(" "));

/**
 * Reads the `config.json` of a wav2vec 2.0, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE` when
 * the heads or groups do not divide the width, or the lists about convolutions differ in length
 */
export function wav2vec2Config(json: unknown, where = "wav2vec2Config"): Wav2vec2Config {
  const config = readConfig(where, json, { handled, ignored });
  const { hidden_size: dModel, num_attention_heads: nHeads } = config;
  const groups = config.num_conv_pos_embedding_groups;
  share(where, ["hidden_size", dModel], ["num_conv_pos_embedding_groups", groups]);
  const hasHead = config.architectures[0]?.endsWith("ForCTC") === true;
  return {
    nLayers: config.num_hidden_layers,
    nHeads,
    dModel,
    dHead: share(where, ["hidden_size", dModel], ["num_attention_heads", nHeads]),
    dMlp: config.intermediate_size,
    dVocab: hasHead ? config.vocab_size : 0,
    features: features(where, config),
    featureNorm: config.feat_extract_norm,
    featuresHaveBias: config.conv_bias,
    featureActivation: config.feat_extract_activation,
    positions: { kernel: config.num_conv_pos_embeddings, groups },
    activation: config.hidden_act,
    epsilon: config.layer_norm_eps,
    normsFirst: config.do_stable_layer_norm,
    // a norm over time has the padding in its sums, which no mask takes out again
    hidesPadding: config.feat_extract_norm === "layer",
  };
}

type FeatureKeys = Readonly<Record<"conv_dim" | "conv_kernel" | "conv_stride", readonly number[]>>;

function features(
  where: string,
  { conv_dim: channels, conv_kernel: kernels, conv_stride: strides }: FeatureKeys,
): FeatureSizes[] {
  const lengths = {
    conv_dim: channels.length,
    conv_kernel: kernels.length,
    conv_stride: strides.length,
  };
  if (kernels.length !== channels.length || strides.length !== channels.length) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `the config lists ${channels.length} sizes in "conv_dim", ${kernels.length} in "conv_kernel" and ${strides.length} in "conv_stride", but every convolution has one of each.`,
      facts: lengths,
    });
  }
  return channels.map((size, i) => ({ channels: size, kernel: kernels[i]!, stride: strides[i]! }));
}
