// What a batch keeps from token to token. The cache of keys and values has a fixed capacity: the graph of a step reads it and returns
// the new rows, which the host writes in place. Every row's tokens lie in slots 0, 1, 2 ..., however long the others are. Only when the
// capacity is used up is a larger cache made.

import { NEVER } from "../nn/masks.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderInputs } from "./prompt.ts";

/** One tensor a layer, by the layer's number. */
export type LayerTensors = Readonly<Record<string, Tensor>>;

/** What a pass gives to the next. */
export interface Kept {
  /** New keys and values by layer, [batch, kvHead, pos, dHead]; nothing for a layer that looks at no earlier position. */
  readonly keys: LayerTensors;
  readonly values: LayerTensors;
  /** What recurrent layers keep, by layer. */
  readonly states: Readonly<Record<string, readonly Tensor[]>>;
}

/** What a step reads: the new tokens, and all that is kept. */
export interface StepInputs extends Kept, Omit<DecoderInputs, "cache"> {}

/** New tokens of every row, padded on the left to one width. */
export interface NewTokens {
  /** [batch][any number of at least 1] */
  readonly rows: readonly (readonly number[])[];
  /** Columns of the step, at least those of the longest row. */
  readonly width: number;
}

/** The cache of a batch: one array a layer for keys, one for values. */
export class RowCache {
  /** Tokens held of each row. */
  readonly #filled: number[];
  #capacity: number;
  #keys: LayerTensors = {};
  #values: LayerTensors = {};
  #states: Kept["states"] = {};

  /** @param reserve - tokens of a row that the cache has room for at least */
  constructor(batch: number, reserve: number) {
    this.#filled = Array.from({ length: batch }, () => 0);
    this.#capacity = capacityFor(reserve);
  }

  /** A cache that holds what a pass over whole rows found. */
  static async of(lengths: readonly number[], result: Kept, reserve = 0): Promise<RowCache> {
    const cache = new RowCache(lengths.length, Math.max(reserve, ...lengths.map((n) => n + 1)));
    await cache.append(result, lengths);
    return cache;
  }

  /** Tokens held of each row. */
  get filled(): readonly number[] {
    return this.#filled;
  }

