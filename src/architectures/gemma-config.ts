import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { PatchClampError } from "../core/errors.ts";
import { plural } from "../core/text.ts";
import { activation, count, ignoredKeys, plainDecoder, share } from "./common-config.ts";
import type { LlamaConfig } from "./llama-config.ts";
import { positive } from "./llama-config.ts";
import { readRope, ropeFrom, ropeKeys, ropeParameters } from "./rope-config.ts";
import type { Rope, RopeParameters } from "./rope-config.ts";

/** What layers differ in. */
export interface LayerKind {
  readonly rope: Rope;
  /** How many positions a query sees, its own included; null where it sees all. */
  readonly window: number | null;
}

/** What Gemma shares with Llama, and its own. */
export interface GemmaConfig extends Omit<LlamaConfig, "layers" | "rope" | "scales"> {
  /** The kind of every layer; layers of one kind hold the same object. */
  readonly layers: readonly LayerKind[];
  /** What products of queries and keys are multiplied by. */
  readonly scoreScale: number;
  /** Scaled scores stay between this and its negative; null where they are not bounded. */
  readonly scoreCap: number | null;
  /** Logits stay between this and its negative; null where they are not bounded. */
  readonly logitCap: number | null;
}

const common = {
  ...plainDecoder,
  head_dim: count.multipleOf(2).default(256),
  rms_norm_eps: positive.default(1e-6),
  attention_bias: z.boolean().default(false),
  use_bidirectional_attention: z.literal(false).default(false),
  tie_word_embeddings: z.boolean().default(true),
};

const ignored = [
  ...ignoredKeys,
  // dropout acts in training only
  "attention_dropout",
  // how a cache is stored
  "cache_implementation",
];

const gemmaKeys = {
  ...common,
  vocab_size: count.default(256000),
  hidden_size: count.default(3072),
  intermediate_size: count.default(24576),
  num_hidden_layers: count.default(28),
  num_attention_heads: count.default(16),
  num_key_value_heads: count.default(16),
  max_position_embeddings: count.default(8192),
  // the first checkpoints say "gelu" and mean its tanh approximation
  hidden_act: z.enum(["gelu", "gelu_pytorch_tanh"]).default("gelu"),
  hidden_activation: z.literal("gelu_pytorch_tanh").default("gelu_pytorch_tanh"),
  ...ropeKeys,
  partial_rotary_factor: z.literal(1).default(1),
};

/**
 * Reads the `config.json` of a `GemmaForCausalLM`, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when one size does not divide another
 */
export function gemmaConfig(json: unknown, where = "gemmaConfig"): GemmaConfig {
  const config = readConfig(where, json, { handled: gemmaKeys, ignored });
  const { head_dim: dHead, max_position_embeddings: nCtx } = config;
  const kind = { rope: readRope(where, config, { dHead, nCtx }), window: null };
  return {
    ...sizes(where, config),
    layers: Array.from({ length: config.num_hidden_layers }, () => kind),
    activation: "gelu_new",
    scoreScale: 1 / Math.sqrt(dHead),
    scoreCap: null,
    logitCap: null,
  };
}

const layerTypes = z.array(z.enum(["sliding_attention", "full_attention"]));

/** What Gemma 2 and 3 have in common. */
const alternating = {
  ...common,
  hidden_size: count.default(2304),
  intermediate_size: count.default(9216),
  num_hidden_layers: count.default(26),
  num_attention_heads: count.default(8),
  num_key_value_heads: count.default(4),
  hidden_activation: activation("gelu_new"),
  query_pre_attn_scalar: positive.default(256),
  sliding_window: count.default(4096),
  layer_types: layerTypes.optional(),
};

const alternatingIgnored = [
  ...ignored,
  // it is `hidden_activation` that counts
  "hidden_act",
  // notes of some checkpoints: the same as `sliding_window`, and what `layer_types` was made with
  "sliding_window_size _sliding_window_pattern",
].flatMap((line) => line.split(" "));

const gemma2Keys = {
  ...alternating,
  vocab_size: count.default(256000),
  max_position_embeddings: count.default(8192),
  attn_logit_softcapping: positive.optional(),
  final_logit_softcapping: positive.optional(),
  ...ropeKeys,
  partial_rotary_factor: z.literal(1).default(1),
};

/**
 * Reads the `config.json` of a `Gemma2ForCausalLM`, as `transformers` 4 and 5 write it.
 *
 * @throws PatchClampError as `gemmaConfig`
 */
export function gemma2Config(json: unknown, where = "gemma2Config"): GemmaConfig {
  const config = readConfig(where, json, { handled: gemma2Keys, ignored: alternatingIgnored });
  const { head_dim: dHead, max_position_embeddings: nCtx } = config;
  const rope = readRope(where, config, { dHead, nCtx });
  // null says that there is no bound, and nothing said means the usual one
  const unlessSaid = (key: string, usual: number): number | null =>
    Object.hasOwn(json as object, key) ? null : usual;
  return {
    ...sizes(where, config),
    layers: layersOf(where, config, 2, {
      sliding_attention: { rope, window: config.sliding_window },
      full_attention: { rope, window: null },
    }),
    activation: config.hidden_activation,
    scoreScale: 1 / Math.sqrt(config.query_pre_attn_scalar),
    scoreCap: config.attn_logit_softcapping ?? unlessSaid("attn_logit_softcapping", 50),
    logitCap: config.final_logit_softcapping ?? unlessSaid("final_logit_softcapping", 30),
  };
}

