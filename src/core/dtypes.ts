// How safetensors stores numbers, and how they become typed arrays. Bytes are little-endian there, as they are on every
// machine that runs JavaScript today.

/** What a tensor's numbers are in memory: float32 for all floating-point storage, otherwise the stored integers. */
export type TensorData = Float32Array | BigInt64Array | Int32Array | Int8Array | Uint8Array;

interface Storage {
  readonly bytes: number;
  /** For floating-point types: writes the numbers that the bytes mean. */
  readonly widen?: (bytes: Uint8Array, into: Float32Array) => void;
  /** For types that are kept as they are. */
  readonly view?: (bytes: Uint8Array) => TensorData;
}

/** Sorted as the reference implementation lays tensors out: wide types first. */
const storages = {
  I64: { bytes: 8, view: (bytes) => new BigInt64Array(...aligned(bytes, 8)) },
  F64: { bytes: 8, widen: (bytes, into) => into.set(new Float64Array(...aligned(bytes, 8))) },
  F32: { bytes: 4, view: (bytes) => new Float32Array(...aligned(bytes, 4)) },
  I32: { bytes: 4, view: (bytes) => new Int32Array(...aligned(bytes, 4)) },
  BF16: {
    bytes: 2,
    widen: (bytes, into) => widenBfloat16(new Uint16Array(...aligned(bytes, 2)), into),
  },
  F16: {
    bytes: 2,
    widen: (bytes, into) => lookUp(new Uint16Array(...aligned(bytes, 2)), float16Values(), into),
  },
  F8_E4M3: { bytes: 1, widen: (bytes, into) => lookUp(bytes, float8e4m3Values(), into) },
  F8_E5M2: { bytes: 1, widen: (bytes, into) => lookUp(bytes, float8e5m2Values(), into) },
  I8: { bytes: 1, view: (bytes) => new Int8Array(...aligned(bytes, 1)) },
  U8: { bytes: 1, view: (bytes) => bytes },
  BOOL: { bytes: 1, view: (bytes) => bytes },
} as const satisfies Record<string, Storage>;

/** A storage type of safetensors that PatchClamp reads; it writes all but F64 and the 8-bit floats. */
export type StoredDtype = keyof typeof storages;

/** Every storage type, in the order in which a file holds them. */
export const storedDtypes = Object.keys(storages) as StoredDtype[];

/** Whether PatchClamp reads this storage type. */
export function isStoredDtype(name: string): name is StoredDtype {
  return Object.hasOwn(storages, name);
}

/** Size of one element, in bytes. */
export function bytesPerElement(dtype: StoredDtype): number {
  return storages[dtype].bytes;
}

/** Reads stored bytes; where they are aligned and need no conversion, the result is a view of them. */
export function decode(dtype: StoredDtype, bytes: Uint8Array): TensorData {
  const { bytes: width, view }: Storage = storages[dtype];
  if (view !== undefined) return view(bytes);
  const numbers = new Float32Array(bytes.length / width);
  decodeInto(dtype, bytes, numbers);
  return numbers;
}

/** Whether numbers of this type become wider when they are read. */
export function isWidened(dtype: StoredDtype): boolean {
  return "widen" in storages[dtype];
}

/** Reads stored bytes of a type that becomes wider into memory that is there. */
export function decodeInto(dtype: StoredDtype, bytes: Uint8Array, into: Float32Array): void {
  const { widen }: Storage = storages[dtype];
  widen?.(bytes, into);
}

/**
 * The bytes to store for numbers in memory.
 *
 * @param data - float32 for F32, F16 and BF16 (rounded to nearest, ties to even), else the matching integers
 * @returns the bytes, or undefined when `dtype` does not store that kind of array
 */
export function encode(dtype: StoredDtype, data: TensorData): Uint8Array | undefined {
  if (data instanceof Float32Array) {
    if (dtype === "F32") return bytesOf(data);
    if (dtype === "F16") return bytesOf(float32ToFloat16(data));
    if (dtype === "BF16") return bytesOf(float32ToBfloat16(data));
    return undefined;
  }
  const fits =
    (data instanceof BigInt64Array && dtype === "I64") ||
    (data instanceof Int32Array && dtype === "I32") ||
    (data instanceof Int8Array && dtype === "I8") ||
    (data instanceof Uint8Array && (dtype === "U8" || dtype === "BOOL"));
  return fits ? bytesOf(data) : undefined;
}

