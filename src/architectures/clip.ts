// CLIP (Radford et al. 2021, arXiv:2103.00020): a tower for images and one for texts that lead to one space.

import type { Tap } from "../network/tap.ts";
import type { TextInputs, VisionInputs } from "../network/vision-input.ts";
import type { LinearParams, NormParams } from "../nn/layers.ts";
import { embedding, layerNorm, linear } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type {
  ClipConfig,
  ClipTextTower,
  ClipVisionConfig,
  ClipVisionTower,
} from "./clip-config.ts";
import { clipConfig, clipVisionConfig } from "./clip-config.ts";
import type { ParamEntry, VisionFamily } from "./family.ts";
import { linearEntries, normEntries } from "./family.ts";
import type { BlockNames, TowerBlockParams } from "./tower.ts";
import { blockEntries, gridOf, patches, tower, withFirst } from "./tower.ts";

/** Parameters of the tower for images. Linear weights are [out, in]. */
export interface ClipVisionParams {
  /** The weight is [dModel, channel, height, width] of a patch. */
  readonly patch: LinearParams;
  /** The class token, [dModel]. */
  readonly cls: Tensor;
  /** [1 + patches, dModel], of which the first is the class token's. */
  readonly posEmbed: Tensor;
  readonly lnPre: NormParams;
  readonly blocks: readonly TowerBlockParams[];
  /** Read only where the class token is. */
  readonly lnFinal?: NormParams;
}

interface TextParams {
  /** [dVocab, dModel] */
  readonly embed: Tensor;
  /** [nCtx, dModel] */
  readonly posEmbed: Tensor;
  readonly blocks: readonly TowerBlockParams[];
  readonly lnFinal: NormParams;
}

/** Parameters of the tower for images by itself. */
export interface ClipImageParams {
  readonly vision: ClipVisionParams & { readonly lnFinal: NormParams };
  /** Into the space shared with texts, without bias. */
  readonly imageProjection?: LinearParams;
}

/** Parameters of CLIP. */
export interface ClipParams extends Required<ClipImageParams> {
  readonly text: TextParams;
  readonly textProjection: LinearParams;
  /** Logarithm of what cosines are multiplied by, []. */
  readonly scale: Tensor;
}

/** The stream of the tower for images before its first block, [batch, 1 + patches, dModel]. */
export function clipImageTokens(
  params: ClipVisionParams,
  pixels: Tensor,
  tap: Tap,
  { epsilon, dModel }: ClipVisionTower,
): Tensor {
  const cls = params.cls.reshape([1, 1, dModel]);
  const embedded = withFirst(cls, tap("patch_embed", patches(pixels, params.patch)));
  const placed = embedded.add(tap("pos_embed", params.posEmbed.unsqueeze(0)));
  return layerNorm(epsilon)(placed, params.lnPre, tap.in("ln_pre"));
}

/** What stands for each image, [batch, dModel], in a tower by itself. */
function imageState(
  params: ClipImageParams,
  pixels: Tensor,
  tap: Tap,
  config: ClipVisionTower,
): Tensor {
  const { vision } = params;
  const x = tower(clipImageTokens(vision, pixels, tap, config), vision.blocks, { config }, tap);
  const cls = x.slice({ axis: 1, end: 1 }).squeeze(1);
  return tap("pooler", layerNorm(config.epsilon)(cls, vision.lnFinal, tap.in("ln_final")));
}

/** Reads pixels into what stands for the images, [batch, dModel], and into the shared space where the checkpoint leads there. */
function clipVision(
  params: ClipImageParams,
  { pixels }: VisionInputs,
  tap: Tap,
  { vision }: ClipVisionConfig,
): Tensor {
  const image = imageState(params, pixels, tap, vision);
  const { imageProjection } = params;
  return imageProjection === undefined
    ? image
    : tap("image_embeds", linear(image, imageProjection));
}

/** What stands for each text, [text, dModel]. */
function textState(
  params: TextParams,
  inputs: TextInputs,
  tap: Tap,
  config: ClipTextTower,
): Tensor {
  const { tokens, positions, mask, ends } = inputs;
  const embedded = tap("embed", embedding(tokens, params.embed));
  const start = embedded.add(tap("pos_embed", embedding(positions, params.posEmbed)));
  const x = tower(start, params.blocks, { config, mask }, tap);
  const hidden = tap("hidden", layerNorm(config.epsilon)(x, params.lnFinal, tap.in("ln_final")));
  return tap("pooler", ends.matmul(hidden).squeeze(1));
}

