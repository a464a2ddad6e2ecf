// Where files come from is the caller's affair: a folder on disk, a download, a test's memory. This is all we ask of it.

import { PatchClampError } from "./errors.ts";

/** A folder. Paths are relative to it, with `/` between their parts; offsets and sizes are in bytes. */
export interface Files {
  /** What error messages call this folder. */
  readonly name: string;
  /** The names of the files that lie directly in the folder, sorted. */
  readonly list: () => Promise<string[]>;
  readonly exists: (path: string) => Promise<boolean>;
  readonly size: (path: string) => Promise<number>;
  readonly read: (path: string) => Promise<Uint8Array>;
  /**
   * The bytes from `start` up to and without `end`; they may share memory with the file and are not to be changed.
   *
   * @param room - memory of at least that size, which may be used for them
   */
  readonly readRange: (
    path: string,
    start: number,
    end: number,
    room?: Uint8Array,
  ) => Promise<Uint8Array>;
  /** Replaces or creates the file as a whole: a reader sees the old bytes or the new ones, nothing between. */
  readonly write: (path: string, bytes: Uint8Array) => Promise<void>;
  /**
   * As `write`, from parts that follow one another, for files larger than memory. A part is written before the next is asked for.
   * `writeParts` below serves folders without it.
   */
  readonly writeParts?: (path: string, parts: AsyncIterable<Uint8Array>) => Promise<void>;
}

/** Replaces or creates a file from parts that follow one another; where a folder takes only wholes, they are put together first. */
export async function writeParts(
  files: Files,
  path: string,
  parts: AsyncIterable<Uint8Array>,
): Promise<void> {
  if (files.writeParts !== undefined) return files.writeParts(path, parts);
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part.slice());
  const bytes = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of all) {
    bytes.set(part, at);
    at += part.length;
  }
  return files.write(path, bytes);
}

/**
 * Makes a folder that lives in memory, for tests and for files that a page has been given.
 *
 * @param contents - bytes or text (stored as UTF-8) by path
 * @param name - what error messages call the folder
 */
export function memoryFiles(
  contents: Readonly<Record<string, Uint8Array | string>> = {},
  name = "memory",
): Files {
  const stored = new Map<string, Uint8Array>();
  for (const [path, content] of Object.entries(contents)) {
    stored.set(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
  }
  const bytesOf = (path: string): Uint8Array => {
    const bytes = stored.get(path);
    if (bytes === undefined) throw missingFile(name, path);
    return bytes;
  };
  return {
    name,
    list: async () => [...stored.keys()].filter((path) => !path.includes("/")).toSorted(),
    exists: async (path) => stored.has(path),
    size: async (path) => bytesOf(path).length,
    read: async (path) => bytesOf(path),
    readRange: async (path, start, end) => {
      const bytes = bytesOf(path);
      checkRange(name, path, [start, end], bytes.length);
      return bytes.subarray(start, end);
    },
    write: async (path, bytes) => void stored.set(path, bytes.slice()),
  };
}

/** Far more than any file of a checkpoint has, and far fewer than the calls that fit on a stack. */
const maxDepth = 100;

/**
 * Reads a file that holds one JSON value.
 *
 * @throws PatchClampError `BAD_FILE` when the file is missing, not UTF-8, not JSON or nested deeper than 100
 */
export async function readJson(where: string, files: Files, path: string): Promise<unknown> {
  const bytes = await files.read(path);
  const broken = (problem: string, cause?: unknown): PatchClampError =>
    new PatchClampError("BAD_FILE", {
      where,
      problem: `${path} in ${files.name} ${problem}.`,
      fix: "download or copy the file again.",
      facts: { path },
      cause,
    });
  let json: unknown;
  try {
    json = parsed(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw broken(`is not JSON (${bytes.length} bytes)`, cause);
  }
  if (isDeeper(json, maxDepth)) throw broken(`is nested deeper than ${maxDepth}`);
  return json;
}

function isDeeper(json: unknown, depth: number): boolean {
  if (typeof json !== "object" || json === null) return false;
  return depth === 0 || Object.values(json).some((inner) => isDeeper(inner, depth - 1));
}

/** A JSON value; Infinity and NaN, which Python writes bare, come as `{ __float__: "Infinity" }`, as transformers 5 writes them. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const tag = (token: string): string => (token[0] === '"' ? token : `{"__float__":"${token}"}`);
    // a text that never ends is one match too, and not one more search from each of its quotes
    return JSON.parse(text.replaceAll(/"(?:[^"\\]+|\\.)*"?|-?Infinity|NaN/g, tag));
  }
}

/** The error of a `Files` that has no file of that name. */
export function missingFile(folder: string, path: string, cause?: unknown): PatchClampError {
  return new PatchClampError("BAD_FILE", {
    where: "files",
    problem: `${folder} has no file "${path}".`,
    facts: { folder, path },
    cause,
  });
}

/**
 * Checks a byte range against the size of its file.
 *
 * @throws PatchClampError `BAD_FILE` when the range is not within 0..sizeBytes
 */
export function checkRange(
  folder: string,
  path: string,
  [start, end]: readonly [number, number],
  sizeBytes: number,
): void {
  if (start >= 0 && start <= end && end <= sizeBytes) return;
  throw new PatchClampError("BAD_FILE", {
    where: "files",
    problem: `bytes ${start}..${end} of "${path}" in ${folder} were asked for, but it has ${sizeBytes} bytes.`,
    facts: { folder, path, start, end, sizeBytes },
  });
}
