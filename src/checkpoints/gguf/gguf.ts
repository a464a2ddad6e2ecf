// A GGUF file as a folder of transformers would be: config, weights, tokenizer.

import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { checkpointOf } from "../checkpoint.ts";
import { decode } from "../../core/dtypes.ts";
import type { CheckpointSource } from "../load.ts";
import type { ElementRange, StoredTensor } from "../safetensors.ts";
import { makeTokenizer } from "../tokenizer/tokenizer.ts";
import { configOf } from "./config.ts";
import type { Config, GgufArchitecture } from "./config.ts";
import { expertMixtures } from "./experts.ts";
import { Facts } from "./facts.ts";
import { gemmas } from "./gemma.ts";
import { gptLike } from "./gpt.ts";
import { readGgufHeader } from "./header.ts";
import type { GgufHeader } from "./header.ts";
import { llamaRelatives } from "./llama-relatives.ts";
import { llamaAndKin } from "./llama.ts";
import { stateSpaces } from "./mamba.ts";
import { arrangements } from "./names.ts";
import { assembled } from "./pieces.ts";
import type { Piece } from "./pieces.ts";
import { integers } from "./quants.ts";
import type { MetadataValue } from "./reader.ts";
import { ggufTokenizer } from "./tokenizer.ts";
import type { Arrangement } from "./undo.ts";

/** A GGUF file, read as what transformers would have saved: names and shapes are theirs, quantised numbers are unpacked when read. */
export interface GgufSource extends CheckpointSource {
  readonly config: Config;
  /** Absent where the file has no vocabulary, like the next. */
  readonly tokenizerJson?: Readonly<Record<string, unknown>>;
  /** With the chat template, where there is one. */
  readonly tokenizerConfig?: Readonly<Record<string, unknown>>;
  /** All of the file's metadata, by key. */
  readonly metadata: ReadonlyMap<string, MetadataValue>;
}

const architectures: Readonly<
  Record<string, GgufArchitecture | ((facts: Facts) => GgufArchitecture)>
> = { ...llamaAndKin, ...llamaRelatives, ...gemmas, ...gptLike, ...expertMixtures, ...stateSpaces };

/** llama.cpp's names of the architectures that PatchClamp reads from GGUF files. */
export const ggufArchitectures: readonly string[] = Object.keys(architectures);

/**
 * Opens a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) as llama.cpp's converter writes it: reads its head
 * and leaves the tensors where they are.
 *
 * @param path - of the file within `files`
 * @throws PatchClampError `BAD_FILE` when the file is damaged or its head lies; `UNSUPPORTED` for architectures, metadata, tensors,
 * tensor types and tokenizers that PatchClamp does not read, each by its name
 */
export async function openGguf(files: Files, path: string): Promise<GgufSource> {
  const header = await readGgufHeader(files, path);
  assertWholeModel(path, header.metadata);
  const numbers = async (name: string): Promise<Float32Array> => {
    const source = header.tensors.get(name)!;
    return assembled(files, path, { size: source.size, pieces: [{ source }] });
  };
  const facts = new Facts(path, header, numbers);
  const { architecture } = facts;
  const known = Object.hasOwn(architectures, architecture)
    ? architectures[architecture]
    : undefined;
  if (known === undefined) throw unknownArchitecture(path, architecture);
  const rules = typeof known === "function" ? known(facts) : known;
  const config = await configOf(facts, rules);
  const nHeads = facts.optional("attention.head_count") ?? 1;
  const nKvHeads = facts.optional("attention.head_count_kv") ?? nHeads;
  const found = arrangements(header.tensors, rules, {
    path,
    architecture,
    sizes: { nHeads, nKvHeads },
  });
  const { tokenIds, ...tokenizer } = ggufTokenizer(path, header.metadata);
  const { tokenizerJson, tokenizerConfig } = tokenizer;
  return {
    name: path,
    config: { ...config, ...tokenIds },
    checkpoint: checkpointOf(path, {
      metadata: texts(header),
      tensors: stored(files, path, found),
    }),
    tokenizer:
      tokenizerJson === undefined ? undefined : makeTokenizer(path, tokenizerJson, tokenizerConfig),
    ...tokenizer,
    metadata: header.metadata,
  };
}

function stored(
  files: Files,
  path: string,
  found: ReadonlyMap<string, Arrangement>,
): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, arrangement] of found) {
    const size = sizeOf(arrangement.shape);
    const { type, begin, end } = arrangement.pieces[0]!.source;
    const data: StoredTensor["data"] = async (range = [0, size]) =>
      type.unpack === undefined
        ? integers(type, await files.readRange(path, begin, end)).subarray(...range)
        : numbersOf(files, path, arrangement, range);
    tensors.set(name, { name, file: path, dtype: type.dtype, shape: arrangement.shape, data });
  }
  return tensors;
}

/** A run of an arrangement's numbers; only what lies in order in the file is read in part. */
async function numbersOf(
  files: Files,
  path: string,
  { shape, pieces, map }: Arrangement,
  [first, last]: ElementRange,
): Promise<Float32Array> {
  const [{ source, start = 0, rows }, ...more] = pieces as [Piece, ...Piece[]];
  if (rows !== undefined || map !== undefined || more.length > 0) {
    return (await assembled(files, path, { size: sizeOf(shape), pieces, map })).subarray(
      first,
      last,
    );
  }
  const { block, bytes, name } = source.type;
  const from = Math.floor((start + first) / block) * block;
  const count = Math.ceil((start + last) / block) * block - from;
  if (name === "F32") {
    const begin = source.begin + from * bytes;
    return decode("F32", await files.readRange(path, begin, begin + count * bytes)) as Float32Array;
  }
  const numbers = await assembled(files, path, {
    size: count,
    pieces: [{ source, start: from, count }],
  });
  return numbers.subarray(start + first - from, start + last - from);
}

/** Adapters, vision towers and parts of split files are GGUF files as well. */
function assertWholeModel(path: string, metadata: ReadonlyMap<string, MetadataValue>): void {
  const type = metadata.get("general.type") ?? "model";
  const parts = metadata.get("split.count") ?? 0;
  const part = metadata.get("split.no") ?? 0;
  const isPart = typeof parts === "number" && parts > 1;
  if (type === "model" && !isPart) return;
  throw new PatchClampError("UNSUPPORTED", {
    where: "openGguf",
    problem: isPart
      ? `${path} is part ${Number(part) + 1} of ${parts} of a network.`
      : `${path} is of general.type "${String(type)}", not a network of its own.`,
    fix: isPart ? "merge the parts: llama-gguf-split --merge FIRST-PART OUT.gguf." : undefined,
    facts: { path },
  });
}

function unknownArchitecture(path: string, architecture: string): PatchClampError {
  return new PatchClampError("UNSUPPORTED", {
    where: "openGguf",
    problem: `${path} is of llama.cpp's architecture "${architecture}"; PatchClamp reads ${ggufArchitectures.join(", ")}.`,
    facts: { path, architecture },
  });
}

/** The metadata that is text, as a checkpoint keeps it. */
function texts({ metadata }: GgufHeader): Record<string, string> {
  const entries = [...metadata].filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return Object.fromEntries(entries);
}
