// The head of a GGUF file: metadata by key, then a table of tensors, then the tensors' bytes. Nothing it says is believed
// before it is checked against the size of the file.

import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import { ByteReader, RanOut } from "./reader.ts";
import type { MetadataValue } from "./reader.ts";
import { ggmlType } from "./quants.ts";
import type { GgmlType } from "./quants.ts";

/** A tensor as the file holds it. */
export interface GgufTensor {
  readonly name: string;
  readonly type: GgmlType;
  /** Slowest axis first, as in PyTorch; the file writes it the other way round. */
  readonly shape: readonly number[];
  /** The product of `shape`. */
  readonly size: number;
  /** Place in the file, in bytes from its start. */
  readonly begin: number;
  readonly end: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** How much of the file is read at first; most heads fit. */
const firstWindowBytes = 1 << 22;
/** What the format's reference implementation takes. */
const maxAxes = 4;
const maxKeyBytes = 65535;
const defaultAlignment = 32;

/**
 * Reads and checks the head of a GGUF file of version 2 or 3, and leaves the tensors where they are.
 *
 * @param path - of the file within `files`
 * @throws PatchClampError `BAD_FILE` when the file is no GGUF file or its head lies about its bytes; `UNSUPPORTED` for other
 * versions, big-endian files and tensor types that PatchClamp does not read
 */
export async function readGgufHeader(files: Files, path: string): Promise<GgufHeader> {
  const fileBytes = await files.size(path);
  for (let window = Math.min(firstWindowBytes, fileBytes); ; window *= 2) {
    const bytes = await files.readRange(path, 0, Math.min(window, fileBytes));
    try {
      return parseGgufHeader(new ByteReader(path, bytes, fileBytes));
    } catch (error) {
      if (!(error instanceof RanOut)) throw error;
    }
  }
}

function parseGgufHeader(reader: ByteReader): GgufHeader {
  const { path } = reader;
  const version = readVersion(reader);
  const tensorCount = reader.count("tensors");
  const metadataCount = reader.count("metadata entries");
  const metadata = new Map<string, MetadataValue>();
  for (let i = 0; i < metadataCount; i++) {
    const key = reader.text("a metadata key", maxKeyBytes);
    if (metadata.has(key)) throw reader.broken(`has the metadata key "${clip(key)}" twice.`);
    metadata.set(key, reader.value(key));
  }
  const alignment = readAlignment(path, metadata);
  const entries = new Map<string, TensorEntry>();
  for (let i = 0; i < tensorCount; i++) {
    const entry = readEntry(reader, alignment);
    if (entries.has(entry.name)) {
      throw reader.broken(`has the tensor "${clip(entry.name)}" twice.`);
    }
    entries.set(entry.name, entry);
  }
  const dataStart = Math.ceil(reader.at / alignment) * alignment;
  return { version, metadata, tensors: placed(reader, entries, dataStart) };
}

function readVersion(reader: ByteReader): number {
  const { path, fileBytes } = reader;
  if (fileBytes < 24 || reader.ascii(4) !== "GGUF") {
    throw reader.broken('does not begin with "GGUF" and a head of 24 bytes.');
  }
  const version = reader.u32();
  if (version === 2 || version === 3) return version;
  const isBigEndian = version !== 0 && (version & 0xffff) === 0;
  throw new PatchClampError("UNSUPPORTED", {
    where: "openGguf",
    problem: isBigEndian
      ? `${path} is a big-endian GGUF file.`
      : `${path} is of GGUF version ${version}; PatchClamp reads 2 and 3.`,
    fix: isBigEndian
      ? "convert it to little-endian: gguf-convert-endian FILE little."
      : "convert or download it again with a current llama.cpp.",
    facts: { path, version },
  });
}

function readAlignment(path: string, metadata: ReadonlyMap<string, MetadataValue>): number {
  const alignment = metadata.get("general.alignment") ?? defaultAlignment;
  const isPower = typeof alignment === "number" && Number.isInteger(Math.log2(alignment));
  if (isPower && alignment >= 1 && alignment <= 1 << 20) return alignment;
  throw new PatchClampError("BAD_FILE", {
    where: "openGguf",
    problem: `${path} has general.alignment = ${String(alignment)}, not a power of two.`,
    facts: { path },
  });
}

/** A row of the table of tensors; `offset` counts from the first byte after the head. */
interface TensorEntry extends Omit<GgufTensor, "begin" | "end"> {
  readonly offset: number;
  readonly bytes: number;
}

function readEntry(reader: ByteReader, alignment: number): TensorEntry {
  const name = reader.text("a tensor's name", maxKeyBytes);
  const wrong = (problem: string): PatchClampError =>
    reader.broken(`holds a tensor "${clip(name)}" that ${problem}`);
  const axes = reader.u32();
  if (axes > maxAxes) throw wrong(`has ${axes} axes; ${maxAxes} is the limit.`);
  const shape: number[] = [];
  let size = 1;
  for (let i = 0; i < axes; i++) {
    const length = Number(reader.u64());
    shape.unshift(length);
    size *= length;
  }
  if (size === 0 || !Number.isSafeInteger(size)) {
    throw wrong(`has the impossible shape [${shape.join(", ")}].`);
  }
  const type = ggmlType(reader.path, name, reader.u32());
  if ((shape.at(-1) ?? 1) % type.block !== 0) {
    throw wrong(
      `has rows of ${shape.at(-1)} numbers, which ${type.name} cannot store in blocks of ${type.block}.`,
    );
  }
  const offset = Number(reader.u64());
  if (offset % alignment !== 0) {
    throw wrong(`begins at byte ${offset}, which is not a multiple of ${alignment}.`);
  }
  return { name, type, shape, size, offset, bytes: (size / type.block) * type.bytes };
}

/** Checks that every tensor lies within the file and that no two share bytes. */
function placed(
  reader: ByteReader,
  entries: ReadonlyMap<string, TensorEntry>,
  dataStart: number,
): Map<string, GgufTensor> {
  const tensors = new Map<string, GgufTensor>();
  for (const [key, { offset, bytes, ...tensor }] of entries) {
    const begin = dataStart + offset;
    if (begin + bytes > reader.fileBytes) {
      throw reader.broken(
        `holds a tensor "${clip(key)}" that ends at byte ${begin + bytes}, but has ${reader.fileBytes} bytes.`,
      );
    }
    tensors.set(key, { ...tensor, begin, end: begin + bytes });
  }
  let last: GgufTensor | undefined;
  for (const tensor of [...tensors.values()].toSorted((a, b) => a.begin - b.begin)) {
    if (last !== undefined && tensor.begin < last.end) {
      throw reader.broken(
        `holds a tensor "${clip(tensor.name)}" that begins inside "${clip(last.name)}".`,
      );
    }
    last = tensor;
  }
  return tensors;
}

function clip(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 60)}...`;
}
