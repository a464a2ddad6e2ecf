// Weights stored in few bits with a scale for every block, as two tensors each: FP8 with a scale for 128 x 128 numbers, as DeepSeek
// publishes them, and MXFP4 with one for 32 numbers of a row, as OpenAI does. Both appear as the float32 tensor they stand for.

import { sizeOf } from "../tensor/tensor.ts";
import type { ElementRange, SafetensorsFile, StoredTensor } from "./safetensors.ts";

/** Side of a block of FP8 weights. */
const SIDE = 128;
/** Numbers of a block of MXFP4, and the bytes they take. */
const [BLOCK, BLOCK_BYTES] = [32, 16];

/** The same file with pairs of tensors in place of which stand the weights that they mean; a pair that does not fit stays. */
export function withoutBlocks({ metadata, tensors }: SafetensorsFile): SafetensorsFile {
  const plain = new Map(tensors);
  const replace = (made: StoredTensor | undefined, ...parts: readonly StoredTensor[]): void => {
    if (made === undefined) return;
    for (const { name } of parts) plain.delete(name);
    plain.set(made.name, made);
  };
  for (const [name, scales] of tensors) {
    const coarse = tensors.get(name.replace(/_scale_inv$/, ""));
    if (name.endsWith("_scale_inv") && coarse) replace(fromFp8(coarse, scales), coarse, scales);
    const fine = tensors.get(name.replace(/_scales$/, "_blocks"));
    if (name.endsWith("_scales") && fine) replace(fromMxfp4(fine, scales), fine, scales);
  }
  return { metadata, tensors: plain };
}

/**
 * Weights [out, in] in FP8 times the scale of their block.
 *
 * @source DeepSeek-AI 2024, arXiv:2412.19437, section 3.3.2
 */
function fromFp8(weights: StoredTensor, scales: StoredTensor): StoredTensor | undefined {
  const [rows, columns] = weights.shape as [number, number];
  const across = Math.ceil(columns / SIDE);
  const isFit =
    weights.dtype === "F8_E4M3" &&
    weights.shape.length === 2 &&
    scales.shape.join() === [Math.ceil(rows / SIDE), across].join();
  if (!isFit) return undefined;
  const data = async (range: ElementRange = [0, rows * columns]): Promise<Float32Array> => {
    const factors = (await scales.data()) as Float32Array;
    // widened from 8 bits, so not a view of what others read
    const numbers = (await weights.data(range)) as Float32Array;
    for (let i = 0; i < numbers.length; i++) {
      const at = range[0] + i;
      const row = Math.floor(at / columns);
      const block = Math.floor(row / SIDE) * across + Math.floor((at % columns) / SIDE);
      numbers[i] = numbers[i]! * factors[block]!;
    }
    return numbers;
  };
  return { ...weights, dtype: "F32", data };
}

const MAGNITUDES = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
/** What four bits mean: a sign, two bits of exponent, one of fraction. */
const FOUR_BITS = Float32Array.from([...MAGNITUDES, ...MAGNITUDES.map((value) => -value)]);

/**
 * Rows of blocks, [..., blocks, 16] bytes of two numbers, the lower half first, with the binary exponents of their scales.
 *
 * @source Rouhani et al. 2023, arXiv:2310.10537, table 1 (MXFP4)
 */
function fromMxfp4(blocks: StoredTensor, scales: StoredTensor): StoredTensor | undefined {
  const isFit =
    [blocks.dtype, scales.dtype].every((dtype) => dtype === "U8") &&
    blocks.shape.join() === [...scales.shape, BLOCK_BYTES].join();
  if (!isFit) return undefined;
  const shape = [...scales.shape.slice(0, -1), scales.shape.at(-1)! * BLOCK];
  const data = async ([start, end]: ElementRange = [0, sizeOf(shape)]): Promise<Float32Array> => {
    const [first, last] = [Math.floor(start / BLOCK), Math.ceil(end / BLOCK)];
    const exponents = (await scales.data([first, last])) as Uint8Array;
    const pairs = (await blocks.data([first * BLOCK_BYTES, last * BLOCK_BYTES])) as Uint8Array;
    const numbers = new Float32Array(pairs.length * 2);
    for (const [i, exponent] of exponents.entries()) {
      const scale = 2 ** (exponent - 127);
      for (let at = i * BLOCK_BYTES; at < (i + 1) * BLOCK_BYTES; at++) {
        numbers[2 * at] = FOUR_BITS[pairs[at]! & 15]! * scale;
        numbers[2 * at + 1] = FOUR_BITS[pairs[at]! >> 4]! * scale;
      }
    }
    return numbers.subarray(start - first * BLOCK, end - first * BLOCK);
  };
  return { ...blocks, name: blocks.name.replace(/_blocks$/, ""), dtype: "F32", shape, data };
}
