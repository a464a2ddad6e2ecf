import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { checkFinite } from "./finite.ts";
import { writeSafetensors } from "./safetensors.ts";
import type { TensorToStore, WriteOptions } from "./safetensors.ts";

export interface CheckpointContents extends WriteOptions {
  /** What becomes `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The weights by the names that the family's readers look for. */
  readonly tensors: Readonly<Record<string, TensorToStore>>;
  /** What becomes `tokenizer.json`; none is written without it. */
  readonly tokenizerJson?: Readonly<Record<string, unknown>>;
  /** What becomes `tokenizer_config.json`: the names of special tokens. */
  readonly tokenizerConfig?: Readonly<Record<string, unknown>>;
  /** Free text to keep with the weights. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Saves a checkpoint in Hugging Face layout, which `transformers` opens as well.
 *
 * Everything is checked and encoded before the first write, each file is replaced as a whole, and the weights come before the
 * config: an interrupted save leaves a checkpoint that opens, with the old weights or the new.
 *
 * @throws PatchClampError `BAD_FILE` when a weight is NaN or infinite; what `writeSafetensors` throws
 */
export async function saveCheckpoint(files: Files, contents: CheckpointContents): Promise<void> {
  const { config, tensors, tokenizerJson, tokenizerConfig, metadata = {}, dtype } = contents;
  if (await files.exists("model.safetensors.index.json")) {
    throw new PatchClampError("BAD_INPUT", {
      where: "saveCheckpoint",
      problem: `${files.name} holds a sharded checkpoint, which the new weights would lie beside.`,
      fix: "save to another folder.",
      facts: { folder: files.name },
    });
  }
  for (const [name, { data, shape }] of Object.entries(tensors)) {
    if (!(data instanceof Float32Array)) continue;
    await checkFinite("saveCheckpoint", {
      tensor: { name, file: "model.safetensors", shape },
      data,
    });
  }
  const options = dtype === undefined ? {} : { dtype };
  // transformers 4 opens only files that say which framework's layout they have.
  const weights = writeSafetensors(tensors, { format: "pt", ...metadata }, options);
  const texts: [string, unknown][] = [
    ["tokenizer.json", tokenizerJson],
    ["tokenizer_config.json", tokenizerConfig],
    ["config.json", config],
  ];
  const encoded = texts
    .filter(([, json]) => json !== undefined)
    .map(([path, json]) => [path, encodeJson(json)] as const);

  await files.write("model.safetensors", weights);
  for (const [path, bytes] of encoded) await files.write(path, bytes);
}

function encodeJson(json: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`);
}
