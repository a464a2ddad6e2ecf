// From llama.cpp's metadata to a config.json as transformers writes it: what the tables of the architectures share.

import { PatchClampError } from "../../core/errors.ts";
import type { Facts } from "./facts.ts";
import type { TensorRules } from "./names.ts";

export type Config = Record<string, unknown>;

/** How llama.cpp stores one architecture. */
export interface GgufArchitecture extends TensorRules {
  /** What config.json calls it, in `architectures`. */
  readonly architecture: string;
  readonly modelType: string;
  /** Keys of config.json by metadata keys, all of which must be there. */
  readonly keys: Readonly<Record<string, string>>;
  /** What stands in config.json besides, the same for every file. */
  readonly constants?: Readonly<Config>;
  /** What stands in config.json besides and follows from the file. */
  readonly more?: (facts: Facts) => Config | Promise<Config>;
  /** Metadata that changes no number. */
  readonly ignored?: readonly string[];
}

/** The sizes that almost every architecture has. */
export const decoderKeys: Readonly<Record<string, string>> = {
  block_count: "num_hidden_layers",
  embedding_length: "hidden_size",
  feed_forward_length: "intermediate_size",
  context_length: "max_position_embeddings",
  "attention.head_count": "num_attention_heads",
};

/** And those with RMS norms. */
export const rmsKeys: Readonly<Record<string, string>> = {
  ...decoderKeys,
  "attention.layer_norm_rms_epsilon": "rms_norm_eps",
};

const ignoredEverywhere = [
  // stands in the embedding's shape
  "vocab_size",
  // how the tensors of the original checkpoint lay, before conversion
  "tensor_data_layout",
  // read by llama.cpp for GPT-NeoX only, but written for others too
  "use_parallel_residual",
  // whether the network was trained with its scaled rotation
  "rope.scaling.finetuned",
];

/**
 * Writes the config.json of a file.
 *
 * @throws PatchClampError `BAD_FILE` for metadata that is missing; `UNSUPPORTED` for metadata that nobody reads or ignores
 */
export async function configOf(facts: Facts, table: GgufArchitecture): Promise<Config> {
  const { architecture, modelType, keys, constants, more, ignored = [] } = table;
  facts.ignore(...ignoredEverywhere, ...ignored);
  facts.only("attention.causal", true);
  assertBlocks(facts);
  const config: Config = { architectures: [architecture], model_type: modelType };
  for (const [key, name] of Object.entries(keys)) config[name] = facts.number(key);
  config["vocab_size"] = facts.shape("token_embd.weight")[0];
  config["tie_word_embeddings"] = !facts.has("output.weight");
  Object.assign(config, constants, await more?.(facts));
  facts.assertAllRead();
  return config;
}

/** Every block has tensors, so that a count beyond them is a lie; configs list something for each block. */
function assertBlocks(facts: Facts): void {
  const blocks = facts.number("block_count");
  if (Number.isInteger(blocks) && blocks >= 1 && blocks <= facts.tensors.size) return;
  throw new PatchClampError("BAD_FILE", {
    where: "openGguf",
    problem: `${facts.path} claims ${blocks} blocks, but has ${facts.tensors.size} tensors.`,
    facts: { path: facts.path },
  });
}

/** Key-value heads: as many as query heads where the file does not say. */
export function kvHeads(facts: Facts): Config {
  const all = facts.number("attention.head_count");
  return { num_key_value_heads: facts.optional("attention.head_count_kv") ?? all };
}

/** Numbers a head; keys and values have as many. */
export function headSize(facts: Facts): number {
  const shared = facts.number("embedding_length") / facts.number("attention.head_count");
  const size = facts.optional("attention.key_length") ?? shared;
  facts.only("attention.value_length", size);
  return size;
}

/** `head_dim`, for families whose config has it. */
export function headDim(facts: Facts): Config {
  return { head_dim: headSize(facts) };
}

/** Refuses heads of another size than the width over the number of heads, for families whose config cannot say so. */
export function plainHeads(facts: Facts): Config {
  const size = facts.number("embedding_length") / facts.number("attention.head_count");
  facts.only("attention.key_length", size);
  facts.only("attention.value_length", size);
  return {};
}

/** Whether the query projection has a bias. */
export function hasQueryBias(facts: Facts): boolean {
  return facts.has("blk.0.attn_q.bias");
}

/** `rope_parameters`, for heads that are turned whole. */
export function rope(facts: Facts): Config {
  facts.only("rope.dimension_count", headSize(facts));
  return { rope_parameters: scaling(facts) };
}

/** `rope_parameters`, for heads of which a part is turned. */
export function partialRope(facts: Facts): Config {
  const size = headSize(facts);
  const turned = facts.optional("rope.dimension_count") ?? size;
  return { rope_parameters: { ...scaling(facts), partial_rotary_factor: turned / size } };
}

/** How rotary wavelengths are stretched; llama.cpp scales linearly where only a factor is given. */
export function scaling(facts: Facts): Config {
  const theta = { rope_theta: facts.optional("rope.freq_base") ?? 10000 };
  const type = facts.text("rope.scaling.type");
  const factor = facts.optional("rope.scaling.factor") ?? facts.optional("rope.scale_linear") ?? 1;
  if (type === "yarn") return { ...theta, ...yarn(facts, factor) };
  if (type === "none" || (factor === 1 && (type === undefined || type === "linear"))) {
    return { ...theta, rope_type: "default" };
  }
  if (type === undefined || type === "linear") return { ...theta, rope_type: "linear", factor };
  throw facts.refused("rope.scaling.type", type);
}

function yarn(facts: Facts, factor: number): Config {
  facts.only("rope.scaling.yarn_ext_factor", 1);
  const attention = facts.optional("rope.scaling.yarn_attn_factor");
  return {
    rope_type: "yarn",
    factor,
    original_max_position_embeddings: facts.number("rope.scaling.original_context_length"),
    beta_fast: facts.optional("rope.scaling.yarn_beta_fast") ?? 32,
    beta_slow: facts.optional("rope.scaling.yarn_beta_slow") ?? 1,
    ...(attention === undefined ? {} : { attention_factor: attention }),
  };
}

/** Which blocks see a window only: `period` blocks, the last of which sees everything, over and over. */
export function windows(facts: Facts, period: number): Config {
  const key = "attention.sliding_window_pattern";
  const each = facts.each(key);
  const every = each === undefined ? (facts.optional(key) ?? period) : period;
  const isLocal = (block: number): boolean =>
    each === undefined ? (block + 1) % every !== 0 : each[block] === 1;
  return {
    sliding_window: facts.number("attention.sliding_window"),
    layer_types: Array.from({ length: facts.number("block_count") }, (_, block) =>
      isLocal(block) ? "sliding_attention" : "full_attention",
    ),
  };
}

/** The width of a routed expert: in the metadata or, in older files, the shape of the stack. */
export function expertSize(facts: Facts, block = 0): number {
  return (
    facts.optional("expert_feed_forward_length") ??
    facts.shape(`blk.${block}.ffn_gate_exps.weight`)[1]!
  );
}
