// Mistral 7B (Jiang et al. 2023, arXiv:2310.06825): Llama in which, in some versions, every query sees a window of positions.

import { readConfig } from "../core/config.ts";
import { count } from "./common-config.ts";
import type { DecoderFamily } from "./family.ts";
import { llama, llamaLayout, rotaryAbsent } from "./llama.ts";
import type { LlamaConfig } from "./llama-config.ts";
import { llamaIgnored, llamaKeys, readLlama } from "./llama-config.ts";

const handled = {
  ...llamaKeys,
  intermediate_size: count.default(14336),
  num_key_value_heads: count.default(8),
  max_position_embeddings: count.default(131072),
  sliding_window: count.optional(),
};

/**
 * Reads the `config.json` of a `MistralForCausalLM`.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when one size does not divide another
 */
export function mistralConfig(json: unknown, where = "mistralConfig"): LlamaConfig {
  const config = readConfig(where, json, { handled, ignored: llamaIgnored });
  // null says that there is no window, and nothing said means the window of the first version
  const isSaid = Object.hasOwn(json as object, "sliding_window");
  const window = config.sliding_window ?? (isSaid ? null : 4096);
  const layers = Array.from({ length: config.num_hidden_layers }, () => ({
    rotates: true,
    window,
  }));
  return readLlama(where, config, { layers });
}

/** The family that config.json calls `MistralForCausalLM`. */
export const mistralFamily: DecoderFamily<LlamaConfig> = {
  architectures: ["MistralForCausalLM"],
  kind: "decoder",
  config: mistralConfig,
  forward: llama,
  layout: llamaLayout,
  absent: rotaryAbsent,
};