/** Widens bfloat16: it is the upper half of a float32. Where they lie straight, two are read at a time, in half the time. */
function widenBfloat16(halves: Uint16Array, into: Float32Array): void {
  const words = new Int32Array(into.buffer, into.byteOffset, into.length);
  const count = halves.byteOffset % 4 === 0 ? halves.length >>> 1 : 0;
  const pairs = new Int32Array(halves.buffer, count === 0 ? 0 : halves.byteOffset, count);
  for (let i = 0; i < count; i++) {
    const pair = pairs[i]!;
    words[2 * i] = pair << 16;
    words[2 * i + 1] = pair & 0xffff0000;
  }
  for (let i = 2 * count; i < halves.length; i++) words[i] = halves[i]! << 16;
}

/** Widens bfloat16. */
export function bfloat16ToFloat32(halves: Uint16Array): Float32Array {
  const floats = new Float32Array(halves.length);
  widenBfloat16(halves, floats);
  return floats;
}

/** Widens IEEE 754 half precision, with subnormals, infinities and NaN. */
export function float16ToFloat32(halves: Uint16Array): Float32Array {
  const floats = new Float32Array(halves.length);
  lookUp(halves, float16Values(), floats);
  return floats;
}

/** Looks up what each pattern of bits means. */
function lookUp(bits: Uint8Array | Uint16Array, values: Float32Array, into: Float32Array): void {
  for (let i = 0; i < bits.length; i++) into[i] = values[bits[i]!]!;
}

/** Rounds to the nearest bfloat16, ties to even; NaN stays NaN. */
export function float32ToBfloat16(floats: Float32Array): Uint16Array {
  const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  const halves = new Uint16Array(floats.length);
  for (let i = 0; i < halves.length; i++) {
    const word = words[i]!;
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    const rounded = word + 0x7fff + ((word >>> 16) & 1);
    halves[i] = isNaN ? (word >>> 16) | 0x40 : rounded >>> 16;
  }
  return halves;
}

/** Rounds to the nearest half-precision number, ties to even; beyond 65504 (from 65520 on) that is infinity. */
export function float32ToFloat16(floats: Float32Array): Uint16Array {
  const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  const halves = new Uint16Array(floats.length);
  for (let i = 0; i < halves.length; i++) {
    const sign = (words[i]! >>> 16) & 0x8000;
    halves[i] = sign | magnitudeToFloat16(words[i]! & 0x7fffffff, Math.abs(floats[i]!));
  }
  return halves;
}

function magnitudeToFloat16(word: number, value: number): number {
  if (word > 0x7f800000) return 0x7e00; // NaN
  if (word >= 0x477ff000) return 0x7c00; // 65520 and above
  // Below the smallest normal number 2^-14, halves are whole multiples of 2^-24.
  if (word < 0x38800000) return roundHalfToEven(value * 2 ** 24);
  const rounded = word + 0xfff + ((word >>> 13) & 1);
  return (rounded >>> 13) - ((127 - 15) << 10); // from float32's exponent bias to float16's
}

function roundHalfToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** How a small floating-point type reads its bits: sign, exponent, fraction. */
interface SmallFloat {
  readonly exponentBits: number;
  readonly fractionBits: number;
  /** Whether the largest exponent means infinity and NaN; otherwise only the pattern of all ones is NaN. */
  readonly hasInfinity: boolean;
}

/** Every number of a small type, made when first needed. */
function valuesOf(type: SmallFloat): () => Float32Array {
  let values: Float32Array | undefined;
  return () => {
    const count = 2 ** (1 + type.exponentBits + type.fractionBits);
    values ??= Float32Array.from({ length: count }, (_, bits) => smallFloat(bits, type));
    return values;
  };
}

function smallFloat(bits: number, { exponentBits, fractionBits, hasInfinity }: SmallFloat): number {
  const sign = (bits >>> (exponentBits + fractionBits)) & 1 ? -1 : 1;
  const largest = 2 ** exponentBits - 1;
  const exponent = (bits >>> fractionBits) & largest;
  const fraction = bits & (2 ** fractionBits - 1);
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias - fractionBits);
  if (exponent === largest && hasInfinity) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === largest && fraction === 2 ** fractionBits - 1) return NaN;
  return sign * (1 + fraction * 2 ** -fractionBits) * 2 ** (exponent - bias);
}

const float16Values = valuesOf({ exponentBits: 5, fractionBits: 10, hasInfinity: true });
/** Micikevicius et al. 2022, arXiv:2209.05433, table 1. */
const float8e4m3Values = valuesOf({ exponentBits: 4, fractionBits: 3, hasInfinity: false });
const float8e5m2Values = valuesOf({ exponentBits: 5, fractionBits: 2, hasInfinity: true });

function bytesOf(data: TensorData | Uint16Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The constructor arguments of a view of `bytes` with elements of `width` bytes; copies when they lie askew. */
function aligned(bytes: Uint8Array, width: number): [ArrayBufferLike, number, number] {
  // not `slice`, which is another view when the bytes are Node's Buffer
  const straight = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset, byteLength } = straight;
  return [buffer, byteOffset, byteLength / width];
}
