// Qwen2 and 2.5 (Yang et al. 2024, arXiv:2407.10671; arXiv:2412.15115): Llama with biases on queries, keys and values. Qwen3 (Yang
// et al. 2025, arXiv:2505.09388): without them, with queries and keys normalised head by head. In both, upper layers may have windows.

import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { count } from "./common-config.ts";
import type { DecoderFamily } from "./family.ts";
import {
  llama,
  llamaBlockEntries,
  llamaLayout,
  queryKeyNormEntries,
  rotaryAbsent,
  rotaryLayout,
} from "./llama.ts";
import type { AttentionLayer, LlamaConfig } from "./llama-config.ts";
import { layerWindows, llamaIgnored, llamaKeys, readLlama, windowKeys } from "./llama-config.ts";

const handled = {
  ...llamaKeys,
  ...windowKeys,
  vocab_size: count.default(151936),
  intermediate_size: count.default(22016),
  num_key_value_heads: count.default(32),
  max_position_embeddings: count.default(32768),
  max_window_layers: z.int().nonnegative().default(28),
  // positions of pictures, in their vision networks
  use_mrope: z.literal(false).default(false),
};

type Keys = z.output<z.ZodObject<typeof handled>>;

/** Layers from `max_window_layers` on have the window. */
function layersOf(where: string, json: unknown, config: Keys): AttentionLayer[] {
  // null says that there is no window, and nothing said means this one
  const isSaid = Object.hasOwn(json as object, "sliding_window");
  const given = isSaid ? config : { ...config, sliding_window: 4096 };
  return layerWindows(where, given, (layer) => layer >= config.max_window_layers).map((window) => ({
    rotates: true,
    window,
  }));
}

/**
 * Reads the `config.json` of a `Qwen2ForCausalLM`.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when sizes or layers do not fit together
 */
export function qwen2Config(json: unknown, where = "qwen2Config"): LlamaConfig {
  const config = readConfig(where, json, { handled, ignored: llamaIgnored });
  const biases = { qkv: true, o: false, mlp: false };
  return readLlama(where, config, { biases, layers: layersOf(where, json, config) });
}

/**
 * Reads the `config.json` of a `Qwen3ForCausalLM`.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when sizes or layers do not fit together
 */
export function qwen3Config(json: unknown, where = "qwen3Config"): LlamaConfig {
  const config = readConfig(where, json, {
    handled: { ...handled, attention_bias: z.boolean().default(false) },
    ignored: llamaIgnored,
  });
  const { attention_bias: hasBias } = config;
  return readLlama(where, config, {
    biases: { qkv: hasBias, o: hasBias, mlp: false },
    layers: layersOf(where, json, config),
    dHead: 128,
  });
}

/** The family that config.json calls `Qwen2ForCausalLM`. */
export const qwen2Family: DecoderFamily<LlamaConfig> = {
  architectures: ["Qwen2ForCausalLM"],
  kind: "decoder",
  config: qwen2Config,
  forward: llama,
  layout: llamaLayout,
  absent: rotaryAbsent,
};

/** The family that config.json calls `Qwen3ForCausalLM`. */
export const qwen3Family: DecoderFamily<LlamaConfig> = {
  architectures: ["Qwen3ForCausalLM"],
  kind: "decoder",
  config: qwen3Config,
  forward: llama,
  layout: (config) =>
    rotaryLayout(config, (to, from) => [
      ...llamaBlockEntries(to, from, config),
      ...queryKeyNormEntries(to, from, [config.dHead, config.dHead]),
    ]),
  absent: rotaryAbsent,
};
