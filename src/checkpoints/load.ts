// From a folder to a network, and back.

import { decoderFamilyOf } from "../architectures/index.ts";
import type { DecoderFamily } from "../architectures/family.ts";
import type { Files } from "../core/files.ts";
import { readJson } from "../core/files.ts";
import { checkInvariants } from "../network/invariants.ts";
import { LanguageNetwork } from "../network/language.ts";
import type { DecoderConfig } from "../network/prompt.ts";
import type { Tokenizer } from "../network/tokenizer.ts";
import type { Tree } from "../core/tree.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { readParams, storedParams } from "./params.ts";
import { saveCheckpoint } from "./save.ts";
import { loadTokenizer } from "./tokenizer.ts";

/** Options of `openNetwork`. */
export interface LoadOptions {
  /** What to call the network. Default: the folder's name. */
  name?: string;
  /** Whether to check, on a few tokens, identities that every decoder obeys. Default true. */
  check?: boolean;
}

/**
 * Opens a network from a folder in Hugging Face layout: config.json, safetensors weights, tokenizer.json.
 *
 * A folder without tokenizer.json gives a network that takes token ids only.
 *
 * @throws PatchClampError `UNSUPPORTED` for an architecture or config that is not computed here, `BAD_FILE` and `SHAPE_MISMATCH` for weights
 * that are damaged or do not fit, `INVARIANT_BROKEN` when the network's own numbers contradict each other
 */
export async function openNetwork(
  files: Files,
  options: LoadOptions = {},
): Promise<LanguageNetwork> {
  const { name = files.name, check = true } = options;
  const json = await readJson("loadNetwork", files, "config.json");
  const family = await decoderFamilyOf("loadNetwork", files.name, json);
  const config = family.config(json, "loadNetwork");
  const checkpoint = await openCheckpoint(files);
  const params = readParams(checkpoint, family.layout(config), family);
  const tokenizer = (await files.exists("tokenizer.json")) ? await loadTokenizer(files) : undefined;
  const network = buildNetwork({ name, family, config, params, tokenizer });
  if (check) await checkInvariants(network);
  return network;
}

/** A network of a family. */
export interface NetworkParts<Config extends DecoderConfig> {
  readonly name: string;
  readonly family: DecoderFamily<Config>;
  readonly config: Config;
  readonly params: Tree<Tensor>;
  readonly tokenizer?: Tokenizer | undefined;
}

/** Makes a network of a family from its parts, for parameters that come from elsewhere than a folder. */
export function buildNetwork<Config extends DecoderConfig>(
  parts: NetworkParts<Config>,
): LanguageNetwork {
  const { name, family, config, params, tokenizer } = parts;
  return new LanguageNetwork({
    name,
    config,
    params,
    forward: (p, inputs, tap) => family.forward(p, inputs, tap, config),
    tokenizer,
    absent: family.absent,
  });
}

/** What `saveNetwork` writes. */
export interface NetworkToSave {
  /** config.json, as the family reads it. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly params: Tree<Tensor>;
  readonly tokenizerJson?: Readonly<Record<string, unknown>>;
  readonly tokenizerConfig?: Readonly<Record<string, unknown>>;
  /** Type of the stored weights. Default `F32`. */
  readonly dtype?: "F32" | "F16" | "BF16";
}

/**
 * Writes a network in Hugging Face layout, so that `transformers` opens it too.
 *
 * @throws PatchClampError `UNSUPPORTED` when the config is not one of a family
 */
export async function saveNetwork(files: Files, network: NetworkToSave): Promise<void> {
  const { config, params, ...rest } = network;
  const family = await decoderFamilyOf("saveNetwork", files.name, config);
  const tensors = await storedParams(params, family.layout(family.config(config, "saveNetwork")));
  await saveCheckpoint(files, { config, tensors, ...rest });
}