/** Reads pixels and texts into how well they fit, [batch, text]. */
function clip(params: ClipParams, inputs: VisionInputs, tap: Tap, config: ClipConfig): Tensor {
  // networks that read are always given texts
  const texts = inputs as VisionInputs & TextInputs;
  const image = imageState(params, inputs.pixels, tap.in("vision"), config.vision);
  const imageEmbeds = tap("image_embeds", linear(image, params.imageProjection));
  const text = textState(params.text, texts, tap.in("text"), config.text);
  const textEmbeds = tap("text_embeds", linear(text, params.textProjection));
  const cosines = unit(imageEmbeds).matmul(unit(textEmbeds), { transposeB: true });
  return cosines.mul(params.scale.exp());
}

function unit(rows: Tensor): Tensor {
  return rows.div(rows.square().sum({ axis: -1, keepDims: true }).sqrt());
}

const blockNames: BlockNames = {
  q: "self_attn.q_proj",
  k: "self_attn.k_proj",
  v: "self_attn.v_proj",
  o: "self_attn.out_proj",
  ln1: "layer_norm1",
  ln2: "layer_norm2",
  in: "mlp.fc1",
  out: "mlp.fc2",
};

function towerEntries(
  to: string,
  from: string,
  config: Readonly<Record<"nLayers" | "dModel" | "dMlp", number>>,
): ParamEntry[] {
  return Array.from({ length: config.nLayers }, (_, i) =>
    blockEntries(`${to}.blocks.${i}`, `${from}.encoder.layers.${i}`, blockNames, config),
  ).flat();
}

/** Where the parameters of the tower for images lie, all but its last norm. */
export function clipVisionEntries(to: string, from: string, config: ClipVisionTower): ParamEntry[] {
  const { dModel, channels, image, patch } = config;
  const grid = gridOf(image, patch);
  const embeddings = `${from}.embeddings`;
  return [
    {
      path: `${to}.patch.weight`,
      name: `${embeddings}.patch_embedding.weight`,
      shape: [dModel, channels, patch.height, patch.width],
    },
    { path: `${to}.cls`, name: `${embeddings}.class_embedding`, shape: [dModel] },
    {
      path: `${to}.posEmbed`,
      name: `${embeddings}.position_embedding.weight`,
      shape: [1 + grid.height * grid.width, dModel],
    },
    ...normEntries(`${to}.lnPre`, `${from}.pre_layrnorm`, dModel, true),
    ...towerEntries(to, from, config),
  ];
}

function imageLayout({ vision, dEmbed }: ClipVisionConfig): ParamEntry[] {
  return [
    ...clipVisionEntries("vision", "vision_model", vision),
    ...normEntries("vision.lnFinal", "vision_model.post_layernorm", vision.dModel, true),
    ...(dEmbed === undefined
      ? []
      : linearEntries("imageProjection", "visual_projection", [vision.dModel, dEmbed])),
  ];
}

function layout(config: ClipConfig): ParamEntry[] {
  const { text, dEmbed } = config;
  const embeddings = "text_model.embeddings";
  const table = (path: string, name: string, rows: number): ParamEntry => ({
    path: `text.${path}`,
    name: `${embeddings}.${name}_embedding.weight`,
    shape: [rows, text.dModel],
  });
  return [
    ...imageLayout(config),
    table("embed", "token", text.dVocab),
    table("posEmbed", "position", text.nCtx),
    ...towerEntries("text", "text_model", text),
    ...normEntries("text.lnFinal", "text_model.final_layer_norm", text.dModel, true),
    ...linearEntries("textProjection", "text_projection", [text.dModel, dEmbed]),
    { path: "scale", name: "logit_scale", shape: [] },
  ];
}

const absent = {
  "attn.rot_q": "its positions are learned, and nothing is rotated",
  "attn.rot_k": "its positions are learned, and nothing is rotated",
  "attn.raw_out": "it does not scale what attention writes: see attn_out",
  "mlp.raw_out": "it does not scale what the MLP writes: see mlp_out",
  "mlp.gate": "its MLP has no gates",
};

/** The family that config.json calls `CLIPModel`. */
export const clipFamily: VisionFamily<ClipConfig> = {
  architectures: ["CLIPModel"],
  kind: "vision",
  config: clipConfig,
  layout,
  forward: clip,
  absent,
};

/** The family that config.json calls `CLIPVisionModel`, or `CLIPVisionModelWithProjection`: the tower for images by itself. */
export const clipVisionFamily: VisionFamily<ClipVisionConfig> = {
  architectures: ["CLIPVisionModel", "CLIPVisionModelWithProjection"],
  kind: "vision",
  config: clipVisionConfig,
  layout: imageLayout,
  optionalPrefix: "vision_model.",
  forward: clipVision,
  meanings: {
    "ln_final.normalized": ["batch dModel", "class token's last state, before gain and bias"],
  },
  absent: {
    ...absent,
    hidden:
      "its last hidden states are the last block's resid_post; only the class token is normalised, see pooler",
    logits: "its architecture has no head",
    text_embeds: "it has no tower for texts",
    image_embeds: "the checkpoint does not lead to the space shared with texts",
  },
};
