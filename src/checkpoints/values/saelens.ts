// Reading folders of SAELens: cfg.json and sae_weights.safetensors.

import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import { readJson } from "../../core/files.ts";
import type { Network } from "../../network/network.ts";
import { canonicalName, selectSite } from "../../network/sites.ts";
import type { Dictionary, DictionaryInput } from "../../values/dictionary.ts";
import { dictionarySchema } from "../../values/dictionary.ts";
import type { Numbers } from "../../values/numbers.ts";
import { readValue } from "../../values/schema.ts";
import { readSafetensors } from "../safetensors.ts";
import type { SaeLensConfig } from "./saelens-config.ts";
import { readSaeLensConfig } from "./saelens-config.ts";
import { gatedEncoder, transposed, withoutMean, withRowsOfLength1 } from "./saelens-forms.ts";

const CONFIG = "cfg.json";
const WEIGHTS = "sae_weights.safetensors";

/** Options of `readSaeLens`. */
export interface ReadSaeLensOptions {
  /** Where in the files the folder is. Default: they are the folder. */
  readonly folder?: string;
  /** The network that it was made for: it gives the site its name, and the dictionary says so. Default: unknown. */
  readonly network?: Pick<Network, "space" | "identity" | "name"> | undefined;
  /** In place of the site that cfg.json names. */
  readonly site?: string;
}

/**
 * Reads a dictionary that SAELens saved: standard, topk, jumprelu (which batch-topk dictionaries are saved as) or gated.
 *
 * Gated dictionaries share their encoder between gate and magnitude, and come as the jumprelu that computes the same. Those that
 * rank features by what they write (`rescale_acts_by_decoder_norm`) come with directions of length 1. Those that were trained on a
 * residual stream without its mean (`center_writing_weights`) come with encoders that do not see the mean; what they decode lacks it.
 *
 * @param files - a folder, or what holds it
 * @throws PatchClampError `BAD_FILE` when a file is missing or damaged; `UNSUPPORTED` for other architectures, for keys and tensors that
 * change the numbers in a way that is not computed, and where the name of the site depends on the network and none is given
 * @source SAELens 6.54, `SAE.load_from_disk` and `SAE.encode`; Rajamanoharan et al. 2024, arXiv:2404.16014, section 3.2 (gated as
 * jumprelu)
 */
export async function readSaeLens(
  files: Files,
  options: ReadSaeLensOptions = {},
): Promise<Dictionary> {
  const { folder, network, site } = options;
  const where = "readSaeLens";
  const at = (path: string): string => (folder === undefined ? path : `${folder}/${path}`);
  const config = readSaeLensConfig(where, await readJson(where, files, at(CONFIG)));
  const weights = await weightsOf(files, at(WEIGHTS), config);
  const { encoder, activation } = encoderOf(config, weights);
  const decoder = { weight: weights.get("W_dec")!, bias: weights.get("b_dec")! };
  const { isCentred, normalisation, model, name } = config;
  const given: DictionaryInput = {
    ...(name === undefined ? {} : { name }),
    site: siteOf(where, config.hook, { network, site }),
    encoder,
    decoder,
    activation,
    isCentred,
    normalisation,
    ...(network === undefined ? {} : { madeFor: await network.identity() }),
    ...(model === undefined ? {} : { note: `made with SAELens for ${model}` }),
  };
  const folded = withoutMean(withRowsOfLength1(given, config), config);
  const what = `the dictionary in ${files.name}`;
  return readValue(where, what, dictionarySchema, folded, {
    code: "BAD_FILE",
    facts: { folder: files.name },
  });
}

const NAMES: Readonly<Record<SaeLensConfig["architecture"], readonly string[]>> = {
  standard: ["b_enc"],
  topk: ["b_enc"],
  jumprelu: ["b_enc", "threshold"],
  gated: ["b_gate", "b_mag", "r_mag"],
};

/** The tensors of the architecture, each of the shape that cfg.json says, and no others. */
async function weightsOf(
  files: Files,
  path: string,
  { architecture, width, features }: SaeLensConfig,
): Promise<Map<string, Numbers>> {
  const { tensors } = await readSafetensors(files, path);
  const refused = (code: "BAD_FILE" | "UNSUPPORTED", problem: string): PatchClampError =>
    new PatchClampError(code, { where: "readSaeLens", problem: `${path} ${problem}.` });
  const shapes: Record<string, number[]> = { W_enc: [width, features], W_dec: [features, width] };
  shapes["b_dec"] = [width];
  for (const name of NAMES[architecture]) shapes[name] = [features];
  const found = new Map<string, Numbers>();
  for (const [name, { shape, data: read }] of tensors) {
    const data = await read();
    // written for a time, and of no effect
    if (name === "scaling_factor" && data.every((x) => Number(x) === 1)) continue;
    const expected = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
    if (expected === undefined || !(data instanceof Float32Array)) {
      throw refused(
        "UNSUPPORTED",
        `holds "${name}", which is no part of a ${architecture} dictionary`,
      );
    }
    if (shape.join() !== expected.join()) {
      const shown = `[${shape.join(", ")}], but ${CONFIG} makes it [${expected.join(", ")}]`;
      throw refused("BAD_FILE", `holds "${name}" of shape ${shown}`);
    }
    found.set(name, { shape, data });
  }
  const missing = Object.keys(shapes).find((name) => !found.has(name));
  if (missing !== undefined) throw refused("BAD_FILE", `lacks "${missing}"`);
  return found;
}

function encoderOf(
  { architecture, k }: SaeLensConfig,
  weights: ReadonlyMap<string, Numbers>,
): Pick<Dictionary, "encoder" | "activation"> {
  const weight = transposed(weights.get("W_enc")!);
  if (architecture === "gated") return gatedEncoder(weight, weights);
  const encoder = { weight, bias: weights.get("b_enc")! };
  if (architecture === "jumprelu") {
    return { encoder, activation: { kind: "jumprelu", threshold: weights.get("threshold")! } };
  }
  return { encoder, activation: k === undefined ? { kind: "relu" } : { kind: "topk", k } };
}

function siteOf(
  where: string,
  hook: string | undefined,
  { network, site = hook }: Pick<ReadSaeLensOptions, "network" | "site">,
): string {
  if (site === undefined) {
    throw new PatchClampError("UNSUPPORTED", {
      where,
      problem: `${CONFIG} does not say which site the dictionary was made for.`,
      fix: "name it in the option site.",
    });
  }
  if (network !== undefined) return selectSite(where, network.space, site);
  // of gated MLPs, TransformerLens calls the gate so
  if (!/mlp\.hook_pre(?:_linear)?$/.test(site)) return canonicalName(site, new Set());
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: `"${site}" is one site of MLPs with a gate and another of those without.`,
    fix: "give the network, or name the site in the option site.",
    facts: { site },
  });
}