  /** Whether it can be taken back to an earlier length: recurrent layers keep their last state alone. */
  get canGoBack(): boolean {
    return Object.keys(this.#states).length === 0;
  }

  /** Bytes that its keys and values take. */
  get bytes(): number {
    const all = [...Object.values(this.#keys), ...Object.values(this.#values)];
    return all.reduce((sum, { size }) => sum + 4 * size, 0);
  }

  /**
   * A copy of the beginning of a cache of one row, to be gone on with apart from it.
   *
   * @param length - tokens of it, at most those held
   */
  beginning(length: number, reserve: number): RowCache {
    const copy = new RowCache(1, Math.max(reserve, length + 1));
    const part = (tensors: LayerTensors): LayerTensors =>
      mapLayers(tensors, (x) => grown(x, copy.#capacity, [length]));
    copy.#keys = part(this.#keys);
    copy.#values = part(this.#values);
    copy.#filled[0] = length;
    return copy;
  }

  /** Makes room for keys and values like these, as a step over nothing needs. */
  makeRoomLike({ keys, values }: Pick<Kept, "keys" | "values">): void {
    this.#keys = mapLayers(keys, (x) => empty(x, this.#capacity));
    this.#values = mapLayers(values, (x) => empty(x, this.#capacity));
  }

  /** Inputs of the step that reads `next`. */
  stepInputs(next: NewTokens): StepInputs {
    const { rows, width } = next;
    const shape = [rows.length, width];
    const tokens = new Int32Array(rows.length * width);
    const positions = new Int32Array(rows.length * width);
    for (const [i, row] of rows.entries()) {
      const start = (i + 1) * width - row.length;
      tokens.set(row, start);
      for (let t = 0; t < row.length; t++) positions[start + t] = this.#filled[i]! + t;
    }
    const isPadded = rows.some((row) => row.length < width);
    return {
      tokens: fromHost(tokens, { shape, dtype: "int32" }),
      positions: fromHost(positions, { shape, dtype: "int32" }),
      keyPositions: this.#keyPositions(positions, width),
      mask: this.#mask(next),
      ...(isPadded ? { isReal: isRealOf(next) } : {}),
      keys: this.#keys,
      values: this.#values,
      states: this.#states,
    };
  }

  /**
   * Takes what a pass made of the last tokens of its rows.
   *
   * @param read - how many tokens of each row it read; they are the last columns
   * @param kept - how many of these stay, from the first on. Default: all
   */
  async append(made: Kept, read: readonly number[], kept = read): Promise<void> {
    this.#grow(Math.max(...kept.map((count, i) => this.#filled[i]! + count)));
    if (Object.keys(this.#keys).length === 0) this.makeRoomLike(made);
    for (const [layer, k] of Object.entries(made.keys)) {
      await this.#write(this.#keys[layer]!, k, read, kept);
      await this.#write(this.#values[layer]!, made.values[layer]!, read, kept);
    }
    this.#states = made.states;
    for (const [i, count] of kept.entries()) this.#filled[i]! += count;
  }

  async #write(
    cache: Tensor,
    made: Tensor,
    read: readonly number[],
    kept: readonly number[],
  ): Promise<void> {
    const [batch, heads, pos, dHead] = made.shape as [number, number, number, number];
    const to = cache.value!.data as Float32Array;
    const from = (await made.data()) as Float32Array;
    for (let row = 0; row < batch; row++) {
      const start = pos - read[row]!;
      const size = kept[row]! * dHead;
      for (let head = 0; head < heads; head++) {
        const at = row * heads + head;
        const source = (at * pos + start) * dHead;
        to.set(
          from.subarray(source, source + size),
          (at * this.#capacity + this.#filled[row]!) * dHead,
        );
      }
    }
  }

  #grow(needed: number): void {
    if (needed <= this.#capacity) return;
    this.#capacity = capacityFor(needed);
    const larger = (x: Tensor): Tensor => grown(x, this.#capacity, this.#filled);
    this.#keys = mapLayers(this.#keys, larger);
    this.#values = mapLayers(this.#values, larger);
  }

  /** [batch, capacity + width]: position of what lies in each slot, and of the new tokens. */
  #keyPositions(positions: Int32Array, width: number): Tensor {
    const columns = this.#capacity + width;
    const data = new Int32Array(this.#filled.length * columns);
    for (const row of this.#filled.keys()) {
      for (let slot = 0; slot < this.#capacity; slot++) data[row * columns + slot] = slot;
      const own = positions.subarray(row * width, (row + 1) * width);
      data.set(own, row * columns + this.#capacity);
    }
    return fromHost(data, { shape: [this.#filled.length, columns], dtype: "int32" });
  }

  /** [batch, 1, width, capacity + width]: 0 for filled slots and for new tokens up to the query's own. */
  #mask({ rows, width }: NewTokens): Tensor {
    const columns = this.#capacity + width;
    const data = new Float32Array(rows.length * width * columns).fill(NEVER);
    for (const [i, row] of rows.entries()) {
      for (let query = 0; query < width; query++) {
        const start = (i * width + query) * columns;
        data.fill(0, start, start + this.#filled[i]!);
        const slot = start + this.#capacity;
        data.fill(0, slot + Math.min(query, width - row.length), slot + query + 1);
      }
    }
    return fromHost(data, { shape: [rows.length, 1, width, columns], dtype: "float32" });
  }
}

/** float32, [batch, width]: 1 at tokens, 0 at padding. */
function isRealOf({ rows, width }: NewTokens): Tensor {
  const data = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries())
    data.fill(1, (i + 1) * width - row.length, (i + 1) * width);
  return fromHost(data, { shape: [rows.length, width], dtype: "float32" });
}

/** Capacities come in powers of two, so that few graphs serve all lengths. */
function capacityFor(length: number): number {
  return Math.max(32, 2 ** Math.ceil(Math.log2(length)));
}

function mapLayers(tensors: LayerTensors, fn: (x: Tensor) => Tensor): LayerTensors {
  return Object.fromEntries(Object.entries(tensors).map(([layer, x]) => [layer, fn(x)]));
}

/** [batch, head, capacity, dHead] of zeros, for what is [batch, head, pos, dHead]. */
function empty({ shape }: Tensor, capacity: number): Tensor {
  const [batch, heads, , dHead] = shape as [number, number, number, number];
  const data = new Float32Array(batch * heads * capacity * dHead);
  return fromHost(data, { shape: [batch, heads, capacity, dHead], dtype: "float32" });
}

/** A copy with another capacity, of which the first `filled` positions of each row are kept. */
function grown(x: Tensor, capacity: number, filled: readonly number[]): Tensor {
  const copy = empty(x, capacity);
  const [batch, heads, before, dHead] = x.shape as [number, number, number, number];
  const from = x.value!.data as Float32Array;
  const to = copy.value!.data as Float32Array;
  for (let i = 0; i < batch * heads; i++) {
    const size = filled[Math.floor(i / heads)]! * dHead;
    const start = i * before * dHead;
    to.set(from.subarray(start, start + size), i * capacity * dHead);
  }
  return copy;
}
