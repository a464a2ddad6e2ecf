import { PatchClampError } from "../core/errors.ts";
import { readJson } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import { nearest } from "../core/text.ts";
import { withoutBlocks } from "./block-scaled.ts";
import { checkFinite } from "./finite.ts";
import { isPickled, pickled, readSafetensors } from "./safetensors.ts";
import type { ElementRange, SafetensorsFile, StoredTensor } from "./safetensors.ts";

const weightsFile = "model.safetensors";
const indexFile = "model.safetensors.index.json";

/** The weights of a Hugging Face folder, whether they lie in one file or in shards. */
export interface Checkpoint {
  /** What error messages call it: the folder's name. */
  readonly name: string;
  /** Of the single file; a sharded checkpoint's shards each have their own, which is not kept. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly has: (name: string) => boolean;
  /** @throws PatchClampError `UNKNOWN_NAME` with the nearest names */
  readonly tensor: (name: string) => StoredTensor;
  /**
   * Reads a floating-point tensor and checks that every number is finite.
   *
   * @param range - the elements from the first up to and without the second; a checkpoint that cannot read a part may return all.
   * Default: all
   * @returns the numbers in row-major order; where the file's bytes are aligned F32 in memory, a view of them
   * @throws PatchClampError `UNKNOWN_NAME`; `DTYPE_MISMATCH` for an integer tensor; `BAD_FILE` at NaN or infinity
   */
  readonly float32: (name: string, range?: ElementRange) => Promise<Float32Array>;
}

/**
 * Opens `model.safetensors`, or the shards that `model.safetensors.index.json` lists, and checks their headers.
 *
 * @throws PatchClampError `BAD_FILE` when there are no weights, a header lies or the index and its shards disagree; `UNSUPPORTED`
 * for pickled weights and for tensor types that PatchClamp does not read
 */
export async function openCheckpoint(files: Files): Promise<Checkpoint> {
  if (await files.exists(weightsFile)) {
    return checkpointOf(files.name, withoutBlocks(await readSafetensors(files, weightsFile)));
  }
  if (await files.exists(indexFile))
    return checkpointOf(files.name, withoutBlocks(await readShards(files)));
  const present = await files.list();
  const pickle = present.find(isPickled);
  if (pickle !== undefined) throw pickled(files, pickle);
  throw new PatchClampError("BAD_FILE", {
    where: "openCheckpoint",
    problem: `${files.name} holds neither ${weightsFile} nor ${indexFile}, but ${
      present.length === 0 ? "no files" : present.slice(0, 8).join(", ")
    }.`,
    fix: "give the folder that holds config.json and model.safetensors.",
    facts: { folder: files.name, present },
  });
}

/**
 * A checkpoint of tensors that are described already.
 *
 * @param name - what error messages call it
 */
export function checkpointOf(name: string, { metadata, tensors }: SafetensorsFile): Checkpoint {
  const tensor = (wanted: string): StoredTensor => {
    const found = tensors.get(wanted);
    if (found !== undefined) return found;
    const near = nearest(wanted, tensors.keys());
    throw new PatchClampError("UNKNOWN_NAME", {
      where: "openCheckpoint",
      problem: `${name} has no tensor "${wanted}"; the nearest of its ${tensors.size} are ${
        near.map((other) => `"${other}"`).join(", ") || "none"
      }.`,
      facts: { folder: name, tensor: wanted, nearest: near },
    });
  };
  const float32 = async (wanted: string, range?: ElementRange): Promise<Float32Array> => {
    const found = tensor(wanted);
    const data = await found.data(range);
    if (!(data instanceof Float32Array)) {
      throw new PatchClampError("DTYPE_MISMATCH", {
        where: "openCheckpoint",
        problem: `tensor "${wanted}" in ${found.file} is ${found.dtype}, not floating-point.`,
        facts: { file: found.file, tensor: wanted, dtype: found.dtype },
      });
    }
    await checkFinite("openCheckpoint", { tensor: found, data, first: range?.[0] ?? 0 });
    return data;
  };
  return { name, metadata, tensors, has: (wanted) => tensors.has(wanted), tensor, float32 };
}

async function readShards(files: Files): Promise<SafetensorsFile> {
  const shardOf = readWeightMap(files.name, await readJson("openCheckpoint", files, indexFile));
  const tensors = new Map<string, StoredTensor>();
  for (const shard of new Set(shardOf.values())) {
    if (!(await files.exists(shard))) throw disagree(files, `names ${shard}, which is missing`);
    const opened = await readSafetensors(files, shard);
    for (const [name, tensor] of opened.tensors) {
      if (shardOf.get(name) !== shard) {
        throw disagree(files, `does not place "${name}" in ${shard}, where it lies`);
      }
      tensors.set(name, tensor);
    }
  }
  for (const [name, shard] of shardOf) {
    if (!tensors.has(name)) throw disagree(files, `places "${name}" in ${shard}, which lacks it`);
  }
  return { metadata: {}, tensors };
}

function readWeightMap(folder: string, index: unknown): Map<string, string> {
  const map: unknown =
    typeof index === "object" && index !== null && "weight_map" in index
      ? index.weight_map
      : undefined;
  const entries: [string, unknown][] =
    typeof map === "object" && map !== null ? Object.entries(map) : [];
  const isShard = (file: unknown): file is string =>
    typeof file === "string" && /^[^/\\]+\.safetensors$/.test(file);
  const shardOf = new Map<string, string>();
  for (const [name, file] of entries) if (isShard(file)) shardOf.set(name, file);
  if (entries.length > 0 && shardOf.size === entries.length) return shardOf;
  throw new PatchClampError("BAD_FILE", {
    where: "openCheckpoint",
    problem: `${indexFile} in ${folder} has no "weight_map" from tensor names to .safetensors files.`,
    facts: { folder },
  });
}

function disagree(files: Files, problem: string): PatchClampError {
  return new PatchClampError("BAD_FILE", {
    where: "openCheckpoint",
    problem: `${indexFile} in ${files.name} ${problem}.`,
    fix: "download all files of the checkpoint again, from one revision.",
    facts: { folder: files.name },
  });
}
