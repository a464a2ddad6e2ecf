import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { PatchClampError } from "../core/errors.ts";
import type { DecoderConfig } from "../network/prompt.ts";
import { activation, count, ignoredKeys, plainDecoder, share } from "./common-config.ts";
import type { Activation } from "./common-config.ts";
import type { Rope, RopeKeys } from "./rope-config.ts";
import { readRope, ropeKeys } from "./rope-config.ts";

/** Llama, and what its relatives change about it. */
export interface LlamaConfig extends DecoderConfig {
  /** Each key-value head serves nHeads / nKvHeads query heads, side by side. */
  readonly nKvHeads: number;
  readonly dMlp: number;
  /** Added to the mean square in every norm. */
  readonly epsilon: number;
  readonly rope: Rope;
  /** Which projections have biases: of queries, keys and values; of the heads' output; the three of the MLP. */
  readonly biases: { readonly qkv: boolean; readonly o: boolean; readonly mlp: boolean };
  readonly activation: Activation;
  /** Whether the unembedding is the token embedding, so that the checkpoint has no `lm_head.weight`. */
  readonly ties: boolean;
  /** How each layer attends. */
  readonly layers: readonly AttentionLayer[];
  readonly scales: Scales;
}

/** What may differ from layer to layer. */
export interface AttentionLayer {
  /** Whether queries and keys are turned by their positions. */
  readonly rotates: boolean;
  /** How many positions a query sees, its own included; null where it sees all earlier ones. */
  readonly window: number | null;
}

/** Constant factors; 1 where a family has none. */
export interface Scales {
  /** Of token embeddings. */
  readonly embed: number;
  /** Of attention scores. */
  readonly scores: number;
  /** Of what a module adds to the residual stream. */
  readonly residual: number;
  readonly logits: number;
}

/** A positive number. */
export const positive = z.number().positive();

/** Keys that Llama and all its relatives have, with Llama's defaults. */
export const llamaKeys = {
  ...plainDecoder,
  ...ropeKeys,
  vocab_size: count.default(32000),
  hidden_size: count.default(4096),
  intermediate_size: count.default(11008),
  num_hidden_layers: count.default(32),
  num_attention_heads: count.default(32),
  num_key_value_heads: count.optional(),
  head_dim: count.multipleOf(2).optional(),
  hidden_act: activation("silu"),
  max_position_embeddings: count.default(2048),
  rms_norm_eps: positive.default(1e-6),
  // the rotation of these families turns whole heads, so that transformers ignores or refuses another part
  partial_rotary_factor: z.literal(1).optional(),
  rope_interleaved: z.literal(false).default(false),
  tie_word_embeddings: z.boolean().default(false),
};

/** Keys of relatives of Llama that change nothing. */
export const llamaIgnored = [
  ...ignoredKeys,
  // dropout acts in training only
  "attention_dropout",
  // splits matrix products into parts with the same sum
  "pretraining_tp",
];

/** Keys of biases, in families where they are a choice. */
export const biasKeys = {
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
};

// relatives may read the keys about rotary positions otherwise than Llama
type Keys = Omit<z.output<z.ZodObject<typeof llamaKeys>>, keyof RopeKeys> & RopeKeys;
type BiasKeys = z.output<z.ZodObject<typeof biasKeys>>;

/** What `readLlama` is told beside the config's own keys. */
export type LlamaForm = Partial<Pick<LlamaConfig, "biases" | "layers" | "scales">> & {
  /** Numbers of a head where the config does not say it. Default: hidden_size / num_attention_heads. */
  readonly dHead?: number;
  /** Base of the rotary wavelengths where the config does not say it. Default 10000. */
  readonly theta?: number;
};

/**
 * The config of a relative of Llama from keys that are read already.
 *
 * @param where - the public function reported in an error
 * @param config - the keys
 * @param form - what the family adds; default: no biases, all layers alike, no factors
 * @throws PatchClampError `BAD_FILE` when one size does not divide another, or two keys contradict each other
 */
