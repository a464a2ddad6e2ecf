// The metadata of one architecture, with a book of what was read: a key that nobody asked for may change the numbers.

import { PatchClampError } from "../../core/errors.ts";
import type { GgufHeader, GgufTensor } from "./header.ts";
import type { MetadataValue } from "./reader.ts";

/** What the file says about its network. Keys are given without the architecture before them. */
export class Facts {
  readonly path: string;
  /** llama.cpp's name, `general.architecture`. */
  readonly architecture: string;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** Reads a stored tensor that belongs to the config; throws `BAD_FILE` when the file has no such tensor. */
  readonly numbers: (tensor: string) => Promise<Float32Array>;
  readonly #metadata: ReadonlyMap<string, MetadataValue>;
  readonly #read = new Set<string>();

  /** @throws PatchClampError `BAD_FILE` without an architecture */
  constructor(
    path: string,
    { metadata, tensors }: GgufHeader,
    numbers: (tensor: string) => Promise<Float32Array>,
  ) {
    const architecture = metadata.get("general.architecture");
    if (typeof architecture !== "string") {
      throw new PatchClampError("BAD_FILE", {
        where: "openGguf",
        problem: `${path} has no general.architecture.`,
        facts: { path },
      });
    }
    this.path = path;
    this.architecture = architecture;
    this.tensors = tensors;
    this.numbers = async (tensor) => {
      this.shape(tensor);
      return numbers(tensor);
    };
    this.#metadata = metadata;
  }

  /** A number that must be there; the same for every block where the file has one for each. */
  number(key: string): number {
    const value = this.optional(key);
    if (value !== undefined) return value;
    throw new PatchClampError("BAD_FILE", {
      where: "openGguf",
      problem: `${this.path} lacks the metadata key "${this.architecture}.${key}".`,
      facts: { path: this.path, key },
    });
  }

  /** As `number`, or undefined where the file does not say. */
  optional(key: string): number | undefined {
    const value = this.#value(key);
    const one = isNumbers(value) && value.every((x) => x === value[0]) ? value[0] : value;
    if (one === undefined || typeof one === "number") {
      return one === undefined ? undefined : shortest(one);
    }
    throw this.refused(key, isNumbers(one) ? "different values for its blocks" : String(one));
  }

  flag(key: string): boolean | undefined {
    const value = this.#value(key);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.refused(key, String(value));
  }

  text(key: string): string | undefined {
    const value = this.#value(key);
    if (value === undefined || typeof value === "string") return value;
    throw this.refused(key, String(value));
  }

  /** One value for every block, or undefined; booleans arrive as 0 and 1. */
  each(key: string): number[] | undefined {
    const value = this.#value(key);
    if (value === undefined || !isNumbers(value)) return undefined;
    return Array.from(value);
  }

  /** Refuses a key whose value is another than the only one that is computed. */
  only(key: string, expected: number | boolean): void {
    const value = this.#value(key);
    if (value === undefined || value === expected) return;
    if (typeof value === "number" && shortest(value) === expected) return;
    throw this.refused(key, String(value), `only ${expected} is supported`);
  }

  /** Passes keys over that change no number. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#read.add(`${this.architecture}.${key}`);
  }

  has(tensor: string): boolean {
    return this.tensors.has(tensor);
  }

  /** @throws PatchClampError `BAD_FILE` when the file has no such tensor */
  shape(tensor: string): readonly number[] {
    const found = this.tensors.get(tensor);
    if (found !== undefined) return found.shape;
    throw new PatchClampError("BAD_FILE", {
      where: "openGguf",
      problem: `${this.path} has no tensor "${tensor}".`,
      facts: { path: this.path, tensor },
    });
  }

  /** @throws PatchClampError `UNSUPPORTED` for a key of the architecture that nobody read or ignored */
  assertAllRead(): void {
    // llama.cpp reads no key that begins otherwise when it builds a network
    const own = `${this.architecture}.`;
    for (const key of this.#metadata.keys()) {
      if (!key.startsWith(own) || this.#read.has(key)) continue;
      const value = this.#metadata.get(key)!;
      throw this.refused(key.slice(own.length), typeof value === "object" ? "..." : String(value));
    }
  }

  /** The refusal of a key's value. */
  refused(
    key: string,
    value: string,
    why = "it may change the numbers and is not handled",
  ): PatchClampError {
    return new PatchClampError("UNSUPPORTED", {
      where: "openGguf",
      problem: `${this.path} has the metadata "${this.architecture}.${key}" = ${value.slice(0, 100)}; ${why}.`,
      facts: { path: this.path, key, value },
    });
  }

  #value(key: string): MetadataValue | undefined {
    const full = `${this.architecture}.${key}`;
    this.#read.add(full);
    return this.#metadata.get(full);
  }
}

function isNumbers(value: unknown): value is Exclude<MetadataValue, string> &
  ArrayLike<number> & {
    every: (test: (x: number) => boolean) => boolean;
  } {
  return (
    ArrayBuffer.isView(value) &&
    !(value instanceof BigInt64Array || value instanceof BigUint64Array)
  );
}

/** The shortest decimal that is the same float32, since configs were written before they were rounded: 1e-6, not 9.99999997e-7. */
function shortest(x: number): number {
  if (Number.isInteger(x) || Math.fround(x) !== x) return x;
  for (let digits = 1; digits < 9; digits++) {
    const rounded = Number(x.toPrecision(digits));
    if (Math.fround(rounded) === x) return rounded;
  }
  return x;
}
