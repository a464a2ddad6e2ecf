// Writing folders of SAELens: cfg.json and sae_weights.safetensors.

import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import type { Dictionary } from "../../values/dictionary.ts";
import type { TensorToStore } from "../safetensors.ts";
import { writeSafetensors } from "../safetensors.ts";
import { transposed } from "./saelens-forms.ts";

/** The first version whose form is written. */
const VERSION = "6.0.0";

/** Options of `writeSaeLens`. */
export interface WriteSaeLensOptions {
  /** Where in the files the folder is. Default: they are the folder. */
  readonly folder?: string;
  /** What TransformerLens calls the network. Default: the name of the network that it was made for. */
  readonly model?: string | undefined;
}

/**
 * Writes a dictionary as SAELens saves it, in the form of version 6.
 *
 * @throws PatchClampError `UNSUPPORTED` for a linear dictionary, of which SAELens has none
 */
export async function writeSaeLens(
  files: Files,
  given: Dictionary,
  options: WriteSaeLensOptions = {},
): Promise<void> {
  const { folder, model = given.madeFor?.network } = options;
  const { encoder, decoder, activation, isCentred, normalisation, site } = given;
  const kind = activation.kind;
  if (kind === "identity") {
    throw new PatchClampError("UNSUPPORTED", {
      where: "writeSaeLens",
      problem: "the dictionary is linear, and SAELens has no such architecture.",
      fix: "save it as a PatchClamp file.",
    });
  }
  const [features, width] = encoder.weight.shape as [number, number];
  const config = {
    architecture: kind === "relu" ? "standard" : kind,
    d_in: width,
    d_sae: features,
    dtype: "float32",
    device: "cpu",
    apply_b_dec_to_input: isCentred,
    normalize_activations: {
      none: "none",
      norm: "constant_norm_rescale",
      "layer-norm": "layer_norm",
    }[normalisation],
    reshape_activations: site.endsWith(".attn.z") ? "hook_z" : "none",
    ...(activation.kind === "topk" ? { k: activation.k, rescale_acts_by_decoder_norm: false } : {}),
    metadata: {
      sae_lens_version: VERSION,
      hook_name: hookOf(site),
      ...(model === undefined ? {} : { model_name: model }),
      ...(given.name === undefined ? {} : { neuronpedia_id: given.name }),
    },
  };
  const tensors: Record<string, TensorToStore> = {
    W_enc: transposed(encoder.weight),
    b_enc: encoder.bias,
    W_dec: decoder.weight,
    b_dec: decoder.bias,
    ...(activation.kind === "jumprelu" ? { threshold: activation.threshold } : {}),
  };
  const at = (path: string): string => (folder === undefined ? path : `${folder}/${path}`);
  await files.write(at("sae_weights.safetensors"), writeSafetensors(tensors));
  const json = `${JSON.stringify(config, null, 2)}\n`;
  await files.write(at("cfg.json"), new TextEncoder().encode(json));
}

/** TransformerLens's name: blocks.3.hook_resid_post; of a gate, blocks.3.mlp.hook_pre. */
function hookOf(site: string): string {
  return site.replace(/\.mlp\.gate$/, ".mlp.pre").replace(/[^.]+$/, "hook_$&");
}
