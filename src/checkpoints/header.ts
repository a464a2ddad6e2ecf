// The header of a safetensors file: 8 bytes of length, then JSON that says where each tensor lies in the bytes after it.
// Nothing it says is believed before it is checked against the size of the file.

import { PatchClampError } from "../core/errors.ts";
import { bytesPerElement, isStoredDtype, storedDtypes } from "../core/dtypes.ts";
import type { StoredDtype } from "../core/dtypes.ts";

/** The reference implementation refuses longer headers; so do we. */
const maxHeaderBytes = 100_000_000;

/** Where one tensor lies; offsets are in bytes from the end of the header. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** Free text by key, the file's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order in which they lie in the file. */
  readonly entries: readonly HeaderEntry[];
}

/**
 * Reads the length that a safetensors file begins with.
 *
 * @param prefix - the first 8 bytes, or fewer if the file has no more
 * @returns length of the JSON header, in bytes
 * @throws PatchClampError `BAD_FILE` when the header would not fit in the file or is over 100 MB
 */
export function headerLength(file: string, prefix: Uint8Array, fileBytes: number): number {
  if (prefix.length < 8) {
    throw broken(file, `has ${fileBytes} bytes, too few for a header.`);
  }
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true));
  if (length > maxHeaderBytes) {
    throw broken(file, `claims a header of ${length} bytes; the limit is ${maxHeaderBytes}.`);
  }
  if (8 + length > fileBytes) {
    throw broken(file, `claims a header of ${length} bytes, but has ${fileBytes} bytes in all.`);
  }
  return length;
}

/**
 * Reads and checks a header.
 *
 * @param bytes - the JSON, without the 8 bytes before it
 * @param dataBytes - how many bytes the file holds after the header
 * @throws PatchClampError `BAD_FILE` when the header is not JSON, names a key twice, or does not describe exactly the bytes that
 * follow it; `UNSUPPORTED` when a tensor is stored as a type that PatchClamp does not read
 */
export function parseHeader(file: string, bytes: Uint8Array, dataBytes: number): Header {
  const json = parseObject(file, bytes);
  let metadata: Readonly<Record<string, string>> = {};
  const entries: HeaderEntry[] = [];
  for (const [name, value] of Object.entries(json)) {
    if (name === "__metadata__") metadata = parseMetadata(file, value);
    else entries.push(parseEntry(file, name, value, dataBytes));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(file, entries, dataBytes);
  return { metadata, entries };
}

function parseObject(file: string, bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw broken(file, "has a header that is not UTF-8.", cause);
  }
  let problem: string | undefined;
  let json: unknown;
  try {
    problem = wrongStructure(text);
    if (problem === undefined) json = JSON.parse(text);
  } catch (cause) {
    throw broken(file, "has a header that is not JSON.", cause);
  }
  if (problem !== undefined) throw broken(file, problem);
  if (!isObject(json)) throw broken(file, "has a header that is not a JSON object.");
  return json;
}

function parseMetadata(file: string, value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value) || Object.values(value).some((text) => typeof text !== "string")) {
    throw broken(file, 'has "__metadata__" that is not an object of strings.');
  }
  return value as Record<string, string>;
}

function parseEntry(file: string, name: string, value: unknown, dataBytes: number): HeaderEntry {
  const wrong = (problem: string): PatchClampError => brokenTensor(file, name, problem);
  if (!isObject(value)) throw wrong("is not described by a JSON object.");
  const { dtype, shape, data_offsets: offsets, ...rest } = value;
  const extra = Object.keys(rest)[0];
  if (extra !== undefined) throw wrong(`has the unknown field ${JSON.stringify(extra)}.`);
  if (typeof dtype !== "string") throw wrong("has no dtype.");
  if (!isStoredDtype(dtype)) {
    throw new PatchClampError("UNSUPPORTED", {
      where: "readSafetensors",
      problem: `tensor "${name}" in ${file} is stored as ${clip(dtype)}; PatchClamp reads ${storedDtypes.join(", ")}.`,
      fix: "save the checkpoint again as F32, F16 or BF16.",
      facts: { file, tensor: name, dtype },
    });
  }
  if (!isCounts(shape)) throw wrong(`has a shape that is not a list of sizes: ${clip(shape)}.`);
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw wrong(`has data_offsets that are not two byte offsets: ${clip(offsets)}.`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) throw wrong(`begins at byte ${begin}, after its end at ${end}.`);
  if (end > dataBytes) {
    throw wrong(`ends at byte ${end}, but the file holds ${dataBytes} bytes of data.`);
  }
  // Sizes beyond 2^53 lose digits, but are then far from any file's size.
  const needed = shape.reduce((product, size) => product * size, bytesPerElement(dtype));
  if (needed !== end - begin) {
    throw wrong(
      `has ${end - begin} bytes, but ${dtype} [${clip(shape.join(", "))}] takes ${needed}.`,
    );
  }
  return { name, dtype, shape, begin, end };
}

/** Tensors must fill the data from its first byte to its last, side by side. */
function checkLayout(file: string, entries: readonly HeaderEntry[], dataBytes: number): void {
  let filled = 0;
  let last: string | undefined;
  for (const { name, begin, end } of entries) {
    if (begin < filled) {
      throw brokenTensor(file, name, `begins at byte ${begin}, inside "${last}".`);
    }
    if (begin > filled) {
      throw brokenTensor(
        file,
        name,
        `begins at byte ${begin}, but the bytes before it end at ${filled}.`,
      );
    }
    if (end > begin) last = name;
    filled = end;
  }
  if (filled < dataBytes) {
    throw broken(file, `has ${dataBytes - filled} bytes at its end that belong to no tensor.`);
  }
}

/**
 * What `JSON.parse` would let pass: a key given twice, of which it keeps the last, and nesting that costs it far more memory
 * than the text.
 *
 * @param text - need not be JSON
 * @throws SyntaxError for some texts that are not JSON; others pass
 */
function wrongStructure(text: string): string | undefined {
  const open: Set<string>[] = [];
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === "{" || character === "[") {
      // The header, a tensor, its shape.
      if (open.push(new Set()) > 3) return "has a header with brackets four deep.";
    } else if (character === "}" || character === "]") {
      open.pop();
    } else if (character === '"') {
      const start = i;
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === "\\") i++;
      let next = i + 1;
      while (/\s/.test(text[next] ?? "")) next++;
      if (text[next] !== ":") continue;
      const key = JSON.parse(text.slice(start, i + 1)) as string;
      if (open.at(-1)?.has(key)) return `has a header with the key "${clip(key)}" twice.`;
      open.at(-1)?.add(key);
    }
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** A value as it would be written, at most 60 characters of it. */
function clip(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing");
  return text.length <= 60 ? text : `${text.slice(0, 60)}...`;
}

function broken(file: string, problem: string, cause?: unknown): PatchClampError {
  return new PatchClampError("BAD_FILE", {
    where: "readSafetensors",
    problem: `${file} ${problem}`,
    fix: "download or copy the file again.",
    facts: { file },
    cause,
  });
}

function brokenTensor(file: string, tensor: string, problem: string): PatchClampError {
  return new PatchClampError("BAD_FILE", {
    where: "readSafetensors",
    problem: `tensor "${tensor}" in ${file} ${problem}`,
    fix: "download or copy the file again.",
    facts: { file, tensor },
  });
}
