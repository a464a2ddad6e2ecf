// What the configs of networks that look at images share.

import { z } from "zod";

import type { ImageSize } from "../network/resize.ts";
import { count, ignoredKeys } from "./common-config.ts";

/** One length for both sides, or height and width. */
const sides = z
  .union([count, z.tuple([count, count])])
  .transform((given): ImageSize =>
    typeof given === "number"
      ? { height: given, width: given }
      : { height: given[0], width: given[1] },
  );

/** Sides, with one length where the config does not say it. */
export function sidesOr(length: number): z.ZodType<ImageSize> {
  return sides.default({ height: length, width: length });
}

/** Keys about classes. */
export const labelKeys = {
  architectures: z.array(z.string()).default([]),
  id2label: z.record(z.string(), z.string()).optional(),
  num_labels: count.optional(),
};

/** Names of the classes that an architecture with a classifier tells; two, as `transformers` has it, where the config names none. */
export function readLabels(config: z.output<z.ZodObject<typeof labelKeys>>): string[] {
  const { architectures, id2label, num_labels: size = 2 } = config;
  if (!architectures[0]?.endsWith("ForImageClassification")) return [];
  const named = Object.entries(id2label ?? {}).toSorted(([a], [b]) => Number(a) - Number(b));
  if (named.length > 0) return named.map(([, label]) => label);
  return Array.from({ length: size }, (_, i) => `LABEL_${i}`);
}

/** Keys that change nothing about a network that looks at images. */
export const visionIgnored: readonly string[] = [
  ...ignoredKeys,
  "is_encoder_decoder",
  "cross_attention_hidden_size",
  "add_cross_attention",
  "tie_word_embeddings",
  "pruned_heads",
  // act in training only
  "hidden_dropout_prob",
  "attention_probs_dropout_prob",
  "attention_dropout",
  "dropout",
  "drop_path_rate",
  "initializer_factor",
  "layerscale_value",
  "layer_scale_init_value",
  // which hidden states a larger network would take
  "out_features",
  "out_indices",
  "stage_names",
  "apply_layernorm",
  "reshape_hidden_states",
];
