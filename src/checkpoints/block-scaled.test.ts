import { expect, test } from "vitest";

import { memoryFiles } from "../core/files.ts";
import { withoutBlocks } from "./block-scaled.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";
import type { SafetensorsFile, StoredTensor, TensorToStore } from "./safetensors.ts";

async function opened(tensors: Record<string, TensorToStore>): Promise<SafetensorsFile> {
  const files = memoryFiles({ "a.safetensors": writeSafetensors(tensors) }, "folder");
  return withoutBlocks(await readSafetensors(files, "a.safetensors"));
}

const bytes = (count: number, make: (i: number) => number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => make(i));

const mxfp4 = {
  "x.down_proj_blocks": { shape: [2, 3, 2, 16], data: bytes(192, (i) => (i * 37 + 11) % 256) },
  "x.down_proj_scales": { shape: [2, 3, 2], data: bytes(12, (i) => 120 + ((i * 5) % 15)) },
};

test("MXFP4 blocks are the numbers that transformers 5.23 makes of the same bytes", async () => {
  const { tensors } = await opened(mxfp4);
  expect([...tensors.keys()]).toEqual(["x.down_proj"]);
  const { shape, dtype, data } = tensors.get("x.down_proj")!;
  expect([dtype, ...shape]).toEqual(["F32", 2, 3, 64]);
  const numbers = (await data()) as Float32Array;
  // convert_moe_packed_tensors of transformers.integrations.mxfp4, turned back to [expert, out, in]
  expect([...numbers.subarray(0, 8)]).toEqual([
    -0.01171875, 0, 0, 0.01171875, 0.0234375, 0.0234375, -0.0078125, 0.046875,
  ]);
  expect([...numbers.subarray(-8)]).toEqual([48, 12, -16, 24, 4, -0, 32, -8]);
  expect(numbers.reduce((sum, value) => sum + Math.abs(value), 0)).toBe(2397.71484375);
  expect(numbers.reduce((sum, value, i) => sum + value * (i + 1), 0)).toBe(4238.03125);
});

test("a part of packed numbers is that part of all of them, wherever it begins", async () => {
  const { data } = (await opened(mxfp4)).tensors.get("x.down_proj")!;
  const all = (await data()) as Float32Array;
  for (const [start, end] of [
    [0, 64],
    [64, 128],
    [5, 7],
    [30, 99],
    [383, 384],
  ] as const)
    expect(await data([start, end])).toEqual(all.slice(start, end));
});

/** FP8 weights as if a file held them; what is written here is never FP8. */
function fp8(
  shape: readonly number[],
  scaleShape: readonly number[],
  scales: number[],
): SafetensorsFile {
  const count = shape.reduce((product, size) => product * size, 1);
  const stored = (
    name: string,
    own: readonly number[],
    numbers: Float32Array,
    dtype: "F32" | "F8_E4M3",
  ): StoredTensor => ({
    name,
    file: "f",
    dtype,
    shape: own,
    data: async ([start, end] = [0, numbers.length]) => numbers.slice(start, end),
  });
  const weights = stored("w.weight", shape, new Float32Array(count).fill(1), "F8_E4M3");
  const inverse = stored("w.weight_scale_inv", scaleShape, Float32Array.from(scales), "F32");
  return {
    metadata: {},
    tensors: new Map([weights, inverse].map((tensor) => [tensor.name, tensor])),
  };
}

test("FP8 weights are multiplied by the scale of their block of 128 x 128", async () => {
  const { tensors } = withoutBlocks(fp8([130, 200], [2, 2], [2, 3, 5, 7]));
  expect([...tensors.keys()]).toEqual(["w.weight"]);
  const { data } = tensors.get("w.weight")!;
  const numbers = (await data()) as Float32Array;
  const at = (row: number, column: number): number => numbers[row * 200 + column]!;
  expect([at(0, 0), at(127, 127), at(127, 128), at(128, 127), at(129, 199)]).toEqual([
    2, 2, 3, 5, 7,
  ]);
  expect(await data([127 * 200 + 100, 128 * 200 + 5])).toEqual(
    numbers.slice(127 * 200 + 100, 128 * 200 + 5),
  );
});

test("a pair that does not fit stays as it is, for the loader to refuse", () => {
  const { tensors } = withoutBlocks(fp8([130, 200], [2, 3], [1, 1, 1, 1, 1, 1]));
  expect([...tensors.keys()]).toEqual(["w.weight", "w.weight_scale_inv"]);
});