export function readLlama(where: string, config: Keys, form: LlamaForm = {}): LlamaConfig {
  const { hidden_size: dModel, num_attention_heads: nHeads, num_hidden_layers: nLayers } = config;
  const { num_key_value_heads: nKvHeads = nHeads } = config;
  share(where, ["num_attention_heads", nHeads], ["num_key_value_heads", nKvHeads]);
  const dHead =
    config.head_dim ??
    form.dHead ??
    share(where, ["hidden_size", dModel], ["num_attention_heads", nHeads]);
  const { biases = noBiases, layers = Array.from({ length: nLayers }, () => plainLayer) } = form;
  const { max_position_embeddings: written } = config;
  const rope = readRope(where, config, { dHead, nCtx: written, theta: form.theta });
  return {
    nLayers,
    nHeads,
    nKvHeads,
    dModel,
    dHead,
    dMlp: config.intermediate_size,
    dVocab: config.vocab_size,
    nCtx: rope.context,
    epsilon: config.rms_norm_eps,
    rope,
    biases,
    activation: config.hidden_act,
    ties: config.tie_word_embeddings,
    layers,
    scales: form.scales ?? { embed: 1, scores: 1 / Math.sqrt(dHead), residual: 1, logits: 1 },
  };
}

const noBiases = { qkv: false, o: false, mlp: false };
const plainLayer: AttentionLayer = { rotates: true, window: null };

/** Biases where the config chooses them. */
export function biasesOf(config: BiasKeys): LlamaConfig["biases"] {
  const { attention_bias: attn, mlp_bias: mlp } = config;
  return { qkv: attn, o: attn, mlp };
}

/**
 * Reads the `config.json` of a `LlamaForCausalLM`, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute; `BAD_FILE`
 * when one size does not divide another
 */
export function llamaConfig(json: unknown, where = "llamaConfig"): LlamaConfig {
  const config = readConfig(where, json, {
    handled: { ...llamaKeys, ...biasKeys },
    // a note in the SmolLM2 checkpoints
    ignored: [...llamaIgnored, "is_llama_config"],
  });
  return readLlama(where, config, { biases: biasesOf(config) });
}

/** Keys about windows, in families where some layers have one. */
export const windowKeys = {
  use_sliding_window: z.boolean().default(false),
  sliding_window: count.optional(),
  layer_types: z.array(z.enum(["full_attention", "sliding_attention"])).optional(),
};

type WindowKeys = z.output<z.ZodObject<typeof windowKeys>>;

/**
 * The window of every layer: null where there is none.
 *
 * @param slides - which layers have one where the config has a window but does not list `layer_types`
 * @throws PatchClampError `BAD_FILE` when `layer_types` has another length than the network, or asks for a window that is switched
 * off or missing
 */
export function layerWindows(
  where: string,
  config: WindowKeys & Pick<Keys, "num_hidden_layers">,
  slides: (layer: number) => boolean,
): (number | null)[] {
  const { use_sliding_window: isOn, layer_types: types, num_hidden_layers: nLayers } = config;
  const window = (isOn ? config.sliding_window : undefined) ?? null;
  checkLayerTypes(where, nLayers, types, window !== null);
  return Array.from({ length: nLayers }, (_, i) =>
    (types === undefined ? slides(i) : types[i] === "sliding_attention") ? window : null,
  );
}

function checkLayerTypes(
  where: string,
  nLayers: number,
  types: WindowKeys["layer_types"],
  hasWindow: boolean,
): void {
  if (types === undefined) return;
  if (types.length !== nLayers) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `config key "layer_types" lists ${types.length} layers, but "num_hidden_layers" is ${nLayers}.`,
    });
  }
  if (!hasWindow && types.includes("sliding_attention")) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `config key "layer_types" has "sliding_attention", but no "sliding_window" is switched on.`,
      fix: `set "use_sliding_window" and "sliding_window", or make these layers "full_attention".`,
    });
  }
}
