// LoRA folders of PEFT: adapter_config.json and adapter_model.safetensors.

import { z } from "zod";

import { readConfig } from "../../core/config.ts";
import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import { readJson } from "../../core/files.ts";
import type { Adapter, AdapterInput } from "../../values/adapter.ts";
import { adapter } from "../../values/adapter.ts";
import type { Numbers } from "../../values/numbers.ts";
import type { TensorToStore } from "../safetensors.ts";
import { readSafetensors, writeSafetensors } from "../safetensors.ts";

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
/** What PEFT puts before the name of a module of the network. */
const PREFIX = "base_model.model.";

const no = z.literal(false).default(false);

const keys = {
  handled: {
    peft_type: z.literal("LORA"),
    r: z.int().min(1),
    lora_alpha: z.number(),
    alpha_pattern: z.record(z.string(), z.number()).default({}),
    use_rslora: z.boolean().default(false),
    fan_in_fan_out: z.boolean().default(false),
    base_model_name_or_path: z.string().optional(),
    bias: z.literal("none").default("none"),
    lora_bias: no,
    use_dora: no,
    use_qalora: no,
    // others change the network's own weights when training starts
    init_lora_weights: z
      .union([z.boolean(), z.enum(["gaussian", "eva", "orthogonal"])])
      .default(true),
  },
  // how it was trained, and what the tensors themselves say
  ignored: [
    "auto_mapping",
    "ensure_weight_tying",
    "eva_config",
    "exclude_modules",
    "inference_mode",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_dropout",
    "megatron_config",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "rank_pattern",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
  ],
} as const;

/**
 * Reads a LoRA adapter that PEFT saved.
 *
 * @param files - the folder
 * @returns targets by the names of the checkpoint's tensors, such as `model.layers.0.self_attn.q_proj.weight`
 * @throws PatchClampError `BAD_FILE` when a file is missing or damaged, or A lacks its B; `UNSUPPORTED` for other kinds of adapters and
 * for what changes more than the product B A
 */
export async function readPeft(files: Files): Promise<Adapter> {
  const where = "readPeft";
  const config = readConfig(where, await readJson(where, files, CONFIG), keys);
  const pairs = await readPairs(files);
  const targets = [...pairs].map(([module, { a, b }]) => {
    if (a === undefined || b === undefined) {
      throw new PatchClampError("BAD_FILE", {
        where,
        problem: `${WEIGHTS} in ${files.name} has ${a === undefined ? "B" : "A"} of "${module}" without the other.`,
        facts: { module },
      });
    }
    const alpha = alphaOf(module, config.alpha_pattern);
    return [`${module}.weight`, { a, b, ...(alpha === undefined ? {} : { alpha }) }] as const;
  });
  return adapter({
    alpha: config.lora_alpha,
    isRankStabilised: config.use_rslora,
    isTransposed: config.fan_in_fan_out,
    targets: Object.fromEntries(targets),
    ...(config.base_model_name_or_path === undefined
      ? {}
      : { base: config.base_model_name_or_path }),
  });
}

interface Pair {
  a?: Numbers;
  b?: Numbers;
}

/** A and B by module. */
async function readPairs(files: Files): Promise<Map<string, Pair>> {
  const { tensors } = await readSafetensors(files, WEIGHTS);
  const pairs = new Map<string, Pair>();
  for (const [name, { shape, data: read }] of tensors) {
    const found = /^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(name);
    const data = await read();
    if (found === null || !(data instanceof Float32Array)) {
      throw new PatchClampError("UNSUPPORTED", {
        where: "readPeft",
        problem: `${WEIGHTS} in ${files.name} holds "${name}", which is neither A nor B of a linear layer.`,
        fix: "save an adapter of linear layers alone, without DoRA, biases, embeddings and modules to save.",
        facts: { tensor: name },
      });
    }
    const [, module, side] = found as unknown as [string, string, "A" | "B"];
    const pair = pairs.get(module) ?? {};
    pair[side === "A" ? "a" : "b"] = { shape, data };
    pairs.set(module, pair);
  }
  return pairs;
}

/** The alpha that a pattern gives to a module; PEFT takes the first that the module's name ends with. */
function alphaOf(module: string, patterns: Readonly<Record<string, number>>): number | undefined {
  for (const [pattern, alpha] of Object.entries(patterns)) {
    if (!/^[\w.]+$/.test(pattern)) {
      throw new PatchClampError("UNSUPPORTED", {
        where: "readPeft",
        problem: `alpha_pattern has the regular expression ${JSON.stringify(pattern)}; only names of modules are read.`,
        fix: "write the names of the modules out in adapter_config.json.",
        facts: { pattern },
      });
    }
    if (module === pattern || module.endsWith(`.${pattern}`)) return alpha;
  }
  return undefined;
}

/**
 * Writes an adapter as PEFT saves LoRA.
 *
 * @param files - the folder; adapter_config.json and adapter_model.safetensors are written
 * @throws PatchClampError `UNSUPPORTED` when a target is no `.weight`
 */
export async function writePeft(files: Files, given: AdapterInput): Promise<void> {
  const { alpha, isRankStabilised, isTransposed, targets, base } = adapter(given);
  const modules = Object.keys(targets).map(moduleOf);
  const tensors: Record<string, TensorToStore> = {};
  const ranks: Record<string, number> = {};
  const alphas: Record<string, number> = {};
  for (const [name, { a, b, alpha: own }] of Object.entries(targets)) {
    const module = moduleOf(name);
    tensors[`${PREFIX}${module}.lora_A.weight`] = a;
    tensors[`${PREFIX}${module}.lora_B.weight`] = b;
    ranks[module] = a.shape[0]!;
    if (own !== undefined) alphas[module] = own;
  }
  const r = Object.values(ranks)[0]!;
  const others = Object.entries(ranks).filter(([, rank]) => rank !== r);
  const config = {
    alpha_pattern: alphas,
    base_model_name_or_path: base ?? null,
    bias: "none",
    fan_in_fan_out: isTransposed,
    inference_mode: true,
    lora_alpha: alpha,
    lora_dropout: 0,
    peft_type: "LORA",
    r,
    rank_pattern: Object.fromEntries(others),
    target_modules: modules,
    task_type: null,
    use_rslora: isRankStabilised,
  };
  const json = new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`);
  await files.write(WEIGHTS, writeSafetensors(tensors, { format: "pt" }));
  await files.write(CONFIG, json);
}

function moduleOf(target: string): string {
  const module = /^(.+)\.weight$/.exec(target)?.[1];
  if (module !== undefined) return module;
  throw new PatchClampError("UNSUPPORTED", {
    where: "writePeft",
    problem: `the adapter changes "${target}", and PEFT's files hold changes of a module's weight alone.`,
    facts: { target },
  });
}
