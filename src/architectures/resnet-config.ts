import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { PatchClampError } from "../core/errors.ts";
import type { VisionConfig } from "../network/vision-input.ts";
import { activation, count } from "./common-config.ts";
import type { Activation } from "./common-config.ts";
import { labelKeys, readLabels, visionIgnored } from "./vision-config.ts";

/** One convolution of a block. */
export interface ConvSizes {
  readonly from: number;
  readonly to: number;
  /** Height and width of its kernels. */
  readonly kernel: number;
  readonly stride: number;
}

/** One block. */
export interface ResnetBlock {
  readonly convs: readonly ConvSizes[];
  /** Brings the stream to the block's channels and size; undefined where it has them. */
  readonly shortcut: ConvSizes | undefined;
}

/** ResNet. */
export interface ResnetConfig extends VisionConfig {
  readonly stem: ConvSizes;
  /** Blocks of every stage. */
  readonly stages: readonly (readonly ResnetBlock[])[];
  /** Channels of the last stage. */
  readonly dPool: number;
  readonly activation: Activation;
}

/** Channels and blocks of every stage. */
export const stageKeys = {
  hidden_sizes: z.array(count).min(1),
  depths: z.array(count).min(1),
};

const keys = {
  ...labelKeys,
  num_channels: count.default(3),
  embedding_size: count.default(64),
  hidden_sizes: stageKeys.hidden_sizes.default([256, 512, 1024, 2048]),
  depths: stageKeys.depths.default([3, 4, 6, 3]),
  layer_type: z.enum(["basic", "bottleneck"]).default("bottleneck"),
  hidden_act: activation("relu"),
  downsample_in_first_stage: z.boolean().default(false),
  downsample_in_bottleneck: z.boolean().default(false),
};

/**
 * Reads the `config.json` of a ResNet, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when there are not as many widths as stages
 */
export function resnetConfig(json: unknown, where = "resnetConfig"): ResnetConfig {
  const config = readConfig(where, json, { handled: keys, ignored: visionIgnored });
  const { num_channels: channels, embedding_size: width, hidden_sizes: widths, depths } = config;
  checkStages(where, widths, depths);
  const block = config.layer_type === "basic" ? basic : bottleneck(config.downsample_in_bottleneck);
  const labels = readLabels(config);
  return {
    channels,
    // the config does not say it; all that were published were trained with this size
    image: { height: 224, width: 224 },
    smallest: { height: 1, width: 1 },
    labels,
    output: labels.length > 0 ? "logits" : "pool",
    stem: { from: channels, to: width, kernel: 7, stride: 2 },
    stages: depths.map((depth, i) => {
      const to = widths[i]!;
      const stride = i > 0 || config.downsample_in_first_stage ? 2 : 1;
      return Array.from({ length: depth }, (_, j) =>
        j > 0 ? block(to, to, 1) : block(widths[i - 1] ?? width, to, stride),
      );
    }),
    dPool: widths.at(-1)!,
    activation: config.hidden_act,
  };
}

/**
 * Checks that every stage has a width.
 *
 * @throws PatchClampError `BAD_FILE` when not
 */
export function checkStages(
  where: string,
  widths: readonly number[],
  depths: readonly number[],
): void {
  if (widths.length === depths.length) return;
  throw new PatchClampError("BAD_FILE", {
    where,
    problem: `config key "hidden_sizes" lists ${widths.length} stages, but "depths" ${depths.length}.`,
  });
}

type MakeBlock = (from: number, to: number, stride: number) => ResnetBlock;

/** Two convolutions of 3 x 3. */
const basic: MakeBlock = (from, to, stride) => ({
  convs: [
    { from, to, kernel: 3, stride },
    { from: to, to, kernel: 3, stride: 1 },
  ],
  shortcut: shortcut(from, to, stride),
});

/** One convolution of 3 x 3 on a quarter of the channels. */
function bottleneck(strideIsFirst: boolean): MakeBlock {
  return (from, to, stride) => {
    const narrow = Math.floor(to / 4);
    return {
      convs: [
        { from, to: narrow, kernel: 1, stride: strideIsFirst ? stride : 1 },
        { from: narrow, to: narrow, kernel: 3, stride: strideIsFirst ? 1 : stride },
        { from: narrow, to, kernel: 1, stride: 1 },
      ],
      shortcut: shortcut(from, to, stride),
    };
  };
}

function shortcut(from: number, to: number, stride: number): ConvSizes | undefined {
  return from === to && stride === 1 ? undefined : { from, to, kernel: 1, stride };
}
