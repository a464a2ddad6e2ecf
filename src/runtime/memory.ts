// Memory of results. Touching fresh pages costs more than writing to them, so memory that was given up is used again.

import type { Aval, TypedArray, Value } from "../tensor/tensor.ts";
import { bytesOf, hostArray } from "../tensor/tensor.ts";

/** Bytes of unused memory that are kept for later results. */
const BYTES_KEPT = 2 ** 29;

/** Buffers that nobody uses, by size. */
export class Pool {
  readonly #allocate: (bytes: number) => ArrayBufferLike;
  readonly #spare = new Map<number, ArrayBufferLike[]>();
  #bytes = 0;

  constructor(allocate: (bytes: number) => ArrayBufferLike) {
    this.#allocate = allocate;
  }

  /** An array for a result; what is in it is arbitrary. */
  take(aval: Aval): TypedArray {
    const bytes = bytesOf(aval);
    const spare = this.#spare.get(bytes)?.pop();
    if (spare !== undefined) this.#bytes -= bytes;
    const { constructor } = hostArray(aval.dtype, 0);
    return new (constructor as new (buffer: ArrayBufferLike) => TypedArray)(
      spare ?? this.#allocate(bytes),
    );
  }

  /** Takes back the memory of an array, unless it is part of a larger one or enough is kept. */
  give({ buffer, byteLength }: TypedArray): void {
    if (byteLength !== buffer.byteLength || this.#bytes + byteLength > BYTES_KEPT) return;
    const list = this.#spare.get(byteLength) ?? [];
    if (list.includes(buffer)) return;
    list.push(buffer);
    this.#spare.set(byteLength, list);
    this.#bytes += byteLength;
  }
}

/** A result on the host, whose memory goes back to a pool when it is disposed. */
export class PooledValue implements Value {
  readonly shape: readonly number[];
  readonly dtype: Aval["dtype"];
  readonly data: TypedArray;
  readonly #pool: Pool;
  #isDisposed = false;

  constructor(data: TypedArray, { shape, dtype }: Aval, pool: Pool) {
    this.data = data;
    this.shape = shape;
    this.dtype = dtype;
    this.#pool = pool;
  }

  readonly read = async (): Promise<TypedArray> => this.data;

  readonly dispose = (): void => {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#pool.give(this.data);
  };
}
