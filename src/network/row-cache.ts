// What a batch keeps from token to token. The cache of keys and values has a fixed capacity: the graph of a decoding step reads
// it and returns the new row, which the host writes in place. Only when the capacity is used up is a larger cache made.

import { NEVER } from "../nn/masks.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderInputs, TokenBatch } from "./prompt.ts";

/** One tensor a layer, by the layer's number. */
export type LayerTensors = Readonly<Record<string, Tensor>>;

/** What a pass gives to the next. */
export interface Kept {
  /** New keys and values by layer; nothing for a layer that looks at no earlier position. */
  readonly keys: LayerTensors;
  readonly values: LayerTensors;
  /** What recurrent layers keep, by layer. */
  readonly states: Readonly<Record<string, readonly Tensor[]>>;
}

/** What a decoding step reads: the new tokens, and all that is kept. */
export interface StepInputs extends Kept, Omit<DecoderInputs, "cache" | "isReal"> {}

/** The cache of a batch of left-padded rows: one array a layer for keys, one for values. */
export class RowCache {
  readonly #batch: number;
  readonly #lengths: readonly number[];
  /** Positions filled, padding included; the same for all rows. */
  #filled: number;
  #capacity: number;
  #keys: LayerTensors = {};
  #values: LayerTensors = {};
  #states: Kept["states"] = {};
  #mask: Tensor;

  private constructor({ ids, lengths }: TokenBatch) {
    const pos = ids[0]!.length;
    this.#batch = ids.length;
    this.#lengths = lengths.map((length) => length - pos);
    this.#filled = pos;
    this.#capacity = capacityFor(pos + 1);
    this.#mask = this.#makeMask();
  }

  /** A cache that holds what a prompt's pass found. */
  static async of(batch: TokenBatch, result: Kept): Promise<RowCache> {
    const cache = new RowCache(batch);
    await cache.#fill(result.keys, result.values);
    cache.#states = result.states;
    return cache;
  }

  async #fill(keys: LayerTensors, values: LayerTensors): Promise<void> {
    const copied = async (tensors: LayerTensors): Promise<LayerTensors> => {
      const copies: Record<string, Tensor> = {};
      for (const [layer, tensor] of Object.entries(tensors)) {
        copies[layer] = await grown(tensor, this.#capacity, this.#filled);
      }
      return copies;
    };
    this.#keys = await copied(keys);
    this.#values = await copied(values);
  }

  /** Inputs of the step that reads `next`, one token a row. */
  stepInputs(next: readonly number[]): StepInputs {
    const shape = [this.#batch, 1];
    const positions = Int32Array.from(this.#lengths, (offset) => this.#filled + offset);
    return {
      tokens: fromHost(Int32Array.from(next), { shape, dtype: "int32" }),
      positions: fromHost(positions, { shape, dtype: "int32" }),
      keyPositions: this.#keyPositions(),
      mask: this.#mask,
      keys: this.#keys,
      values: this.#values,
      states: this.#states,
    };
  }

  /** Takes what a step made. */
  async append({ keys, values, states }: Kept): Promise<void> {
    if (this.#filled === this.#capacity) {
      this.#capacity = capacityFor(this.#capacity + 1);
      await this.#fill(this.#keys, this.#values);
      this.#mask = this.#makeMask();
    }
    for (const [layer, k] of Object.entries(keys)) {
      await writeRow(this.#keys[layer]!, k, this.#filled);
      await writeRow(this.#values[layer]!, values[layer]!, this.#filled);
    }
    this.#states = states;
    const width = this.#capacity + 1;
    const mask = this.#mask.value!.data!;
    for (let row = 0; row < this.#batch; row++) mask[row * width + this.#filled] = 0;
    this.#filled++;
  }

  /** [batch, capacity + 1]: position of what lies in each slot; the last slot is the new token. */
  #keyPositions(): Tensor {
    const width = this.#capacity + 1;
    const data = new Int32Array(this.#batch * width);
    for (const [row, offset] of this.#lengths.entries()) {
      for (let i = 0; i < width; i++) data[row * width + i] = Math.max(0, i + offset);
      data[(row + 1) * width - 1] = this.#filled + offset;
    }
    return fromHost(data, { shape: [this.#batch, width], dtype: "int32" });
  }

  /** [batch, 1, 1, capacity + 1]: 0 for filled positions that are no padding, and for the new one. */
  #makeMask(): Tensor {
    const width = this.#capacity + 1;
    const data = new Float32Array(this.#batch * width).fill(NEVER);
    for (const [row, offset] of this.#lengths.entries()) {
      data.fill(0, row * width - offset, row * width + this.#filled);
      data[(row + 1) * width - 1] = 0;
    }
    return fromHost(data, { shape: [this.#batch, 1, 1, width], dtype: "float32" });
  }
}

/** Capacities come in powers of two, so that few graphs serve all lengths. */
function capacityFor(length: number): number {
  return Math.max(32, 2 ** Math.ceil(Math.log2(length)));
}

/** A copy of [batch, head, pos, dHead] with room for `capacity` positions, of which `filled` are kept. */
async function grown(x: Tensor, capacity: number, filled: number): Promise<Tensor> {
  const [batch, heads, pos, dHead] = x.shape as [number, number, number, number];
  const from = (await x.data()) as Float32Array;
  const data = new Float32Array(batch * heads * capacity * dHead);
  for (let i = 0; i < batch * heads; i++) {
    data.set(from.subarray(i * pos * dHead, (i * pos + filled) * dHead), i * capacity * dHead);
  }
  return fromHost(data, { shape: [batch, heads, capacity, dHead], dtype: "float32" });
}

async function writeRow(cache: Tensor, row: Tensor, at: number): Promise<void> {
  const [batch, heads, capacity, dHead] = cache.shape as [number, number, number, number];
  const data = cache.value!.data as Float32Array;
  const from = (await row.data()) as Float32Array;
  for (let i = 0; i < batch * heads; i++) {
    data.set(from.subarray(i * dHead, (i + 1) * dHead), (i * capacity + at) * dHead);
  }
}
