// Counts the bytes of array buffers that JavaScript asks for. The engine has no counter that the garbage collector leaves alone,
// so the constructors are replaced while a fuzz test runs: what is asked for is counted before it is given, or refused.

const kinds = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;

type Buffers = new (...args: unknown[]) => ArrayBufferLike | ArrayBufferView;

/** Counts allocations until it is disposed of. */
export interface AllocationCount extends Disposable {
  /** Bytes asked for so far. */
  readonly bytes: () => number;
}

/**
 * Replaces `ArrayBuffer` and the constructors of typed arrays by ones that count.
 *
 * Views of a buffer cost nothing. `from`, `of`, `slice` and `map` construct by the array's `constructor`, and so are counted too; text
 * that becomes UTF-8 is not, being another form of what was given.
 */
export function countAllocations(): AllocationCount {
  let bytes = 0;
  const undo = [ArrayBuffer, ...kinds].map((kind) => {
    const unit = "BYTES_PER_ELEMENT" in kind ? kind.BYTES_PER_ELEMENT : 1;
    const original = kind as unknown as Buffers;
    const counting: Buffers = new Proxy(original, {
      construct: (target, args: unknown[], newTarget) => {
        const [from] = args;
        if (typeof from === "number") bytes += unit * from;
        const made = Reflect.construct(
          target,
          args,
          newTarget === counting ? target : (newTarget as Buffers),
        ) as ArrayBufferView;
        if (typeof from === "object" && !isBuffer(from)) bytes += made.byteLength;
        return made;
      },
    });
    return replaced(original, counting);
  });
  return {
    bytes: () => bytes,
    [Symbol.dispose]: () => {
      for (const restore of undo) restore();
    },
  };
}

const RealBuffer = ArrayBuffer;

function isBuffer(value: unknown): boolean {
  return value instanceof RealBuffer || value instanceof SharedArrayBuffer;
}

function replaced(original: Buffers, counting: Buffers): () => void {
  const { name } = original;
  const prototype = original.prototype as object;
  const put = (kind: Buffers): void => {
    Object.defineProperty(globalThis, name, { value: kind, writable: true, configurable: true });
    Object.defineProperty(prototype, "constructor", {
      value: kind,
      writable: true,
      configurable: true,
    });
  };
  put(counting);
  return () => put(original);
}
