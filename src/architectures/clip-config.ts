import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { PatchClampError } from "../core/errors.ts";
import type { ImageSize } from "../network/resize.ts";
import type { VisionConfig } from "../network/vision-input.ts";
import { activation, count, share } from "./common-config.ts";
import type { TowerConfig } from "./tower.ts";
import { sidesOr, visionIgnored } from "./vision-config.ts";

/** CLIP's tower for images. */
export interface ClipVisionTower extends TowerConfig {
  readonly channels: number;
  readonly image: ImageSize;
  readonly patch: ImageSize;
}

/** CLIP's tower for texts. */
export interface ClipTextTower extends TowerConfig {
  readonly dVocab: number;
  readonly nCtx: number;
}

/** CLIP's tower for images by itself. */
export interface ClipVisionConfig extends VisionConfig {
  readonly vision: ClipVisionTower;
  /** Size of the space that images share with texts; undefined where the checkpoint does not lead there. */
  readonly dEmbed: number | undefined;
}

/** CLIP as a whole. */
export interface ClipConfig extends ClipVisionConfig {
  readonly text: ClipTextTower;
  readonly dEmbed: number;
}

const positive = z.number().positive();

const towerKeys = {
  num_hidden_layers: count.default(12),
  hidden_act: activation("quick_gelu"),
  layer_norm_eps: positive.default(1e-5),
};

const visionKeys = {
  ...towerKeys,
  hidden_size: count.default(768),
  intermediate_size: count.default(3072),
  num_attention_heads: count.default(12),
  image_size: sidesOr(224),
  patch_size: sidesOr(32),
  num_channels: count.default(3),
};

const textKeys = {
  ...towerKeys,
  vocab_size: count.default(49408),
  hidden_size: count.default(512),
  intermediate_size: count.default(2048),
  num_attention_heads: count.default(8),
  max_position_embeddings: count.default(77),
  eos_token_id: z.int().nonnegative().default(49407),
};

/** Keys of towers inside a larger config: what they project to is said outside. */
const towerIgnored = [...visionIgnored, "projection_dim", "vocab_size"];

type TowerKeys = z.output<z.ZodObject<typeof towerKeys>> &
  Readonly<Record<"hidden_size" | "intermediate_size" | "num_attention_heads", number>>;

function towerSizes(where: string, config: TowerKeys): TowerConfig {
  const { hidden_size: dModel, num_attention_heads: nHeads } = config;
  return {
    nLayers: config.num_hidden_layers,
    nHeads,
    dModel,
    dHead: share(where, ["hidden_size", dModel], ["num_attention_heads", nHeads]),
    dMlp: config.intermediate_size,
    epsilon: config.layer_norm_eps,
    activation: config.hidden_act,
  };
}

/** The tower for images from its own config, of which keys in `ignored` are read elsewhere. */
export function clipVisionTower(
  where: string,
  json: unknown,
  ignored: readonly string[] = towerIgnored,
): ClipVisionTower {
  const config = readConfig(where, json, { handled: visionKeys, ignored });
  return {
    ...towerSizes(where, config),
    channels: config.num_channels,
    image: config.image_size,
    patch: config.patch_size,
  };
}

/**
 * Reads the `config.json` of a `CLIPVisionModel` or `CLIPVisionModelWithProjection`, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when the heads do not divide the width
 */
export function clipVisionConfig(json: unknown, where = "clipVisionConfig"): ClipVisionConfig {
  const { architectures, projection_dim: size } = readConfig(where, json, {
    handled: { architectures: z.array(z.string()).default([]), projection_dim: count.default(512) },
    ignored: [...visionIgnored, ...Object.keys(visionKeys)],
  });
  const vision = clipVisionTower(where, json, [...visionIgnored, "projection_dim"]);
  const projects = architectures[0] === "CLIPVisionModelWithProjection";
  return {
    channels: vision.channels,
    image: vision.image,
    labels: [],
    output: projects ? "image_embeds" : "pooler",
    vision,
    dEmbed: projects ? size : undefined,
  };
}

const wholeKeys = {
  text_config: z.record(z.string(), z.unknown()).default({}),
  vision_config: z.record(z.string(), z.unknown()).default({}),
  // where these are given, they count
  text_config_dict: z.record(z.string(), z.unknown()).optional(),
  vision_config_dict: z.record(z.string(), z.unknown()).optional(),
  projection_dim: count.default(512),
};

// the checkpoint holds the scale that began with this value
const wholeIgnored = [...visionIgnored, "logit_scale_init_value"];

/**
 * Reads the `config.json` of a `CLIPModel`.
 *
 * @throws PatchClampError as `clipVisionConfig`
 */
export function clipConfig(json: unknown, where = "clipConfig"): ClipConfig {
  const config = readConfig(where, json, { handled: wholeKeys, ignored: wholeIgnored });
  const given = config.text_config_dict ?? config.text_config;
  const texts = readConfig(where, given, {
    handled: textKeys,
    ignored: towerIgnored.filter((key) => key !== "eos_token_id"),
  });
  const vision = clipVisionTower(where, config.vision_config_dict ?? config.vision_config);
  const { eos_token_id: end, vocab_size: dVocab, max_position_embeddings: nCtx } = texts;
  // the first configs had a 2 by mistake, which transformers reads as this
  const reads = { dVocab, nCtx, end: end === 2 ? undefined : end };
  if (end !== 2 && end >= dVocab) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `config key "eos_token_id" = ${end} is not in the vocabulary of ${dVocab}, so no text could end.`,
      facts: { end, dVocab },
    });
  }
  return {
    channels: vision.channels,
    image: vision.image,
    labels: [],
    output: "logits",
    reads,
    vision,
    text: { ...towerSizes(where, texts), dVocab, nCtx },
    dEmbed: config.projection_dim,
  };
}
