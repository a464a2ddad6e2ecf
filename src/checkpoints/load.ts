// From a folder to a network, and back.

import type { AnyFamily, ParamEntry } from "../architectures/family.ts";
import { familyOf, familyOfKind } from "../architectures/index.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { readJson } from "../core/files.ts";
import { checkInvariants } from "../network/invariants.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { WeightForm } from "../network/quantise.ts";
import { isQuantised } from "../network/stored-parts.ts";
import { quantise } from "../network/quantise.ts";
import type { Tokenizer } from "../network/tokenizer.ts";
import type { Tree } from "../core/tree.ts";
import { memoryBytes } from "../runtime/open-folder.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { buildNetwork } from "./build.ts";
import type { PartsOf } from "./build.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { readParams, storedParams } from "./params.ts";
import { quantisationOf, quantisedContents, readQuantised } from "./quantised.ts";
import { saveCheckpoint } from "./save.ts";
import { hasTokenizer, loadTokenizer } from "./tokenizer/tokenizer.ts";

/** Options of `openNetwork`. */
export interface LoadOptions {
  /** What to call the network. Default: the folder's name. */
  name?: string;
  /** Whether to check, on a few tokens, identities that every decoder obeys. Default true. */
  check?: boolean;
  /** How weights are stored in memory: see `quantise`. For networks that predict the next token. Default: as they come. */
  weights?: WeightForm;
}

/** What a checkpoint is read from: its config, its weights and what it reads text with. */
export interface CheckpointSource {
  /** What error messages call it. */
  readonly name: string;
  /** config.json, in the form of Hugging Face. */
  readonly config: unknown;
  readonly checkpoint: Checkpoint;
  /** Absent when it brings none: the network then takes token ids only. */
  readonly tokenizer?: Tokenizer | undefined;
}

/**
 * Opens a folder in Hugging Face layout: config.json, safetensors weights, tokenizer files.
 *
 * @throws PatchClampError `BAD_FILE` for files that are missing or damaged, `UNSUPPORTED` for pickled weights
 */
export async function openSource(files: Files): Promise<CheckpointSource> {
  const config = await readJson("loadNetwork", files, "config.json");
  const checkpoint = await openCheckpoint(files);
  const tokenizer = (await hasTokenizer(files)) ? await loadTokenizer(files) : undefined;
  return { name: files.name, config, checkpoint, tokenizer };
}

/** A family with its config and its parameters. */
export type FamilyParts<K extends AnyFamily["kind"]> = Pick<
  PartsOf<K>,
  "family" | "config" | "params"
>;

/**
 * Finds the family of a checkpoint and its parameters, which stay in the file until they are used.
 *
 * @throws PatchClampError `UNSUPPORTED` for an architecture of another kind, or a config that is not computed here, `SHAPE_MISMATCH` and
 * `UNKNOWN_NAME` for weights that do not fit, `OUT_OF_MEMORY` when they are larger than the machine's memory
 */
export async function familyParts<K extends AnyFamily["kind"]>(
  where: string,
  { name, config: given, checkpoint }: CheckpointSource,
  kind: K,
  weights: WeightForm = "fp32",
): Promise<FamilyParts<K>> {
  const stored = quantisationOf(where, given);
  const json = stored === undefined ? given : stored.config;
  const family = await familyOfKind(where, name, { json, kind });
  const config = family.config(json, where) as FamilyParts<K>["config"];
  const layout = (family.layout as OwnLayout)(config);
  checkLayout(where, name, layout, stored === undefined ? weights : "q8");
  const params =
    stored === undefined
      ? readParams(checkpoint, layout, family)
      : readQuantised(checkpoint, layout, stored);
  return { family, config, params };
}

/** A family's layout, for a config of which it is known only that this family's own reader gave it. */
type OwnLayout = (own: unknown) => readonly ParamEntry[];

/**
 * Every parameter of a network of a family.
 *
 * @param json - config.json
 * @throws PatchClampError what the family's reader of configs throws
 */
