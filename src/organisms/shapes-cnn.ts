// A convolutional network that tells shapes apart.

import type { VisionNetwork } from "../network/vision.ts";
import type { Organism } from "./organism.ts";
import { classifierRecipe, classifierSkills, shapeLabels } from "./shapes-classes.ts";
import { PICTURE_SIZE, picturesConfig } from "./shapes-pictures.ts";

/** `organism:shapes-cnn`. */
export const shapesCnn: Organism<VisionNetwork> = {
  name: "shapes-cnn",
  description:
    "A ConvNeXt of three stages that tells ten shapes apart, also where they are cluttered or partly hidden.",
  config: {
    architectures: ["ConvNextForImageClassification"],
    model_type: "convnext",
    image_size: PICTURE_SIZE,
    patch_size: 2,
    num_channels: 3,
    num_stages: 3,
    hidden_sizes: [24, 48, 96],
    depths: [1, 2, 2],
    hidden_act: "gelu",
    layer_norm_eps: 1e-6,
    // blocks write without a gain, which so small a network does not need to train; transformers refuses a whole number such as 0
    layer_scale_init_value: -1e-6,
    ...shapeLabels,
  },
  pictures: picturesConfig,
  recipe: classifierRecipe({ seed: 22, steps: 10000, batch: 32, learningRate: 3e-3 }),
  skills: classifierSkills({ clear: 0.9, cluttered: 0.9, hidden: 0.9 }),
};
