// The file form of values: safetensors with a JSON description in its metadata. Numbers lie in tensors that are named by their place in
// the value; in the description, { "tensor": name } stands for them.

import type { z } from "zod";

import { PatchClampError } from "../../core/errors.ts";
import { memoryFiles } from "../../core/files.ts";
import { isNumbers, type Numbers } from "../../values/numbers.ts";
import { readValue } from "../../values/schema.ts";
import type { SafetensorsFile, TensorToStore } from "../safetensors.ts";
import { readSafetensors, writeSafetensors } from "../safetensors.ts";

/** A kind of value that has a file form. */
export interface ValueForm<Schema extends z.ZodType> {
  /** Key of the description in the file's metadata, such as `patchclamp.intervention`. */
  readonly key: string;
  /** What errors call the value, such as "the set". */
  readonly what: string;
  readonly schema: Schema;
}

/** Grows when a reader of the version before would misread a file. */
const VERSION = 1;

/** Values nest no deeper; a description that does is not read. */
const DEEPEST = 16;

/** Writes a value that its schema has read. */
export function writeValue({ key }: Pick<ValueForm<z.ZodType>, "key">, value: object): Uint8Array {
  const tensors: Record<string, TensorToStore> = {};
  const withoutNumbers = (part: unknown, path: string): unknown => {
    if (isNumbers(part)) {
      tensors[path] = part;
      return { tensor: path };
    }
    const at = (name: string | number): string => (path === "" ? `${name}` : `${path}.${name}`);
    if (Array.isArray(part)) return part.map((inner, i) => withoutNumbers(inner, at(i)));
    if (typeof part !== "object" || part === null) return part;
    const entries = Object.entries(part).map(([name, inner]) => [
      name,
      withoutNumbers(inner, at(name)),
    ]);
    return Object.fromEntries(entries);
  };
  const description = { version: VERSION, value: withoutNumbers(value, "") };
  return writeSafetensors(tensors, { [key]: JSON.stringify(description) });
}

/**
 * Reads a value of one kind.
 *
 * @param where - the public function reported in an error
 * @param bytes - the whole file
 * @param name - what errors call the file
 * @throws PatchClampError `BAD_FILE` when the file is damaged, holds another kind of value, or describes what its schema refuses;
 * `UNSUPPORTED` when it is of a later version
 */
export async function readValueFile<Schema extends z.ZodType>(
  where: string,
  { key, what, schema }: ValueForm<Schema>,
  { bytes, name }: { readonly bytes: Uint8Array; readonly name: string },
): Promise<z.output<Schema>> {
  const file = await readSafetensors(memoryFiles({ [name]: bytes }), name);
  const broken = (problem: string, cause?: unknown): PatchClampError =>
    new PatchClampError("BAD_FILE", {
      where,
      problem: `${name} ${problem}`,
      facts: { name },
      cause,
    });
  const text = Object.hasOwn(file.metadata, key) ? file.metadata[key] : undefined;
  if (text === undefined) {
    const others = Object.keys(file.metadata).filter((other) => other.startsWith("patchclamp."));
    const found = others.length === 0 ? "it is no file of values" : `it holds ${others.join(", ")}`;
    throw broken(`has no description "${key}": ${found}.`);
  }
  let description: unknown;
  try {
    description = JSON.parse(text);
  } catch (cause) {
    throw broken(`has a description "${key}" that is not JSON.`, cause);
  }
  const value = currentValue(where, name, description);
  const tensors = await numbersOf(file, broken);
  const unused = new Set(tensors.keys());
  const restored = withNumbers(value, { tensors, unused }, broken);
  const options = { code: "BAD_FILE", facts: { name } } as const;
  const read = readValue(where, `${what} in ${name}`, schema, restored, options);
  for (const tensor of unused) {
    throw broken(`holds a tensor "${tensor}" that its description does not use.`);
  }
  return read;
}

/** What the description describes, if it is of a version that we know. */
function currentValue(where: string, name: string, description: unknown): unknown {
  const { version, value, ...rest } = (description ?? {}) as Record<string, unknown>;
  if (version === VERSION && value !== undefined && Object.keys(rest).length === 0) return value;
  const isLater = typeof version === "number" && version > VERSION;
  throw new PatchClampError(isLater ? "UNSUPPORTED" : "BAD_FILE", {
    where,
    problem: isLater
      ? `${name} is of version ${version}; this release reads version ${VERSION}.`
      : `${name} has a description that is not { version: ${VERSION}, value }.`,
    fix: isLater ? "update patchclamp." : undefined,
    facts: { name, version },
  });
}

type Broken = (problem: string, cause?: unknown) => PatchClampError;

async function numbersOf(
  { tensors }: SafetensorsFile,
  broken: Broken,
): Promise<Map<string, Numbers>> {
  const found = new Map<string, Numbers>();
  for (const [name, { dtype, shape, data: read }] of tensors) {
    const data = await read();
    if (!(data instanceof Float32Array)) {
      throw broken(`holds a tensor "${name}" of ${dtype}, not of floating-point numbers.`);
    }
    found.set(name, { shape, data });
  }
  return found;
}

interface FoundTensors {
  readonly tensors: ReadonlyMap<string, Numbers>;
  /** Names of those that nothing has used yet. */
  readonly unused: Set<string>;
}

/** Puts each tensor in its place. */
function withNumbers(part: unknown, { tensors, unused }: FoundTensors, broken: Broken): unknown {
  const restored = (inner: unknown, depth: number): unknown => {
    if (depth > DEEPEST) throw broken(`has a description that nests deeper than ${DEEPEST}.`);
    if (Array.isArray(inner)) return inner.map((one) => restored(one, depth + 1));
    if (typeof inner !== "object" || inner === null) return inner;
    const { tensor, ...rest } = inner as Record<string, unknown>;
    if (typeof tensor !== "string" || Object.keys(rest).length > 0) {
      const entries = Object.entries(inner).map(([key, one]) => [key, restored(one, depth + 1)]);
      return Object.fromEntries(entries);
    }
    const numbers = tensors.get(tensor);
    const name = JSON.stringify(tensor);
    if (numbers === undefined) throw broken(`describes a tensor ${name} that it does not hold.`);
    if (!unused.delete(tensor)) throw broken(`uses its tensor ${name} twice.`);
    return numbers;
  };
  return restored(part, 0);
}
