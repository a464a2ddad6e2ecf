// Phi-3 and Phi-4-mini (Abdin et al. 2024, arXiv:2404.14219; 2025, arXiv:2503.01743): Llama with two fused matrices a module, windows
// in short versions, and in long ones another factor for every pair's wavelength.

import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { count } from "./common-config.ts";
import type { DecoderFamily, ParamEntry } from "./family.ts";
import { linearEntries, normEntries } from "./family.ts";
import { llama, rotaryAbsent, rotaryLayout } from "./llama.ts";
import type { LlamaConfig } from "./llama-config.ts";
import { llamaIgnored, llamaKeys, positive, readLlama } from "./llama-config.ts";
import { ropeKeys } from "./rope-config.ts";

const handled = {
  ...llamaKeys,
  vocab_size: count.default(32064),
  hidden_size: count.default(3072),
  intermediate_size: count.default(8192),
  max_position_embeddings: count.default(4096),
  rms_norm_eps: positive.default(1e-5),
  partial_rotary_factor: ropeKeys.partial_rotary_factor,
  original_max_position_embeddings: count.default(4096),
  sliding_window: count.optional(),
  // written by versions of the network's own code, with no other value
  attention_bias: z.literal(false).default(false),
  mlp_bias: z.literal(false).default(false),
  lm_head_bias: z.literal(false).default(false),
  full_attn_mod: z.literal(1).default(1),
  interpolate_factor: z.literal(1).default(1),
};

// dropout acts in training only
const ignored = [...llamaIgnored, "resid_pdrop", "embd_pdrop"];

/**
 * Reads the `config.json` of a `Phi3ForCausalLM`, as `transformers` 4 and 5 write it.
 *
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when one size does not divide another, or a scaling has another number of factors than heads have pairs
 */
export function phi3Config(json: unknown, where = "phi3Config"): LlamaConfig {
  const config = readConfig(where, json, { handled, ignored });
  const { sliding_window: window = null, num_hidden_layers: nLayers } = config;
  const layers = Array.from({ length: nLayers }, () => ({ rotates: true, window }));
  return readLlama(where, config, { layers });
}

/** Entries of linear layers whose rows lie one after the other in one tensor. */
function fusedEntries(
  name: string,
  from: number,
  parts: readonly (readonly [path: string, rows: number])[],
): ParamEntry[] {
  const total = parts.reduce((sum, [, rows]) => sum + rows, 0);
  let start = 0;
  return parts.flatMap(([path, rows]) => {
    const part = { start, total };
    start += rows;
    return linearEntries(path, name, [from, rows]).map((entry) => ({ ...entry, part }));
  });
}

/** The family that config.json calls `Phi3ForCausalLM`. */
export const phi3Family: DecoderFamily<LlamaConfig> = {
  architectures: ["Phi3ForCausalLM"],
  kind: "decoder",
  config: phi3Config,
  forward: llama,
  layout: (config) =>
    rotaryLayout(config, (to, from) => {
      const { nHeads, nKvHeads, dHead, dModel, dMlp } = config;
      const [wide, narrow] = [nHeads * dHead, nKvHeads * dHead];
      return [
        ...normEntries(`${to}.ln1`, `${from}.input_layernorm`, dModel),
        ...fusedEntries(`${from}.self_attn.qkv_proj`, dModel, [
          [`${to}.attn.q`, wide],
          [`${to}.attn.k`, narrow],
          [`${to}.attn.v`, narrow],
        ]),
        ...linearEntries(`${to}.attn.o`, `${from}.self_attn.o_proj`, [wide, dModel]),
        ...normEntries(`${to}.ln2`, `${from}.post_attention_layernorm`, dModel),
        ...fusedEntries(`${from}.mlp.gate_up_proj`, dModel, [
          [`${to}.mlp.gate`, dMlp],
          [`${to}.mlp.in`, dMlp],
        ]),
        ...linearEntries(`${to}.mlp.out`, `${from}.mlp.down_proj`, [dMlp, dModel]),
      ];
    }),
  absent: rotaryAbsent,
};
