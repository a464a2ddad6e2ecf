import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { PatchClampError } from "../core/errors.ts";
import type { ImageSize } from "../network/resize.ts";
import type { VisionConfig } from "../network/vision-input.ts";
import { activation, count } from "./common-config.ts";
import type { Activation } from "./common-config.ts";
import { checkStages, stageKeys } from "./resnet-config.ts";
import { labelKeys, readLabels, sidesOr, visionIgnored } from "./vision-config.ts";

/** ConvNeXt. */
export interface ConvNextConfig extends VisionConfig {
  readonly patch: ImageSize;
  /** Channels and blocks of every stage. */
  readonly stages: readonly { readonly channels: number; readonly depth: number }[];
  readonly activation: Activation;
  /** Added to the variance in the last norm. */
  readonly epsilon: number;
  /** Whether what blocks write is scaled channel by channel. */
  readonly hasScale: boolean;
}

const keys = {
  ...labelKeys,
  num_channels: count.default(3),
  patch_size: sidesOr(4),
  num_stages: count.optional(),
  hidden_sizes: stageKeys.hidden_sizes.default([96, 192, 384, 768]),
  depths: stageKeys.depths.default([3, 3, 9, 3]),
  hidden_act: activation("gelu"),
  layer_norm_eps: z.number().positive().default(1e-12),
  layer_scale_init_value: z.number().default(1e-6),
  image_size: sidesOr(224),
};

/**
 * Reads the `config.json` of a ConvNeXt, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when there are not as many widths as stages
 */
export function convNextConfig(json: unknown, where = "convNextConfig"): ConvNextConfig {
  const config = readConfig(where, json, { handled: keys, ignored: visionIgnored });
  const { hidden_sizes: widths, depths, num_stages: nStages = depths.length } = config;
  checkStages(where, widths, depths);
  if (nStages !== depths.length) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `config key "depths" lists ${depths.length} stages, but "num_stages" is ${nStages}.`,
    });
  }
  const { patch_size: patch } = config;
  const labels = readLabels(config);
  const halvings = 2 ** (nStages - 1);
  return {
    channels: config.num_channels,
    image: config.image_size,
    smallest: { height: patch.height * halvings, width: patch.width * halvings },
    labels,
    output: labels.length > 0 ? "logits" : "pooler",
    patch,
    stages: widths.map((channels, i) => ({ channels, depth: depths[i]! })),
    activation: config.hidden_act,
    epsilon: config.layer_norm_eps,
    hasScale: config.layer_scale_init_value > 0,
  };
}
