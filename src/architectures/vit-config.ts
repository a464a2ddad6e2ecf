import { z } from "zod";

import { readConfig } from "../core/config.ts";
import type { ImageSize } from "../network/resize.ts";
import type { VisionConfig } from "../network/vision-input.ts";
import { activation, count, share } from "./common-config.ts";
import type { Activation } from "./common-config.ts";
import type { TowerConfig } from "./tower.ts";
import { labelKeys, readLabels, sidesOr, visionIgnored } from "./vision-config.ts";

/** ViT, and what DINOv2 changes about it. */
export interface VitConfig extends VisionConfig, TowerConfig {
  readonly patch: ImageSize;
  /** Whether queries, keys and values have biases. */
  readonly hasBias: boolean;
  /** Size and activation function of the layer that stands for the image as a whole; absent where that is the class token itself. */
  readonly pooler?: { readonly size: number; readonly activation: Activation };
  /** Tokens between the class token and the patches. */
  readonly nRegisters: number;
  /** Whether the MLP has gates. */
  readonly isGated: boolean;
  /** How position embeddings are brought to another size of images. */
  readonly antialiases: boolean;
}

/** A small positive number. */
const positive = z.number().positive();

const shared = {
  ...labelKeys,
  hidden_size: count.default(768),
  num_hidden_layers: count.default(12),
  num_attention_heads: count.default(12),
  hidden_act: activation("gelu"),
  image_size: sidesOr(224),
  num_channels: count.default(3),
  qkv_bias: z.boolean().default(true),
};

type Shared = z.output<z.ZodObject<typeof shared>>;

function sizes(where: string, config: Shared) {
  const { hidden_size: dModel, num_attention_heads: nHeads } = config;
  const labels = readLabels(config);
  return {
    channels: config.num_channels,
    image: config.image_size,
    labels,
    output: labels.length > 0 ? "logits" : "hidden",
    nLayers: config.num_hidden_layers,
    nHeads,
    dModel,
    dHead: share(where, ["hidden_size", dModel], ["num_attention_heads", nHeads]),
    hasBias: config.qkv_bias,
  };
}

const vitKeys = {
  ...shared,
  patch_size: sidesOr(16),
  intermediate_size: count.default(3072),
  layer_norm_eps: positive.default(1e-12),
  pooler_output_size: count.optional(),
  pooler_act: activation("tanh"),
};

/**
 * Reads the `config.json` of a ViT, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when the heads do not divide the width
 */
export function vitConfig(json: unknown, where = "vitConfig"): VitConfig {
  const config = readConfig(where, json, {
    handled: vitKeys,
    // of the head that paints masked patches
    ignored: [...visionIgnored, "encoder_stride"],
  });
  return {
    ...sizes(where, config),
    patch: config.patch_size,
    dMlp: config.intermediate_size,
    epsilon: config.layer_norm_eps,
    activation: config.hidden_act,
    pooler: {
      size: config.pooler_output_size ?? config.hidden_size,
      activation: config.pooler_act,
    },
    nRegisters: 0,
    isGated: false,
    antialiases: false,
  };
}

const dinov2Keys = {
  ...shared,
  // the square whose position embeddings are stretched to other sizes
  image_size: count.default(224).transform((side): ImageSize => ({ height: side, width: side })),
  patch_size: sidesOr(14),
  mlp_ratio: count.default(4),
  use_swiglu_ffn: z.boolean().default(false),
  layer_norm_eps: positive.default(1e-6),
};

// masked patches are for training
const dinov2Ignored = [...visionIgnored, "use_mask_token"];

function fromDinov2(where: string, config: z.output<z.ZodObject<typeof dinov2Keys>>): VitConfig {
  const { hidden_size: dModel, use_swiglu_ffn: isGated } = config;
  const wide = dModel * config.mlp_ratio;
  return {
    ...sizes(where, config),
    smallest: config.patch_size,
    patch: config.patch_size,
    // as many weights as without gates, in a multiple of 8
    dMlp: isGated ? Math.floor((Math.trunc((wide * 2) / 3) + 7) / 8) * 8 : wide,
    epsilon: config.layer_norm_eps,
    activation: isGated ? "silu" : config.hidden_act,
    nRegisters: 0,
    isGated,
    antialiases: false,
  };
}

/**
 * Reads the `config.json` of a DINOv2.
 *
 * @throws PatchClampError as `vitConfig`
 */
export function dinov2Config(json: unknown, where = "dinov2Config"): VitConfig {
  return fromDinov2(
    where,
    readConfig(where, json, { handled: dinov2Keys, ignored: dinov2Ignored }),
  );
}

/**
 * Reads the `config.json` of a DINOv2 with registers.
 *
 * @throws PatchClampError as `vitConfig`
 */
export function dinov2RegistersConfig(json: unknown, where = "dinov2RegistersConfig"): VitConfig {
  const config = readConfig(where, json, {
    handled: {
      ...dinov2Keys,
      num_register_tokens: count.default(4),
      // the first published configs said what is always done
      interpolate_antialias: z.literal(true).default(true),
      interpolate_offset: z.literal(0).default(0),
    },
    ignored: dinov2Ignored,
  });
  return {
    ...fromDinov2(where, config),
    nRegisters: config.num_register_tokens,
    antialiases: true,
  };
}