export function layoutOf(family: AnyFamily, json: unknown, where?: string): readonly ParamEntry[] {
  return (family.layout as OwnLayout)(family.config(json, where));
}

/** Bytes that a weight takes at most in each form: packed ones are in the compiled graphs too. */
const BYTES: Readonly<Record<WeightForm, number>> = {
  "fp32-prepacked": 12,
  fp32: 4,
  fp16: 2,
  q8: 3,
  q4: 2,
};

/**
 * Refuses a layout that no weights can have, or whose weights do not fit the machine.
 *
 * @param name - what error messages call the network
 * @param weights - how they will be stored
 * @throws PatchClampError `BAD_FILE` for an axis that is not a whole number from 1, `OUT_OF_MEMORY` for weights that are too large
 */
export function checkLayout(
  where: string,
  name: string,
  layout: readonly ParamEntry[],
  weights: WeightForm = "fp32",
): void {
  const wrong = layout.find(({ shape }) => !shape.every((n) => Number.isSafeInteger(n) && n > 0));
  if (wrong !== undefined) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `config.json of ${name} gives "${wrong.name}" the shape [${wrong.shape.join(", ")}], which no weights have.`,
      fix: "use the config.json that belongs to these weights.",
      facts: { name: wrong.name, shape: wrong.shape },
    });
  }
  const memory = memoryBytes();
  const needed = layout.reduce((sum, { shape }) => sum + BYTES[weights] * sizeOf(shape), 0);
  if (memory === undefined || needed <= memory) return;
  const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  throw new PatchClampError("OUT_OF_MEMORY", {
    where,
    problem: `the weights of ${name} take ${gigabytes(needed)} as ${weights === "fp32" ? "float32" : weights}, but this machine has ${gigabytes(memory)} of memory.`,
    fix: `use a smaller network, or ${weights === "q4" ? "" : 'weights in fewer bits such as "q4", or '}a machine with more memory.`,
    facts: { neededBytes: needed, memoryBytes: memory },
  });
}

/**
 * Opens a network that predicts the next token.
 *
 * @param from - a folder in Hugging Face layout, or what was opened already
 * @throws PatchClampError what `openSource` and `familyParts` throw, and `INVARIANT_BROKEN` when the network's own numbers contradict
 * each other
 */
export async function openNetwork(
  from: Files | CheckpointSource,
  options: LoadOptions = {},
): Promise<LanguageNetwork> {
  const { name = from.name, check = true, weights } = options;
  const source = "checkpoint" in from ? from : await openSource(from);
  const parts = await familyParts("loadNetwork", source, "decoder", weights);
  const whole = buildNetwork({ name, ...parts, tokenizer: source.tokenizer });
  const network = weights === undefined ? whole : quantise(whole, { weights });
  if (check) await checkInvariants(network);
  return network;
}

/** What `saveNetwork` writes. */
export interface NetworkToSave {
  /** config.json, as the family reads it. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly params: Tree<Tensor>;
  readonly tokenizerJson?: Readonly<Record<string, unknown>>;
  readonly tokenizerConfig?: Readonly<Record<string, unknown>>;
  /** Type of the stored weights. Default `F32`; what stands beside weights in few bits is always that. */
  readonly dtype?: "F32" | "F16" | "BF16";
}

/**
 * Writes a network in Hugging Face layout, so that `transformers` opens it too.
 *
 * @throws PatchClampError `UNSUPPORTED` when the config is not one of a family
 */
export async function saveNetwork(files: Files, network: NetworkToSave): Promise<void> {
  const { config, params, ...rest } = network;
  const family = await familyOf("saveNetwork", files.name, config);
  const layout = layoutOf(family, config, "saveNetwork");
  const contents = isQuantised(params)
    ? await quantisedContents(params, config)
    : { config, tensors: await storedParams(params, layout) };
  await saveCheckpoint(files, { ...rest, ...contents });
}
