import { z } from "zod";

import { readConfig } from "../core/config.ts";
import { PatchClampError } from "../core/errors.ts";
import type { VisionLanguageConfig } from "../network/vision-language-input.ts";
import { clipVisionTower } from "./clip-config.ts";
import type { ClipVisionTower } from "./clip-config.ts";
import { activation, ignoredKeys, plainDecoder } from "./common-config.ts";
import type { Activation } from "./common-config.ts";
import { llamaConfig } from "./llama-config.ts";
import type { LlamaConfig } from "./llama-config.ts";
import { mistralConfig } from "./mistral.ts";
import { qwen2Config } from "./qwen.ts";
import { gridOf } from "./tower.ts";

/** LLaVA. */
export interface LlavaConfig extends VisionLanguageConfig {
  readonly vision: ClipVisionTower;
  readonly text: LlamaConfig;
  /** Blocks of the tower for images after which it is read, beside one another; 0 is before the first. */
  readonly readAfter: readonly number[];
  /** Whether the class token is read too. */
  readonly readsClass: boolean;
  /** Between the two layers that lead to the language network. */
  readonly projector: { readonly activation: Activation; readonly hasBias: boolean };
}

/** Readers of the language network's config, by its `model_type`: Llama and those of its relatives that are the same function. */
const TEXTS: Readonly<Record<string, (json: unknown, where: string) => LlamaConfig>> = {
  llama: llamaConfig,
  mistral: mistralConfig,
  qwen2: qwen2Config,
};

const part = z.looseObject({ model_type: z.string().optional() });

const keys = {
  ...plainDecoder,
  text_config: part.default({}),
  // what transformers takes where the config says nothing about it
  vision_config: part.default({
    hidden_size: 1024,
    image_size: 336,
    intermediate_size: 4096,
    num_attention_heads: 16,
    num_hidden_layers: 24,
    patch_size: 14,
  }),
  image_token_index: z.int().nonnegative().optional(),
  image_token_id: z.int().nonnegative().optional(),
  projector_hidden_act: activation("gelu"),
  multimodal_projector_bias: z.boolean().default(true),
  vision_feature_layer: z.union([z.int(), z.array(z.int()).min(1)]).default(-2),
  vision_feature_select_strategy: z.enum(["default", "full"]).default("default"),
  tie_word_embeddings: z.boolean().default(false),
};

// of training; what an image takes follows from its patches; and the vocabulary is the language network's
const ignored = [...ignoredKeys, "ignore_index", "image_seq_length", "vocab_size"];

/**
 * Reads the `config.json` of a `LlavaForConditionalGeneration`, as `transformers` 4 and 5 write it.
 *
 * @param json - the parsed file
 * @param where - the public function reported in an error
 * @throws PatchClampError `UNSUPPORTED` for keys and values that would change the numbers in a way we do not compute, and for other
 * parts than CLIP and Llama or its likes; `BAD_FILE` when the tower for images is read after a block that it lacks
 */
export function llavaConfig(json: unknown, where = "llavaConfig"): LlavaConfig {
  const config = readConfig(where, json, { handled: keys, ignored });
  checkKind(where, "vision_config", config.vision_config, ["clip_vision_model"]);
  const vision = clipVisionTower(where, config.vision_config);
  const text = textConfig(where, config.text_config, config.tie_word_embeddings);
  const { nLayers, nHeads, nKvHeads, dModel, dHead, dVocab, nCtx } = text;
  const grid = gridOf(vision.image, vision.patch);
  const readsClass = config.vision_feature_select_strategy === "full";
  return {
    nLayers,
    nHeads,
    nKvHeads,
    dModel,
    dHead,
    dVocab,
    nCtx,
    channels: vision.channels,
    image: vision.image,
    imageToken: config.image_token_index ?? config.image_token_id ?? 32000,
    imageLength: grid.height * grid.width + (readsClass ? 1 : 0),
    vision,
    text,
    readAfter: readAfter(where, config.vision_feature_layer, vision.nLayers),
    readsClass,
    projector: {
      activation: config.projector_hidden_act,
      hasBias: config.multimodal_projector_bias,
    },
  };
}

type Part = z.output<typeof part>;

function textConfig(where: string, text: Part, ties: boolean): LlamaConfig {
  checkKind(where, "text_config", text, Object.keys(TEXTS));
  const read = TEXTS[text.model_type ?? "llama"]!;
  return read({ ...text, tie_word_embeddings: ties || text["tie_word_embeddings"] }, where);
}

function checkKind(where: string, key: string, config: Part, known: readonly string[]): void {
  const { model_type: kind = known[0]! } = config;
  if (known.includes(kind)) return;
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: `config key "${key}" has the model_type ${JSON.stringify(kind)}, which is not computed in a LLaVA.`,
    fix: `what is: ${known.join(", ")}.`,
    facts: { key, kind },
  });
}

/** Numbers of blocks from numbers of hidden states, of which negative ones are counted from the end. */
function readAfter(where: string, layers: number | readonly number[], nLayers: number): number[] {
  const asked = typeof layers === "number" ? [layers] : layers;
  const found = asked.map((layer) => (layer < 0 ? nLayers + 1 + layer : layer));
  if (found.every((layer) => layer >= 0 && layer <= nLayers)) return found;
  throw new PatchClampError("BAD_FILE", {
    where,
    problem: `config key "vision_feature_layer" = ${JSON.stringify(layers)} asks for a layer beyond the ${nLayers} of the tower for images.`,
    facts: { layers, nLayers },
  });
}
