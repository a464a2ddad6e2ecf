// Reads GGUF's little-endian values one after the other from the first bytes of a file.

import { PatchClampError } from "../../core/errors.ts";

/** Arrays of numbers stay typed arrays; arrays of booleans are bytes of 0 and 1. */
export type MetadataValue = number | bigint | boolean | string | readonly string[] | NumberArray;

export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/** Thrown when a value lies beyond the bytes at hand, but within the file. */
export class RanOut extends Error {
  override readonly name = "RanOut";
}

const arrays = {
  0: Uint8Array,
  1: Int8Array,
  2: Uint16Array,
  3: Int16Array,
  4: Uint32Array,
  5: Int32Array,
  6: Float32Array,
  7: Uint8Array,
  10: BigUint64Array,
  11: BigInt64Array,
  12: Float64Array,
} as const;

const booleanType = 7;
const stringType = 8;
const arrayType = 9;

export class ByteReader {
  readonly path: string;
  readonly fileBytes: number;
  /** Position of the next value. */
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  /**
   * @param path - what error messages call the file
   * @param bytes - the first bytes of the file, or all of them
   * @param fileBytes - the size of the whole file
   */
  constructor(path: string, bytes: Uint8Array, fileBytes: number) {
    this.path = path;
    this.fileBytes = fileBytes;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4, "a number"), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8, "a number"), true);
  }

  ascii(length: number): string {
    const start = this.#take(length, "its head");
    return String.fromCharCode(...this.#bytes.subarray(start, start + length));
  }

  /** The number of things that follow, each of which takes at least 8 bytes. */
  count(what: string): number {
    const count = Number(this.u64());
    if (count * 8 > this.fileBytes - this.at) {
      throw this.broken(`claims ${count} ${what}, more than its ${this.fileBytes} bytes can hold.`);
    }
    return count;
  }

  /** @param limit - the longest that it may be, in bytes */
  text(what: string, limit = Infinity): string {
    const length = Number(this.u64());
    if (length > limit) throw this.broken(`has ${what} of ${length} bytes; ${limit} is the limit.`);
    const start = this.#take(length, what);
    try {
      return this.#utf8.decode(this.#bytes.subarray(start, start + length));
    } catch (cause) {
      throw this.broken(`has ${what} at byte ${start} that is not UTF-8.`, cause);
    }
  }

  /** A value with its type before it. */
  value(key: string): MetadataValue {
    const type = this.u32();
    if (type === stringType) return this.text(`the text of "${key}"`);
    return type === arrayType ? this.#array(key) : this.#scalar(key, type);
  }

  broken(problem: string, cause?: unknown): PatchClampError {
    return new PatchClampError("BAD_FILE", {
      where: "openGguf",
      problem: `${this.path} ${problem}`,
      fix: "download or copy the file again.",
      facts: { path: this.path },
      cause,
    });
  }

  #array(key: string): MetadataValue {
    const type = this.u32();
    if (type === stringType) {
      const count = this.count(`texts in "${key}"`);
      return Array.from({ length: count }, () => this.text(`a text of "${key}"`));
    }
    return this.#numbers(key, type, Number(this.u64()));
  }

  #scalar(key: string, type: number): number | bigint | boolean {
    const value = this.#numbers(key, type, 1)[0]!;
    if (type === booleanType) return value === 1;
    if (typeof value === "number") return value;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #numbers(key: string, type: number, count: number): NumberArray {
    const Numbers = Object.hasOwn(arrays, type) ? arrays[type as keyof typeof arrays] : undefined;
    if (Numbers === undefined) {
      const what = type === arrayType ? "an array of arrays" : `of the unknown type ${type}`;
      throw this.broken(`has a metadata value "${key}" that is ${what}.`);
    }
    const bytes = count * Numbers.BYTES_PER_ELEMENT;
    const start = this.#take(bytes, `the numbers of "${key}"`);
    // not `slice`, which Node's buffers understand as `subarray`
    const copy = new Uint8Array(this.#bytes.subarray(start, start + bytes));
    const numbers = new Numbers(copy.buffer);
    if (type === booleanType && numbers.some((bit: number | bigint) => bit > 1)) {
      throw this.broken(`has a boolean in "${key}" that is neither 0 nor 1.`);
    }
    return numbers;
  }

  #take(bytes: number, what: string): number {
    const start = this.at;
    if (bytes > this.fileBytes - start) {
      throw this.broken(
        `ends at byte ${this.fileBytes}, inside ${what} of ${bytes} bytes at ${start}.`,
      );
    }
    if (start + bytes > this.#bytes.length) throw new RanOut();
    this.at += bytes;
    return start;
  }
}
