// A vision transformer that tells shapes apart.

import type { VisionNetwork } from "../network/vision.ts";
import { crossEntropy } from "../nn/index.ts";
import { shapeClasses } from "../worlds/index.ts";
import type { Organism } from "./organism.ts";
import { classifierRecipe, classifierSkills, shapeLabels } from "./shapes-classes.ts";
import type { LabelledPictures } from "./shapes-classes.ts";
import { freshReadout, PATCH, patchLoss } from "./shapes-patches.ts";
import type { PatchReadout } from "./shapes-patches.ts";
import { PICTURE_SIZE, picturesConfig } from "./shapes-pictures.ts";

const WIDTH = 96;

const recipe = classifierRecipe({ seed: 21, steps: 10000, batch: 32, learningRate: 1.5e-3 });

/** `organism:shapes-vit`. */
export const shapesVit: Organism<VisionNetwork> = {
  name: "shapes-vit",
  description:
    "A four-layer vision transformer that tells ten shapes apart, also where they are cluttered or partly hidden.",
  config: {
    architectures: ["ViTForImageClassification"],
    model_type: "vit",
    image_size: PICTURE_SIZE,
    patch_size: PATCH,
    num_channels: 3,
    hidden_size: WIDTH,
    intermediate_size: 4 * WIDTH,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    hidden_act: "gelu",
    layer_norm_eps: 1e-6,
    qkv_bias: true,
    ...shapeLabels,
  },
  pictures: picturesConfig,
  recipe: {
    ...recipe,
    // what the patches show is learned along, since it tells where to look
    extra: (rng) => freshReadout(rng, WIDTH, shapeClasses.length),
    loss: (net, params, { pixels, labels, patches }: LabelledPictures, { extra }) => {
      const sites = net.applyTap({ pixels }, {}, params);
      const hidden = sites.get("hidden")!.slice({ axis: 1, start: 1 });
      const named = crossEntropy(sites.get("logits")!, labels);
      return named.add(patchLoss(hidden, patches, extra as PatchReadout));
    },
  },
  skills: classifierSkills({ clear: 0.9, cluttered: 0.9, hidden: 0.9 }),
};
