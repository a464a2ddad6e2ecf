// What the sites of networks that look at images mean, where that is not what the standard names mean.

import type { SiteMeanings } from "./sites.ts";
import type { VisionConfig } from "./vision-input.ts";

const stream = "batch channel height width";
const rows = "batch height width channel";

const shared: SiteMeanings = {
  // transformers
  patch_embed: ["batch patch dModel", "patches, embedded"],
  pos_embed: [
    "batch pos dModel",
    "position embedding, first of the class token, then of the patches",
  ],
  "ln_pre.normalized": ["batch pos dModel", "what enters the first block, before gain and bias"],
  "blocks.{i}.attn.q": ["batch pos head dHead", "queries"],
  "blocks.{i}.attn.k": ["batch pos head dHead", "keys"],
  "blocks.{i}.attn.raw_out": ["batch pos dModel", "output of attention, before its layer scale"],
  "blocks.{i}.mlp.raw_out": ["batch pos dModel", "output of the MLP, before its layer scale"],
  "ln_final.normalized": ["batch pos dModel", "the stream after the blocks, before gain and bias"],
  hidden: ["batch pos dModel", "last hidden states: the class token's, then those of the patches"],
  pooler: ["batch dModel", "what stands for the image as a whole"],
  pool: ["batch dPool", "what the classifier reads"],
  // both towers of networks that read
  "vision.ln_final.normalized": [
    "batch dModel",
    "the class token's last state, before gain and bias",
  ],
  "text.embed": ["text pos dModel", "token embedding"],
  image_embeds: ["batch dEmbed", "images in the space they share with texts, of any length"],
  text_embeds: ["text dEmbed", "texts in the space they share with images, of any length"],
  // convolutional networks
  "stem.pre": [stream, "the first convolution, normalised, before the activation function"],
  "stem.post": [stream, "the same after the activation function"],
  "stem.conv": [stream, "the first convolution"],
  "stem.ln.normalized": [rows, "the same, normalised, before gain and bias"],
  stem: [stream, "what enters the first stage"],
  "stages.{i}.down.ln.normalized": [rows, "what the stage halves, before gain and bias"],
  "stages.{i}.blocks.{j}.resid_pre": [stream, "residual stream before the block"],
  "stages.{i}.blocks.{j}.shortcut": [stream, "the same with the block's channels and size"],
  ...Object.fromEntries(
    [1, 2].flatMap((k) => [
      [
        `stages.{i}.blocks.{j}.conv${k}.pre`,
        [stream, `convolution ${k}, normalised, before the activation function`],
      ],
      [`stages.{i}.blocks.{j}.conv${k}.post`, [stream, "the same after the activation function"]],
    ]),
  ),
  "stages.{i}.blocks.{j}.conv_out": [stream, "what the convolutions add to the residual stream"],
  "stages.{i}.blocks.{j}.resid_mid": [stream, "the sum, before the activation function"],
  "stages.{i}.blocks.{j}.dwconv": [stream, "what each channel's own convolution gives"],
  "stages.{i}.blocks.{j}.ln.normalized": [rows, "the same, normalised, before gain and bias"],
  "stages.{i}.blocks.{j}.mlp.pre": [
    "batch height width dMlp",
    "hidden units before the activation function",
  ],
  "stages.{i}.blocks.{j}.mlp.post": ["batch height width dMlp", "hidden units"],
  "stages.{i}.blocks.{j}.mlp.raw_out": [rows, "output of the MLP, before its layer scale"],
  "stages.{i}.blocks.{j}.mlp_out": [stream, "what the block adds to the residual stream"],
  "stages.{i}.blocks.{j}.resid_post": [stream, "residual stream after the block"],
};

/** What the sites of a network that looks at images and writes mean, as far as they are not those of one that only writes. */
export const imageMeanings: SiteMeanings = {
  embed: ["batch pos dModel", "token embedding, and in the places of images what was seen there"],
  "vision.patch_embed": ["image patch dVision", "patches, embedded"],
  "vision.pos_embed": ["image pos dVision", shared["pos_embed"]![1]],
  "vision.ln_pre.normalized": ["image pos dVision", shared["ln_pre.normalized"]![1]],
  "vision.features": ["image pos dFeatures", "what is read of the tower for images"],
  "projector.pre": ["image pos dModel", "between the two layers, before the activation function"],
  "projector.post": ["image pos dModel", "the same after the activation function"],
  image_features: ["image pos dModel", "what stands in the places of images"],
};

/** What the sites of a network mean. */
export function visionMeanings({ reads }: VisionConfig): SiteMeanings {
  if (reads === undefined) return { ...shared, logits: ["batch class", "scores of the classes"] };
  return {
    ...shared,
    logits: ["batch text", "how well each text fits each image, before the softmax"],
  };
}
