// cfg.json of SAELens folders: which keys are read, and what they come to.

import { z } from "zod";

import { readConfig } from "../../core/config.ts";
import { PatchClampError } from "../../core/errors.ts";
import type { Normalisation } from "../../values/normalisation.ts";

const no = z.literal(false).default(false);
const words = z.record(z.string(), z.unknown()).default({});

const keys = {
  handled: {
    architecture: z.enum(["standard", "topk", "jumprelu", "gated"]).default("standard"),
    d_in: z.int().min(2),
    d_sae: z.int().min(1),
    apply_b_dec_to_input: z.boolean().default(true),
    normalize_activations: z
      .union([z.literal(false), z.enum(["none", "constant_norm_rescale", "layer_norm"])])
      .default("none"),
    // what it says of the site, the site's own shape says
    reshape_activations: z.enum(["none", "hook_z"]).default("none"),
    k: z.int().min(1).optional(),
    rescale_acts_by_decoder_norm: z.boolean().default(false),
    metadata: words,
    // before version 6, where the rest of them lie in metadata
    activation_fn: z.enum(["relu", "topk"]).optional(),
    activation_fn_str: z.enum(["relu", "topk"]).optional(),
    activation_fn_kwargs: words,
    finetuning_scaling_factor: no,
    multi_topk: no,
    hook_name: z.string().optional(),
    hook_point: z.string().optional(),
    hook_head_index: z.int().optional(),
    hook_point_head_index: z.int().optional(),
    model_name: z.string().optional(),
    model_from_pretrained_kwargs: words,
    neuronpedia_id: z.string().optional(),
  },
  // how it was trained and stored
  ignored: [
    "aux_loss_coefficient",
    "context_size",
    "dataset_path",
    "dataset_trust_remote_code",
    "decoder_heuristic_init",
    "decoder_init_norm",
    "decoder_orthogonal_init",
    "device",
    "dtype",
    "hook_layer",
    "hook_point_layer",
    "init_encoder_as_decoder_transpose",
    "jumprelu_bandwidth",
    "jumprelu_init_threshold",
    "jumprelu_sparsity_loss_mode",
    "l0_coefficient",
    "l0_warm_up_steps",
    "l1_coefficient",
    "l1_warm_up_steps",
    "layer",
    "lp_norm",
    "mse_loss_normalization",
    "noise_scale",
    "normalize_sae_decoder",
    "pre_act_loss_coefficient",
    "prepend_bos",
    "sae_lens_training_version",
    "sae_lens_version",
    "scale_sparsity_penalty_by_decoder_norm",
    "seqpos_slice",
    "sparsity",
    "tanh_scale",
    "topk_threshold_lr",
    "use_ghost_grads",
    "use_sparse_activations",
  ],
} as const;

/** What weights TransformerLens changes so that activations are others than the checkpoint's. */
const REWRITINGS = ["fold_value_biases", "refactor_factored_attn_matrices"];

/** What cfg.json says. */
export interface SaeLensConfig {
  readonly architecture: "standard" | "topk" | "jumprelu" | "gated";
  readonly width: number;
  readonly features: number;
  readonly isCentred: boolean;
  readonly normalisation: Normalisation;
  /** Of `topk`. */
  readonly k: number | undefined;
  /** Whether the best are found, and features told, in units of their decoder rows' lengths. */
  readonly isScaledByRows: boolean;
  /** TransformerLens's name of the site. */
  readonly hook: string | undefined;
  readonly model: string | undefined;
  readonly name: string | undefined;
  /** Whether it was trained on a residual stream from which each token's mean had been taken. */
  readonly readsWithoutMean: boolean;
}

/**
 * Reads cfg.json.
 *
 * @param json - of version 6 of SAELens or of an earlier one
 * @throws PatchClampError `UNSUPPORTED` for keys and values that change the numbers in a way that is not computed
 */
export function readSaeLensConfig(where: string, json: unknown): SaeLensConfig {
  checkFolded(where, json);
  const config = readConfig(where, json, keys);
  const { metadata } = config;
  const refused = (problem: string, fix?: string): PatchClampError =>
    new PatchClampError("UNSUPPORTED", { where, problem, fix });
  const head =
    metadata["hook_head_index"] ?? config.hook_head_index ?? config.hook_point_head_index;
  if (head !== undefined) {
    throw refused(
      `the dictionary was made for head ${JSON.stringify(head)} alone, which is no site.`,
    );
  }
  const loaded = {
    ...config.model_from_pretrained_kwargs,
    ...(metadata["model_from_pretrained_kwargs"] as object | null),
  } as Readonly<Record<string, unknown>>;
  const rewriting = REWRITINGS.find((key) => loaded[key] === true);
  if (rewriting !== undefined) {
    throw refused(
      `the dictionary was trained on a network whose weights TransformerLens had changed (${rewriting}).`,
      "use one that was trained on the network as it is.",
    );
  }
  const activation = config.activation_fn ?? config.activation_fn_str;
  const isTopK = config.architecture === "topk" || activation === "topk";
  if (isTopK && config.architecture !== "topk" && config.architecture !== "standard") {
    throw refused(`the dictionary is "${config.architecture}" with the activation function topk.`);
  }
  const k = config.k ?? config.activation_fn_kwargs["k"];
  if (isTopK && typeof k !== "number")
    throw refused("the dictionary is topk and its k is missing.");
  const { normalize_activations: normalisation } = config;
  return {
    architecture: isTopK ? "topk" : config.architecture,
    width: config.d_in,
    features: config.d_sae,
    isCentred: config.apply_b_dec_to_input,
    normalisation:
      normalisation === "constant_norm_rescale"
        ? "norm"
        : normalisation === "layer_norm"
          ? "layer-norm"
          : "none",
    k: isTopK ? (k as number) : undefined,
    isScaledByRows: config.rescale_acts_by_decoder_norm,
    hook: text(metadata["hook_name"]) ?? config.hook_name ?? config.hook_point,
    model: text(metadata["model_name"]) ?? config.model_name,
    name: text(metadata["neuronpedia_id"]) ?? config.neuronpedia_id,
    readsWithoutMean: loaded["center_writing_weights"] === true,
  };
}

/** Refuses scales and whitenings that a folder leaves to files beside it. */
function checkFolded(where: string, json: unknown): void {
  const how = (json as { normalize_activations?: unknown } | null)?.normalize_activations;
  if (how !== true && how !== "expected_average_only_in" && how !== "covariance_whitening") return;
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: `the dictionary reads activations that were normalised before (normalize_activations ${JSON.stringify(how)}), and the folder does not say by what.`,
    fix: "fold the normalisation into the weights in Python before saving: sae.fold_activation_norm_scaling_factor(...).",
  });
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
