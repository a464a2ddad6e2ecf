// SmolLM3 (Bakouch et al. 2025): Llama in which every fourth layer knows no positions (Yang et al. 2025, arXiv:2501.18795).

import { z } from "zod";

import { PatchClampError } from "../core/errors.ts";
import { readConfig } from "../core/config.ts";
import { count } from "./common-config.ts";
import type { DecoderFamily } from "./family.ts";
import { llama, llamaLayout, rotaryAbsent } from "./llama.ts";
import type { LlamaConfig } from "./llama-config.ts";
import {
  biasesOf,
  biasKeys,
  layerWindows,
  llamaIgnored,
  llamaKeys,
  readLlama,
  windowKeys,
} from "./llama-config.ts";

const handled = {
  ...llamaKeys,
  ...windowKeys,
  ...biasKeys,
  vocab_size: count.default(128256),
  hidden_size: count.default(2048),
  num_hidden_layers: count.default(36),
  num_attention_heads: count.default(16),
  num_key_value_heads: count.default(4),
  max_position_embeddings: count.default(32768),
  tie_word_embeddings: z.boolean().default(true),
  // 1 where a layer has positions and 0 where it has none
  no_rope_layers: z.array(z.union([z.literal(0), z.literal(1)])).optional(),
  no_rope_layer_interval: count.default(4),
};

/**
 * Reads the `config.json` of a `SmolLM3ForCausalLM`.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when sizes or layers do not fit together
 */
export function smollm3Config(json: unknown, where = "smollm3Config"): LlamaConfig {
  // the layers with windows, where there are any, are listed or follow from the others
  const ignored = [...llamaIgnored, "max_window_layers"];
  const config = readConfig(where, json, { handled, ignored });
  const { num_hidden_layers: nLayers, no_rope_layers: listed } = config;
  if (listed !== undefined && listed.length < nLayers) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `config key "no_rope_layers" lists ${listed.length} layers, but "num_hidden_layers" is ${nLayers}.`,
    });
  }
  const rotates = (layer: number): boolean =>
    listed === undefined ? (layer + 1) % config.no_rope_layer_interval !== 0 : listed[layer] === 1;
  const windows = layerWindows(where, config, (layer) => !rotates(layer));
  return readLlama(where, config, {
    biases: biasesOf(config),
    layers: windows.map((window, layer) => ({ rotates: rotates(layer), window })),
    theta: 2000000,
  });
}

/** The family that config.json calls `SmolLM3ForCausalLM`. */
export const smollm3Family: DecoderFamily<LlamaConfig> = {
  architectures: ["SmolLM3ForCausalLM"],
  kind: "decoder",
  config: smollm3Config,
  forward: llama,
  layout: llamaLayout,
  absent: {
    ...rotaryAbsent,
    "attn.rot_q": "in this layer nothing is turned by positions",
    "attn.rot_k": "in this layer nothing is turned by positions",
  },
};
