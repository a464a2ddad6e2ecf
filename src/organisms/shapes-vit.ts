// A vision transformer that tells shapes apart.

import type { VisionNetwork } from "../network/vision.ts";
import type { Organism } from "./organism.ts";
import { classifierRecipe, classifierSkills, shapeLabels } from "./shapes-classes.ts";
import { PICTURE_SIZE, picturesConfig } from "./shapes-pictures.ts";

/** `organism:shapes-vit`. */
export const shapesVit: Organism<VisionNetwork> = {
  name: "shapes-vit",
  description:
    "A four-layer vision transformer that tells ten shapes apart, also where they are cluttered or partly hidden.",
  config: {
    architectures: ["ViTForImageClassification"],
    model_type: "vit",
    image_size: PICTURE_SIZE,
    patch_size: 4,
    num_channels: 3,
    hidden_size: 96,
    intermediate_size: 384,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    hidden_act: "gelu",
    layer_norm_eps: 1e-6,
    qkv_bias: true,
    ...shapeLabels,
  },
  pictures: picturesConfig,
  recipe: classifierRecipe({
    seed: 21,
    steps: 5000,
    batch: 32,
    learningRate: 2e-3,
    weightDecay: 0.05,
  }),
  skills: classifierSkills({ clear: 0.9, cluttered: 0.9, hidden: 0.9 }),
};
