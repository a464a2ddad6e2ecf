// What the configs of all decoder families share: the keys that `transformers` 4 and 5 write into every config.json.

import { z } from "zod";

import { PatchClampError } from "../core/errors.ts";

/** The non-linearity of an MLP; `gelu_new` is the tanh approximation, `quick_gelu` the one by a sigmoid. */
export type Activation = "gelu" | "gelu_new" | "quick_gelu" | "relu" | "silu" | "tanh";

/** Names that `transformers` gives these functions. */
const activationNames: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_python: "gelu",
  gelu_new: "gelu_new",
  gelu_fast: "gelu_new",
  gelu_pytorch_tanh: "gelu_new",
  gelu_python_tanh: "gelu_new",
  quick_gelu: "quick_gelu",
  relu: "relu",
  silu: "silu",
  swish: "silu",
  tanh: "tanh",
};

/** A size or a count: a whole number from 1 that 32 bits hold, so that a damaged file asks for no more. */
export const count = z
  .int()
  .positive()
  .max(2 ** 31 - 1, "no network is as large");

/** Reads an activation by any of its names. */
export function activation(byDefault: Activation): z.ZodType<Activation> {
  return z
    .enum(Object.keys(activationNames))
    .default(byDefault)
    .transform((name) => activationNames[name]!);
}

/** Keys that would change a decoder, with the only value that does not. */
export const plainDecoder = {
  is_encoder_decoder: z.literal(false).default(false),
  add_cross_attention: z.literal(false).default(false),
  pruned_heads: z.strictObject({}).default({}),
};

/** Keys that change nothing about the numbers of a forward pass in float32 at inference. */
export const ignoredKeys: readonly string[] = [
  // what the file is, and who wrote it
  "architectures model_type transformers_version _name_or_path name_or_path _commit_hash auto_map transformers.js_config",
  // storage and execution: the weights' own types are what counts
  "dtype torch_dtype torchscript use_bfloat16 tf_legacy_loss use_cache gradient_checkpointing chunk_size_feed_forward",
  "attn_implementation _attn_implementation _attn_implementation_autoset experts_implementation",
  "return_dict output_attentions output_hidden_states",
  // training and fine-tuning
  "initializer_range finetuning_task task_specific_params problem_type id2label label2id num_labels",
  // roles among several models
  "is_decoder tie_encoder_decoder",
  // tokenizer
  "tokenizer_class prefix bos_token_id eos_token_id pad_token_id sep_token_id decoder_start_token_id",
  // generation: the caller of `generate` decides
  "max_length min_length do_sample early_stopping num_beams num_beam_groups diversity_penalty temperature top_k top_p",
  "typical_p repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids",
  "num_return_sequences output_scores return_dict_in_generate forced_bos_token_id forced_eos_token_id",
  "remove_invalid_values exponential_decay_length_penalty suppress_tokens begin_suppress_tokens",
].flatMap((line) => line.split(" "));

/**
 * One size divided by another that must go into it.
 *
 * @throws PatchClampError `BAD_FILE` when it does not
 */
export function share(
  where: string,
  [wholeName, whole]: readonly [string, number],
  [partsName, parts]: readonly [string, number],
): number {
  if (whole % parts === 0) return whole / parts;
  throw new PatchClampError("BAD_FILE", {
    where,
    problem: `config key "${wholeName}" = ${whole} is not a multiple of "${partsName}" = ${parts}.`,
    facts: { [wholeName]: whole, [partsName]: parts },
  });
}