const gemma3Keys = {
  ...alternating,
  vocab_size: count.default(262_208),
  max_position_embeddings: count.default(131_072),
  attn_logit_softcapping: z.never({ error: "transformers bounds no scores of Gemma 3" }).optional(),
  final_logit_softcapping: positive.optional(),
  // an early way to say `layer_types`: of so many layers the last one sees all
  sliding_window_pattern: count.default(6),
  // transformers 4 wrote these three, of which the last is for layers that see all ...
  rope_theta: positive.default(1_000_000),
  rope_local_base_freq: positive.default(10_000),
  rope_scaling: ropeParameters.optional(),
  // ... and 5 writes this one
  rope_parameters: z
    .strictObject({
      sliding_attention: ropeParameters.nullish(),
      full_attention: ropeParameters.nullish(),
    })
    .default({}),
};

/**
 * Reads the `config.json` of a `Gemma3ForCausalLM`, as `transformers` 4 and 5 write it.
 *
 * @throws PatchClampError as `gemmaConfig`
 */
export function gemma3Config(json: unknown, where = "gemma3Config"): GemmaConfig {
  const config = readConfig(where, json, { handled: gemma3Keys, ignored: alternatingIgnored });
  const { head_dim: dHead, max_position_embeddings: nCtx } = config;
  const { sliding_attention: local, full_attention: global } = config.rope_parameters;
  const rope = (given: RopeParameters | null | undefined, theta: number): Rope =>
    ropeFrom(where, given ?? { rope_type: "default" }, { dHead, nCtx, theta });
  return {
    ...sizes(where, config),
    layers: layersOf(where, config, config.sliding_window_pattern, {
      sliding_attention: {
        rope: rope(local, config.rope_local_base_freq),
        window: config.sliding_window,
      },
      full_attention: {
        rope: rope(config.rope_scaling ?? global, config.rope_theta),
        window: null,
      },
    }),
    activation: config.hidden_activation,
    scoreScale: 1 / Math.sqrt(config.query_pre_attn_scalar),
    scoreCap: null,
    logitCap: config.final_logit_softcapping ?? null,
  };
}

/**
 * Reads the `config.json` of a `Gemma3ForConditionalGeneration`, as far as it speaks of the language network.
 *
 * @throws PatchClampError as `gemmaConfig`
 */
export function gemma3VisionConfig(json: unknown, where = "gemma3VisionConfig"): GemmaConfig {
  const { text_config: text } = readConfig(where, json, {
    handled: {
      ...plainDecoder,
      text_config: z.record(z.string(), z.unknown()),
      tie_word_embeddings: z.literal(true).default(true),
    },
    ignored: [
      ...ignored,
      // what images become
      ..."vision_config mm_tokens_per_image boi_token_index eoi_token_index image_token_index".split(
        " ",
      ),
    ],
  });
  return gemma3Config({ ...text, tie_word_embeddings: true }, where);
}

type LayerType = z.output<typeof layerTypes>[number];

/** The kind of every layer; where the config does not list them, every `pattern`-th sees all. */
function layersOf(
  where: string,
  config: { readonly num_hidden_layers: number; readonly layer_types?: LayerType[] | undefined },
  pattern: number,
  kinds: Readonly<Record<LayerType, LayerKind>>,
): LayerKind[] {
  const { num_hidden_layers: nLayers } = config;
  const types =
    config.layer_types ??
    Array.from({ length: nLayers }, (_, i) =>
      (i + 1) % pattern === 0 ? "full_attention" : "sliding_attention",
    );
  if (types.length === nLayers) return types.map((type) => kinds[type]);
  throw new PatchClampError("BAD_FILE", {
    where,
    problem: `config key "layer_types" lists ${plural(types.length, "layer")}, but "num_hidden_layers" is ${nLayers}.`,
    facts: { layerTypes: types.length, nLayers },
  });
}

/** Keys whose meaning is the same in all three. */
type SizeKeys = Readonly<
  Record<
    | "vocab_size"
    | "hidden_size"
    | "intermediate_size"
    | "num_hidden_layers"
    | "num_attention_heads"
    | "num_key_value_heads"
    | "head_dim"
    | "max_position_embeddings"
    | "rms_norm_eps",
    number
  > &
    Record<"attention_bias" | "tie_word_embeddings", boolean>
>;

type Sizes = Omit<GemmaConfig, "layers" | "activation" | "scoreScale" | "scoreCap" | "logitCap">;

function sizes(where: string, config: SizeKeys): Sizes {
  const { num_attention_heads: nHeads, num_key_value_heads: nKvHeads } = config;
  const { attention_bias: hasBias } = config;
  share(where, ["num_attention_heads", nHeads], ["num_key_value_heads", nKvHeads]);
  return {
    nLayers: config.num_hidden_layers,
    nHeads,
    nKvHeads,
    dModel: config.hidden_size,
    dHead: config.head_dim,
    dMlp: config.intermediate_size,
    dVocab: config.vocab_size,
    nCtx: config.max_position_embeddings,
    epsilon: config.rms_norm_eps,
    biases: { qkv: hasBias, o: hasBias, mlp: false },
    ties: config.tie_word_embeddings,
  };
}
